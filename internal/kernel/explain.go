package kernel

import (
	"math"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// What follows looks back at a recorded receipt, from the tenant as it was
// before it. It changes nothing, and the decision path has no part in it.

// Again decides the event of a receipt again, and returns the receipt that
// this kernel writes for it: the same to the byte, or the kernel differs. It is
// nil if this kernel writes none. What a receipt does not keep is taken in
// favour of the record: whether the sender gave the time that a reading has,
// that the fleet's limit was reached, and that an outcome concerned the
// governor, where the receipt of another governor has taken it.
func (t *Tenant) Again(r *autonomics.Receipt, program func(autonomics.Hash) *Program) *autonomics.Receipt {
	c := t.Clone()
	c.checked = r.At // the timers that were due have receipts of their own
	in := Input{Governor: r.Governor, System: r.System, Event: r.Event}
	if r.Governor == "" {
		if r.Event.Command != nil {
			in.Governor = r.Event.Command.Scope.Governor
		}
		return c.Step(r.At, in)[0].Receipt
	}
	g := c.Governor(r.Governor)
	switch ev := &in.Event; {
	case ev.Program != nil:
		if in.Program = program(ev.Program.Spec); in.Program == nil {
			return nil
		}
		return c.Step(r.At, in)[0].Receipt
	case g == nil:
		return nil
	case ev.Signal != nil:
		ev.Signal = g.undated(r)
	case ev.Timer != nil:
		if ev.Timer = g.timer(r); ev.Timer == nil {
			return nil
		}
	case ev.Effect != nil:
		if r.Reason == autonomics.ReasonFleetLimit {
			in.Fleet = math.MaxInt64
		}
		owner := c.owner(ev.Effect.Key)
		if in.verdict, in.reason = r.Verdict, r.Reason; owner != nil {
			in.verdict, in.reason = c.admitOutcome(owner, ev, r.At, in.Fleet)
		}
	}
	if out := c.step(nil, r.At, r.Governor, &in); len(out) > 0 {
		return out[0].Receipt
	}
	return nil
}

// undated is the signal of a receipt as it may have come in: a time that
// admission may have set is left out where only that explains the verdict.
func (g *Governor) undated(r *autonomics.Receipt) *autonomics.Signal {
	in := *r.Event.Signal
	accepted := r.Verdict == autonomics.Accepted
	if in.Episode != "" {
		said := autonomics.Event{Signal: &in}
		if v, _ := g.admitEpisode(&said, r.At); in.At == r.At && (v == autonomics.Accepted) != accepted {
			in.At = 0
		}
		return &in
	}
	in.Readings = slices.Clone(in.Readings)
	for i := range in.Readings {
		rd := &in.Readings[i]
		var taken []autonomics.Reading
		if accepted {
			taken = r.Event.Signal.Readings[:i]
		}
		if g.prog.signal(rd.Signal) < 0 {
			continue
		}
		last, _ := g.last(rd.Signal, &in, taken, r.At)
		unsaid := r.At
		if last != nil {
			unsaid = max(unsaid, last.At)
		}
		said := *rd
		if v, _ := fits(&said, in.ID, last, r.At); rd.At == unsaid && (v == autonomics.Accepted) != accepted {
			rd.At = 0
		}
	}
	return &in
}

// timer is the deadline of a receipt with what follows from it, or nil if the
// governor has no such one.
func (g *Governor) timer(r *autonomics.Receipt) (found *autonomics.Timer) {
	said := *r.Event.Timer
	due := said.Due
	said.Due, said.Until = 0, 0
	g.deadlines(func(d deadline) {
		if d.due == due && d.due <= r.At && d.timer == said {
			again := d.timer
			again.Due, found = due, &again
		}
	})
	if found != nil && found.Timer == autonomics.TimerTerm {
		found.Until = g.renewed(found.Action, r.At)
	}
	return found
}

// An Outcome is what rules lead to.
type Outcome struct {
	Rule  string // empty: none fired
	State autonomics.State
}

// A Question is what an accepted event would have led to, had one of its
// readings had another value and all else been the same. It is for one
// goroutine.
type Question struct {
	t       *Tenant
	before  *Governor
	r       autonomics.Receipt
	reading *autonomics.Reading
	leaves  []int    // that compare its signal
	stored  Governor // scratch: its signals and windows are its own
}

// Suppose asks about the reading of that index. The tenant must not change
// before the last answer.
func (t *Tenant) Suppose(r *autonomics.Receipt, reading int) *Question {
	ev := *r.Event.Signal
	ev.Readings = slices.Clone(ev.Readings)
	q := &Question{t: t, before: t.Governor(r.Governor), r: *r, reading: &ev.Readings[reading]}
	q.r.Event.Signal = &ev
	q.stored = *q.before
	q.stored.detach()
	signal := q.before.prog.signal(q.reading.Signal)
	for i := range q.before.prog.Nodes {
		if n := &q.before.prog.Nodes[i]; n.Kind == ReadingLeaf && (n.Signal == signal || n.Over == signal) {
			q.leaves = append(q.leaves, i)
		}
	}
	return q
}

// Truths are those of all leaves that compare the reading's signal. Values
// with the same truths have the same outcome.
func (q *Question) Truths(v autonomics.Decimal) string {
	g := &q.stored
	for i := range g.Signals {
		sources := append(g.Signals[i].Sources[:0], q.before.Signals[i].Sources...)
		g.Signals[i] = q.before.Signals[i]
		g.Signals[i].Sources = sources
	}
	copy(g.Windows, q.before.Windows)
	q.reading.Value = v
	g.store(q.r.Event.Signal)
	truths := make([]byte, len(q.leaves))
	for i, n := range q.leaves {
		truths[i] = byte(g.compare(&g.prog.Nodes[n], q.r.At))
	}
	return string(truths)
}

// Outcome is what the rules would have led to.
func (q *Question) Outcome(v autonomics.Decimal) Outcome {
	q.reading.Value = v
	c := q.t.Clone()
	g := c.Governor(q.r.Governor)
	c.absorb(g, &q.r, nil)
	d := c.decide(g, &q.r)
	out := Outcome{State: d.to}
	if d.rule != nil {
		out.Rule = d.rule.ID
	}
	return out
}

// A Because is the kind of reason for which a rule did not fire.
type Because string

const (
	WrongState Because = "state"     // it does not stand in this state
	IsNo       Because = "no"        // its condition does not hold
	IsUnknown  Because = "unknown"   // what its condition needs is not known
	NotYet     Because = "not_yet"   // it holds now, but not on as many readings, or for as long, as it must
	IsBarred   Because = "barred"    // all its claim actions are
	NothingNew Because = "unchanged" // it would only repeat what is claimed already
	Later      Because = "later"     // it would have fired, but an earlier rule did
)

// An Unfired is a rule that did not fire.
type Unfired struct {
	Rule    string            `json:"rule"`
	Because Because           `json:"because"`
	By      []string          `json:"by,omitempty"`     // the state, what bars each action, the earlier rule
	Leaves  []autonomics.Leaf `json:"leaves,omitempty"` // of a rule that stands in the state
}

// Unfired returns the rules that did not fire on an accepted event of a
// governor, in their order, each with the first reason that there was.
func (t *Tenant) Unfired(r *autonomics.Receipt, program func(autonomics.Hash) *Program) []Unfired {
	p := program(r.Program)
	if p == nil {
		return nil
	}
	c := t.Clone()
	g := c.enter(r.Governor, r.At)
	c.absorb(g, r, p)
	d := c.decide(g, r)
	var out []Unfired
	for i := range g.prog.Rules {
		if rule := &g.prog.Rules[i]; rule != d.rule {
			out = append(out, g.unfired(rule, &d, r.At))
		}
	}
	return out
}

func (g *Governor) unfired(rule *Rule, d *decision, now autonomics.Time) Unfired {
	u := Unfired{Rule: rule.ID}
	if !rule.In.Has(d.asked) {
		u.Because, u.By = WrongState, []string{d.asked.String()}
		return u
	}
	for _, l := range rule.Leaves {
		u.Leaves = append(u.Leaves, g.why(l, now))
	}
	switch x := g.eval(rule.When, now, true); {
	case x == unknown:
		u.Because = IsUnknown
	case x == no && g.eval(rule.When, now, false) == yes:
		u.Because = NotYet
	case x == no:
		u.Because = IsNo
	case g.asks(rule, d.asked):
		u.Because, u.By = Later, []string{d.rule.ID}
	default:
		if u.By = g.bars(rule); len(u.By) > 0 {
			u.Because = IsBarred
		} else {
			u.Because = NothingNew
		}
	}
	return u
}

// bars says what bars each claim action of a rule, and is empty if one of them
// is free, or there is none.
func (g *Governor) bars(rule *Rule) []string {
	var by []string
	for _, i := range rule.Do {
		a := &g.prog.Actions[i]
		switch {
		case a.Notice:
			continue
		case !g.barred(a):
			return nil
		case slices.ContainsFunc(g.Holds, func(h Hold) bool { return h.Action == a.Name && h.Target == g.target(a.Slot) }):
			by = append(by, a.Name+" by its hold on "+g.target(a.Slot))
		case slices.ContainsFunc(g.Bars, func(b Bar) bool { return b.Action == a.Name }):
			by = append(by, a.Name+" until its rule was false once")
		case g.disarmed(a.Name):
			by = append(by, a.Name+" until a reset, because it did not help")
		default:
			by = append(by, a.Name+" by a claim of the other mode")
		}
	}
	return by
}

// Undated is the signal of a recorded receipt as it may have come in. Admission
// dates what its sender did not; the date is left out again where only that
// explains the verdict.
func (t *Tenant) Undated(r *autonomics.Receipt) *autonomics.Signal {
	if g := t.Governor(r.Governor); g != nil {
		return g.undated(r)
	}
	return r.Event.Signal
}
