// Package prove explores all that a program can do, and complains about what
// it must not do.
//
// It goes through the states, the claims, and the counts of effects that the
// kernel can get into, in every combination of what the program's conditions
// can tell apart: the regions between a signal's thresholds, a signal that is
// stale, absent, or never had a reading, a window that is not covered, an
// episode that is open, closed or unknown, a run that has lasted or has not.
// Combinations that cannot be are left out: one value lies in one region, a
// window's mean between its extremes. What happens at the targets, and when,
// is left open. So what is never found cannot happen, and what is found comes
// with the shortest way there.
//
// The package is pure. Its work is bounded: a program that has too many
// combinations is refused.
package prove

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

const (
	// maxWork bounds one proof, in evaluations of one node of a condition. It is
	// about a second of one core; the built-in SKUs need a twentieth of it at most.
	maxWork = 40_000_000
	// stepCost is what one decision costs, in the same unit.
	stepCost = 64
)

// Spec checks a spec: all that spec.Check does and, if that is well, the proof
// for each of its profiles.
func Spec(file string, src []byte) []spec.Complaint {
	list := spec.Check(file, src)
	if list != nil {
		return list
	}
	doc, _ := spec.Parse(file, src)
	for _, profile := range slices.Sorted(maps.Keys(doc.Profiles)) {
		p, _ := spec.Compile(doc, profile, nil)
		for _, c := range Check(p, doc) {
			if !slices.ContainsFunc(list, func(d spec.Complaint) bool { return d.Path == c.Path && d.Problem == c.Problem }) {
				list = append(list, c)
			}
		}
	}
	return list
}

// Check proves a program, which was compiled from doc.
func Check(p *kernel.Program, doc *spec.Document) []spec.Complaint {
	return check(p, doc, func(uses string) bool {
		a, _ := catalog.Lookup(uses)
		return a.Class == catalog.Irreversible
	})
}

func check(p *kernel.Program, doc *spec.Document, irreversible func(uses string) bool) []spec.Complaint {
	budget := maxWork
	r := report{doc: doc}
	s := newSpace(p, &budget, scope{})
	if r.explorer = newExplorer(s); s.enumerate() && r.explore() {
		r.states()
		r.silent()
		r.flapping()
		r.ignorant()
		r.final(irreversible)
	}
	if budget < 0 {
		r.list = nil
		r.add("$.rules", "the conditions have too many combinations to be proved",
			"use fewer signals, thresholds, samples and counts of effects, or write several SKUs", "")
	}
	return r.list
}

// A report collects complaints.
type report struct {
	*explorer
	doc  *spec.Document
	list []spec.Complaint
}

func (r *report) add(path, problem, mend, trace string) {
	r.list = append(r.list, spec.Complaint{File: r.doc.File(), Path: path, Problem: problem, Mend: mend, Trace: trace})
}

// states complains about states that rules stand in and nothing leads to, and
// about those from which no rule leads back to rest.
func (r *report) states() {
	for s := autonomics.Stable; s <= autonomics.Refusing; s++ {
		way, ok := r.entered[s]
		i := slices.IndexFunc(r.doc.Rules, func(x spec.Rule) bool { return slices.Contains(x.In, s.String()) })
		switch {
		case !ok && i >= 0:
			j := slices.Index(r.doc.Rules[i].In, s.String())
			r.add(fmt.Sprintf("$.rules[%d].in[%d]", i, j), fmt.Sprintf("nothing ever leads to %s", s),
				"leave the state out, or let a rule lead to it", "")
		case ok && s != autonomics.Degraded && !r.rests(s, 0):
			path := "$.rules"
			if way.rule >= 0 {
				path = fmt.Sprintf("$.rules[%d].go", way.rule)
			}
			r.add(path, fmt.Sprintf("from %s no rule leads back to stable", s),
				fmt.Sprintf("write a rule in %s that goes to stable once all is well", s), r.trace(way))
		}
	}
}

// rests reports whether a state leads to stable.
func (r *report) rests(s autonomics.State, seen uint8) bool {
	if s == autonomics.Stable || s == autonomics.Boot {
		return true
	}
	for next := autonomics.Boot; next <= autonomics.Refusing; next++ {
		if r.leads[s][next] && seen&(1<<next) == 0 && r.rests(next, seen|1<<s) {
			return true
		}
	}
	return false
}

// silent complains about rules that never fire.
func (r *report) silent() {
	possible := uint32(0)
	for _, masks := range r.truths {
		for _, m := range masks {
			possible |= m
		}
	}
	for i, rule := range r.p.Rules {
		path := fmt.Sprintf("$.rules[%d]", i)
		switch {
		case r.fired&(1<<i) != 0:
		case possible&(1<<i) == 0:
			r.add(path+".when", fmt.Sprintf("rule %q never fires: no readings make its condition true", rule.ID),
				"mend the thresholds that contradict each other, or leave the rule out", "")
		case r.blocked&(1<<i) != 0:
			s := r.instead[i]
			r.add(path, fmt.Sprintf("rule %q never fires: wherever it could, a rule before it does, such as %q", rule.ID, r.p.Rules[s.rule].ID),
				"put it before that one, or make its condition another", r.trace(s))
		default:
			r.add(path, fmt.Sprintf("rule %q never fires: where its condition holds, it stands in none of the states, or asks for nothing new", rule.ID),
				"let it stand in another state, request another action, or leave it out", "")
		}
	}
}

// flapping complains about rules that undo each other.
func (r *report) flapping() {
	for _, c := range r.cycles() {
		var names []string
		last := 0
		for left := c.rules; left != 0; left &= left - 1 {
			last = bits.TrailingZeros32(left)
			names = append(names, r.p.Rules[last].ID)
		}
		r.add(fmt.Sprintf("$.rules[%d].when", last),
			fmt.Sprintf("the rules %s fire in turn while no reading changes", strings.Join(names, " and ")),
			"let their conditions exclude each other, with a gap between the thresholds", r.loop(c.steps))
	}
}

// ignorant complains about rules that claim or release targets while nothing
// of what they ask is known.
func (r *report) ignorant() {
	for i, rule := range r.p.Rules {
		eases := rule.In.Has(autonomics.Intervening) && (rule.Go == autonomics.Stable || rule.Go == autonomics.Warning)
		if r.fired&(1<<i) == 0 || r.rules[i].claims == 0 && !eases {
			continue
		}
		if trace := r.unknown(i); trace != "" {
			verb := "releases"
			if !eases {
				verb = "changes"
			}
			r.add(fmt.Sprintf("$.rules[%d].when", i), fmt.Sprintf("rule %q %s targets while nothing of what it asks is known", rule.ID, verb),
				"ask for a reading or an episode that is known", trace)
		}
	}
}

// unknown tells how a rule comes to fire although none of its signals and
// episodes is known; empty if it does not.
func (r *report) unknown(rule int) (trace string) {
	var asked scope
	for _, l := range r.p.Rules[rule].Leaves {
		switch n := &r.p.Nodes[l]; n.Kind {
		case kernel.ReadingLeaf:
			asked.signals |= 1 << n.Signal
			if n.Over >= 0 {
				asked.signals |= 1 << n.Over
			}
		case kernel.EpisodeLeaf:
			asked.episodes |= 1 << n.Episode
		}
	}
	s := newSpace(r.p, r.budget, asked)
	if !s.enumerate() {
		return ""
	}
	x := newExplorer(s)
	found := func() bool {
		return x.fired&(1<<rule) != 0 && (r.rules[rule].claims != 0 || x.firing[rule].mid.wanted != 0)
	}
	if x.explore() && found() { // they were never known at all
		return x.trace(x.firing[rule])
	}
	for i := range r.configs {
		x.fired = 0
		x.read(r.configs[i], r.first[i])
		if s := x.firing[rule]; found() {
			way := r.trace(r.pairs[s.from].step)
			at := r.pairs[s.from].to
			return way + strings.TrimPrefix(x.tell([]step{{class: s.class, mid: config{state: at}, rule: -1, to: at}, s}), at.String())
		}
	}
	return ""
}

// final complains about what cannot be taken back and that nobody approves.
func (r *report) final(irreversible func(uses string) bool) {
	for a, action := range r.p.Actions {
		for i := range r.rules {
			if r.fired&(1<<i) != 0 && r.rules[i].claims&(1<<a) != 0 && irreversible(action.Uses) {
				r.add("$.actions."+action.Name+".uses", fmt.Sprintf("%s cannot be taken back, and nobody approves it first", action.Uses),
					"use an action that can be taken back, or tell a person by a notice", r.trace(r.firing[i]))
				break
			}
		}
	}
}
