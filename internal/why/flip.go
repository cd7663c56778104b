package why

import (
	"math"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// flips finds the nearest values of one reading at which the outcome differs.
//
// The outcome depends on the reading only by the truths of the leaves, and
// between two neighbouring stops a leaf never takes a truth again that it has
// left. So between stops a binary search finds where the truths change first,
// and no value in between needs to be looked at.
func flips(before *kernel.Tenant, r *autonomics.Receipt, reading int) (below, above *Turn) {
	q := before.Suppose(r, reading)
	rd := &r.Event.Signal.Readings[reading]
	at := rd.Value
	all := stops(before.Governor(r.Governor), r.Event.Signal, rd.Signal)
	i, _ := slices.BinarySearch(all, at)
	up := all[i:]
	down := slices.Clone(all[:i])
	slices.Reverse(down)
	return nearest(q, at, down), nearest(q, at, up)
}

// nearest walks from at over the stops, which lie in one direction.
func nearest(q *kernel.Question, at autonomics.Decimal, stops []autonomics.Decimal) *Turn {
	recorded, here := q.Outcome(at), q.Truths(at)
	for _, stop := range stops {
		for end := q.Truths(stop); end != here; here = q.Truths(at) {
			at = change(q, here, at, stop)
			if o := q.Outcome(at); o != recorded {
				return &Turn{Value: at.String(), Rule: o.Rule, State: o.State.String()}
			}
		}
		at = stop
	}
	return nil
}

// change is the value nearest to same, on the way to other, at which the truths
// are not those of same.
func change(q *kernel.Question, truths string, same, other autonomics.Decimal) autonomics.Decimal {
	for {
		low, high := min(same, other), max(same, other)
		gap := uint64(high) - uint64(low)
		if gap <= 1 {
			return other
		}
		if middle := autonomics.Decimal(uint64(low) + gap/2); q.Truths(middle) == truths {
			same = middle
		} else {
			other = middle
		}
	}
}

// stops are the values between which no leaf takes a truth again that it has
// left, sorted: the ends of all numbers, and around
//
//   - 0, since what grew to it always fits its number, so that growth that does
//     not is left only once on either side;
//   - the ends of rates, for the same reason;
//   - the signal's value before and its other readings in the event: from there
//     down a signal that resets begins anew.
func stops(g *kernel.Governor, ev *autonomics.Signal, signal string) []autonomics.Decimal {
	around := []autonomics.Decimal{0}
	for i, d := range g.Prog().Signals {
		if d.Name == signal {
			around = append(around, g.Signals[i].Value)
		}
	}
	for i := range ev.Readings {
		if rd := &ev.Readings[i]; rd.Signal == signal {
			around = append(around, rd.Value)
		}
	}
	for i, d := range g.Prog().Windows {
		if d.Measure != kernel.Rate || g.Prog().Signals[d.Signal].Name != signal {
			continue
		}
		for _, b := range g.Windows[i].B {
			around = append(around, autonomics.Decimal(b.A), autonomics.Decimal(b.B))
		}
	}
	out := []autonomics.Decimal{math.MinInt64, math.MaxInt64}
	for _, v := range around {
		out = append(out, max(v, math.MinInt64+1)-1, v, min(v, math.MaxInt64-1)+1)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
