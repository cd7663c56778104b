package prove

import (
	"math/bits"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// maxCounts is how many counts of effects a program may have.
const maxCounts = 16

// A config is a governor without its readings.
type config struct {
	state  autonomics.State
	lock   int8             // rule of the lock; -1 if there is none
	wanted uint64           // counted actions that are claimed, and others
	heard  uint64           // optional signals that ever had a reading
	counts [maxCounts]uint8 // how often actions were done, as far as it is asked
}

// others stands for all actions whose effects no rule counts: of them it does
// not matter which are claimed.
const others = 1 << 63

// A rule is the kernel's, as far as it moves configs.
type rule struct {
	to     autonomics.State
	claims uint64 // actions
}

// A pair is a config in a class of worlds, and the step that led there first.
type pair struct {
	config int // index
	step
}

// A step is what one event leads to: built-in transitions, then a rule.
type step struct {
	from  int // pair before; -1: the beginning
	class int
	mid   config // after built-in transitions
	rule  int    // -1: none fired
	to    autonomics.State
}

// An explorer visits every config that the kernel can get into, in every class
// of worlds. What happens at the targets, how long it takes, and which claims
// are barred is left open, so nothing that can happen is left out.
type explorer struct {
	*space
	rules    []rule
	counted  uint64                          // actions
	standing [autonomics.Refusing + 1]uint32 // rules by state
	truths   map[[maxCounts]uint8][]uint32   // which rules hold, by counts and class

	configs []config
	known   map[config]int
	first   []int // pair that reached a config first
	pairs   []pair
	visited map[[2]int]bool // configs and classes

	entered map[autonomics.State]step // the first time
	fired   uint32
	blocked uint32
	firing  [32]step                                               // of a rule, the first time
	instead [32]step                                               // of an earlier rule, while a blocked one held
	leads   [autonomics.Refusing + 1][autonomics.Refusing + 1]bool // by rules, and ends of claims and locks
}

func newExplorer(s *space) *explorer {
	x := &explorer{space: s, truths: map[[maxCounts]uint8][]uint32{}, entered: map[autonomics.State]step{}, known: map[config]int{}, visited: map[[2]int]bool{}}
	for _, d := range s.p.Counts {
		x.counted |= 1 << d.Action
	}
	for i, r := range s.p.Rules {
		y := rule{to: r.Go}
		for _, a := range r.Do {
			if !s.p.Actions[a].Notice {
				y.claims |= 1 << a
			}
		}
		x.rules = append(x.rules, y)
		for state := autonomics.Stable; state <= autonomics.Intervening; state++ {
			if r.In.Has(state) {
				x.standing[state] |= 1 << i
			}
		}
	}
	return x
}

// explore visits all; it reports false if the budget did not suffice.
func (x *explorer) explore() bool {
	x.read(config{state: autonomics.Boot, lock: -1}, -1)
	for i := 0; i < len(x.pairs); i++ {
		c := x.configs[x.pairs[i].config]
		if x.first[x.pairs[i].config] == i {
			x.read(c, i)
		}
		x.move(c, i)
		if *x.budget < 0 {
			return false
		}
	}
	return true
}

// read lets any readings come.
func (x *explorer) read(c config, from int) {
	for e, class := range x.classes {
		if c.heard&^class.heard == 0 {
			d := c
			d.heard = class.heard
			x.decide(d, e, from)
		}
	}
}

// move lets anything else happen: answers of targets, ends of terms and locks,
// the loss of an entitlement and its return, and effects become old.
func (x *explorer) move(c config, from int) {
	e := x.pairs[from].class
	for left := c.wanted; left != 0; left &= left - 1 {
		a := bits.TrailingZeros64(left)
		ended := c
		ended.wanted &^= 1 << a
		x.decide(ended, e, from)
		if c.wanted&x.counted&(1<<a) != 0 {
			done := c
			x.done(&done, a)
			x.decide(done, e, from)
		}
		if c.state == autonomics.Intervening { // it ended because it failed, and maybe not alone
			ended.state = autonomics.Degraded
			x.rest(ended, e, from)
			ended.wanted |= c.wanted & others
			x.rest(ended, e, from)
		}
	}
	switch {
	case c.state == autonomics.Refusing:
		d := c
		x.unlock(&d)
		x.leads[autonomics.Refusing][autonomics.Boot] = true
		x.decide(d, e, from)
	case c.state == autonomics.Boot && x.classes[e].blind:
		d := c
		d.state = autonomics.Degraded
		x.rest(d, e, from)
	case c.state != autonomics.Boot:
		d := c
		d.state, d.wanted = autonomics.Boot, 0
		x.decide(d, e, from)
	}
	for i := range x.p.Counts {
		if d := c; x.expire(&d, i) {
			x.rest(d, e, from)
		}
	}
}

// done takes it that an action was done. What is kept ends its claim.
func (x *explorer) done(c *config, action int) {
	for i, d := range x.p.Counts {
		if d.Action == action && int(c.counts[i]) < d.N {
			c.counts[i]++
		}
	}
	if x.p.Actions[action].Keep {
		c.wanted &^= 1 << action
	}
}

// expire forgets the oldest time of a count, unless a longer window would then
// have fewer.
func (x *explorer) expire(c *config, i int) bool {
	if c.counts[i] == 0 {
		return false
	}
	c.counts[i]--
	for j, d := range x.p.Counts {
		if d.Action == x.p.Counts[i].Action && d.Window < x.p.Counts[i].Window && int(c.counts[i]) < min(int(c.counts[j]), x.p.Counts[i].N) {
			return false
		}
	}
	return true
}

// unlock ends a lock, and starts the counts of its rule anew.
func (x *explorer) unlock(c *config) {
	for _, l := range x.p.Rules[c.lock].Leaves {
		if n := &x.p.Nodes[l]; n.Kind == kernel.EffectsLeaf {
			c.counts[n.Count] = 0
		}
	}
	c.state, c.lock = autonomics.Boot, -1
}

// decide is what the kernel does after an event: built-in transitions, then at
// most one rule. Claims that were let go may end now or later.
func (x *explorer) decide(c config, e, from int) {
	blind := x.classes[e].blind
	switch c.state {
	case autonomics.Boot, autonomics.Degraded:
		if !blind {
			c.state = x.calm(&c)
		}
	case autonomics.Stable, autonomics.Warning, autonomics.Intervening:
		if blind {
			c.state = autonomics.Degraded
		}
	}
	if c.state == autonomics.Intervening && c.wanted == 0 {
		d := c
		d.state = autonomics.Warning
		x.leads[autonomics.Intervening][autonomics.Warning] = true
		x.fire(d, e, from)
	}
	x.fire(c, e, from)
}

func (x *explorer) calm(c *config) autonomics.State {
	if c.wanted != 0 {
		return autonomics.Intervening
	}
	return autonomics.Stable
}

// fire lets the first rule fire that holds and has something to ask. One whose
// claims may all be barred may also give way to the next.
func (x *explorer) fire(c config, e, from int) {
	x.spend(stepCost)
	barred := uint64(0)
	s := step{from, e, c, -1, c.state}
	x.enter(c.state, s)
	for left := x.holds(&c, e) & x.standing[c.state]; left != 0; {
		i := bits.TrailingZeros32(left)
		left &= left - 1
		r := &x.rules[i]
		asked := r.claims &^ barred
		if r.claims != 0 && asked == 0 {
			x.block(1<<i, s)
			continue
		}
		if r.to == c.state {
			asked &^= c.wanted & x.counted
		}
		if r.claims != 0 && asked == 0 {
			continue
		}
		s.rule, s.to = i, r.to
		x.leads[c.state][r.to] = true
		x.enter(r.to, s)
		if x.fired&(1<<i) == 0 {
			x.fired |= 1 << i
			x.firing[i] = s
		}
		x.visit(x.apply(c, i, asked), s)
		if asked == 0 || asked&c.wanted != 0 {
			x.block(left, s)
			return
		}
		if r.to == c.state {
			asked &= x.counted // of the others, all may be claimed already
		}
		barred |= asked
	}
	x.rest(c, e, from)
}

func (x *explorer) enter(state autonomics.State, s step) {
	if _, ok := x.entered[state]; !ok {
		x.entered[state] = s
	}
}

// apply carries out a rule that gets what it asks.
func (x *explorer) apply(c config, i int, asked uint64) config {
	if asked&^x.counted != 0 {
		asked = asked&x.counted | others
	}
	switch c.state = x.rules[i].to; c.state {
	case autonomics.Intervening:
		c.wanted |= asked
	case autonomics.Refusing:
		c.wanted, c.lock = asked, int8(i)
	default:
		c.wanted = 0
	}
	return c
}

// block notes rules that hold where an earlier one fires.
func (x *explorer) block(rules uint32, s step) {
	for left := rules &^ x.blocked; left != 0; left &= left - 1 {
		x.instead[bits.TrailingZeros32(left)] = s
	}
	x.blocked |= rules
}

// holds are the rules whose conditions hold.
func (x *explorer) holds(c *config, e int) uint32 {
	masks, ok := x.truths[c.counts]
	if !ok {
		x.spend(len(x.classes) * len(x.nodes))
		masks = x.holding(c.counts[:])
		x.truths[c.counts] = masks
	}
	return masks[e]
}

// rest visits a config without a rule.
func (x *explorer) rest(c config, e, from int) { x.visit(c, step{from, e, c, -1, c.state}) }

func (x *explorer) visit(c config, s step) {
	i, ok := x.known[c]
	if !ok {
		i = len(x.configs)
		x.known[c] = i
		x.configs = append(x.configs, c)
		x.first = append(x.first, len(x.pairs))
	}
	if at := [2]int{i, s.class}; !x.visited[at] {
		x.visited[at] = true
		x.pairs = append(x.pairs, pair{i, s})
	}
}
