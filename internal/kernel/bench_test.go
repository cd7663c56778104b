package kernel_test

import (
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

const benchmarked = `{"sku": "cost", "version": "1.0.0", "code": "CO-001", "class": "cost", "title": "T", "summary": "S",
	"signals": {"spend": {"unit": "ratio", "stale_after": "36h", "required": true, "help": "spend"},
		"cost": {"unit": "USD", "stale_after": "36h", "resets": true, "help": "cost"}},
	"parameters": {"burn": {"unit": "USD/h", "help": "burn"}, "burn_clear": {"unit": "USD/h", "help": "burn"}},
	"profiles": {"standard": {"burn": "50", "burn_clear": "40"}},
	"targets": {"service": {"kind": "cloudrun.service"}},
	"rules": [
		{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["throttle", "tell"],
			"when": {"any": [{"signal": "spend", "at_least": "1"}, {"signal": "cost", "measure": "rate", "window": "3h", "above": "$burn"}]}},
		{"id": "high", "in": ["stable"], "go": "warning", "do": ["tell"], "when": {"signal": "spend", "at_least": "0.8"}},
		{"id": "ok", "in": ["warning", "intervening"], "go": "stable",
			"when": {"all": [{"signal": "spend", "below": "0.7"}, {"signal": "cost", "measure": "rate", "window": "3h", "at_most": "$burn_clear", "or_missing": true}]}}],
	"actions": {"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "1"}, "term": "1h", "max_term": "24h", "after": "undo"},
		"tell": {"uses": "notify.log"}}}`

// calm is a tenant with one stable governor, and a step that changes nothing.
func calm(b *testing.B) (*world, func(i int) []kernel.Sealed) {
	w := newWorld(b, map[autonomics.Hash]*kernel.Program{})
	p, err := compile(benchmarked, "standard", nil)
	if err != nil {
		b.Fatal(err)
	}
	w.entitle("active", "cost")
	w.govern("cost", p, autonomics.Enforce, "svc")
	return w, func(i int) []kernel.Sealed {
		at := epoch.Add(autonomics.Duration(i+1) * autonomics.Second)
		return w.live.Step(at, kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Source: "gcp.budget", ID: "1",
			Readings: []autonomics.Reading{{Signal: "spend", Value: 500_000, Unit: "ratio", At: at}}}}})
	}
}

// BenchmarkStepUnchanged is a reading that changes nothing; its baseline is
// sealing the same receipt and nothing else, which every step has to pay.
func BenchmarkStepUnchanged(b *testing.B) {
	b.Run("step", func(b *testing.B) {
		_, step := calm(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if sealed := step(i); sealed[0].Receipt.To != autonomics.Stable {
				b.Fatal("it did not stay stable")
			}
		}
	})
	b.Run("baseline-seal", func(b *testing.B) {
		_, step := calm(b)
		step(0)
		r := *step(1)[0].Receipt
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Seal(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEvolve folds a receipt that changes nothing; its baseline is reading
// the receipt's line, which a recovery has to pay too.
func BenchmarkEvolve(b *testing.B) {
	b.Run("evolve", func(b *testing.B) {
		w, step := calm(b)
		r := step(0)[0].Receipt
		b.ReportAllocs()
		for b.Loop() {
			if !w.folded.Evolve(r, w.program) {
				b.Fatal("the program is unknown")
			}
		}
	})
	b.Run("baseline-parse", func(b *testing.B) {
		_, step := calm(b)
		line := step(0)[0].Line
		b.ReportAllocs()
		for b.Loop() {
			if _, err := autonomics.ParseReceipt(line); err != nil {
				b.Fatal(err)
			}
		}
	})
}
