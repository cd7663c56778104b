package skus_test

import (
	"strconv"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// TestDeadEndpoint closes the loop around webhook_guard: what is delivered, and
// so what the governor is told, follows from the queue that it pauses and
// throttles. An endpoint is dead for three days, with and without an alert that
// says so, and then works again.
func TestDeadEndpoint(t *testing.T) {
	src, err := skus.FS.ReadFile("webhook_guard.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := spec.Parse("webhook_guard.json", src)
	for _, c := range []struct {
		name    string
		profile string
		alert   bool
		least   int // deliveries to the dead endpoint in three days, of 130 million
		most    int
		within  int // minutes until the queue runs at its own rate again
	}{
		{"nobody says so", "standard", false, 100_000, 400_000, 30},
		{"an alert says so", "standard", true, 40_000, 100_000, 30},
		{"premium", "premium", false, 100_000, 600_000, 30},
		{"enterprise", "enterprise", false, 100_000, 400_000, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := spec.Compile(doc, c.profile, nil)
			w := delivery{Model: spec.NewModel("acme", p, begin, autonomics.Enforce, true)}
			w.run(5, false)
			if w.now != 5 || w.rate() != 500 {
				t.Fatalf("while all is well the queue runs at %v", w.rate())
			}
			w.made = 0
			if c.alert {
				w.episode(true)
			}
			for range 3 * 24 {
				w.run(60, true)
				if c.alert {
					w.episode(true)
				}
			}
			if w.made < c.least || w.made > c.most {
				t.Errorf("%d deliveries to a dead endpoint, want %d to %d", w.made, c.least, c.most)
			}
			if c.alert {
				w.episode(false)
			}
			back := 0
			for ; w.rate() != 500 && back < 600; back++ {
				w.run(1, false)
			}
			if back > c.within {
				t.Errorf("it took %d minutes until the queue ran at its own rate, want at most %d", back, c.within)
			}
		})
	}
}

// begin is the year 2026.
const begin autonomics.Time = 1_767_225_600_000

// A delivery is a queue that delivers to an endpoint, and what measures both.
type delivery struct {
	*spec.Model
	now  int // minutes
	made int // deliveries
}

// rate is at how many deliveries a second the queue runs.
func (w *delivery) rate() float64 {
	queue := w.Target("queue")
	if queue["paused"] == "true" {
		return 0
	}
	rate, _ := strconv.ParseFloat(queue["rate"], 64)
	return rate
}

// run lets minutes pass, each with one message about it at its end.
func (w *delivery) run(minutes int, dead bool) {
	for range minutes {
		rate := w.rate()
		w.made += int(rate * 60)
		w.now++
		at := begin.Add(autonomics.Duration(w.now) * autonomics.Minute)
		w.Pass(at, 100)
		failed := autonomics.Reading{Signal: "failed", Unit: "ratio", At: at}
		switch {
		case rate == 0:
			failed.Absent = autonomics.AbsentNaN
		case dead:
			failed.Value = 1_000_000
		}
		attempts := autonomics.Reading{Signal: "attempts", Unit: "1/s", At: at, Value: autonomics.Decimal(rate * 1_000_000)}
		w.tell(at, &autonomics.Signal{Readings: []autonomics.Reading{attempts, failed}})
	}
}

func (w *delivery) episode(open bool) {
	at := begin.Add(autonomics.Duration(w.now) * autonomics.Minute)
	w.tell(at, &autonomics.Signal{Episode: "endpoint_down", Key: "alert", Start: begin, At: at, Open: open})
}

func (w *delivery) tell(at autonomics.Time, s *autonomics.Signal) {
	w.Take(at, kernel.Input{Governor: "webhook_guard", Event: autonomics.Event{Signal: s}})
	w.Settle(at)
	w.Sealed = nil
}
