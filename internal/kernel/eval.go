package kernel

import (
	"math"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// tri is a Kleene truth value, ordered so that all is min and any is max.
type tri uint8

const (
	no tri = iota
	unknown
	yes
)

func (x tri) truth() autonomics.Truth {
	return [...]autonomics.Truth{no: autonomics.No, unknown: autonomics.Unknown, yes: autonomics.Yes}[x]
}

func of(b bool) tri {
	if b {
		return yes
	}
	return no
}

// A Run follows a condition over several readings in a row.
type Run struct {
	Since, Last autonomics.Time   // first and newest reading of the present run; 0 if there is none
	Times       []autonomics.Time `json:",omitempty"` // the newest, with samples
}

// eval is the truth of a node at now. Unless ripe is set, samples and for do
// not count: the condition then holds on the newest readings alone.
func (g *Governor) eval(node int, now autonomics.Time, ripe bool) tri {
	n := &g.prog.Nodes[node]
	x := no
	switch n.Kind {
	case All:
		x = yes
		for _, k := range n.Kids {
			x = min(x, g.eval(k, now, ripe))
		}
	case Any:
		for _, k := range n.Kids {
			x = max(x, g.eval(k, now, ripe))
		}
	case Not:
		x = yes - g.eval(n.Kids[0], now, ripe)
	case ReadingLeaf:
		x = g.compare(n, now)
	case EpisodeLeaf:
		if x = g.open(n.Episode, now); !n.Open {
			x = yes - x
		}
	case EffectsLeaf:
		x = of(n.Op.compare(g.count(n.Count, now), n.Threshold))
	}
	if ripe && n.Run >= 0 && x == yes {
		x = of(g.Runs[n.Run].holds(&g.prog.Runs[n.Run], now))
	}
	return x
}

func (g *Governor) compare(n *Node, now autonomics.Time) tri {
	if n.OrMissing && !g.Signals[n.Signal].Has {
		return yes
	}
	v, q := g.reading(n, now)
	if q != autonomics.Fresh {
		return unknown
	}
	return of(n.Op.compare(v, n.Threshold))
}

func (op Op) compare(v, threshold autonomics.Decimal) bool {
	switch op {
	case Above:
		return v > threshold
	case AtLeast:
		return v >= threshold
	case Below:
		return v < threshold
	}
	return v <= threshold
}

// quality of a signal at now.
func (g *Governor) quality(i int, now autonomics.Time) autonomics.Quality {
	s := &g.Signals[i]
	switch {
	case !s.Has || s.Missing:
		return autonomics.Missing
	case now >= s.At.Add(g.prog.Signals[i].StaleAfter):
		return autonomics.Stale
	}
	return autonomics.Fresh
}

// reading is what a leaf compares, and how far it can be trusted. The value
// means nothing unless the quality is fresh.
func (g *Governor) reading(n *Node, now autonomics.Time) (autonomics.Decimal, autonomics.Quality) {
	q := g.quality(n.Signal, now)
	v := g.Signals[n.Signal].Value
	ok := true
	switch {
	case n.Over >= 0:
		if other := g.quality(n.Over, now); q == autonomics.Fresh {
			q = other
		}
		base := int64(g.Signals[n.Over].Value)
		if n.Measure == Growth {
			v, ok = growth(int64(v), base)
		} else {
			neg, mag := diff(int64(v), base)
			v, ok = mulDiv(neg, mag, 1, 1)
		}
	case n.Window >= 0:
		v, ok = g.Windows[n.Window].measure(&g.prog.Windows[n.Window], n.Per, now)
	}
	if !ok && q == autonomics.Fresh {
		q = autonomics.Partial
	}
	return v, q
}

// open says whether any key of the episode is open. An open key that was not
// heard of for too long is unknown, and so are closed ones that all are.
func (g *Governor) open(i int, now autonomics.Time) tri {
	stale := g.prog.Episodes[i].StaleAfter
	x, heard := no, autonomics.Time(0)
	for _, k := range g.Episodes[i].Keys {
		heard = max(heard, k.Heard)
		if k.Open && now < k.Heard.Add(stale) {
			return yes
		}
		if k.Open {
			x = unknown
		}
	}
	if len(g.Episodes[i].Keys) == 0 || now >= heard.Add(stale) {
		return unknown
	}
	return x
}

// count says how often an action was done inside the window, in millionths.
func (g *Governor) count(i int, now autonomics.Time) autonomics.Decimal {
	n := autonomics.Decimal(0)
	for _, t := range g.Counts[i].Times {
		if t > now.Add(-g.prog.Counts[i].Window) {
			n += one
		}
	}
	return n
}

// required reports whether a signal is required at now.
func (g *Governor) required(i int, now autonomics.Time) bool {
	d := &g.prog.Signals[i]
	return d.Required && (d.While < 0 || g.open(d.While, now) == yes)
}

// blind reports whether a required signal is not fresh.
func (g *Governor) blind(now autonomics.Time) bool {
	for i := range g.prog.Signals {
		if g.required(i, now) && g.quality(i, now) != autonomics.Fresh {
			return true
		}
	}
	return false
}

// holds reports whether the run is long enough at now.
func (r *Run) holds(d *RunDecl, now autonomics.Time) bool {
	if d.For > 0 {
		start := now.Add(-d.For)
		return r.Since != 0 && r.Since <= start && r.Last > start
	}
	return len(r.Times) >= d.Samples && r.Times[0] > now.Add(-d.Within)
}

// sample takes the condition's truth at a reading.
func (r *Run) sample(d *RunDecl, at autonomics.Time, x tri, unbroken bool) {
	if x != yes || !unbroken {
		r.Since, r.Last, r.Times = 0, 0, r.Times[:0]
	}
	if x != yes {
		return
	}
	if r.Since == 0 {
		r.Since = at
	}
	r.Last = max(r.Last, at)
	if d.Samples > 0 {
		if len(r.Times) == d.Samples {
			r.Times = append(r.Times[:0], r.Times[1:]...)
		}
		r.Times = append(r.Times, at)
	}
}

// A guess may answer for a leaf in place of its readings. negated says that the
// leaf stands below an odd number of nots, so that "no" helps the whole to hold.
type guess func(n *Node, negated bool) (x tri, ok bool)

// assume is the truth of a node on the newest readings and a guess.
func (g *Governor) assume(node int, now autonomics.Time, negated bool, leaf guess) tri {
	n := &g.prog.Nodes[node]
	if x, ok := leaf(n, negated); ok {
		return x
	}
	switch n.Kind {
	case Not:
		return yes - g.assume(n.Kids[0], now, !negated, leaf)
	case All:
		x := yes
		for _, k := range n.Kids {
			x = min(x, g.assume(k, now, negated, leaf))
		}
		return x
	case Any:
		x := no
		for _, k := range n.Kids {
			x = max(x, g.assume(k, now, negated, leaf))
		}
		return x
	}
	return g.eval(node, now, false)
}

// holding marks the runs whose condition has held until now. Where a signal has
// gone stale it has not: what was true then has not been true since. A window
// that has slid since the last reading says nothing new: while its signal is
// fresh, its leaf counts as what makes the whole hold.
func (g *Governor) holding(now autonomics.Time) (runs uint64) {
	slid := func(n *Node, negated bool) (tri, bool) {
		return of(!negated), n.Kind == ReadingLeaf && n.Window >= 0 && g.quality(n.Signal, now) == autonomics.Fresh
	}
	for i := range g.prog.Runs {
		if g.assume(g.prog.Runs[i].Node, now, false, slid) == yes {
			runs |= 1 << i
		}
	}
	return runs
}

// follow lets every run that watches one of the touched signals sample its
// condition. It goes on where it held until now.
func (g *Governor) follow(touched, held uint64, now autonomics.Time) {
	for i := range g.prog.Runs {
		d := &g.prog.Runs[i]
		at := autonomics.Time(math.MinInt64)
		for _, s := range d.Signals {
			if touched&(1<<s) != 0 {
				at = max(at, g.Signals[s].At)
			}
		}
		if at != math.MinInt64 {
			g.Runs[i].sample(d, at, g.eval(d.Node, now, false), held&(1<<i) != 0)
		}
	}
}

// unbar lifts the bars whose rule the readings contradict. That a run has
// become too short does not: a gap would do it. What was never heard of cannot
// speak for the rule, and counts against it: an optional signal that nobody
// sends must not bar an action for ever.
func (g *Governor) unbar(now autonomics.Time) {
	silent := func(n *Node, negated bool) (tri, bool) {
		never := n.Kind == ReadingLeaf && !g.Signals[n.Signal].Has && !n.OrMissing ||
			n.Kind == EpisodeLeaf && len(g.Episodes[n.Episode].Keys) == 0
		return of(negated), never
	}
	g.Bars = slices.DeleteFunc(g.Bars, func(b Bar) bool {
		r := g.prog.rule(b.Rule)
		return r < 0 || g.assume(g.prog.Rules[r].When, now, false, silent) == no
	})
}

var (
	measureNames = [...]string{"", "avg", "max", "min", "rate", "growth", "difference"}
	opNames      = [...]string{Above: "above", AtLeast: "at_least", Below: "below", AtMost: "at_most"}
)

// leaf describes a leaf as the receipt does, without its values.
func (p *Program) leaf(node int) autonomics.Leaf {
	n := &p.Nodes[node]
	var l autonomics.Leaf
	if n.Run >= 0 {
		d := p.Runs[n.Run]
		l.Samples, l.Within, l.For = int64(d.Samples), d.Within, d.For
	}
	switch n.Kind {
	case ReadingLeaf:
		l.Signal, l.Measure = p.Signals[n.Signal].Name, measureNames[n.Measure]
		if n.Window >= 0 {
			l.Window = p.Windows[n.Window].Width
		}
		if n.Over >= 0 {
			l.Over = p.Signals[n.Over].Name
		}
		l.Op, l.Threshold = opNames[n.Op], n.Threshold
	case EpisodeLeaf:
		l.Episode, l.Open = p.Episodes[n.Episode].Name, n.Open
	case EffectsLeaf:
		c := p.Counts[n.Count]
		l.Effects, l.Window = p.Actions[c.Action].Name, c.Window
		l.Op, l.Threshold = opNames[n.Op], n.Threshold
	}
	return l
}

// why is the leaf as it is at now.
func (g *Governor) why(node int, now autonomics.Time) autonomics.Leaf {
	n := &g.prog.Nodes[node]
	l := g.prog.leaf(node)
	l.Holds = g.eval(node, now, true).truth()
	switch n.Kind {
	case ReadingLeaf:
		l.Value, l.Quality = g.reading(n, now)
		l.HasValue = l.Quality == autonomics.Fresh
	case EpisodeLeaf:
		l.Quality = autonomics.Fresh
		if len(g.Episodes[n.Episode].Keys) == 0 {
			l.Quality = autonomics.Missing
		} else if g.open(n.Episode, now) == unknown {
			l.Quality = autonomics.Stale
		}
	case EffectsLeaf:
		l.Value, l.HasValue = g.count(n.Count, now), true
	}
	return l
}
