package kernel

import (
	"encoding/json"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// Number is this kernel's number. It is raised whenever an old event would be
// decided differently.
const Number = 1

// An Input is one event for a tenant.
type Input struct {
	Governor string // the only one concerned; empty: all that the event concerns
	System   uint64 // seq of the _system receipt that ordered it
	Event    autonomics.Event
	Program  *Program // of a program event

	// Fleet is set on the outcome of an effect that needs a permit and has none:
	// when there may be one.
	Fleet autonomics.Time

	verdict autonomics.Verdict // of an outcome, which is admitted once for all it concerns
	reason  autonomics.Reason
}

// A Sealed receipt is one decision in its final form, with its line.
type Sealed struct {
	Receipt *autonomics.Receipt
	Line    []byte
}

// Step takes one event: due timers first, then the event itself for each
// governor concerned, in the order of their names. What it returns must be
// durable before anything is answered or done.
func (t *Tenant) Step(now autonomics.Time, in Input) []Sealed {
	now = max(now, t.Last)
	out := t.Tick(now)
	names := t.concerned(&in)
	if in.Event.Entitlement != nil {
		out = t.tenantReceipt(out, now, &in, autonomics.Accepted, "")
	}
	if g := t.Governor(in.Governor); g != nil && in.Event.Effect != nil {
		in.verdict, in.reason = t.admitOutcome(g, &in.Event, now, in.Fleet)
	}
	for _, name := range names {
		t.enter(name, now)
		out = t.step(out, now, name, &in)
	}
	if len(names) == 0 && in.Event.Entitlement == nil {
		reason := autonomics.ReasonUndeclared
		if in.Event.Effect != nil {
			reason = autonomics.ReasonStale
		} else if in.Event.Command != nil {
			reason = autonomics.ReasonNotFound
		}
		out = t.tenantReceipt(out, now, &in, autonomics.Ignored, reason)
	}
	return out
}

// concerned lists the governors that the event concerns.
func (t *Tenant) concerned(in *Input) []string {
	if in.Governor != "" && in.Event.Effect == nil {
		if in.Event.Program == nil && t.Governor(in.Governor) == nil {
			return nil
		}
		return []string{in.Governor}
	}
	var names []string
	for i := range t.Governors {
		if g := &t.Governors[i]; t.concerns(g, in) {
			names = append(names, g.Name)
		}
	}
	return names
}

func (t *Tenant) concerns(g *Governor, in *Input) bool {
	ev := &in.Event
	switch {
	case ev.Signal != nil:
		return !g.Removed && g.prog.Declares(ev.Signal)
	case ev.Entitlement != nil:
		return slices.Contains(ev.Entitlement.SKUs, g.prog.SKU) || slices.ContainsFunc(t.Entitlements, func(e Entitlement) bool {
			return e.ID == ev.Entitlement.Entitlement && slices.Contains(e.SKUs, g.prog.SKU) // it may have lost it
		})
	case ev.Effect != nil:
		return g.Name == in.Governor || t.shares(g, in)
	case ev.Command != nil:
		return ev.Command.Scope.SKU == "" || ev.Command.Scope.SKU == g.prog.SKU
	}
	return false
}

// shares reports whether the end of another governor's operation ends claims
// of g: one undo, or one foreign change, concerns all that claim the lane.
func (t *Tenant) shares(g *Governor, in *Input) bool {
	owner := t.Governor(in.Governor)
	if owner == nil {
		return false
	}
	c := owner.claim(in.Event.Effect.Key)
	stage := in.Event.Effect.Stage
	if c == nil || c.Virtual() || stage != autonomics.StageYielded && (stage != autonomics.StageDone || c.Op != autonomics.OpUndo) {
		return false
	}
	return slices.ContainsFunc(g.Claims, func(x Claim) bool { return x.Place == c.Place })
}

// tenantReceipt records an event that concerns no governor by itself.
func (t *Tenant) tenantReceipt(out []Sealed, now autonomics.Time, in *Input, v autonomics.Verdict, why autonomics.Reason) []Sealed {
	r := t.receipt(now, in.System, in.Event)
	r.Verdict, r.Reason = v, why
	out = append(out, t.seal(r))
	t.foldTenant(r)
	return out
}

// enter returns the named governor, which begins now if there was none.
func (t *Tenant) enter(name string, now autonomics.Time) *Governor {
	i, found := t.Find(name)
	if !found {
		t.Governors = slices.Insert(t.Governors, i, Governor{Name: name, State: autonomics.Boot, Since: now, Born: now})
	}
	return &t.Governors[i]
}

// step decides an event for one governor and evolves its state.
func (t *Tenant) step(out []Sealed, now autonomics.Time, name string, in *Input) []Sealed {
	g := t.Governor(name)
	r := t.receipt(now, in.System, in.Event)
	r.Governor, r.From, r.To, r.Program = g.Name, g.State, g.State, g.Program
	if in.Program != nil {
		r.Program = in.Program.Digest
	}
	if r.Verdict, r.Reason = in.verdict, in.reason; in.Event.Effect == nil {
		t.admit(g, r)
	}
	if r.Verdict == autonomics.Accepted {
		begins := g.prog == nil
		t.absorb(g, r, in.Program)
		d := t.decide(g, r)
		if r.To, r.Cause = d.to, d.cause; begins && r.Cause == "" {
			r.Cause = autonomics.CauseCreated
		}
		if d.rule != nil {
			r.Rule = d.rule.ID
			for _, l := range d.rule.Leaves {
				r.Why = append(r.Why, g.why(l, now))
			}
		}
		t.transit(g, r)
		r.Effects = t.effects(g, r)
		if in.Event.Timer != nil && idle(r) {
			return out
		}
	}
	out = append(out, t.seal(r))
	t.finish(g, r)
	return out
}

// idle reports whether a timer has changed no state, claim or effect. What
// leads here has changed nothing else either.
func idle(r *autonomics.Receipt) bool {
	switch r.Event.Timer.Timer {
	case autonomics.TimerTerm, autonomics.TimerLock, autonomics.TimerCooldown, autonomics.TimerApproval, autonomics.TimerRetry, autonomics.TimerHelps:
		return false
	}
	return r.From == r.To && r.Rule == "" && len(r.Effects) == 0
}

// receipt begins the next receipt of the chain.
func (t *Tenant) receipt(now autonomics.Time, system uint64, ev autonomics.Event) *autonomics.Receipt {
	return &autonomics.Receipt{Tenant: t.ID, Seq: t.Seq + 1, Prev: t.Head, At: now, Kind: ev.Kind(),
		Kernel: Number, System: system, Event: ev}
}

func (t *Tenant) seal(r *autonomics.Receipt) Sealed {
	line, err := r.Seal()
	if err != nil {
		panic("unreachable: the kernel made an invalid receipt: " + err.Error())
	}
	return Sealed{Receipt: r, Line: line}
}

// finish is the part of evolve that follows the hash.
func (t *Tenant) finish(g *Governor, r *autonomics.Receipt) {
	t.Seq, t.Head, t.Last = r.Seq, r.Hash, r.At
	t.System = max(t.System, r.System)
	t.dispatch(g, r)
}

func (t *Tenant) foldTenant(r *autonomics.Receipt) {
	t.Seq, t.Head, t.Last = r.Seq, r.Hash, r.At
	t.System = max(t.System, r.System)
	if r.Event.Entitlement != nil {
		t.entitle(r.Event.Entitlement)
	}
}

// Evolve folds a receipt of the log: the same changes as the step that made
// it, and no decision. It reports false if it does not know the program.
func (t *Tenant) Evolve(r *autonomics.Receipt, program func(autonomics.Hash) *Program) bool {
	if r.Governor == "" {
		t.foldTenant(r)
		return true
	}
	g := t.enter(r.Governor, r.At)
	if r.Verdict == autonomics.Accepted {
		p := program(r.Program)
		if p == nil {
			return false
		}
		t.absorb(g, r, p)
		t.transit(g, r)
	}
	t.finish(g, r)
	return true
}

// Arg returns a command's own member, if it is a string.
func Arg(c *autonomics.Command, name string) string {
	var s string
	if raw, ok := c.Args[name]; !ok || json.Unmarshal([]byte(raw), &s) != nil {
		return ""
	}
	return s
}
