package prove

import (
	"math/bits"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// A stage is where a governor stands between two readings while its targets
// answer at once.
type stage struct {
	state  autonomics.State
	wanted uint64 // actions claimed
	held   uint64 // kept actions that were done
}

// A cycle is rules that lead back to where they began while nothing changes
// but the effects of the rules themselves.
type cycle struct {
	rules uint32
	steps []step
}

// cycles finds the shortest cycle of each set of rules, but none whose rules
// include those of a smaller one.
func (x *explorer) cycles() []cycle {
	var best []cycle
	for i := range x.pairs {
		if steps := x.orbit(i); steps != nil {
			c := cycle{steps: steps}
			for _, s := range steps {
				c.rules |= 1 << s.rule
			}
			best = better(best, c)
		}
	}
	return best
}

func better(best []cycle, c cycle) []cycle {
	kept := best[:0:0]
	for _, b := range best {
		if b.rules&^c.rules == 0 && (b.rules != c.rules || len(b.steps) <= len(c.steps)) {
			return best
		}
		if c.rules&^b.rules != 0 {
			kept = append(kept, b)
		}
	}
	return append(kept, c)
}

// orbit repeats the readings of a pair until no rule fires any more, or one
// fires again where one did before; it returns the steps in between. A lock
// ends it. Every such cycle leads through stable or warning.
func (x *explorer) orbit(from int) []step {
	c, e := x.configs[x.pairs[from].config], x.pairs[from].class
	if c.state != autonomics.Stable && c.state != autonomics.Warning || x.classes[e].blind {
		return nil
	}
	at := stage{state: c.state}
	var seen []stage
	var steps []step
	for {
		c.state = at.state
		i, asked := x.winner(&c, at, e)
		if i < 0 || x.rules[i].to == autonomics.Refusing {
			return nil
		}
		if begin := slices.Index(seen, at); begin >= 0 {
			return steps[begin:]
		}
		seen = append(seen, at)
		steps = append(steps, step{from, e, c, i, x.rules[i].to})
		at = x.answer(&c, at, i, asked)
	}
}

// answer is the stage after a rule, when all targets have answered.
func (x *explorer) answer(c *config, at stage, i int, asked uint64) stage {
	at.state = x.rules[i].to
	if at.state != autonomics.Intervening {
		at.wanted = 0
		return at
	}
	for left := asked &^ at.wanted; left != 0; left &= left - 1 {
		a := bits.TrailingZeros64(left)
		x.done(c, a)
		if x.p.Actions[a].Keep {
			at.held |= 1 << a
		} else {
			at.wanted |= 1 << a
		}
	}
	if at.wanted == 0 {
		at.state = autonomics.Warning
	}
	return at
}

// winner is the rule that fires, and what it asks; -1 if none does.
func (x *explorer) winner(c *config, at stage, e int) (int, uint64) {
	x.spend(stepCost)
	for left := x.holds(c, e) & x.standing[at.state]; left != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		r := &x.rules[i]
		asked := r.claims &^ at.held
		if r.to == at.state {
			asked &^= at.wanted
		}
		if r.claims == 0 || asked != 0 {
			return i, asked
		}
	}
	return -1, 0
}
