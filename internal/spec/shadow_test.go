package spec

import (
	"math/rand/v2"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// What a signal may be beside a value.
const (
	stale autonomics.Decimal = -100
	never autonomics.Decimal = -200
)

// truth evaluates the slow way: 0 no, 1 unknown, 2 yes.
func truth(p *kernel.Program, node int, signals [2]autonomics.Decimal) int {
	n := &p.Nodes[node]
	x := 2
	switch n.Kind {
	case kernel.ReadingLeaf:
		v := signals[n.Signal]
		switch {
		case v == never && n.OrMissing:
			return 2
		case v < 0:
			return 1
		case n.Op == kernel.Above && v > n.Threshold, n.Op == kernel.AtLeast && v >= n.Threshold,
			n.Op == kernel.Below && v < n.Threshold, n.Op == kernel.AtMost && v <= n.Threshold:
			return 2
		}
		return 0
	case kernel.Not:
		return 2 - truth(p, n.Kids[0], signals)
	case kernel.Any:
		x = 0
		for _, k := range n.Kids {
			x = max(x, truth(p, k, signals))
		}
	case kernel.All:
		for _, k := range n.Kids {
			x = min(x, truth(p, k, signals))
		}
	}
	return x
}

func randomNode(r *rand.Rand, p *kernel.Program, depth int) int {
	n := kernel.Node{Run: -1, Window: -1, Over: -1, Episode: -1, Count: -1}
	switch kind := r.IntN(6); {
	case depth == 0 || kind < 3:
		n.Kind, n.Signal, n.Threshold = kernel.ReadingLeaf, r.IntN(2), autonomics.Decimal(r.IntN(4))
		n.Op, n.OrMissing = kernel.Above+kernel.Op(r.IntN(4)), r.IntN(4) == 0
	case kind == 3:
		n.Kind, n.Kids = kernel.Not, []int{randomNode(r, p, depth-1)}
	default:
		n.Kind = kernel.All + kernel.NodeKind(kind-4)
		for range 1 + r.IntN(3) {
			n.Kids = append(n.Kids, randomNode(r, p, depth-1))
		}
	}
	p.Nodes = append(p.Nodes, n)
	return len(p.Nodes) - 1
}

// TestProofIsSound: what the prover says implies another condition, does so for
// every value that the signals may have. Between two leaves it misses nothing.
func TestProofIsSound(t *testing.T) {
	values := []autonomics.Decimal{never, stale, 0, 1, 2, 3, 4}
	proved := 0
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := &kernel.Program{}
		a, b := randomNode(r, p, 2), randomNode(r, p, 2)
		v := prover{p, map[[2]int]bool{}}
		implied := true
		for _, x := range values {
			for _, y := range values {
				signals := [2]autonomics.Decimal{x, y}
				implied = implied && (truth(p, a, signals) < 2 || truth(p, b, signals) == 2)
			}
		}
		said := v.implies(a, b)
		if said && !implied {
			t.Fatalf("seed %d: %+v does not imply %+v: %+v", seed, p.Nodes[a], p.Nodes[b], p.Nodes)
		}
		// At the ends of the scale a leaf may never hold, or always.
		x, y := p.Nodes[a], p.Nodes[b]
		leaves := x.Kind == kernel.ReadingLeaf && y.Kind == kernel.ReadingLeaf
		inner := x.Threshold > 0 && x.Threshold < 3 && y.Threshold > 0 && y.Threshold < 3
		sameStep := x.Op == y.Op
		if leaves && inner && sameStep && implied && !said {
			t.Fatalf("seed %d: %+v implies %+v, which was not seen", seed, x, y)
		}
		if said {
			proved++
		}
	}
	if proved < 500 {
		t.Errorf("%d proofs only", proved)
	}
}
