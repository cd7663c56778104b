package prove

import (
	"math"
	"math/bits"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A quantity is what reading leaves compare with thresholds. The thresholds
// cut its values into regions: within one, no leaf can tell two values apart.
type quantity struct {
	kernel.Node         // a leaf that asks for it
	cuts        []int64 // the lowest value of each region but the first, rising
}

// bounds are the least and the greatest value of a region.
func (q *quantity) bounds(region int) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	if region > 0 {
		lo = q.cuts[region-1]
	}
	if region < len(q.cuts) {
		hi = q.cuts[region] - 1
	}
	return lo, hi
}

// same reports whether two leaves compare the same quantity.
func same(a, b *kernel.Node) bool {
	return a.Signal == b.Signal && a.Measure == b.Measure && a.Window == b.Window && a.Over == b.Over && a.Per == b.Per
}

// A quality is how far a signal is known.
type quality uint8

const (
	never quality = iota // had no reading yet
	gone                 // stale or absent
	fresh
)

// A world says what is known of the signals and episodes of one part of the
// program; the rest of it is independent of that part.
type world struct {
	signals []quality // by signal, of this part
	regions []int     // by quantity, of this part; -1: unknown
	episode truth
	ripe    bool // the run has lasted long enough
}

// A part is what cannot be chosen independently of each other: signals that
// are compared with one another, or one episode, or the length of one run.
type part struct {
	signals    []int
	quantities []int
	episode    int // -1: none
	run        int // -1: none
	worlds     []world
}

// parts takes the program apart.
func (s *space) parts() []part {
	var list []part
	group := make([]int, len(s.p.Signals)) // by signal; the least signal that it is compared with
	for i := range group {
		group[i] = i
	}
	for _, q := range s.quantities {
		if q.Over >= 0 {
			from, to := max(group[q.Signal], group[q.Over]), min(group[q.Signal], group[q.Over])
			for i := range group {
				if group[i] == from {
					group[i] = to
				}
			}
		}
	}
	for g := range group {
		x := part{episode: -1, run: -1}
		for i := range group {
			if group[i] == g {
				x.signals = append(x.signals, i)
			}
		}
		for i, q := range s.quantities {
			if group[q.Signal] == g {
				x.quantities = append(x.quantities, i)
			}
		}
		if x.signals != nil {
			list = append(list, x)
		}
	}
	for i := range s.p.Episodes {
		list = append(list, part{episode: i, run: -1})
	}
	for i := range s.p.Runs {
		list = append(list, part{episode: -1, run: i})
	}
	return list
}

// fill lists the worlds of a part, those where little is known first: then
// examples say no more than they have to. What is ignored stays unknown.
func (s *space) fill(x *part) {
	w := world{signals: make([]quality, len(s.p.Signals)), regions: make([]int, len(s.quantities))}
	switch {
	case x.run >= 0:
		x.worlds = []world{{}, {ripe: true}}
	case x.episode >= 0 && s.ignored.episodes&(1<<x.episode) != 0:
		x.worlds = []world{{episode: unknown}}
	case x.episode >= 0:
		x.worlds = []world{{episode: unknown}, {episode: no}, {episode: yes}}
	default:
		s.qualities(x, &w, 0)
	}
}

func (s *space) qualities(x *part, w *world, n int) {
	if n == len(x.signals) {
		s.regions(x, w, 0)
		return
	}
	i := x.signals[n]
	for q := never; q <= fresh; q++ {
		distinct := s.optional&(1<<i) != 0 // a leaf asks whether it ever had a reading
		known := s.ignored.signals&(1<<i) == 0
		if q == never && !distinct || q == gone && distinct && !known || q == fresh && !known {
			continue
		}
		w.signals[i] = q
		s.qualities(x, w, n+1)
	}
}

func (s *space) regions(x *part, w *world, n int) {
	if !s.spend(1) {
		return
	}
	if n == len(x.quantities) {
		x.worlds = append(x.worlds, world{signals: slices.Clone(w.signals), regions: slices.Clone(w.regions)})
		return
	}
	i := x.quantities[n]
	q := &s.quantities[i]
	known := w.signals[q.Signal] == fresh && (q.Over < 0 || w.signals[q.Over] == fresh)
	certain := q.Window < 0 && (q.Over < 0 || q.Measure == kernel.Difference)
	if !known || !certain {
		w.regions[i] = -1
		s.regions(x, w, n+1)
	}
	for r := 0; known && r <= len(q.cuts); r++ {
		w.regions[i] = r
		if !slices.ContainsFunc(x.quantities[:n], func(j int) bool { return w.regions[j] >= 0 && !s.together(j, w.regions[j], i, r) }) {
			s.regions(x, w, n+1)
		}
	}
}

// together reports whether two quantities can lie in these regions at the same
// time: no window's least value is above its mean, or its mean above its
// greatest, the newest value lies between them, changes have one sign, and
// what rose from zero or more is at least as large as its rise.
func (s *space) together(i, r, j, t int) bool {
	a, b := &s.quantities[i], &s.quantities[j]
	if a.Signal != b.Signal || (a.Over >= 0) != (b.Over >= 0) || a.Over >= 0 && a.Over != b.Over {
		return true
	}
	aLo, aHi := a.bounds(r)
	bLo, bHi := b.bounds(t)
	switch {
	case s.below(a, b):
		return aLo <= bHi
	case s.below(b, a):
		return bLo <= aHi
	case b.Measure == kernel.Value:
		return s.risen(a, r, b, t)
	case a.Measure == kernel.Value:
		return s.risen(b, t, a, r)
	case change(a) && change(b) && a.Over == b.Over && s.width(a) == s.width(b):
		return !(aLo > 0 && bHi < 0 || bLo > 0 && aHi < 0) &&
			!(a.Measure == kernel.Difference && (aHi <= 0 && bLo > 0 || aLo >= 0 && bHi < 0)) &&
			!(b.Measure == kernel.Difference && (bHi <= 0 && aLo > 0 || bLo >= 0 && aHi < 0))
	}
	return true
}

// risen reports whether the value of a signal can lie in a region after a
// change over a window.
func (s *space) risen(change *quantity, r int, value *quantity, t int) bool {
	rise, _ := change.bounds(r)
	_, most := value.bounds(t)
	span, per := uint64(1), uint64(1)
	switch {
	case rise <= 0 || s.negative(value.Signal) || change.Window < 0:
		return true
	case change.Measure == kernel.Rate:
		span, per = uint64(s.width(change)/4*3), uint64(change.Per) // a window is known from three quarters on
	case change.Measure != kernel.Difference:
		return true
	}
	leastHi, leastLo := bits.Mul64(uint64(rise), span)
	mostHi, mostLo := bits.Mul64(uint64(most), per)
	return mostHi > leastHi || mostHi == leastHi && mostLo >= leastLo
}

// negative reports whether a signal may be below zero. One of which no leaf
// asks that is taken for a size: a queue has no negative depth.
func (s *space) negative(signal int) bool {
	return slices.ContainsFunc(s.quantities, func(q quantity) bool {
		return q.Signal == signal && q.Over < 0 && !change(&q) && len(q.cuts) > 0 && q.cuts[0] <= 0
	})
}

func change(q *quantity) bool {
	return q.Measure == kernel.Rate || q.Measure == kernel.Growth || q.Measure == kernel.Difference
}

func (s *space) width(q *quantity) autonomics.Duration {
	if q.Window < 0 {
		return 0
	}
	return s.p.Windows[q.Window].Width
}

// below reports whether a is at most b, always.
func (s *space) below(a, b *quantity) bool {
	switch {
	case a.Measure == kernel.Min && b.Measure == kernel.Min, a.Measure == kernel.Max && b.Measure == kernel.Max:
		longer, shorter := s.width(a), s.width(b)
		if a.Measure == kernel.Max {
			longer, shorter = shorter, longer
		}
		return longer/12*11 >= shorter // windows begin with a whole bucket
	case a.Measure == kernel.Min && (b.Measure == kernel.Value || b.Measure == kernel.Max),
		a.Measure == kernel.Value && b.Measure == kernel.Max:
		return true
	case a.Measure == kernel.Min && b.Measure == kernel.Avg, a.Measure == kernel.Avg && b.Measure == kernel.Max:
		return s.width(a) == s.width(b)
	}
	return false
}
