package timeline

import (
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
)

func receipts() []*autonomics.Receipt {
	const throttle, undo = "0100000000000000000000000000000000000000000000000000000000000000/0", "0200000000000000000000000000000000000000000000000000000000000000/0"
	max1, max100 := autonomics.Fields{{Name: "max", Value: "1"}}, autonomics.Fields{{Name: "max", Value: "100"}}
	spend := func(value autonomics.Decimal) autonomics.Event {
		return autonomics.Event{Signal: &autonomics.Signal{Source: "billing", Readings: []autonomics.Reading{
			{Signal: "spend", Value: value, Unit: "ratio"}, {Signal: "cost", Absent: autonomics.AbsentNull}, {Signal: "forecast"}}}}
	}
	list := []*autonomics.Receipt{
		{Kind: "program", Event: autonomics.Event{Program: &autonomics.ProgramEvent{Name: "cost_guard@1.0.0", Profile: "standard", Mode: "enforce"}},
			From: autonomics.Boot, To: autonomics.Boot, Cause: "created"},
		{Kind: "signal", Event: spend(500_000), From: autonomics.Boot, To: autonomics.Boot},
		{Kind: "signal", Event: spend(1_010_000), From: autonomics.Boot, To: autonomics.Intervening, Rule: "spend_over", Hash: autonomics.Hash{1},
			Effects: []autonomics.Effect{{Op: "apply", Action: "throttle", Target: "web", With: max1}, {Op: "notice", Action: "tell"}}},
		{Kind: "effect", Event: autonomics.Event{Effect: &autonomics.Outcome{Key: throttle, Stage: "prepared", Baseline: max100, Value: max1}}, From: autonomics.Intervening, To: autonomics.Intervening},
		{Kind: "effect", Event: autonomics.Event{Effect: &autonomics.Outcome{Key: throttle, Stage: "done", Action: "throttle", Target: "web", Value: max1}}, From: autonomics.Intervening, To: autonomics.Intervening},
		{Kind: "signal", Event: spend(1_010_000), From: autonomics.Intervening, To: autonomics.Intervening, Verdict: "ignored", Reason: "duplicate"},
		{Kind: "timer", Event: autonomics.Event{Timer: &autonomics.Timer{Timer: "term", Action: "throttle", Target: "web", Until: 3_600_000}}, From: autonomics.Intervening, To: autonomics.Intervening},
		{Kind: "signal", Event: autonomics.Event{Signal: &autonomics.Signal{Episode: "deploy", Key: "r3", Open: true}}, From: autonomics.Intervening, To: autonomics.Intervening},
		{Kind: "command", Event: autonomics.Event{Command: &autonomics.Command{Principal: "local", Command: "release", Args: map[string]string{"action": `"throttle"`}, Reason: "enough"}},
			From: autonomics.Intervening, To: autonomics.Intervening, Hash: autonomics.Hash{2}, Effects: []autonomics.Effect{{Op: "undo", Action: "throttle", Target: "web"}}},
		{Kind: "effect", Event: autonomics.Event{Effect: &autonomics.Outcome{Key: undo, Stage: "done", Value: max100}}, From: autonomics.Intervening, To: autonomics.Warning, Cause: "claims_ended"},
	}
	for i, r := range list {
		r.Tenant, r.Governor, r.Seq = "acme", "web-cost", uint64(i+1)
		if r.Verdict == "" {
			r.Verdict = autonomics.Accepted
		}
	}
	return list
}

func TestPrint(t *testing.T) {
	var all, brief, colour strings.Builder
	printers := []Printer{{Out: &all, Layout: "15:04"}, {Out: &brief, Layout: "15:04", Brief: true}, {Out: &colour, Layout: "15:04", Colour: true}}
	for _, r := range receipts() {
		for i := range printers {
			printers[i].Print(r)
		}
	}
	const want = `
00:00  acme          1  web-cost       runs cost_guard@1.0.0 standard in enforce      boot                     created
00:00  acme          2  web-cost       spend 0.5, cost absent (null), +1              boot
00:00  acme          3  web-cost       spend 1.01, cost absent (null), +1             boot → intervening       spend_over: apply throttle web max=1, notice tell
00:00  acme          4  web-cost       prepared throttle web max=100 → max=1          intervening
00:00  acme          5  web-cost       done throttle web max=1                        intervening
00:00  acme          6  web-cost       spend 1.01, cost absent (null), +1 (ignored: duplicate) intervening
00:00  acme          7  web-cost       timer term throttle web: renewed until 01:00:00 intervening
00:00  acme          8  web-cost       deploy r3 opens                                intervening
00:00  acme          9  web-cost       command release action=throttle by local because: enough intervening              undo throttle web
00:00  acme         10  web-cost       undone throttle web max=100                    intervening → warning    claims_ended
`
	if got := "\n" + all.String(); got != want {
		t.Errorf("have%s\nwant%s", got, want)
	}
	var kept []string
	for _, line := range strings.SplitAfter(strings.TrimPrefix(want, "\n"), "\n") {
		if !strings.Contains(line, "spend 0.5") && !strings.Contains(line, "prepared") {
			kept = append(kept, line)
		}
	}
	if want := strings.Join(kept, ""); brief.String() != want {
		t.Errorf("brief:\n%s\nwant\n%s", &brief, want)
	}
	plain := strings.NewReplacer("\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(colour.String())
	if plain != all.String() || !strings.Contains(colour.String(), "\x1b[31m00:00  acme          3") {
		t.Errorf("colour:\n%q", &colour)
	}
}

func TestExplain(t *testing.T) {
	r := receipts()[2]
	r.Why = []autonomics.Leaf{
		{Signal: "spend", HasValue: true, Value: 1_010_000, Quality: "fresh", Op: "at_least", Threshold: 1_000_000, Holds: "yes"},
		{Signal: "cost", Measure: "rate", Window: 3 * autonomics.Hour, Quality: "missing", Op: "above", Threshold: 50_000_000, Samples: 3, Within: 3 * autonomics.Hour, Holds: "unknown"},
		{Episode: "deploy", Open: true, Holds: "no"},
		{Effects: "throttle", Window: autonomics.Day, HasValue: true, Value: 2_000_000, Op: "at_least", Threshold: 3_000_000, Holds: "no"},
	}
	var out strings.Builder
	Explain(&out, r)
	for _, want := range []string{
		"event     spend 1.01, cost absent (null), +1\n",
		"          forecast 0, of ",
		"rule      spend_over fired:\n",
		"          spend is 1.01 (fresh), at_least 1: yes\n",
		"          cost rate in 3h (missing), above 50 on 3 samples within 3h: unknown\n",
		"          episode deploy open: no\n",
		"          throttle done 2 times in 1d, at_least 3: no\n",
		"effect    apply throttle web max=1, key 01",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\nwant %q", &out, want)
		}
	}
}
