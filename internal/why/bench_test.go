package why_test

import (
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/why"
	"github.com/autonomics-dev/autonomics/skus"
)

// BenchmarkExplain explains a message of three readings to a cost guard that
// has two days of them, beside the one decision that its receipt cost.
func BenchmarkExplain(b *testing.B) {
	var before *kernel.Tenant
	var r *autonomics.Receipt
	w := newWorld(b, 0, func(w *world, x *autonomics.Receipt) { before, r = w.folded.Clone(), x })
	source, err := skus.FS.ReadFile("cost_guard.json")
	if err != nil {
		b.Fatal(err)
	}
	w.entitle("active", "cost_guard")
	w.run("cost", string(source))
	for i := range autonomics.Decimal(96) {
		w.now = w.now.Add(30 * autonomics.Minute)
		w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Readings: []autonomics.Reading{
			{Signal: "spend", At: w.now, Value: 400_000 + 1000*i}, {Signal: "cost", At: w.now, Value: 5_000_000 * i},
			{Signal: "forecast", At: w.now, Value: 800_000}}}}})
	}
	b.Run("explain", func(b *testing.B) {
		for b.Loop() {
			if e := why.Explain(before, r, w.program); e.Again != why.Same || len(e.Flips) != 3 || e.Flips[0].Above == nil {
				b.Fatalf("%+v", e)
			}
		}
	})
	b.Run("baseline-decide-once", func(b *testing.B) {
		for b.Loop() {
			before.Again(r, w.program)
		}
	})
	b.Run("baseline-fold-one", func(b *testing.B) {
		for b.Loop() {
			before.Clone().Evolve(r, w.program)
		}
	})
}
