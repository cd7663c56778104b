package kernel

import (
	"iter"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// absorbOutcome takes what was found or done for an effect. The end of a lane
// that several governors claim is taken for all of them with the first
// receipt; the others' receipts then record their own transitions.
func (t *Tenant) absorbOutcome(out *autonomics.Outcome, now autonomics.Time) {
	g := t.owner(out.Key)
	if g == nil {
		return
	}
	g.Held = slices.DeleteFunc(g.Held, func(h Held) bool { return h.Key == out.Key })
	if out.Stage == autonomics.StageHeld {
		g.Held = append(g.Held, Held{Key: out.Key, Action: out.Action, Cause: out.Cause, Since: now,
			Reason: out.Reason, Until: out.Until, Value: out.Value})
		if c := g.claim(out.Key); c != nil && out.Until != 0 {
			c.wait(out)
		}
	} else if i := g.notice(out.Key); i >= 0 {
		g.Notices = slices.Delete(g.Notices, i, i+1)
	} else if h := g.hold(out.Key); h != nil {
		t.absorbHold(g, h, out, now)
	} else {
		t.absorbClaim(g, g.claim(out.Key), out, now)
	}
}

func (t *Tenant) absorbClaim(g *Governor, c *Claim, out *autonomics.Outcome, now autonomics.Time) {
	switch out.Stage {
	case autonomics.StagePrepared:
		t.open(c, out)
		c.Stage = Prepared
	case autonomics.StageWould:
		if c.Op == autonomics.OpApply {
			t.open(c, out)
		}
		t.done(g, c, now)
	case autonomics.StageDone:
		t.done(g, c, now)
	case autonomics.StageFailed, autonomics.StageDropped:
		t.failed(g, c, out, now)
	case autonomics.StageYielded:
		for h, x := range t.claims(c.Place) {
			h.bar(x.Action, x.Rule)
			x.Stage, x.Op = ended, ""
		}
	}
}

// open takes the claim's value, and commits the baseline unless another claim
// did before.
func (t *Tenant) open(c *Claim, out *autonomics.Outcome) {
	c.Value = out.Value
	if t.lane(c.Place) == nil {
		l := Lane{Place: c.Place, Baseline: out.Baseline, Written: out.Value}
		l.Written = l.restored()
		t.Lanes = append(t.Lanes, l)
	}
}

// done takes a success.
func (t *Tenant) done(g *Governor, c *Claim, now autonomics.Time) {
	l := t.lane(c.Place)
	switch c.Op {
	case autonomics.OpApply:
		if !c.Virtual() && !c.succeeds() {
			t.acted(g, now)
		}
		l.Written = c.Value
		g.counted(c.Action, now)
		if !c.Virtual() && !c.succeeds() {
			g.Applied = now
			g.tried(c.Action, now)
		}
		g.settle(c, l, now)
	case autonomics.OpStep:
		l.Written = c.To
		c.Step, c.NextStep = c.Step+1, now.Add(g.prog.action(c.Action).Every)
	case autonomics.OpUndo:
		l.Written = l.restored()
	}
	c.Op, c.To = "", nil
}

// settle takes it that the target has what the claim wants: the term begins,
// or the claim becomes a hold.
func (g *Governor) settle(c *Claim, l *Lane, now autonomics.Time) {
	switch {
	case g.keeps(c):
		g.Holds = append(g.Holds, Hold{Action: c.Action, Target: c.Target, Uses: c.Uses, Rule: c.Rule, Key: c.Key,
			Virtual: c.Virtual(), Rejected: l.restored()[0].Value, Value: l.Written, Since: now})
		c.Stage = ended
	case c.wanted():
		g.activate(c, now)
	}
}

// keeps reports whether the claim becomes a hold when it is done.
func (g *Governor) keeps(c *Claim) bool {
	a := g.prog.action(c.Action)
	return a != nil && a.Keep
}

// activate starts the claim's term.
func (g *Governor) activate(c *Claim, now autonomics.Time) {
	c.Stage, c.Step, c.NextStep = Active, 0, 0
	if c.Max == 0 {
		term, limit := g.terms(c)
		c.Max = now.Add(limit)
		c.Until = min(now.Add(term), c.Max)
	}
}

// terms are the claim's term and the most that all its terms may last.
func (g *Governor) terms(c *Claim) (term, limit autonomics.Duration) {
	if r := g.prog.rule(c.Rule); r >= 0 && g.prog.Rules[r].Go == autonomics.Refusing {
		lock := g.prog.Rules[r].LockFor
		return lock, lock
	}
	if a := g.prog.action(c.Action); a != nil {
		return a.Term, a.MaxTerm
	}
	return 0, 0
}

// failed takes the end of an operation that was not done. An apply is given
// up; where it is not known whether the target was changed, it is taken back
// like one that did. A release is tried again.
func (t *Tenant) failed(g *Governor, c *Claim, out *autonomics.Outcome, now autonomics.Time) {
	op := c.Op
	c.Op = ""
	if op != autonomics.OpApply {
		c.NextStep = now.Add(g.prog.Cooldown)
		return
	}
	c.Stage = Releasing
	if out.Stage == autonomics.StageFailed {
		g.FailedUntil = now.Add(g.prog.Cooldown)
		if l := t.lane(c.Place); l != nil && out.Unknown {
			t.acted(g, now)
			l.Written = c.Value
		}
	}
}

func (t *Tenant) absorbHold(g *Governor, h *Hold, out *autonomics.Outcome, now autonomics.Time) {
	switch {
	case out.Stage == autonomics.StagePrepared:
		h.Again = true
		return
	case out.Stage == autonomics.StageDone:
		t.acted(g, now)
		h.OpKey = ""
		return
	case out.Stage == autonomics.StageFailed:
		g.FailedUntil = now.Add(g.prog.Cooldown)
		fallthrough
	case out.Stage != autonomics.StageCleared:
		g.bar(h.Action, h.Rule)
	}
	g.Holds = slices.DeleteFunc(g.Holds, func(x Hold) bool { return x.Key == h.Key })
}

// counted notes that an action was done.
func (g *Governor) counted(action string, now autonomics.Time) {
	for i := range g.prog.Counts {
		d := &g.prog.Counts[i]
		if g.prog.Actions[d.Action].Name != action {
			continue
		}
		c := &g.Counts[i]
		if len(c.Times) >= d.N {
			c.Times = append(c.Times[:0], c.Times[1:]...)
		}
		c.Times = append(c.Times, now)
	}
}

// tidy brings claims to the state that follows from the others: those that the
// target serves already become active, and released ones with nothing to take
// back end. A lane ends with its last claim.
func (t *Tenant) tidy(now autonomics.Time) {
	for i := range t.Lanes {
		if l := &t.Lanes[i]; t.rests(l) {
			for g, c := range t.claims(l.Place) {
				if (c.Stage == Requested || c.Stage == Prepared) && !c.waiting() && !g.keeps(c) {
					g.activate(c, now)
				}
			}
		}
	}
	for i := range t.Governors {
		g := &t.Governors[i]
		g.Claims = slices.DeleteFunc(g.Claims, func(c Claim) bool {
			if c.Stage != Releasing || c.Op != "" {
				return c.Stage == ended
			}
			l := t.lane(c.Place)
			_, other := t.winner(c.Place)
			return l == nil || other != nil || l.Written.Equal(l.restored())
		})
		g.Held = slices.DeleteFunc(g.Held, func(h Held) bool {
			return g.claim(h.Key) == nil && g.waits(h.Key) == nil && g.hold(h.Key) == nil && g.notice(h.Key) < 0
		})
	}
	t.Lanes = slices.DeleteFunc(t.Lanes, func(l Lane) bool {
		for range t.claims(l.Place) {
			return false
		}
		return true
	})
}

// rests reports whether the target has what the lane's claims want, and nothing
// is under way.
func (t *Tenant) rests(l *Lane) bool {
	for _, c := range t.claims(l.Place) {
		if c.Op != "" {
			return false
		}
	}
	g, c := t.winner(l.Place)
	return c != nil && t.serves(l, g, c)
}

// serves reports whether a claim needs no operation. One that keeps always
// does: its outcome makes the hold.
func (t *Tenant) serves(l *Lane, g *Governor, c *Claim) bool {
	return l.Written.Equal(t.value(g, c)) && !g.keeps(c)
}

// claims are the claims in a place, with their governors.
func (t *Tenant) claims(p Place) iter.Seq2[*Governor, *Claim] {
	return func(yield func(*Governor, *Claim) bool) {
		for i := range t.Governors {
			g := &t.Governors[i]
			for j := range g.Claims {
				if c := &g.Claims[j]; c.Place == p && c.Stage != ended && !yield(g, c) {
					return
				}
			}
		}
	}
}

// lane returns the lane in a place, or nil.
func (t *Tenant) lane(p Place) *Lane {
	for i := range t.Lanes {
		if t.Lanes[i].Place == p {
			return &t.Lanes[i]
		}
	}
	return nil
}

// owner is the governor that waits for the key's outcome, or nil.
func (t *Tenant) owner(key string) *Governor {
	for i := range t.Governors {
		if g := &t.Governors[i]; g.claim(key) != nil || g.hold(key) != nil || g.notice(key) >= 0 {
			return g
		}
	}
	return nil
}

// claim returns the claim whose operation in flight has the key.
func (g *Governor) claim(key string) *Claim {
	for i := range g.Claims {
		if g.Claims[i].Key == key && g.Claims[i].Op != "" {
			return &g.Claims[i]
		}
	}
	return nil
}

// live returns the action's claim, or nil.
func (g *Governor) live(action string) *Claim {
	for i := range g.Claims {
		if g.Claims[i].Action == action {
			return &g.Claims[i]
		}
	}
	return nil
}

// hold returns the hold that is watched, or written once more, under the key.
func (g *Governor) hold(key string) *Hold {
	for i := range g.Holds {
		if g.Holds[i].Key == key || g.Holds[i].OpKey == key {
			return &g.Holds[i]
		}
	}
	return nil
}

// notice is the index of the notice with the key.
func (g *Governor) notice(key string) int {
	return slices.IndexFunc(g.Notices, func(n Notice) bool { return n.Key == key })
}
