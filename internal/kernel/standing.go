package kernel

import (
	"slices"

	"github.com/autonomics-dev/autonomics/internal/catalog"
)

func (c Class) String() string {
	return [...]string{"", Safety: "safety", Cost: "cost", Throughput: "throughput"}[c]
}

// A Contest is what real claims want of one field of a target.
type Contest struct {
	Uses     string
	Field    string
	Baseline string     // what the last release restores; empty: not yet observed
	Written  string     // what is in force, as far as we know
	Claims   []Standing // the strongest first; then those that do not compete
}

// A Standing is one claim in a contest.
type Standing struct {
	Governor string
	Class    Class
	Claim    *Claim
	Value    string // what it wants: absolute, or a share while no baseline is known
	Lost     string // why another is in force; empty for the one that is
}

// Contests returns what governors claim of a target, by field. It changes
// nothing, and what it returns must not be changed.
func (t *Tenant) Contests(target string) []Contest {
	var out []Contest
	for _, uses := range t.uses(target) {
		p := Place{Target: target, Uses: uses}
		info, _ := catalog.Lookup(uses)
		x := Contest{Uses: uses, Field: info.Field}
		if l := t.lane(p); l != nil {
			x.Baseline, _ = l.Baseline.Get(info.Field)
			x.Written, _ = l.Written.Get(info.Field)
		}
		g, c := t.winner(p)
		for h, d := range t.claims(p) {
			s := Standing{Governor: h.Name, Class: h.prog.Class, Claim: d}
			s.Value, _ = t.value(h, d).Get(info.Field)
			if s.Value == "" && len(t.value(h, d)) > 0 {
				s.Value = t.value(h, d)[0].Value
			}
			if d != c {
				s.Lost = t.lost(h, d, g, c)
			}
			x.Claims = append(x.Claims, s)
		}
		slices.SortFunc(x.Claims, t.before)
		out = append(out, x)
	}
	return out
}

// Competes reports whether the claim may come into force without a new event.
func (s *Standing) Competes() bool { return s.Claim.wanted() && !s.Claim.waiting() }

// before orders what competes by strength, and puts it before what does not.
func (t *Tenant) before(a, b Standing) int {
	first := a.Competes()
	if first == b.Competes() {
		first = t.stronger(t.Governor(a.Governor), a.Claim, t.Governor(b.Governor), b.Claim)
	}
	if first {
		return -1
	}
	return 1
}

// Target returns the name of the target that the governor's action changes;
// empty if there is none.
func (g *Governor) Target(action string) string {
	if a := g.prog.action(action); a != nil && !a.Notice {
		return g.target(a.Slot)
	}
	return ""
}

// lost says why the claim d of h is not in force, while c of g is.
func (t *Tenant) lost(h *Governor, d *Claim, g *Governor, c *Claim) string {
	info, _ := catalog.Lookup(d.Uses)
	switch {
	case !d.wanted():
		return "released"
	case d.waiting():
		return string(d.Waits)
	case g.prog.Class != h.prog.Class:
		return "class"
	}
	x, _ := t.value(g, c).Get(info.Field)
	y, _ := t.value(h, d).Get(info.Field)
	if catalog.Stricter(info, x, y) != 0 {
		return "stricter"
	}
	return "name"
}
