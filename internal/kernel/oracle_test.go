package kernel_test

import (
	"math/big"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// An oracle evaluates conditions the slow way: from everything that one
// governor's receipts say, with nothing kept in between but that.
type oracle struct {
	p       *kernel.Program
	applies map[string]bool // keys of the operations that apply, of all governors
	said    []said
	done    []done
	samples map[int][]sample // by run
	keys    map[string]autonomics.Signal
}

// said is one accepted reading, in the order of arrival.
type said struct {
	source string
	autonomics.Reading
}

type done struct {
	action string
	at     autonomics.Time
}

// sample is what a run's condition was before and after a reading.
type sample struct {
	at            autonomics.Time
	before, after autonomics.Truth
}

func newOracle(p *kernel.Program, applies map[string]bool) *oracle {
	return &oracle{p: p, applies: applies, samples: map[int][]sample{}, keys: map[string]autonomics.Signal{}}
}

// learn takes an accepted receipt.
func (o *oracle) learn(r *autonomics.Receipt) {
	switch ev := &r.Event; {
	case ev.Signal != nil && ev.Signal.Episode != "":
		o.keys[ev.Signal.Episode+"/"+ev.Signal.Key] = *ev.Signal
	case ev.Signal != nil:
		before := map[int]autonomics.Truth{}
		for i, d := range o.p.Runs {
			before[i] = o.lasts(d.Node, r.At, autonomics.Yes)
		}
		touched := map[int]bool{}
		for _, rd := range ev.Signal.Readings {
			o.said = append(o.said, said{ev.Signal.Source, rd})
			i := slices.IndexFunc(o.p.Signals, func(d kernel.SignalDecl) bool { return d.Name == rd.Signal })
			if newest := o.newest(i); rd.Absent == "" && newest.Reading == rd && newest.source == ev.Signal.Source {
				touched[i] = true
			}
		}
		for i, d := range o.p.Runs {
			at, hit := autonomics.Time(0), false
			for _, s := range d.Signals {
				if touched[s] {
					at, hit = max(at, o.newest(s).At), true
				}
			}
			if hit {
				o.samples[i] = append(o.samples[i], sample{at, before[i], o.raw(d.Node, r.At)})
			}
		}
	case ev.Timer != nil && ev.Timer.Timer == autonomics.TimerLock:
		o.done = nil
	case ev.Effect != nil && o.applies[ev.Effect.Key] && (ev.Effect.Stage == autonomics.StageDone || ev.Effect.Stage == autonomics.StageWould):
		o.done = append(o.done, done{ev.Effect.Action, r.At})
	}
}

// newest is the newest of what the sources said last of a signal; At is 0 if
// none said anything.
func (o *oracle) newest(signal int) said {
	last := map[string]said{}
	for _, s := range o.said {
		if s.Signal == o.p.Signals[signal].Name {
			last[s.source] = s
		}
	}
	var best said
	for _, s := range last {
		if best.At == 0 || s.At > best.At || s.At == best.At && s.source > best.source {
			best = s
		}
	}
	return best
}

func (o *oracle) quality(signal int, now autonomics.Time) autonomics.Quality {
	s := o.newest(signal)
	switch {
	case s.At == 0 || s.Absent != "":
		return autonomics.Missing
	case now-s.At >= autonomics.Time(o.p.Signals[signal].StaleAfter):
		return autonomics.Stale
	}
	return autonomics.Fresh
}

func (o *oracle) ever(signal int) bool {
	return slices.ContainsFunc(o.said, func(s said) bool { return s.Signal == o.p.Signals[signal].Name && s.Absent == "" })
}

func and(a, b autonomics.Truth) autonomics.Truth {
	switch {
	case a == autonomics.No || b == autonomics.No:
		return autonomics.No
	case a == autonomics.Yes && b == autonomics.Yes:
		return autonomics.Yes
	}
	return autonomics.Unknown
}

func not(a autonomics.Truth) autonomics.Truth {
	switch a {
	case autonomics.Yes:
		return autonomics.No
	case autonomics.No:
		return autonomics.Yes
	}
	return autonomics.Unknown
}

func truth(b bool) autonomics.Truth {
	if b {
		return autonomics.Yes
	}
	return autonomics.No
}

func (o *oracle) eval(node int, now autonomics.Time) autonomics.Truth {
	x := o.raw(node, now)
	if run := o.p.Nodes[node].Run; run >= 0 && x == autonomics.Yes {
		return truth(o.ripe(run, now))
	}
	return x
}

// ripe looks at the samples from the newest back to the first that breaks the
// run.
func (o *oracle) ripe(run int, now autonomics.Time) bool {
	var times []autonomics.Time
	list := o.samples[run]
	for i := len(list) - 1; i >= 0 && list[i].after == autonomics.Yes; i-- {
		times = append(times, list[i].at)
		if list[i].before != autonomics.Yes {
			break
		}
	}
	if len(times) == 0 {
		return false
	}
	d := o.p.Runs[run]
	if d.Samples > 0 {
		return len(times) >= d.Samples && now-times[d.Samples-1] < autonomics.Time(d.Within)
	}
	from := now - autonomics.Time(d.For)
	oldest, newest := slices.Min(times), slices.Max(times)
	return oldest <= from && newest > from && newest > oldest
}

func (o *oracle) raw(node int, now autonomics.Time) autonomics.Truth {
	n := &o.p.Nodes[node]
	switch n.Kind {
	case kernel.All:
		x := autonomics.Yes
		for _, k := range n.Kids {
			x = and(x, o.eval(k, now))
		}
		return x
	case kernel.Any:
		x := autonomics.Yes
		for _, k := range n.Kids {
			x = and(x, not(o.eval(k, now)))
		}
		return not(x)
	case kernel.Not:
		return not(o.eval(n.Kids[0], now))
	case kernel.EpisodeLeaf:
		x := o.open(n.Episode, now)
		if !n.Open {
			return not(x)
		}
		return x
	case kernel.EffectsLeaf:
		c := o.p.Counts[n.Count]
		times := 0
		for _, d := range o.done {
			if d.action == o.p.Actions[c.Action].Name && now-d.at < autonomics.Time(c.Window) {
				times++
			}
		}
		return truth(int64(times)*1_000_000 >= int64(n.Threshold))
	}
	if n.OrMissing && !o.ever(n.Signal) {
		return autonomics.Yes
	}
	v, q := o.reading(n, now)
	if q != autonomics.Fresh {
		return autonomics.Unknown
	}
	c := v.Cmp(big.NewInt(int64(n.Threshold)))
	return truth(map[kernel.Op]bool{kernel.Above: c > 0, kernel.AtLeast: c >= 0, kernel.Below: c < 0, kernel.AtMost: c <= 0}[n.Op])
}

// lasts is raw where windows of fresh signals count as what helps.
func (o *oracle) lasts(node int, now autonomics.Time, windows autonomics.Truth) autonomics.Truth {
	n := &o.p.Nodes[node]
	switch n.Kind {
	case kernel.ReadingLeaf:
		if n.Window >= 0 && o.quality(n.Signal, now) == autonomics.Fresh {
			return windows
		}
	case kernel.Not:
		return not(o.lasts(n.Kids[0], now, not(windows)))
	case kernel.All, kernel.Any:
		x := autonomics.Yes
		for _, k := range n.Kids {
			if n.Kind == kernel.All {
				x = and(x, o.lasts(k, now, windows))
			} else {
				x = and(x, not(o.lasts(k, now, windows)))
			}
		}
		if n.Kind == kernel.Any {
			return not(x)
		}
		return x
	}
	return o.raw(node, now)
}

func (o *oracle) open(episode int, now autonomics.Time) autonomics.Truth {
	d := o.p.Episodes[episode]
	x, heard := autonomics.No, autonomics.Time(0)
	for name, s := range o.keys {
		if name[:len(d.Name)] != d.Name {
			continue
		}
		heard = max(heard, s.At)
		if s.Open && now-s.At < autonomics.Time(d.StaleAfter) {
			return autonomics.Yes
		}
		if s.Open {
			x = autonomics.Unknown
		}
	}
	if heard == 0 || now-heard >= autonomics.Time(d.StaleAfter) {
		return autonomics.Unknown
	}
	return x
}

// reading computes a measure with numbers of any size.
func (o *oracle) reading(n *kernel.Node, now autonomics.Time) (*big.Int, autonomics.Quality) {
	q := o.quality(n.Signal, now)
	v := big.NewInt(int64(o.newest(n.Signal).Value))
	switch {
	case q != autonomics.Fresh:
		return nil, q
	case n.Over >= 0:
		if q = o.quality(n.Over, now); q != autonomics.Fresh {
			return nil, q
		}
		base := big.NewInt(int64(o.newest(n.Over).Value))
		if n.Measure == kernel.Growth {
			return fits(growth(v, base))
		}
		return fits(v.Sub(v, base))
	case n.Window >= 0:
		return o.window(n, now)
	}
	return v, q
}

func growth(a, b *big.Int) *big.Int {
	if b.Sign() <= 0 {
		return nil
	}
	a = new(big.Int).Mul(a, big.NewInt(1_000_000))
	return a.Quo(a, b).Sub(a, big.NewInt(1_000_000))
}

func fits(v *big.Int) (*big.Int, autonomics.Quality) {
	if v == nil || !v.IsInt64() {
		return nil, autonomics.Partial
	}
	return v, autonomics.Fresh
}

func (o *oracle) window(n *kernel.Node, now autonomics.Time) (*big.Int, autonomics.Quality) {
	d := o.p.Windows[n.Window]
	size := int64(d.Width) / 12
	newest := int64(now) / size
	for _, s := range o.said {
		if s.Signal == o.p.Signals[d.Signal].Name && s.Absent == "" {
			newest = max(newest, int64(s.At)/size)
		}
	}
	var in []said
	for _, s := range o.said {
		if s.Signal == o.p.Signals[d.Signal].Name && s.Absent == "" && int64(s.At)/size > newest-12 {
			in = append(in, s)
		}
	}
	slices.SortStableFunc(in, func(a, b said) int { return int(a.At - b.At) })
	if len(in) < 2 || int64(in[len(in)-1].At-in[0].At) < int64(d.Width)/4*3 {
		return nil, autonomics.Partial
	}
	first, last := big.NewInt(int64(in[0].Value)), big.NewInt(int64(in[len(in)-1].Value))
	sum, least, most := new(big.Int), first, first
	for _, s := range in {
		v := big.NewInt(int64(s.Value))
		sum.Add(sum, v)
		if v.Cmp(least) < 0 {
			least = v
		}
		if v.Cmp(most) > 0 {
			most = v
		}
	}
	switch n.Measure {
	case kernel.Avg:
		return fits(sum.Quo(sum, big.NewInt(int64(len(in)))))
	case kernel.Max:
		return fits(most)
	case kernel.Min:
		return fits(least)
	case kernel.Growth:
		return fits(growth(last, first))
	}
	rise := new(big.Int).Sub(last, first)
	if n.Measure == kernel.Rate {
		rise.Mul(rise, big.NewInt(int64(n.Per)))
		rise.Quo(rise, big.NewInt(int64(in[len(in)-1].At-in[0].At)))
	}
	return fits(rise)
}
