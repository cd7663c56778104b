package prove

import (
	"math"
	"slices"

	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A truth is Kleene's, ordered so that all is the least and any the greatest.
// An open node depends on what is not chosen yet; it then has the truth of
// what is chosen, plus open.
type truth uint8

const (
	no truth = iota
	unknown
	yes
	open
)

// A node is a condition over facts; its kids stand before it. A node that is
// neither all, any nor not is a fact.
type node struct {
	kind kernel.NodeKind
	kids []int
	yes  bool // whether a rule depends on the node being yes
	no   bool // whether one depends on its being no, as under not
}

// A fact is a node whose truth a world says.
type fact struct {
	node int
	of   func(w *world) truth
}

// A class is a set of worlds of the whole program that no rule tells apart,
// whatever the counts of effects are.
type class struct {
	nodes []truth // open where counts of effects decide
	heard uint64  // optional signals that ever had a reading
	blind bool
	world *world // an example: of the last part; the others follow
	part  int
	rest  *class
}

// A scope is a set of signals and episodes.
type scope struct{ signals, episodes uint64 }

// A space is all that may be known of the world, as far as the program asks.
type space struct {
	p          *kernel.Program
	quantities []quantity
	optional   uint64 // signals of which a leaf asks whether they ever had a reading
	nodes      []node
	facts      [][]fact // by part
	at         []int    // node of each node of the program
	heard      []int    // node of each optional signal; -1 for the others
	blind      int
	counts     []int // nodes of the program that count effects
	list       []part
	classes    []*class
	ignored    scope // of which nothing is known
	budget     *int
}

// spend takes work from the budget and reports whether there was enough.
func (s *space) spend(n int) bool {
	*s.budget -= n
	return *s.budget >= 0
}

func newSpace(p *kernel.Program, budget *int, ignored scope) *space {
	s := &space{p: p, budget: budget, ignored: ignored}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Kind != kernel.ReadingLeaf {
			continue
		}
		if n.OrMissing {
			s.optional |= 1 << n.Signal
		}
		at := s.quantity(n)
		if at < 0 {
			at = len(s.quantities)
			s.quantities = append(s.quantities, quantity{Node: *n})
		}
		q, cut := &s.quantities[at], int64(n.Threshold)
		if n.Op == kernel.Above || n.Op == kernel.AtMost {
			if cut == math.MaxInt64 {
				continue
			}
			cut++
		}
		if j, found := slices.BinarySearch(q.cuts, cut); !found && cut != math.MinInt64 {
			q.cuts = slices.Insert(q.cuts, j, cut)
		}
	}
	s.list = s.parts()
	s.facts = make([][]fact, len(s.list))
	s.build()
	return s
}

// build makes the nodes: those of the program's conditions, and what the
// kernel asks beside them.
func (s *space) build() {
	for i := range s.p.Signals {
		s.heard = append(s.heard, -1)
		if s.optional&(1<<i) != 0 {
			s.heard[i] = s.fact(s.home(i), func(w *world) truth { return of(w.signals[i] != never) })
		}
	}
	s.at = make([]int, len(s.p.Nodes))
	for i := range s.p.Nodes {
		s.at[i] = s.condition(i)
	}
	var blind []int
	for i, d := range s.p.Signals {
		if !d.Required {
			continue
		}
		n := s.fact(s.home(i), func(w *world) truth { return of(w.signals[i] != fresh) })
		if d.While >= 0 {
			episode := s.fact(s.episode(d.While), func(w *world) truth { return of(w.episode == yes) })
			n = s.add(kernel.All, n, episode)
		}
		blind = append(blind, n)
	}
	s.blind = s.add(kernel.Any, blind...)
	s.nodes[s.blind].yes = true
	for _, r := range s.p.Rules {
		s.nodes[s.at[r.When]].yes = true
	}
	for i := len(s.nodes) - 1; i >= 0; i-- {
		for _, k := range s.nodes[i].kids {
			n, kid := &s.nodes[i], &s.nodes[k]
			if n.kind == kernel.Not {
				kid.yes, kid.no = kid.yes || n.no, kid.no || n.yes
			} else {
				kid.yes, kid.no = kid.yes || n.yes, kid.no || n.no
			}
		}
	}
}

func of(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (s *space) add(kind kernel.NodeKind, kids ...int) int {
	s.nodes = append(s.nodes, node{kind: kind, kids: kids})
	return len(s.nodes) - 1
}

func (s *space) fact(part int, of func(w *world) truth) int {
	n := s.add(0)
	s.facts[part] = append(s.facts[part], fact{n, of})
	return n
}

// home is the part of a signal.
func (s *space) home(signal int) int {
	return slices.IndexFunc(s.list, func(x part) bool { return slices.Contains(x.signals, signal) })
}

// quantity is the one that a leaf compares; -1 if it is not known yet.
func (s *space) quantity(n *kernel.Node) int {
	return slices.IndexFunc(s.quantities, func(q quantity) bool { return same(&q.Node, n) })
}

func (s *space) episode(i int) int {
	return slices.IndexFunc(s.list, func(x part) bool { return x.episode == i })
}

// condition lowers a node of the program. A run holds when its condition does,
// has done so for long enough, and one of its signals was ever told.
func (s *space) condition(i int) int {
	n := &s.p.Nodes[i]
	at := 0
	switch n.Kind {
	case kernel.ReadingLeaf:
		q := s.quantity(n)
		at = s.fact(s.home(n.Signal), func(w *world) truth { return s.compare(n, q, w) })
	case kernel.EpisodeLeaf:
		at = s.fact(s.episode(n.Episode), func(w *world) truth {
			if n.Open {
				return w.episode
			}
			return yes - w.episode
		})
	case kernel.EffectsLeaf:
		at = s.add(0)
		s.counts = append(s.counts, i)
	default:
		kids := make([]int, len(n.Kids))
		for k := range n.Kids {
			kids[k] = s.at[n.Kids[k]]
		}
		at = s.add(n.Kind, kids...)
	}
	if n.Run < 0 {
		return at
	}
	long := slices.IndexFunc(s.list, func(x part) bool { return x.run == n.Run })
	kids := []int{at, s.fact(long, func(w *world) truth { return of(w.ripe) })}
	if signals := s.p.Runs[n.Run].Signals; !slices.ContainsFunc(signals, func(i int) bool { return s.heard[i] < 0 }) {
		var told []int
		for _, i := range signals {
			told = append(told, s.heard[i])
		}
		kids = append(kids, s.add(kernel.Any, told...))
	}
	return s.add(kernel.All, kids...)
}

func (s *space) compare(n *kernel.Node, quantity int, w *world) truth {
	if n.OrMissing && w.signals[n.Signal] == never {
		return yes
	}
	r := w.regions[quantity]
	if r < 0 {
		return unknown
	}
	lo, _ := s.quantities[quantity].bounds(r)
	switch threshold := int64(n.Threshold); n.Op {
	case kernel.Above:
		return of(lo > threshold)
	case kernel.AtLeast:
		return of(lo >= threshold)
	case kernel.Below:
		return of(lo < threshold)
	default:
		return of(lo <= threshold)
	}
}

// enumerate finds the classes: it chooses the worlds of one part after the
// other and goes on with one example of those that cannot differ any more.
func (s *space) enumerate() bool {
	begin := &class{nodes: make([]truth, len(s.nodes))}
	for i, n := range s.nodes {
		if n.kind == 0 {
			begin.nodes[i] = open
		}
	}
	s.classes = []*class{begin}
	for i := range s.list {
		s.fill(&s.list[i])
		known := map[string]bool{}
		var next []*class
		for _, c := range s.classes {
			for j := range s.list[i].worlds {
				if !s.spend(2 * len(s.nodes)) {
					return false
				}
				d := &class{nodes: slices.Clone(c.nodes), world: &s.list[i].worlds[j], part: i, rest: c}
				for _, f := range s.facts[i] {
					d.nodes[f.node] = s.simple(f.node, f.of(d.world))
				}
				s.settle(d.nodes)
				if key := s.key(d.nodes); !known[key] {
					known[key] = true
					next = append(next, d)
				}
			}
		}
		s.classes = next
	}
	for _, c := range s.classes {
		c.blind = c.nodes[s.blind] == yes
		for i, n := range s.heard {
			if n >= 0 && c.nodes[n] == yes {
				c.heard |= 1 << i
			}
		}
	}
	return *s.budget >= 0
}

// simple gives an unknown fact the truth that no rule can tell from it.
func (s *space) simple(i int, t truth) truth {
	switch n := &s.nodes[i]; {
	case t == unknown && !n.no:
		return no
	case t == unknown && !n.yes:
		return yes
	}
	return t
}

// settle computes the truth of conditions from those of the facts.
func (s *space) settle(nodes []truth) {
	for i, n := range s.nodes {
		switch n.kind {
		case kernel.Not:
			if k := nodes[n.kids[0]]; k < open {
				nodes[i] = yes - k
			} else {
				nodes[i] = open
			}
		case kernel.All, kernel.Any:
			x, pending, decisive := yes, false, no
			if n.kind == kernel.Any {
				x, decisive = no, yes
			}
			for _, k := range n.kids {
				switch t := nodes[k]; {
				case t >= open:
					pending = true
				case n.kind == kernel.All:
					x = min(x, t)
				default:
					x = max(x, t)
				}
			}
			if pending && x != decisive {
				x += open
			}
			nodes[i] = x
		}
	}
}

// key is the same for choices that lead to the same truths, whatever is chosen
// next: it has what the rules' conditions still depend on.
func (s *space) key(nodes []truth) string {
	key := make([]byte, len(nodes))
	need := func(i int) { key[i] = 1 + byte(nodes[i]) }
	for i := range s.p.Rules {
		need(s.at[s.p.Rules[i].When])
	}
	need(s.blind)
	for _, n := range s.heard {
		if n >= 0 {
			need(n)
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if key[i] != 0 && nodes[i] >= open {
			for _, k := range s.nodes[i].kids {
				need(k)
			}
		}
	}
	return string(key)
}

// holding are the rules whose conditions hold in each class, given how often
// actions were done.
func (s *space) holding(counts []uint8) []uint32 {
	masks := make([]uint32, len(s.classes))
	nodes := make([]truth, len(s.nodes))
	for i, c := range s.classes {
		copy(nodes, c.nodes)
		s.count(nodes, counts)
		for r := range s.p.Rules {
			if nodes[s.at[s.p.Rules[r].When]] == yes {
				masks[i] |= 1 << r
			}
		}
	}
	return masks
}

// count settles the facts that count effects.
func (s *space) count(nodes []truth, counts []uint8) {
	for _, i := range s.counts {
		n := &s.p.Nodes[i]
		nodes[s.at[i]] = of(int64(counts[n.Count]) >= int64(n.Threshold/one))
	}
	s.settle(nodes)
}

// one is 1 in millionths.
const one = 1_000_000
