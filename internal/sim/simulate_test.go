package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// simulated runs inputs and returns the chain and its scorecard.
func simulated(t testing.TB, p *kernel.Program, inputs []Input, faults Faults) (lines [][]byte, card *Scorecard) {
	card = &Scorecard{}
	if err := Simulate(p, inputs, faults, func(s kernel.Sealed) error {
		lines = append(lines, s.Line)
		card.Add(s.Receipt)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	card.Finish()
	return lines, card
}

// TestFaults: one seed gives one chain, and each fault does what it says.
func TestFaults(t *testing.T) {
	p, inputs := compiled(t, builtIn(t, "backlog_valve"), nil), month(20_000)
	plain, clean := simulated(t, p, inputs, Faults{})
	count := func(c *Scorecard, why autonomics.Reason) int { return c.Governors[0].Signals.Ignored[why] }
	if c := clean.Governors[0]; c.Signals.Accepted != 20_000 || c.Signals.Ignored != nil || c.Interventions != 20 {
		t.Fatalf("clean: %+v", c)
	}
	for name, check := range map[string]func(c *Scorecard) bool{
		"dup": func(c *Scorecard) bool {
			return count(c, autonomics.ReasonLate) > 500 && c.Governors[0].Signals.Accepted == 20_000
		},
		"reorder": func(c *Scorecard) bool { n := count(c, autonomics.ReasonLate); return n > 500 && n < 1500 },
		"gap": func(c *Scorecard) bool {
			return c.Governors[0].Signals.Accepted < 19_500 && c.Governors[0].StatesMs["degraded"] > 0
		},
		"late":                      func(c *Scorecard) bool { return count(c, autonomics.ReasonLate) > 500 },
		"fail":                      func(c *Scorecard) bool { return strings.Contains(card(c), " failed") },
		"dup,reorder,gap,late,fail": func(c *Scorecard) bool { return count(c, autonomics.ReasonLate) > 1000 },
	} {
		faults, err := ParseFaults(name, 7)
		if err != nil {
			t.Fatal(err)
		}
		one, card := simulated(t, p, inputs, faults)
		two, _ := simulated(t, p, inputs, faults)
		faults.Seed++
		other, _ := simulated(t, p, inputs, faults)
		if !check(card) {
			t.Errorf("%s: %+v", name, card.Governors[0])
		}
		if !bytes.Equal(bytes.Join(one, nil), bytes.Join(two, nil)) {
			t.Errorf("%s: the same seed gives another chain", name)
		}
		if bytes.Equal(bytes.Join(one, nil), bytes.Join(plain, nil)) || bytes.Equal(bytes.Join(one, nil), bytes.Join(other, nil)) {
			t.Errorf("%s: the fault, or its seed, changes nothing", name)
		}
	}
	if _, err := ParseFaults("dup,flood", 1); err == nil || !strings.Contains(err.Error(), `fault "flood"`) {
		t.Errorf("flood: %v", err)
	}
}

func card(c *Scorecard) string {
	var b strings.Builder
	c.Write(&b)
	return b.String()
}

// TestScorecard compares what the receipts say with the state that they fold
// to: at every receipt something is in effect exactly when a target does not
// have its baseline.
func TestScorecard(t *testing.T) {
	doc := builtIn(t, "backlog_valve")
	p := compiled(t, doc, map[string]string{"max_growth": "100"})
	effective := 0
	for seed := range uint64(40) {
		inputs := month(0)
		at := autonomics.Time(1_767_225_600_000)
		faults := Faults{Seed: seed, Dup: true, Reorder: true, Gap: true, Late: true, Fail: true}
		random := (&Faults{Seed: seed + 1000}).source()
		for range 400 {
			at = at.Add(autonomics.Duration(1+random.IntN(180)) * autonomics.Second)
			depth := autonomics.Decimal(random.IntN(12)) * 1_000_000 * 1_000_000
			inputs = append(inputs, Input{at, autonomics.Signal{Readings: []autonomics.Reading{{Signal: "depth", Value: depth, At: at}}}})
		}
		var folded kernel.Tenant
		var s Scorecard
		var first, last, total autonomics.Time
		in := false
		err := Simulate(p, inputs, faults, func(x kernel.Sealed) error {
			if first == 0 {
				first = x.Receipt.At
			}
			if in {
				total += x.Receipt.At - last
			}
			last = x.Receipt.At
			folded.ID = x.Receipt.Tenant
			if !folded.Evolve(x.Receipt, func(autonomics.Hash) *kernel.Program { return p }) {
				return errors.New("unknown program")
			}
			in = false
			for _, l := range folded.Lanes {
				have, _ := l.Baseline.Get(l.Written[0].Name)
				in = in || have != l.Written[0].Value
			}
			s.Add(x.Receipt)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Finish()
		c := s.Governors[0]
		if c.InEffectMs != int64(total) {
			t.Errorf("seed %d: in effect %d ms, by the state %d", seed, c.InEffectMs, total)
		}
		if want := folded.Governors[0].State.String(); c.State != want {
			t.Errorf("seed %d: state %s, folded %s", seed, c.State, want)
		}
		sum := int64(0)
		for _, ms := range c.StatesMs {
			sum += ms
		}
		if want := int64(last - first); sum != want {
			t.Errorf("seed %d: the states have %d ms, all is %d", seed, sum, want)
		}
		effective += c.Interventions
	}
	if effective < 100 {
		t.Errorf("only %d interventions: the test tests nothing", effective)
	}
}

// TestSharedTarget: what one undo ends, it ends for all governors that claim
// the target, and is counted once.
func TestSharedTarget(t *testing.T) {
	var s Scorecard
	seq := uint64(0)
	add := func(r autonomics.Receipt) {
		seq++
		r.Tenant, r.Seq, r.At, r.Verdict, r.Hash = "acme", seq, autonomics.Time(seq*1000), autonomics.Accepted, autonomics.Hash{byte(seq)}
		s.Add(&r)
	}
	effect := func(key, stage string) autonomics.Event {
		return autonomics.Event{Effect: &autonomics.Outcome{Key: key, Stage: autonomics.Stage(stage)}}
	}
	key := func(seq int) string { return fmt.Sprintf("%s/0", autonomics.Hash{byte(seq)}) }
	const w, i = autonomics.Warning, autonomics.Intervening
	apply := []autonomics.Effect{{Op: autonomics.OpApply, Action: "limit", Target: "web"}}
	add(autonomics.Receipt{Governor: "a", From: w, To: i, Effects: apply})                                                                        // 1
	add(autonomics.Receipt{Governor: "a", From: i, To: i, Event: effect(key(1), "done")})                                                         // 2
	add(autonomics.Receipt{Governor: "b", From: w, To: i, Effects: apply})                                                                        // 3
	add(autonomics.Receipt{Governor: "b", From: i, To: i, Event: effect(key(3), "done")})                                                         // 4
	add(autonomics.Receipt{Governor: "b", From: i, To: i, Effects: []autonomics.Effect{{Op: autonomics.OpUndo, Action: "limit", Target: "web"}}}) // 5
	add(autonomics.Receipt{Governor: "a", From: i, To: w, Event: effect(key(5), "done")})                                                         // 6
	add(autonomics.Receipt{Governor: "b", From: i, To: w, Event: effect(key(5), "done")})                                                         // 7
	add(autonomics.Receipt{Governor: "b", From: w, To: w})                                                                                        // 8
	s.Finish()
	text, err := json.Marshal(s.Governors)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := s.Governors[0], s.Governors[1]; a.InEffectMs != 4000 || b.InEffectMs != 3000 || b.Effects["undo limit"].Done != 1 || a.Effects["undo limit"] != nil {
		t.Errorf("%s", text)
	}
}
