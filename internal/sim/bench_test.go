package sim

import (
	"os"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// month is a series of one-minute depths that throttles now and then.
func month(n int) []Input {
	const begin autonomics.Time = 1_767_225_600_000
	out := make([]Input, n)
	for i := range out {
		at := begin.Add(autonomics.Duration(i) * autonomics.Minute)
		depth := autonomics.Decimal(20_000+i%1000) * 1_000_000
		if i%1_000 > 980 {
			depth *= 400
		}
		out[i] = Input{at, autonomics.Signal{Source: "bench", Readings: []autonomics.Reading{{Signal: "depth", Value: depth, Unit: "1", At: at}}}}
	}
	return out
}

func builtIn(t testing.TB, name string) *spec.Document {
	src, err := os.ReadFile("../../skus/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	doc, complaints := spec.Parse(name, src)
	if complaints != nil {
		t.Fatal(complaints)
	}
	return doc
}

func compiled(t testing.TB, doc *spec.Document, set map[string]string) *kernel.Program {
	p, complaints := spec.Compile(doc, "standard", set)
	if complaints != nil {
		t.Fatal(complaints)
	}
	return p
}

// BenchmarkSimulateMonth is a month of one-minute signals through one governor.
func BenchmarkSimulateMonth(b *testing.B) {
	p, inputs := compiled(b, builtIn(b, "backlog_valve"), nil), month(43_200)
	for b.Loop() {
		var card Scorecard
		if err := Simulate(p, inputs, Faults{}, func(s kernel.Sealed) error { card.Add(s.Receipt); return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(inputs)*b.N)/b.Elapsed().Seconds(), "signals/s")
}

// recordedMonths is the chain of a governor that heard n signals.
func recordedMonths(b testing.TB, n int) *recorder {
	r := newRecorder(b)
	r.entitle("active", "payment_confirmed", "backlog_valve")
	r.govern("valve", builtIn(b, "backlog_valve"), autonomics.Enforce, nil, queue)
	random := (&Faults{Seed: 1}).source()
	for _, in := range month(n) {
		r.pass(autonomics.Duration(in.At-r.now), 50, random)
		r.signal("", in.Signal)
		for range 3 {
			r.answer(random, true)
		}
	}
	return r
}

// BenchmarkBacktest is backtests of 50,000 recorded signals, from their lines;
// its baseline is to read the lines, which each has to do.
func BenchmarkBacktest(b *testing.B) {
	r := recordedMonths(b, 50_000)
	signals := func(b *testing.B) {
		b.ReportMetric(float64(50_000*b.N)/b.Elapsed().Seconds(), "signals/s")
	}
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			if x := r.backtest(&Backtest{Spec: builtIn(b, "backlog_valve")}); x.FirstDifference != 0 || x.Unchanged < 50 {
				b.Fatalf("%+v", x)
			}
		}
		signals(b)
	})
	b.Run("changed", func(b *testing.B) {
		doc := edited(b, "backlog_valve", `"max_depth": "5000000"`, `"max_depth": "3000000"`)
		for b.Loop() {
			if x := r.backtest(&Backtest{Spec: doc}); !x.Changed {
				b.Fatalf("%+v", x)
			}
		}
		signals(b)
	})
	b.Run("baseline-read", func(b *testing.B) {
		for b.Loop() {
			for _, line := range r.lines {
				if _, err := autonomics.ParseReceipt(line); err != nil {
					b.Fatal(err)
				}
			}
		}
		signals(b)
	})
}
