package kernel

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
)

// Notices that every governor has: one calls for a person, the other asks for
// approval.
const (
	Escalate = "escalate"
	Ask      = "approve"
)

// effects is the difference between what targets have and what the claims
// want, and the notices of the step. It changes no state; dispatch does, from
// the receipt.
func (t *Tenant) effects(g *Governor, r *autonomics.Receipt) []autonomics.Effect {
	var out []autonomics.Effect
	var seen []string
	diff := func(target string) {
		if !slices.Contains(seen, target) {
			seen = append(seen, target)
			out = t.diff(out, g, target, r.At)
		}
	}
	if o := r.Event.Effect; o != nil {
		if h := g.hold(o.Key); h != nil && o.Stage == autonomics.StagePrepared {
			out = append(out, autonomics.Effect{Op: autonomics.OpApply, Action: h.Action, Target: h.Target, With: h.Value})
			seen = append(seen, h.Target)
		}
	}
	if r.Rule != "" {
		for _, i := range g.prog.Rules[g.prog.rule(r.Rule)].Do {
			if a := &g.prog.Actions[i]; a.Notice {
				out = append(out, autonomics.Effect{Op: autonomics.OpNotice, Action: a.Name})
			} else {
				diff(g.target(a.Slot))
			}
		}
	}
	for i := range g.Targets {
		diff(g.Targets[i].Name)
	}
	for i := range g.Claims {
		diff(g.Claims[i].Target)
	}
	if o := r.Event.Effect; o != nil && o.Cause == autonomics.HeldApproval {
		out = append(out, autonomics.Effect{Op: autonomics.OpNotice, Action: Ask})
	}
	if t.escalates(g, r) {
		out = append(out, autonomics.Effect{Op: autonomics.OpNotice, Action: Escalate})
	}
	return out
}

// escalates reports whether a person must be told: the governor went blind or
// an apply failed, somebody else has taken a target over, an action is no
// longer trusted, or limits hold the first effect of an hour.
func (t *Tenant) escalates(g *Governor, r *autonomics.Receipt) bool {
	if x := r.Event.Timer; x != nil && x.Timer == autonomics.TimerHelps && g.disarmed(x.Action) {
		return true
	}
	o := r.Event.Effect
	return r.To == autonomics.Degraded && r.From != autonomics.Degraded ||
		o != nil && (o.Stage == autonomics.StageYielded || o.Cause == autonomics.HeldLimits && r.At >= t.Told.Add(tellEvery))
}

// diff appends the operations that the target is due: at most one real one,
// and one for each virtual claim of g.
func (t *Tenant) diff(out []autonomics.Effect, g *Governor, target string, now autonomics.Time) []autonomics.Effect {
	if !t.busy(target) {
		for _, uses := range t.uses(target) {
			if e, ok := t.next(g, Place{Target: target, Uses: uses}, now); ok {
				out = append(out, e)
				break
			}
		}
	}
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Target == target && c.Virtual() && c.Op == "" {
			if e, ok := t.next(g, c.Place, now); ok {
				out = append(out, e)
			}
		}
	}
	return out
}

// busy reports whether a real operation is in flight on the target.
func (t *Tenant) busy(target string) bool {
	for i := range t.Governors {
		g := &t.Governors[i]
		if slices.ContainsFunc(g.Claims, func(c Claim) bool { return c.Target == target && !c.Virtual() && c.Op != "" }) ||
			slices.ContainsFunc(g.Holds, func(h Hold) bool { return h.Target == target && h.OpKey != "" }) {
			return true
		}
	}
	return false
}

// uses lists what real claims do to the target, sorted.
func (t *Tenant) uses(target string) []string {
	var uses []string
	for i := range t.Governors {
		for _, c := range t.Governors[i].Claims {
			if c.Target == target && !c.Virtual() && !slices.Contains(uses, c.Uses) {
				uses = append(uses, c.Uses)
			}
		}
	}
	slices.Sort(uses)
	return uses
}

// winner is the claim in force in a place: by class, then the most restrictive,
// then the name; nil if none is wanted. The order of arrival has no part in it.
func (t *Tenant) winner(p Place) (*Governor, *Claim) {
	var best *Governor
	var claim *Claim
	for g, c := range t.claims(p) {
		if c.wanted() && !c.waiting() && (claim == nil || t.stronger(g, c, best, claim)) {
			best, claim = g, c
		}
	}
	return best, claim
}

func (t *Tenant) stronger(g *Governor, c *Claim, h *Governor, d *Claim) bool {
	a, _ := catalog.Lookup(c.Uses)
	x, _ := t.value(g, c).Get(a.Field)
	y, _ := t.value(h, d).Get(a.Field)
	return cmp.Or(cmp.Compare(g.prog.Class, h.prog.Class), -catalog.Stricter(a, x, y),
		cmp.Compare(g.Name, h.Name), cmp.Compare(c.Action, d.Action)) < 0
}

// value is the absolute value that a claim wants, as far as it is known; nil
// where the baseline leaves none.
func (t *Tenant) value(g *Governor, c *Claim) autonomics.Fields {
	l, a := t.lane(c.Place), g.prog.action(c.Action)
	switch {
	case c.Value != nil:
		return c.Value
	case a == nil:
		return nil
	case l == nil:
		return a.With
	}
	info, _ := catalog.Lookup(c.Uses)
	_, value, err := catalog.Resolve(info, a.With, l.Baseline)
	if err != nil {
		return nil
	}
	return value
}

// next is the operation that a place is due.
func (t *Tenant) next(g *Governor, p Place, now autonomics.Time) (e autonomics.Effect, due bool) {
	l := t.lane(p)
	h, c := t.winner(p)
	switch {
	case c != nil && l != nil && t.serves(l, h, c):
		return e, false
	case c != nil:
		e.Op, e.With = autonomics.OpApply, h.prog.action(c.Action).With
	case l == nil:
		return e, false
	default:
		if h, c = t.leaver(p); c == nil || c.NextStep > now {
			return e, false
		}
		e.Op, e.With = t.back(h, c, l)
	}
	e.Action, e.Target = c.Action, c.Target
	if h != g {
		e.Governor = h.Name
	}
	return e, true
}

// leaver is the released claim that takes the place back, or nil.
func (t *Tenant) leaver(p Place) (*Governor, *Claim) {
	for g, c := range t.claims(p) {
		if c.Stage == Releasing && c.Op == "" {
			return g, c
		}
	}
	return nil, nil
}

// back is the next operation of a release: a step, or the last, the undo.
func (t *Tenant) back(g *Governor, c *Claim, l *Lane) (autonomics.Op, autonomics.Fields) {
	a := g.prog.action(c.Action)
	if a == nil || c.Step+1 >= len(a.Steps) || c.Value == nil && c.Step == 0 {
		return autonomics.OpUndo, nil
	}
	info, _ := catalog.Lookup(c.Uses)
	return autonomics.OpStep, catalog.Step(info, l.restored(), t.value(g, c), a.Steps[c.Step])
}

// dispatch puts the receipt's effects in flight. A removed governor goes when
// nothing of it is left.
func (t *Tenant) dispatch(g *Governor, r *autonomics.Receipt) {
	for n := range r.Effects {
		e := &r.Effects[n]
		key := fmt.Sprintf("%s/%d", r.Hash, n)
		owner := g
		if e.Governor != "" {
			owner = t.Governor(e.Governor)
		}
		if e.Op == autonomics.OpNotice {
			g.Notices = append(g.Notices, Notice{Key: key, Action: e.Action, Text: t.text(g, r)})
			if o := r.Event.Effect; o != nil && o.Cause == autonomics.HeldLimits && e.Action == Escalate {
				t.Told = r.At
			}
		} else {
			owner.start(e, key)
		}
	}
	t.Governors = slices.DeleteFunc(t.Governors, func(g Governor) bool {
		return g.Removed && len(g.Claims) == 0 && len(g.Notices) == 0
	})
}

// start puts an operation in flight: of a hold that is written once more, or
// of the action's claim. A hold bars its action, so there is only one of them.
func (g *Governor) start(e *autonomics.Effect, key string) {
	for i := range g.Holds {
		if h := &g.Holds[i]; h.Action == e.Action && h.Target == e.Target {
			h.OpKey = key
			return
		}
	}
	c := g.live(e.Action)
	c.Op, c.Key = e.Op, key
	if e.Op == autonomics.OpStep {
		c.To = e.With
	}
}
