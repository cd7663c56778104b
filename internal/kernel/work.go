package kernel

import (
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// Work is one operation that the outbox has to carry out, derived from the
// tenant's state, so that a restart finds the same work as a commit did.
type Work struct {
	Tenant   autonomics.Tenant
	Governor string
	SKU      string
	Key      string // idempotency key
	Op       autonomics.Op
	Action   string
	Uses     string // name in the catalog
	Target   autonomics.TargetRef

	// Observe is set until the value to write is committed: the target is only
	// read, and the answer is an outcome `prepared` whose Baseline has
	// everything that was observed. The kernel answers it with a receipt.
	Observe bool
	// Virtual is set for claims of observe mode: as Observe, and the last word.
	Virtual bool
	// Value is what to write, Expected what the target must still hold; where
	// it does not, the outcome is `yielded`.
	Value, Expected autonomics.Fields
	// Undo is set where a claim is taken back: a release passes all limits.
	Undo bool
	// Watch is set for a hold: Observe every minute, and tell the kernel when
	// the field is no longer as written (outcome `prepared`, Baseline as seen).
	Watch bool
	// Text is what a notice tells.
	Text string
}

// Work calls fn for every operation that the tenant's state has in flight.
func (t *Tenant) Work(fn func(Work)) {
	for i := range t.Governors {
		g := &t.Governors[i]
		base := Work{Tenant: t.ID, Governor: g.Name, SKU: g.prog.SKU}
		for j := range g.Claims {
			if c := &g.Claims[j]; c.Op != "" {
				fn(t.claimWork(base, g, c))
			}
		}
		for j := range g.Holds {
			fn(g.holdWork(base, &g.Holds[j]))
		}
		for _, n := range g.Notices {
			w := base
			w.Key, w.Op, w.Action, w.Text, w.Uses = n.Key, autonomics.OpNotice, n.Action, n.Text, "notify.log"
			if a := g.prog.action(n.Action); a != nil {
				w.Uses = a.Uses
			}
			fn(w)
		}
	}
}

func (t *Tenant) claimWork(w Work, g *Governor, c *Claim) Work {
	w.Key, w.Op, w.Action, w.Uses, w.Target = c.Key, c.Op, c.Action, c.Uses, g.ref(c.Target)
	w.Virtual = c.Virtual()
	w.Undo = c.Op != autonomics.OpApply
	l := t.lane(c.Place)
	switch {
	case w.Virtual || c.Op == autonomics.OpApply && c.Value == nil:
		w.Observe = true
	case c.Op == autonomics.OpApply:
		w.Value, w.Expected = c.Value, l.Written
	case c.Op == autonomics.OpStep:
		w.Value, w.Expected = c.To, l.Written
	default:
		w.Value, w.Expected = l.restored(), l.Written
	}
	return w
}

func (g *Governor) holdWork(w Work, h *Hold) Work {
	w.Action, w.Uses, w.Target, w.Value = h.Action, h.Uses, g.ref(h.Target), h.Value
	field := h.Value[0].Name
	rejected := autonomics.Fields{{Name: field, Value: h.Rejected}}
	switch {
	case h.OpKey != "":
		w.Key, w.Op, w.Expected = h.OpKey, autonomics.OpApply, rejected
	case h.Virtual:
		w.Key, w.Watch, w.Value = h.Key, true, rejected
	default:
		w.Key, w.Watch = h.Key, true
	}
	return w
}

// ref finds a target of the governor by name.
func (g *Governor) ref(name string) autonomics.TargetRef {
	for _, t := range g.Targets {
		if t.Name == name {
			return t
		}
	}
	return autonomics.TargetRef{Name: name}
}

// Wanted reports whether an operation is still in flight and, unless it takes
// something back, still wanted.
func (t *Tenant) Wanted(w *Work) bool {
	g := t.Governor(w.Governor)
	if g == nil {
		return false
	}
	if w.Op == autonomics.OpNotice {
		return slices.ContainsFunc(g.Notices, func(n Notice) bool { return n.Key == w.Key })
	}
	if c := g.claim(w.Key); c != nil {
		return w.Undo || c.Stage != Releasing
	}
	return g.hold(w.Key) != nil
}
