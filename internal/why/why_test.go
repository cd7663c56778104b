package why_test

import (
	"math"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/why"
)

// TestFlips decides random events and asks what would have flipped them. The
// oracle is the kernel's step itself, on a copy of the tenant: it must flip
// there, and neither one millionth nearer nor at any of the values in between
// that are tried.
func TestFlips(t *testing.T) {
	decisions := 100_000
	if testing.Short() || raced {
		decisions = 4_000
	}
	c := counts{because: map[kernel.Because]int{}}
	for seed := uint64(0); c.decisions < decisions; seed++ {
		newWorld(t, seed, c.look).play(200)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%+v", c)
	if c.receipts < c.decisions || c.flips*6 < c.readings || c.none*50 < c.readings || c.fired*50 < c.decisions || len(c.because) < 7 {
		t.Errorf("too little of something was seen: %+v", c)
	}
}

type counts struct {
	receipts, decisions, fired, readings, flips, none int

	because map[kernel.Because]int
}

func (c *counts) look(w *world, r *autonomics.Receipt) {
	c.receipts++
	e := why.Explain(w.folded, r, w.program)
	if e.Again != why.Same {
		w.t.Errorf("receipt %d: %s: %+v", r.Seq, e.Again, r.Event)
	}
	if r.Verdict != autonomics.Accepted || r.Event.Signal == nil || r.Governor == "" {
		return
	}
	c.decisions++
	if r.Rule != "" {
		c.fired++
	}
	c.unfired(w, r, e.NotFired)
	flips := e.Flips
	for i, rd := range r.Event.Signal.Readings {
		if rd.Absent != "" {
			continue
		}
		c.readings++
		q := &asker{w: w, r: r, reading: i}
		if at := q.at(rd.Value); at != (kernel.Outcome{Rule: r.Rule, State: r.To}) {
			w.t.Errorf("receipt %d: stepping a copy gives %+v", r.Seq, at)
		}
		q.check(rd.Value, flips[0].Below, math.MinInt64)
		q.check(rd.Value, flips[0].Above, math.MaxInt64)
		if flips[0].Below != nil || flips[0].Above != nil {
			c.flips++
		} else {
			c.none++
		}
		flips = flips[1:]
	}
}

// unfired checks that each other rule has its reason, in order.
func (c *counts) unfired(w *world, r *autonomics.Receipt, list []kernel.Unfired) {
	for _, rule := range w.folded.Governor(r.Governor).Prog().Rules {
		if rule.ID == r.Rule {
			continue
		}
		if len(list) == 0 || list[0].Rule != rule.ID {
			w.t.Errorf("receipt %d: no reason for %s, but %+v", r.Seq, rule.ID, list)
			return
		}
		u := list[0]
		list = list[1:]
		c.because[u.Because]++
		holds := 0
		for _, l := range u.Leaves {
			if l.Holds == autonomics.Yes {
				holds++
			}
		}
		ok := len(u.Leaves) == len(rule.Leaves)
		switch u.Because {
		case kernel.WrongState:
			ok = len(u.Leaves) == 0 && len(u.By) == 1
		case kernel.Later:
			ok = ok && len(u.By) == 1 && u.By[0] == r.Rule
		case kernel.IsBarred:
			ok = ok && len(u.By) > 0
		case kernel.IsUnknown:
			ok = ok && holds < len(u.Leaves)
		}
		if !ok {
			w.t.Errorf("receipt %d: %+v", r.Seq, u)
		}
	}
	if len(list) > 0 {
		w.t.Errorf("receipt %d: reasons for %+v too", r.Seq, list)
	}
}

// An asker steps copies of the tenant with other values of a reading.
type asker struct {
	w       *world
	r       *autonomics.Receipt
	reading int
}

func (q *asker) at(v autonomics.Decimal) kernel.Outcome {
	x := *q.r
	ev := *x.Event.Signal
	ev.Readings = append([]autonomics.Reading(nil), ev.Readings...)
	ev.Readings[q.reading].Value = v
	x.Event.Signal = &ev
	again := q.w.folded.Again(&x, q.w.program)
	return kernel.Outcome{Rule: again.Rule, State: again.To}
}

// check looks at the nearest flip between value and end, or at its absence.
func (q *asker) check(value autonomics.Decimal, turn *why.Turn, end autonomics.Decimal) {
	recorded := kernel.Outcome{Rule: q.r.Rule, State: q.r.To}
	toward := autonomics.Decimal(1) // from the flip to the value
	if end > value {
		toward = -1
	}
	last := end // farthest from value without a flip
	if turn != nil {
		v, err := autonomics.ParseDecimal(turn.Value)
		if err != nil {
			q.w.t.Fatal(err)
		}
		if got := q.at(v); got == recorded || got.Rule != turn.Rule || got.State.String() != turn.State {
			q.w.t.Errorf("receipt %d: reading %d of %v: at %v is %+v, not %+v", q.r.Seq, q.reading, value, v, got, turn)
		}
		last = v + toward
	}
	for _, v := range q.between(value, last) {
		if got := q.at(v); got != recorded {
			q.w.t.Errorf("receipt %d: reading %d of %v: flips at %v to %+v already, not first at %+v", q.r.Seq, q.reading, value, v, got, turn)
		}
	}
}

// between are the last value and some before it: such as readings and thresholds
// are made of, and any.
func (q *asker) between(value, last autonomics.Decimal) []autonomics.Decimal {
	w := q.w
	low, high := min(value, last), max(value, last)
	gap := uint64(high) - uint64(low)
	out := []autonomics.Decimal{last}
	add := func(v autonomics.Decimal) {
		if low <= v && v <= high {
			out = append(out, v)
		}
	}
	n := w.Uint64() >> w.IntN(64) // of any size
	if gap < math.MaxUint64 {
		n %= gap + 1
	}
	out = append(out, autonomics.Decimal(uint64(low)+n))
	add(w.value())
	add(autonomics.Decimal(w.IntN(60) - 20))
	return out
}
