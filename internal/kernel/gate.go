package kernel

import (
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
)

// What bounds effects whatever their programs say.
const (
	tenantEffects = 10              // of one tenant's governors together: who reads along can follow these
	tenantWithin  = autonomics.Hour //
	approvalFor   = autonomics.Day  // what was planned longer ago has to be planned anew
	tellEvery     = autonomics.Hour // one notice for all effects that limits hold
)

// A Limit bounds the effects of one governor in a sliding time.
type Limit struct {
	AtMost int
	Within autonomics.Duration
}

// free is when the limit has room again after the effects that were done,
// oldest first, and those under way, which may be done as late as now.
func (l Limit) free(done []autonomics.Time, underway int, now autonomics.Time) autonomics.Time {
	switch i := len(done) + underway - l.AtMost; {
	case i < 0:
		return 0
	case i < len(done):
		return done[i].Add(l.Within)
	}
	return now.Add(l.Within)
}

// take adds an effect, and forgets those that cannot matter any more.
func (l Limit) take(done []autonomics.Time, now autonomics.Time) []autonomics.Time {
	return append(slices.Clone(done[max(0, len(done)-l.AtMost+1):]), now)
}

func (t *Tenant) limit() Limit { return Limit{tenantEffects, tenantWithin} }

// acted notes an effect that was done, or may have been.
func (t *Tenant) acted(g *Governor, now autonomics.Time) {
	g.Grants = g.prog.Limit.take(g.Grants, now)
	t.Grants = t.limit().take(t.Grants, now)
}

// underway counts the effects that the limits have let through and that are
// not known to be done: they may be at any time from then on.
func (g *Governor) underway() (n int) {
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Op == autonomics.OpApply && c.Value != nil && !c.Virtual() && !c.succeeds() {
			n++
		}
	}
	for i := range g.Holds {
		if g.Holds[i].OpKey != "" {
			n++
		}
	}
	return n
}

// limited says which limit an effect that was asked for at since is over, and
// until when; of several the one that lasts longest. The cooldown is for what
// was asked for after the last effect was done: what one rule asks for together
// is not held up by its own first part.
func (t *Tenant) limited(g *Governor, since, now, fleet autonomics.Time) (why autonomics.Reason, until autonomics.Time) {
	until = now
	over := func(reason autonomics.Reason, free autonomics.Time) {
		if free > until {
			why, until = reason, free
		}
	}
	if since > g.Applied {
		over(autonomics.ReasonCooldown, g.Applied.Add(g.prog.Cooldown))
	}
	all := 0
	for i := range t.Governors {
		all += t.Governors[i].underway()
	}
	over(autonomics.ReasonGovernorLimit, g.prog.Limit.free(g.Grants, g.underway(), now))
	over(autonomics.ReasonTenantLimit, t.limit().free(t.Grants, all, now))
	over(autonomics.ReasonFleetLimit, fleet)
	return why, until
}

// pass is the gate's answer to an apply whose target was observed: `prepared`,
// `held` until approval or until the limits have room, or `dropped` where it
// has waited, and its rule does not hold any more or another value would be
// written than was approved. A claim that takes the place of a stronger one,
// which has ended, passes: it is that one's release.
func (t *Tenant) pass(g *Governor, c *Claim, out *autonomics.Outcome, now, fleet autonomics.Time) {
	a, _ := catalog.Lookup(c.Uses)
	switch {
	case c.succeeds():
	case c.Waits != "" && !g.stands(c, now), c.Approved != nil && !c.Approved.Equal(out.Value):
		out.Stage, out.Reason, out.Baseline = autonomics.StageDropped, autonomics.ReasonStalePlan, nil
	case (g.Mode == autonomics.Approve || a.Class == catalog.Irreversible) && c.Approved == nil:
		out.Stage, out.Cause, out.Until = autonomics.StageHeld, autonomics.HeldApproval, now.Add(approvalFor)
	default:
		if why, until := t.limited(g, c.Since, now, fleet); why != "" {
			out.Stage, out.Cause, out.Reason, out.Until = autonomics.StageHeld, autonomics.HeldLimits, why, until
			out.Baseline, out.Value = nil, nil
		}
	}
}

// stands reports whether the rule that asked for the claim still holds, on
// fresh readings; a lock lasts for its time.
func (g *Governor) stands(c *Claim, now autonomics.Time) bool {
	r := g.prog.rule(c.Rule)
	return r >= 0 && (g.LockRule == c.Rule || g.eval(g.prog.Rules[r].When, now, true) == yes)
}

// NeedsPermit reports whether the outcome is of an effect that all limits of
// the tenant let through at now, so that the fleet's has to be asked.
func (t *Tenant) NeedsPermit(now autonomics.Time, governor string, out autonomics.Outcome) bool {
	g := t.Governor(governor)
	if g == nil {
		return false
	}
	c := g.claim(out.Key)
	if c != nil && c.succeeds() {
		return false
	}
	ev := autonomics.Event{Effect: &out}
	v, _ := t.admitOutcome(g, &ev, max(now, t.Last), 0)
	return v == autonomics.Accepted && ev.Effect.Stage == autonomics.StagePrepared
}

// wait keeps a claim from its target for now: others may have it meanwhile.
func (c *Claim) wait(out *autonomics.Outcome) {
	c.Op, c.Waits, c.WaitUntil = "", out.Cause, out.Until
}

// waiting reports whether the claim waits for approval, or for limits.
func (c *Claim) waiting() bool { return c.Stage == Requested && c.WaitUntil != 0 }

// succeeds reports whether the claim was in force before, or another stood for
// it: its term runs.
func (c *Claim) succeeds() bool { return c.Max != 0 }

// waits returns the claim that waits under the key of its effect, or nil.
func (g *Governor) waits(key string) *Claim {
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Key == key && c.waiting() {
			return c
		}
	}
	return nil
}

// asked returns the claim whose effect waits for approval under the key, and
// what is asked; nil if there is none.
func (g *Governor) asked(key string) (*Claim, *Held) {
	c := g.waits(key)
	for i := range g.Held {
		if h := &g.Held[i]; c != nil && h.Key == key && h.Cause == autonomics.HeldApproval {
			return c, h
		}
	}
	return nil, nil
}

// Asks reports whether an effect of that key waits for approval.
func (g *Governor) Asks(key string) bool {
	c, _ := g.asked(key)
	return c != nil
}

// A Try is whether an action is known to help.
type Try struct {
	Action string
	By     autonomics.Time `json:",omitempty"` // it was done, and is to have helped by then
	Misses int             `json:",omitempty"` // times in a row that it did not
}

// tried begins to watch whether an action helps, unless that is done already.
func (g *Governor) tried(action string, now autonomics.Time) {
	a := g.prog.action(action)
	if a == nil || a.Helps == nil {
		return
	}
	i := slices.IndexFunc(g.Tries, func(x Try) bool { return x.Action == action })
	if i < 0 {
		i = len(g.Tries)
		g.Tries = append(g.Tries, Try{Action: action})
	}
	if g.Tries[i].By == 0 {
		g.Tries[i].By = now.Add(a.Helps.Within)
	}
}

// helped looks whether what was tried has helped by now; what was to have
// helped until now, and has not, is a miss.
func (g *Governor) helped(now autonomics.Time, ended string) {
	for i := range g.Tries {
		x := &g.Tries[i]
		switch a := g.prog.action(x.Action); {
		case x.By == 0:
		case a == nil || a.Helps == nil:
			x.By = 0
		case g.eval(a.Helps.When, now, true) == yes:
			x.By, x.Misses = 0, 0
		case x.Action == ended:
			x.By, x.Misses = 0, x.Misses+1
		}
	}
}

// disarmed reports whether an action did not help too often in a row.
func (g *Governor) disarmed(action string) bool {
	a := g.prog.action(action)
	return a != nil && a.Helps != nil && slices.ContainsFunc(g.Tries, func(x Try) bool {
		return x.Action == action && x.Misses >= a.Helps.DisarmAfter
	})
}

// Disarmed lists the actions that are not requested any more, until a reset,
// because they did not help.
func (g *Governor) Disarmed() []string {
	var out []string
	for _, x := range g.Tries {
		if g.disarmed(x.Action) {
			out = append(out, x.Action)
		}
	}
	return out
}
