package prove

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// trace tells how the last of the steps comes about, from the first state
// after boot: stable --spend_high[spend=0.85]--> warning.
func (x *explorer) trace(last step) string {
	steps := []step{last}
	for at := last.from; at >= 0; at = x.pairs[at].from {
		steps = append(steps, x.pairs[at].step)
	}
	slices.Reverse(steps)
	begin := max(0, slices.IndexFunc(steps, func(s step) bool { return s.mid.state != autonomics.Boot }))
	return x.tell(steps[begin:])
}

// tell writes steps. What changes no state is left out.
func (x *explorer) tell(steps []step) string {
	var b strings.Builder
	state := steps[0].mid.state
	b.WriteString(state.String())
	for _, s := range steps {
		if mid := s.mid.state; mid != state {
			fmt.Fprintf(&b, " --%s--> %s", cause(state, mid, x.classes[s.class].blind), mid)
		}
		if s.rule >= 0 {
			fmt.Fprintf(&b, " --%s[%s]--> %s", x.p.Rules[s.rule].ID, x.because(s), s.to)
		}
		state = s.to
	}
	return b.String()
}

// loop tells a cycle, from its calmest state.
func (x *explorer) loop(steps []step) string {
	first := 0
	for i, s := range steps {
		if s.mid.state < steps[first].mid.state {
			first = i
		}
	}
	steps = slices.Concat(steps[first:], steps[:first])
	back := step{class: steps[0].class, mid: steps[0].mid, rule: -1, to: steps[0].mid.state}
	return x.tell(append(steps, back))
}

// cause names a built-in transition.
func cause(from, to autonomics.State, blind bool) string {
	switch {
	case from == autonomics.Intervening && to == autonomics.Warning:
		return "claims ended"
	case to == autonomics.Degraded && blind:
		return "blind"
	case to == autonomics.Degraded:
		return "failed"
	case from == autonomics.Refusing:
		return "unlocked"
	case from == autonomics.Boot || from == autonomics.Degraded:
		return "fresh"
	}
	return "entitlement renewed"
}

// because lists the readings that make the rule of a step hold.
func (x *explorer) because(s step) string {
	e := evidence{space: x.space, worlds: make([]*world, len(x.list)), config: s.mid}
	for c := x.classes[s.class]; c.rest != nil; c = c.rest {
		e.worlds[c.part] = c.world
	}
	e.nodes = slices.Clone(x.classes[s.class].nodes)
	x.count(e.nodes, s.mid.counts[:])
	e.gather(x.p.Rules[s.rule].When, yes, "")
	return strings.Join(slices.Compact(e.list), ", ")
}

// evidence is what makes a condition hold.
type evidence struct {
	*space
	worlds []*world // by part
	config config
	nodes  []truth
	list   []string
}

func (e *evidence) gather(i int, want truth, run string) {
	n := &e.p.Nodes[i]
	if n.Run >= 0 && e.p.Runs[n.Run].For > 0 {
		run = " for " + e.p.Runs[n.Run].For.String()
	} else if n.Run >= 0 {
		run = fmt.Sprintf(" %d times", e.p.Runs[n.Run].Samples)
	}
	all := n.Kind == kernel.All && want == yes || n.Kind == kernel.Any && want == no
	switch n.Kind {
	case kernel.Not:
		e.gather(n.Kids[0], yes-want, run)
	case kernel.All, kernel.Any:
		for _, k := range n.Kids {
			if e.nodes[e.at[k]] == want {
				e.gather(k, want, run)
				if !all {
					return
				}
			}
		}
	case kernel.ReadingLeaf:
		e.list = append(e.list, e.reading(n)+run)
	case kernel.EpisodeLeaf:
		state := "closed"
		if e.worlds[e.episode(n.Episode)].episode == yes {
			state = "open"
		}
		e.list = append(e.list, e.p.Episodes[n.Episode].Name+" "+state+run)
	case kernel.EffectsLeaf:
		e.list = append(e.list, fmt.Sprintf("%s done %d×", e.p.Actions[e.p.Counts[n.Count].Action].Name, e.config.counts[n.Count]))
	}
}

// reading is a signal, or what is measured of it, with an example of its value.
func (e *evidence) reading(n *kernel.Node) string {
	w := e.worlds[e.home(n.Signal)]
	name := e.p.Signals[n.Signal].Name
	if w.signals[n.Signal] == never {
		return name + " missing"
	}
	if n.Measure != kernel.Value {
		name += " " + measures[n.Measure]
	}
	if n.Over >= 0 {
		name += " over " + e.p.Signals[n.Over].Name
	} else if n.Window >= 0 {
		name += " " + e.p.Windows[n.Window].Width.String()
	}
	q := e.quantity(n)
	return name + "=" + plain(e.quantities[q].bounds(w.regions[q])).String()
}

var measures = [...]string{"", "avg", "max", "min", "rate", "growth", "difference"}

// plain is the value between two bounds that is shortest to write.
func plain(lo, hi int64) autonomics.Decimal {
	for unit := int64(one); unit > 1; unit /= 10 {
		v := hi - hi%unit
		if hi < 0 && hi%unit != 0 {
			v -= unit
		}
		if lo != math.MinInt64 {
			if v = lo - lo%unit; lo > 0 && lo%unit != 0 {
				v += unit
			}
		}
		if v >= lo && v <= hi {
			return autonomics.Decimal(v)
		}
	}
	return autonomics.Decimal(lo)
}
