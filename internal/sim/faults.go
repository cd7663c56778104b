package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// Faults are what happens to signals on their way, and to effects. One seed
// gives the same faults for the same inputs.
type Faults struct {
	Seed    uint64
	Dup     bool // one signal in twenty arrives again, up to an hour later
	Reorder bool // one in twenty changes places with the next
	Gap     bool // at one in two hundred, 3 to 20 signals are lost
	Late    bool // one in twenty arrives up to half an hour late
	Fail    bool // one operation on a target in five fails
}

const (
	often   = 1.0 / 20
	seldom  = 1.0 / 200
	failing = 1.0 / 5
)

// ParseFaults reads "dup,reorder,gap,late,fail", or a part of it.
func ParseFaults(text string, seed uint64) (Faults, error) {
	f := Faults{Seed: seed}
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "dup":
			f.Dup = true
		case "reorder":
			f.Reorder = true
		case "gap":
			f.Gap = true
		case "late":
			f.Late = true
		case "fail":
			f.Fail = true
		case "":
		default:
			return f, fmt.Errorf("fault %q: want some of dup, reorder, gap, late, fail", word)
		}
	}
	return f, nil
}

func (f *Faults) source() *rand.Rand { return rand.New(rand.NewPCG(f.Seed, 0)) }

// inject returns the inputs in the order in which they arrive.
func (f *Faults) inject(inputs []Input, random *rand.Rand) []Input {
	if !f.Dup && !f.Reorder && !f.Gap && !f.Late {
		return inputs
	}
	delay := func(most autonomics.Duration) autonomics.Duration {
		return autonomics.Duration(1 + random.Int64N(int64(most)))
	}
	var out []Input
	for i := 0; i < len(inputs); i++ {
		in := inputs[i]
		if f.Gap && random.Float64() < seldom {
			i += 2 + random.IntN(18)
			continue
		}
		if f.Late && random.Float64() < often {
			in.At = in.At.Add(delay(30 * autonomics.Minute))
		}
		out = append(out, in)
		if f.Dup && random.Float64() < often {
			in.At = in.At.Add(delay(autonomics.Hour))
			out = append(out, in)
		}
	}
	slices.SortStableFunc(out, func(a, b Input) int { return cmp.Compare(a.At, b.At) })
	for i := 0; f.Reorder && i+1 < len(out); i++ {
		if random.Float64() < often {
			out[i].Signal, out[i+1].Signal = out[i+1].Signal, out[i].Signal
			i++
		}
	}
	return out
}
