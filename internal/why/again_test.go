package why_test

import (
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/why"
)

// TestReplay decides chains again whose last receipt was forged, with a hash
// that fits.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		name      string
		forge     func(*autonomics.Receipt)
		want, err string
	}{
		{"as recorded", func(*autonomics.Receipt) {}, why.Same, ""},
		{"a decision that was left out", func(r *autonomics.Receipt) { r.Rule, r.Why, r.To = "", nil, autonomics.Stable },
			"this kernel decides stable → warning high, recorded is stable → stable", ""},
		{"another state", func(r *autonomics.Receipt) { r.To = autonomics.Intervening },
			"this kernel decides stable → warning high, recorded is stable → intervening high", ""},
		{"an effect that was not decided", func(r *autonomics.Receipt) {
			r.Effects = []autonomics.Effect{{Op: autonomics.OpNotice, Action: kernel.Escalate}}
		}, "this kernel requests other effects than those recorded", ""},
		{"an input that was not taken", func(r *autonomics.Receipt) {
			r.Verdict, r.Reason, r.Rule, r.Why, r.To = autonomics.Ignored, autonomics.ReasonLate, "", nil, autonomics.Stable
		}, "this kernel says accepted, recorded is ignored late", ""},
		{"other reasons", func(r *autonomics.Receipt) { r.Why[0].Value = 0 },
			"this kernel decides the same, but writes another receipt", ""},
		{"a timer that was not due", func(r *autonomics.Receipt) {
			r.Kind, r.Event, r.Rule, r.Why, r.To = autonomics.KindTimer, autonomics.Event{Timer: &autonomics.Timer{
				Timer: autonomics.TimerCooldown, Due: r.At}}, "", nil, autonomics.Stable
		}, "this kernel writes no receipt for it", ""},
		{"another kernel", func(r *autonomics.Receipt) { r.Kernel = 9 }, "decided by kernel 9, and this version has kernel 1", ""},
		{"a rule that does not exist", func(r *autonomics.Receipt) { r.Rule = "none" },
			"", "receipt 4 is nothing that a kernel writes"},
		{"a gap", func(r *autonomics.Receipt) { r.Seq++ }, "", "receipt 5 does not follow receipt 3"},
		{"a program that nobody has", func(r *autonomics.Receipt) { r.Program[0]++ },
			"", "is not recorded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var chain []*autonomics.Receipt
			w := newWorld(t, 0, func(_ *world, r *autonomics.Receipt) { chain = append(chain, r) })
			w.entitle("active", "one")
			w.run("one", high(`{"signal": "a", "above": "1"}`))
			for _, v := range []autonomics.Decimal{0, 2_000_000} {
				w.now = w.now.Add(autonomics.Minute)
				w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Readings: []autonomics.Reading{{Signal: "a", Value: v}}}}})
			}
			last := chain[len(chain)-1]
			c.forge(last)
			if _, err := last.Seal(); err != nil {
				t.Fatal(err)
			}
			x := why.Replay{Program: w.program}
			for i, r := range chain {
				again, err := x.Next(r)
				switch {
				case i < len(chain)-1 && (again != why.Same || err != nil):
					t.Errorf("receipt %d: %s, %v", r.Seq, again, err)
				case i == len(chain)-1 && (err == nil) != (c.err == ""):
					t.Errorf("error %v, want %q", err, c.err)
				case i == len(chain)-1 && err != nil && !strings.Contains(err.Error(), c.err):
					t.Errorf("error %v, want %q", err, c.err)
				case i == len(chain)-1 && err == nil && again != c.want:
					t.Errorf("%s, want %s", again, c.want)
				}
			}
		})
	}
}
