package kernel_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// TestLimits: governors whose rules are always true, and whose claims end all
// the time, never do more in any sliding time than their limits and their
// tenant's allow, whatever the timing, over restarts; and what waits is done in
// the end.
func TestLimits(t *testing.T) {
	source := `{"sku": "s%d", "version": "1.0.0", "code": "AB-001", "class": "cost", "title": "T", "summary": "S",
		"signals": {"x": {"unit": "1", "stale_after": "300d", "help": "x"}}, "profiles": {"standard": {}},
		"targets": {"service": {"kind": "cloudrun.service"}, "other": {"kind": "cloudrun.service"}},
		"rules": [{"id": "again", "in": ["intervening"], "go": "stable", "when": {"signal": "x", "below": "1"}},
			{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["throttle", "choke"], "when": {"signal": "x", "above": "-1"}}],
		"actions": {"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "10"}, "term": "1m", "max_term": "2m", "after": "undo"},
			"choke": {"uses": "cloudrun.max_instances", "on": "other", "with": {"max": "10"}, "term": "1m", "max_term": "1m", "after": "undo"}},
		"limits": {"effects": {"at_most": %d, "within": "%s"}, "cooldown": "%s"}}`
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, map[autonomics.Hash]*kernel.Program{})
		n := rapid.IntRange(1, 4).Draw(t, "governors")
		var limits []kernel.Limit
		for i := range n {
			text := fmt.Sprintf(source, i, rapid.IntRange(1, 6).Draw(t, "at most"), rapid.SampledFrom([]string{"10s", "60s", "1h"}).Draw(t, "within"),
				rapid.SampledFrom([]string{"1s", "10m"}).Draw(t, "cooldown"))
			p, err := compile(text, "standard", nil)
			if err != nil {
				t.Fatal(err)
			}
			w.entitle("active", p.SKU)
			w.programs[p.Digest] = p
			name := fmt.Sprint("g", i)
			w.step(kernel.Input{Governor: name, Program: p, Event: autonomics.Event{Program: &autonomics.ProgramEvent{Spec: p.Digest, Mode: autonomics.Enforce,
				Targets: []autonomics.TargetRef{{Slot: "other", Name: name + "b", Kind: "cloudrun.service"}, {Slot: "service", Name: name + "a", Kind: "cloudrun.service"}}}}})
			limits = append(limits, p.Limit)
		}
		for range rapid.IntRange(1, 60).Draw(t, "acts") {
			switch rapid.IntRange(0, 5).Draw(t, "act") {
			case 0, 1:
				w.until(w.now.Add(autonomics.Duration(rapid.SampledFrom([]int{1, 999, 20_000, 61_000, 15 * 60_000}).Draw(t, "wait"))))
			case 2:
				g := fmt.Sprint("g", rapid.IntRange(0, n-1).Draw(t, "governor"))
				if rapid.Bool().Draw(t, "reset") {
					w.command(g, "reset", nil)
				} else {
					w.command(g, "stop", map[string]string{"claims": "release"})
				}
			case 3:
				w.restore()
			default:
				w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Readings: []autonomics.Reading{
					{Signal: "x", Value: autonomics.Decimal(rapid.IntRange(0, 2).Draw(t, "x") * 1_000_000)}}}}})
				w.settle()
			}
		}
		for i, l := range limits {
			w.slides(fmt.Sprint("g", i), l)
		}
		w.slides("", kernel.Limit{AtMost: 10, Within: autonomics.Hour})
	})
}

// slides fails if a governor, or all of them, did more applies in any sliding
// time than the limit allows.
func (w *world) slides(governor string, l kernel.Limit) {
	var at []autonomics.Time
	applies := map[string]bool{}
	for _, r := range w.receipts {
		for n, e := range r.Effects {
			applies[fmt.Sprintf("%s/%d", r.Hash, n)] = e.Op == autonomics.OpApply
		}
		o := r.Event.Effect
		if o == nil || o.Stage != autonomics.StageDone || !applies[o.Key] || governor != "" && r.Governor != governor {
			continue
		}
		at = append(at, r.At)
		if i := len(at) - 1 - l.AtMost; i >= 0 && at[i] > r.At.Add(-l.Within) {
			w.t.Fatalf("receipt %d: effect %d of %q since %v, %d within %v are allowed", r.Seq, l.AtMost+1, governor, at[i], l.AtMost, l.Within)
		}
	}
}

// restore replaces the tenant by what was folded, through its stored form.
func (w *world) restore() {
	b, err := json.Marshal(w.folded)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	t := new(kernel.Tenant)
	if err := json.Unmarshal(b, t); err != nil {
		w.t.Fatalf("%v", err)
	}
	if h, ok := t.Bind(w.program); !ok {
		w.t.Fatalf("program %s is unknown", h)
	}
	if have, want := text(t), text(w.live); have != want {
		w.t.Fatalf("the stored form lost something: %s\n%s", have, want)
	}
	w.live = t
	w.tick()
}
