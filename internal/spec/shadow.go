package spec

import (
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// shadowed complains about rules that never fire, because wherever one of them
// could an earlier rule does. The proof looks at single conditions, so it finds
// the common slips (a warning written before the intervention that asks for
// more of the same) and accuses nobody wrongly.
func (c *compiler) shadowed() {
	if c.List != nil {
		return // indices may be missing
	}
	proof := prover{c.p, map[[2]int]bool{}}
	for i := range c.p.Rules {
		for j := range i {
			early, late := &c.p.Rules[j], &c.p.Rules[i]
			if !c.covers(early, late) || !proof.implies(late.When, early.When) {
				continue
			}
			c.Add(fmt.Sprintf("$.rules[%d]", i),
				fmt.Sprintf("rule %q never fires: rule %q stands before it and holds whenever it does", late.ID, early.ID),
				"put it before that one, or make its condition another")
			break
		}
	}
}

// covers reports whether early is asked first in every state of late. Where it
// stays in its state it may have nothing left to request, and gives way.
func (c *compiler) covers(early, late *kernel.Rule) bool {
	for s := autonomics.Stable; s <= autonomics.Intervening; s++ {
		if late.In.Has(s) && (!early.In.Has(s) || early.Go == s) {
			return false
		}
	}
	if !slices.ContainsFunc(early.Do, func(a int) bool { return !c.p.Actions[a].Notice }) {
		return true
	}
	// The claims of early may all be barred. Then late has its turn, unless it
	// asks for claims too, and for no others.
	claims := slices.DeleteFunc(slices.Clone(late.Do), func(a int) bool { return c.p.Actions[a].Notice })
	return len(claims) > 0 && all(claims, func(a int) bool { return slices.Contains(early.Do, a) })
}

// A prover remembers which nodes imply which.
type prover struct {
	p     *kernel.Program
	known map[[2]int]bool
}

// implies reports whether b certainly holds when a does.
func (v *prover) implies(a, b int) bool {
	if known, ok := v.known[[2]int{a, b}]; ok {
		return known
	}
	holds := v.prove(a, b)
	v.known[[2]int{a, b}] = holds
	return holds
}

func (v *prover) prove(a, b int) bool {
	x, y := &v.p.Nodes[a], &v.p.Nodes[b]
	kidOfA := func(k int) bool { return v.implies(k, b) }
	kidOfB := func(k int) bool { return v.implies(a, k) }
	switch {
	case a == b:
		return true
	case x.Kind == kernel.Any:
		return all(x.Kids, kidOfA)
	case y.Run >= 0:
		return x.Kind == kernel.All && slices.ContainsFunc(x.Kids, kidOfA)
	case y.Kind == kernel.All:
		return all(y.Kids, kidOfB)
	case x.Kind == kernel.All && slices.ContainsFunc(x.Kids, kidOfA):
		return true
	case y.Kind == kernel.Any:
		return slices.ContainsFunc(y.Kids, kidOfB)
	case x.Kind == kernel.ReadingLeaf && y.Kind == kernel.ReadingLeaf:
		return x.Signal == y.Signal && x.Measure == y.Measure && x.Window == y.Window && x.Over == y.Over &&
			x.Per == y.Per && (y.OrMissing || !x.OrMissing) && stricter(x, y)
	case x.Kind == kernel.EffectsLeaf && y.Kind == kernel.EffectsLeaf:
		m, n := v.p.Counts[x.Count], v.p.Counts[y.Count]
		return m.Action == n.Action && m.Window <= n.Window && x.Threshold >= y.Threshold
	}
	return false
}

func all(nodes []int, holds func(int) bool) bool {
	return !slices.ContainsFunc(nodes, func(n int) bool { return !holds(n) })
}

// stricter reports whether a number that passes x passes y.
func stricter(x, y *kernel.Node) bool {
	up := func(n *kernel.Node) bool { return n.Op == kernel.Above || n.Op == kernel.AtLeast }
	open := func(n *kernel.Node) bool { return n.Op == kernel.Above || n.Op == kernel.Below }
	switch {
	case up(x) != up(y):
		return false
	case x.Threshold == y.Threshold:
		return open(x) || !open(y)
	}
	return (x.Threshold > y.Threshold) == up(x)
}
