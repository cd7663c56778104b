package autonomics

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// example is the chain that the package comment shows.
func example() []*Receipt {
	start := at("2026-11-23T07:40:00.000Z")
	program, _ := ParseHash("7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069")
	governor := func(r Receipt, from, to State) *Receipt {
		r.Governor, r.Program, r.From, r.To = "web-cost", program, from, to
		return &r
	}
	set, was := Fields{{"max", "1"}}, Fields{{"max", "10"}}
	said, done := start+238_000, start+240_900
	return []*Receipt{
		{System: 5, At: start, Kind: KindEntitlement, Event: Event{Entitlement: &Entitlement{
			Entitlement: "operator", Event: "payment_confirmed", State: "active", SKUs: []string{"cost_guard"}}}},
		governor(Receipt{System: 7, At: start, Kind: KindProgram, Cause: CauseCreated, Event: Event{Program: &ProgramEvent{
			Spec: program, Name: "cost_guard@1.0.0", Profile: "standard", Mode: Enforce,
			Targets: []TargetRef{{Slot: "service", Name: "acme-web", Kind: "sim.service", Ref: "acme/web"}}}}}, Boot, Boot),
		governor(Receipt{At: start + 240_123, Kind: KindSignal, Event: Event{Signal: &Signal{
			Source: "gcp.budget", ID: "9382106374629105", Readings: []Reading{{Signal: "spend", Value: 1_010_000, Unit: "ratio", At: said}}}},
			Cause: CauseFresh, Rule: "spend_over",
			Why: []Leaf{
				{Signal: "spend", Value: 1_010_000, HasValue: true, Quality: Fresh, Op: "at_least", Threshold: 1_000_000, Holds: Yes},
				{Signal: "cost", Measure: "rate", Window: 3 * Hour, Quality: Missing, Op: "above", Threshold: 50_000_000, Holds: Unknown}},
			Effects: []Effect{{Op: OpApply, Action: "throttle", Target: "acme-web", With: set}, {Op: OpNotice, Action: "tell"}},
		}, Boot, Intervening),
		governor(Receipt{At: start + 240_300, Kind: KindEffect, Event: Event{Effect: &Outcome{
			Stage: StagePrepared, Action: "throttle", Target: "acme-web", Baseline: was, Value: set}}}, Intervening, Intervening),
		governor(Receipt{At: done, Kind: KindEffect, Event: Event{Effect: &Outcome{
			Stage: StageDone, Action: "throttle", Target: "acme-web", Value: set}}}, Intervening, Intervening),
		governor(Receipt{At: done.Add(Hour), Kind: KindTimer, Event: Event{Timer: &Timer{
			Timer: TimerTerm, Due: done.Add(Hour), Action: "throttle", Target: "acme-web", Until: done.Add(2 * Hour)}}}, Intervening, Intervening),
		governor(Receipt{System: 12, At: done.Add(90 * Minute), Kind: KindCommand, Event: Event{Command: &Command{
			Principal: "local", Command: "mode", Scope: Scope{Tenant: "acme", Governor: "web-cost"},
			Reason: "traffic is expected today", Args: map[string]string{"mode": `"observe"`}}},
			Effects: []Effect{{Op: OpUndo, Action: "throttle", Target: "acme-web"}}}, Intervening, Intervening),
	}
}

func exampleExport(t *testing.T) []string {
	lines := []string{string(AppendStart(nil, "acme", 1, Hash{}))}
	var prev, request Hash
	for i, r := range example() {
		r.Tenant, r.Seq, r.Prev, r.Kernel, r.Verdict = "acme", uint64(i+1), prev, 1, Accepted
		if r.Event.Effect != nil {
			r.Event.Effect.Key = fmt.Sprint(request, "/0")
		}
		line, err := r.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if prev = r.Hash; r.Rule != "" {
			request = r.Hash
		}
		lines = append(lines, string(line))
	}
	return append(lines, string(AppendHead(nil, "acme", uint64(len(lines)-1), prev)))
}

// TestPackageComment: the lines in the comment are what Seal makes, there is
// one of each kind, and they verify.
func TestPackageComment(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for line := range strings.Lines(string(source)) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			shown = append(shown, strings.TrimSuffix(line, "\n"))
		}
	}
	want := exampleExport(t)
	if have, want := strings.Join(shown, "\n"), strings.Join(want, "\n"); have != want {
		t.Fatalf("doc.go shows\n%s\nwant\n%s", have, want)
	}
	if _, err := Verify(strings.NewReader(strings.Join(shown, "\n")+"\n"), VerifyOptions{}); err != nil {
		t.Error(err)
	}
	for _, kind := range kinds {
		if !strings.Contains(strings.Join(shown, "\n"), fmt.Sprintf(`"kernel":1,"kind":%q`, kind)) {
			t.Errorf("no example of the kind %s", kind)
		}
	}
}
