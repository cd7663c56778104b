package kernel

import (
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// A decision is what decide concludes: the state after built-in transitions and
// at most one rule.
type decision struct {
	asked autonomics.State // in which the rules were
	to    autonomics.State
	cause autonomics.Cause
	rule  *Rule
}

// decide looks at the state after the event and changes nothing.
func (t *Tenant) decide(g *Governor, r *autonomics.Receipt) decision {
	d := decision{to: g.State}
	for {
		next, cause := t.builtin(g, d.to, r)
		if next == 0 {
			break
		}
		d.to, d.cause = next, cause
	}
	d.asked = d.to
	for i := range g.prog.Rules {
		rule := &g.prog.Rules[i]
		if rule.In.Has(d.to) && g.eval(rule.When, r.At, true) == yes && g.asks(rule, d.to) {
			d.rule, d.to = rule, rule.Go
			break
		}
	}
	return d
}

// builtin returns the next built-in transition out of s, or 0.
func (t *Tenant) builtin(g *Governor, s autonomics.State, r *autonomics.Receipt) (autonomics.State, autonomics.Cause) {
	entitled := t.Entitled(g.prog.SKU)
	failed := g.FailedUntil != 0
	blind := g.blind(r.At)
	switch {
	case s == autonomics.Refusing && (g.Removed || !entitled || g.LockUntil != 0):
		return 0, ""
	case s == autonomics.Refusing:
		return autonomics.Boot, allowed(r)
	case g.Removed:
		return autonomics.Refusing, autonomics.CauseRemoved
	case !entitled:
		return autonomics.Refusing, autonomics.CauseEntitlement
	case s == autonomics.Boot && !blind:
		return g.calm(), autonomics.CauseFresh
	case s == autonomics.Boot && g.State == s && r.At >= g.Born.Add(g.prog.BootTimeout):
		return autonomics.Degraded, autonomics.CauseBlind
	case s == autonomics.Boot:
		return 0, ""
	case s == autonomics.Degraded && (blind || failed):
		return 0, ""
	case s == autonomics.Degraded:
		return g.calm(), recovered(r)
	case blind:
		return autonomics.Degraded, autonomics.CauseBlind
	case failed:
		return autonomics.Degraded, autonomics.CauseFailed
	case s == autonomics.Intervening && len(g.Claims) == 0:
		return autonomics.Warning, autonomics.CauseClaimsEnded
	}
	return 0, ""
}

// allowed names the exit from refusing.
func allowed(r *autonomics.Receipt) autonomics.Cause {
	switch r.Kind {
	case autonomics.KindTimer:
		return autonomics.CauseUnlocked
	case autonomics.KindProgram:
		return autonomics.CauseCreated
	}
	return autonomics.CauseEntitled
}

// recovered names the exit from degraded.
func recovered(r *autonomics.Receipt) autonomics.Cause {
	switch {
	case r.Event.Command != nil && r.Event.Command.Command == "reset":
		return autonomics.CauseReset
	case r.Event.Timer != nil && r.Event.Timer.Timer == autonomics.TimerCooldown:
		return autonomics.CauseCooldown
	}
	return autonomics.CauseFresh
}

// calm is where a governor goes that is neither blind nor failed.
func (g *Governor) calm() autonomics.State {
	if slices.ContainsFunc(g.Claims, func(c Claim) bool { return c.wanted() }) {
		return autonomics.Intervening
	}
	return autonomics.Stable
}

// asks reports whether a rule whose condition holds has anything to do: a rule
// whose claim actions are all barred does not fire, nor does one that would
// only repeat itself.
func (g *Governor) asks(rule *Rule, s autonomics.State) bool {
	claims, free, fresh := 0, 0, 0
	for _, i := range rule.Do {
		a := &g.prog.Actions[i]
		if a.Notice {
			continue
		}
		claims++
		if g.barred(a) {
			continue
		}
		free++
		if c := g.live(a.Name); c == nil || c.Stage == Releasing {
			fresh++
		}
	}
	return (claims == 0 || free > 0) && (rule.Go != s || fresh > 0)
}

// barred reports whether the action may not be requested. In observe mode that
// is so while a real claim is still being released.
func (g *Governor) barred(a *Action) bool {
	c := g.live(a.Name)
	return c != nil && c.Virtual() != (g.Mode == autonomics.Observe) ||
		slices.ContainsFunc(g.Bars, func(b Bar) bool { return b.Action == a.Name }) || g.disarmed(a.Name) ||
		slices.ContainsFunc(g.Holds, func(h Hold) bool { return h.Action == a.Name && h.Target == g.target(a.Slot) })
}

// transit carries out the transition that the receipt records: the state, the
// lock, and the claims that begin and end with them.
func (t *Tenant) transit(g *Governor, r *autonomics.Receipt) {
	var rule *Rule
	if r.Rule != "" {
		rule = &g.prog.Rules[g.prog.rule(r.Rule)]
	}
	switch {
	case r.To == autonomics.Stable || r.To == autonomics.Warning:
		g.release(nil)
	case r.To == autonomics.Refusing && rule != nil:
		g.LockUntil, g.LockRule = r.At.Add(rule.LockFor), rule.ID
		g.release(rule.Do)
	case r.To == autonomics.Refusing && r.From != autonomics.Refusing:
		g.release(nil)
	case r.To == autonomics.Degraded && r.From != autonomics.Degraded:
		g.waive()
	}
	if r.To == autonomics.Refusing {
		g.FailedUntil = 0
	}
	if r.To == autonomics.Boot && r.From != autonomics.Boot {
		g.Born = r.At
	}
	if r.To != g.State {
		g.State, g.Since = r.To, r.At
	}
	if rule != nil {
		g.request(rule, r.At)
	}
	t.tidy(r.At)
}

// waive lets go of the claims that still wait for their first operation to
// run: what was decided when all was known is not begun when it no longer is.
func (g *Governor) waive() {
	for i := range g.Claims {
		c := &g.Claims[i]
		held := slices.ContainsFunc(g.Held, func(h Held) bool { return h.Key == c.Key })
		if (c.Stage == Requested || c.Stage == Prepared) && (c.Op == "" || held) {
			c.Stage = Releasing
		}
	}
}

// request makes the claims that a rule asks for. A claim that is being
// released is wanted again, in full; a lock takes over the claims that it
// wants to keep.
func (g *Governor) request(rule *Rule, now autonomics.Time) {
	for _, i := range rule.Do {
		a := &g.prog.Actions[i]
		if a.Notice || g.barred(a) {
			continue
		}
		c := g.live(a.Name)
		switch {
		case c == nil:
			g.Claims = append(g.Claims, Claim{Place: g.place(a), Action: a.Name, Rule: rule.ID, Stage: Requested, Since: now})
			continue
		case c.wanted() && rule.Go != autonomics.Refusing:
			continue
		case c.Stage == Releasing && c.Op == autonomics.OpApply && c.Value != nil:
			c.Stage, c.Since = Prepared, now // it has passed the gate
		case c.Stage == Releasing:
			c.Stage, c.Since = Requested, now
			c.Value, c.Waits, c.WaitUntil, c.Approved = nil, "", 0, nil
		}
		c.Rule, c.Until, c.Max = rule.ID, 0, 0
		if c.Stage == Active {
			g.activate(c, now)
		}
	}
}

// place is what the action changes. In observe mode each action has its own.
func (g *Governor) place(a *Action) Place {
	p := Place{Target: g.target(a.Slot), Uses: a.Uses}
	if g.Mode == autonomics.Observe {
		p.Owner = g.Name + "/" + a.Name
	}
	return p
}

// target is the name of the target in a slot.
func (g *Governor) target(slot int) string {
	for _, t := range g.Targets {
		if t.Slot == g.prog.Slots[slot].Name {
			return t.Name
		}
	}
	return ""
}

// text is what a notice tells: where, what happened, and why.
func (t *Tenant) text(g *Governor, r *autonomics.Receipt) string {
	why := "by " + r.Rule
	switch o := r.Event.Effect; {
	case r.Rule != "":
	case o != nil && o.Cause == autonomics.HeldApproval:
		field := o.Value[0]
		has, _ := o.Baseline.Get(field.Name)
		return fmt.Sprintf("%s/%s (%s): %s is to set %s of %s from %s to %s; approve or reject %s until %v",
			t.ID, g.Name, g.prog.SKU, o.Action, field.Name, o.Target, has, field.Value, o.Key, o.Until)
	case o != nil && o.Cause == autonomics.HeldLimits:
		why = fmt.Sprintf("but %s on %s waits until %v (%s)", o.Action, o.Target, o.Until, o.Reason)
	case r.Event.Timer != nil && r.Event.Timer.Timer == autonomics.TimerHelps:
		why = fmt.Sprintf("and %s is disarmed until a reset: it did not help", r.Event.Timer.Action)
	case o != nil:
		why = fmt.Sprintf("because %s on %s %s", r.Event.Effect.Action, r.Event.Effect.Target, r.Event.Effect.Stage)
	default:
		why = "because " + string(r.Cause)
	}
	return fmt.Sprintf("%s/%s (%s): %s → %s %s, receipt %d", t.ID, g.Name, g.prog.SKU, r.From, r.To, why, r.Seq)
}
