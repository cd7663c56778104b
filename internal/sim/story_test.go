package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// at lets time pass until some minutes after the beginning.
func (r *recorder) at(minutes int) {
	const begin autonomics.Time = 1_767_225_600_000
	r.now = begin.Add(autonomics.Duration(minutes) * autonomics.Minute)
	r.keep(r.tenant.Tick(r.now))
}

func (r *recorder) spend(minutes int, value autonomics.Decimal) {
	r.at(minutes)
	r.signal("", autonomics.Signal{Readings: []autonomics.Reading{{Signal: "spend", Value: value}}})
}

// settle answers all that is in flight, with success.
func (r *recorder) settle() {
	random := (&Faults{}).source()
	for busy := true; busy; {
		r.answer(random, true)
		busy = false
		r.tenant.Work(func(kernel.Work) { busy = true })
	}
}

// story is one governor's: it throttles, releases, and goes blind while the
// process is down.
func story(t *testing.T, mode autonomics.Mode) *recorder {
	r := newRecorder(t)
	r.entitle("active", "payment_confirmed", "cost_guard")
	r.govern("cost-a", builtIn(t, "cost_guard"), mode, nil, web)
	for _, x := range []struct {
		minutes int
		spend   autonomics.Decimal
	}{{10, 500_000}, {20, 850_000}, {30, 1_010_000}, {60, 1_250_000}, {85, 100_000}, {120, 950_000}, {150, 100_000}, {40 * 60, 300_000}, {41 * 60, 300_000}} {
		r.spend(x.minutes, x.spend)
		r.settle()
	}
	return r
}

// TestStory says for each kind of difference what a change leads to.
func TestStory(t *testing.T) {
	for _, x := range []struct{ from, to, want string }{
		{`"limit": "1"`, `"limit": "1.2"`, `
			moved 00:30 warning → intervening spend_over [apply throttle web max=1 notice tell] by 6 to 01:00 by 10`},
		{`"max_instances": "1"`, `"max_instances": "2"`, `
			changed 00:30 warning → intervening spend_over [apply throttle web max=1 notice tell] by 6 to 00:30 [apply throttle web max=2 notice tell] by 6`},
		{`"warn": "0.8"`, `"warn": "0.9"`, `
			removed 00:20 stable → warning spend_high [notice tell] by 4
			removed 00:30 warning → intervening spend_over [apply throttle web max=1 notice tell] by 6
			added 00:30 stable → intervening spend_over [apply throttle web max=1 notice tell] by 6`},
		{`"clear": "0.7"`, `"clear": "0.05"`, `
			removed 01:25 intervening → stable spend_ok [undo throttle web] by 11
			added 01:30 intervening → intervening  [undo throttle web] by 12
			added 01:30 intervening → warning  [] by 12
			removed 02:00 stable → warning spend_high [notice tell] by 13
			removed 02:30 warning → stable spend_ok [] by 15
			removed 16:00 stable → degraded  [notice escalate] by 16
			added 16:00 warning → degraded  [notice escalate] by 15`},
	} {
		r := story(t, autonomics.Enforce)
		result := r.backtest(&Backtest{Spec: edited(t, "cost_guard", x.from, x.to)})
		var got strings.Builder
		for _, d := range result.Differences {
			fmt.Fprintf(&got, "\n%s", d.Kind)
			for i, e := range []*Decision{d.Recorded, d.Replayed} {
				switch {
				case e == nil:
				case i == 1 && d.Recorded != nil:
					fmt.Fprintf(&got, " to %s", e.at.Std().Format("15:04"))
					if d.Kind == "changed" {
						fmt.Fprintf(&got, " %v", e.Effects)
					}
					fmt.Fprintf(&got, " by %d", e.Receipt.Seq)
				default:
					fmt.Fprintf(&got, " %s %s → %s %s %v by %d", e.at.Std().Format("15:04"), e.From, e.To, e.Rule, e.Effects, e.Receipt.Seq)
				}
			}
		}
		if want := strings.ReplaceAll(x.want, "\t", ""); got.String() != want {
			t.Errorf("%s:%s\nwant%s", x.to, got.String(), want)
		}
	}
}

// TestModelBeginsWithWhatWasObserved: an effect that never happened changes the
// target as it was last seen, and its undo gives that back.
func TestModelBeginsWithWhatWasObserved(t *testing.T) {
	r := story(t, autonomics.Enforce)
	b := &Backtest{Spec: edited(t, "cost_guard", `"limit": "1", "clear": "0.7"`, `"limit": "1.2", "clear": "0.05"`)}
	for _, line := range r.system {
		if err := b.System(line); err != nil {
			t.Fatal(err)
		}
	}
	replay := b.Tenant("acme")
	for _, line := range r.lines {
		if err := replay.Next(line); err != nil {
			t.Fatal(err)
		}
	}
	result := replay.Result()
	if got := replay.model.Target("web")["max"]; got != "80" {
		t.Errorf("in the end the target has max=%s, want 80 as it was observed", got)
	}
	if result.Assumed != 3 { // the apply and its notice, the undo at the end of its term
		t.Errorf("%d effects assumed", result.Assumed)
	}
	// The governor had gone blind while the process was down. It was so only when
	// the late timer came, at the instant of the next signal.
	before, after := result.Recorded.Governors[0].StatesMs["degraded"], result.Replayed.Governors[0].StatesMs["degraded"]
	if before != 0 || after != 0 {
		t.Errorf("degraded for %d ms as recorded, %d replayed", before, after)
	}
}

// TestObserveMode: what would have been done has recorded outcomes too.
func TestObserveMode(t *testing.T) {
	r := newRecorder(t)
	r.entitle("active", "payment_confirmed", "cost_guard")
	r.govern("cost-a", builtIn(t, "cost_guard"), autonomics.Observe, nil, web)
	r.spend(10, 1_010_000)
	r.settle()
	doc := edited(t, "cost_guard", `"summary": "`, `"summary": "The same, but: `)
	b := &Backtest{Spec: doc}
	for _, line := range r.system {
		if err := b.System(line); err != nil {
			t.Fatal(err)
		}
	}
	replay := b.Tenant("acme")
	for _, line := range r.lines {
		if err := replay.Next(line); err != nil {
			t.Fatal(err)
		}
	}
	result := replay.Result()
	if !result.Changed || len(result.Differences) > 0 || result.Assumed != 0 {
		t.Errorf("%+v", result)
	}
	if a, b := result.Recorded.Governors[0], result.Replayed.Governors[0]; a.Effects["apply throttle"].Would != 1 || b.Effects["apply throttle"].Would != 1 {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// TestSharedOutcome: the receipt of another governor may come first.
func TestSharedOutcome(t *testing.T) {
	r := newRecorder(t)
	r.entitle("active", "payment_confirmed", "cost_guard")
	r.govern("cost-a", builtIn(t, "cost_guard"), autonomics.Enforce, nil, web)
	r.govern("cost-b", builtIn(t, "cost_guard"), autonomics.Enforce, map[string]string{"limit": "0.9"}, web)
	outcome := func(stage autonomics.Stage) {
		var found kernel.Work
		r.tenant.Work(func(w kernel.Work) {
			if w.Op == autonomics.OpApply {
				found = w
			}
		})
		o := autonomics.Outcome{Key: found.Key, Stage: stage}
		if stage == autonomics.StagePrepared {
			o.Baseline = autonomics.Fields{{Name: "max", Value: "80"}}
		}
		r.step(kernel.Input{Governor: found.Governor, Event: autonomics.Event{Effect: &o}})
	}
	r.spend(10, 950_000)
	outcome(autonomics.StagePrepared)
	r.spend(11, 1_010_000)
	outcome(autonomics.StageYielded)
	last, err := autonomics.ParseReceipt(r.lines[len(r.lines)-2])
	if err != nil || last.Governor != "cost-a" || last.Event.Effect == nil {
		t.Fatalf("the story does not lead to a shared outcome: %+v, %v", last, err)
	}
	if result := r.backtest(&Backtest{Spec: builtIn(t, "cost_guard")}); result.FirstDifference != 0 || result.Reproduced != len(r.lines) {
		t.Errorf("%d of %d reproduced; %s", result.Reproduced, len(r.lines), around(r, result.FirstDifference))
	}
}

// TestRefusedChains: what cannot be replayed is told apart from what differs.
func TestRefusedChains(t *testing.T) {
	r := story(t, autonomics.Enforce)
	for _, x := range []struct {
		lines [][]byte
		spec  [2]string
		want  string
	}{
		{r.lines[1:], [2]string{`"limit": "1"`, `"limit": "1"`}, "receipt 2: the chain does not begin with its first receipt"},
		{append(r.lines[:3:3], r.lines[4:]...), [2]string{`"limit": "1"`, `"limit": "1"`}, "receipt 5 does not follow receipt 3"},
		{r.lines, [2]string{`"service": {"kind": "cloudrun.service"}`, `"service": {"kind": "cloudrun.service"}`}, ""},
	} {
		b := &Backtest{Spec: edited(t, "cost_guard", x.spec[0], x.spec[1])}
		for _, line := range r.system {
			if err := b.System(line); err != nil {
				t.Fatal(err)
			}
		}
		replay := b.Tenant("acme")
		var err error
		for _, line := range x.lines {
			if err = replay.Next(line); err != nil {
				break
			}
		}
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v, want %q", err, x.want)
		}
	}
}
