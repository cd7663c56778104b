package why_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

const epoch autonomics.Time = 1_767_225_600_000 // 2026-01-01

// A world is one tenant that lives, and the same folded up to the receipt that
// is being looked at.
type world struct {
	*rand.Rand
	t        testing.TB
	now      autonomics.Time
	scale    int64 // readings and thresholds are small multiples of it
	wild     bool  // scales change by the value, and rules look at what overflows
	live     *kernel.Tenant
	folded   *kernel.Tenant
	programs map[autonomics.Hash]*kernel.Program
	look     func(w *world, r *autonomics.Receipt) // at each receipt, before it is folded
}

func newWorld(t testing.TB, seed uint64, look func(*world, *autonomics.Receipt)) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, now: epoch, look: look, programs: map[autonomics.Hash]*kernel.Program{},
		live: &kernel.Tenant{ID: "acme"}, folded: &kernel.Tenant{ID: "acme"}}
	w.scale = []int64{1, 1_000_000, 1_000_000, 1_000_000_000_000, 600_000_000_000_000_000}[w.IntN(5)]
	w.wild = w.IntN(2) == 0
	return w
}

func (w *world) program(h autonomics.Hash) *kernel.Program { return w.programs[h] }

func (w *world) tell(sealed []kernel.Sealed) {
	for _, s := range sealed {
		r, err := autonomics.ParseReceipt(s.Line)
		if err != nil {
			w.t.Fatal(err)
		}
		w.look(w, r)
		if !w.folded.Evolve(r, w.program) {
			w.t.Fatal("unknown program")
		}
	}
}

func (w *world) step(in kernel.Input) {
	w.tell(w.live.Tick(w.now))
	w.tell(w.live.Step(w.now, in))
}

func (w *world) pick(of ...string) string { return of[w.IntN(len(of))] }

func (w *world) value() autonomics.Decimal {
	scale := w.scale
	if w.wild {
		scale = []int64{1, 1_000_000, 600_000_000_000_000_000}[w.IntN(3)]
	}
	return autonomics.Decimal(int64(w.IntN(15)-3)*scale + int64(w.IntN(3)-1)*int64(w.IntN(2)))
}

// leaf is a random leaf of every kind that reads a signal.
func (w *world) leaf(hysteresis bool) string {
	op, threshold := w.pick("above", "at_least", "below", "at_most"), w.value().String()
	signal, kinds := w.pick("a", "a", "b"), 11
	if w.wild {
		signal = w.pick("a", "b", "c", "c", "c", "c", "c", "c")
		if kinds = 0; signal != "c" {
			kinds = 6
		}
	}
	more, kind := "", 11
	if kinds > 0 {
		kind = w.IntN(kinds)
	}
	switch kind {
	case 0, 1:
		more = fmt.Sprintf(`"measure": %q, "window": "12m", `, w.pick("avg", "max", "min", "difference"))
	case 2:
		more, threshold = `"measure": "rate", "window": "12m", `, "$burn"
	case 3:
		more, threshold = `"measure": "growth", "window": "12m", `, w.ratio()
	case 4:
		more, threshold = fmt.Sprintf(`"measure": "growth", "over": %q, `, w.pick("b", "c")), w.ratio()
	case 5:
		more = fmt.Sprintf(`"measure": "difference", "over": %q, `, w.pick("b", "c"))
	}
	if strings.Contains(more, fmt.Sprintf(`"over": %q`, signal)) {
		signal = "a"
	}
	out := fmt.Sprintf(`"signal": %q, %s%q: %q`, signal, more, op, threshold)
	if hysteresis && w.IntN(3) == 0 {
		out += w.pick(`, "samples": 2, "within": "10m"`, `, "for": "3m"`)
	}
	return "{" + out + "}"
}

func (w *world) ratio() string { return autonomics.Decimal((w.IntN(9) - 4) * 500_000).String() }

func (w *world) condition() string {
	switch w.IntN(5) {
	case 0:
		return fmt.Sprintf(`{"any": [%s, %s]}`, w.leaf(true), w.leaf(true))
	case 1:
		return fmt.Sprintf(`{"all": [%s, %s], "samples": 2, "within": "9m"}`, w.leaf(false), w.leaf(false))
	case 2:
		return fmt.Sprintf(`{"not": %s}`, w.leaf(false))
	case 3:
		return fmt.Sprintf(`{"all": [%s, {"any": [%s, %s]}]}`, w.leaf(true), w.leaf(true), w.leaf(true))
	}
	return w.leaf(true)
}

// govern gives the tenant a governor with a random program.
func (w *world) govern(name, sku string) {
	for {
		source := fmt.Sprintf(`{"sku": %q, "version": "1.0.0", "code": "AB-001", "class": "cost", "title": "T", "summary": "S",
			"signals": {"a": {"unit": "u", "stale_after": "20m", "required": %v, "resets": %v, "help": "a"},
				"b": {"unit": "u", "stale_after": "15m", "resets": %v, "help": "b"}, "c": {"unit": "u", "stale_after": "15m", "help": "c"}},
			"parameters": {"burn": {"unit": "u/h", "help": "burn"}}, "profiles": {"standard": {"burn": %q}},
			"targets": {"service": {"kind": "cloudrun.service"}},
			"rules": [
				{"id": "lock", "in": ["stable", "intervening"], "go": "refusing", "lock_for": "5m", "when": {"all": [%s, %s, %s]}},
				{"id": "worse", "in": ["warning", "intervening"], "go": "intervening", "do": [%q], "when": %s},
				{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["throttle", "tell"], "when": %s},
				{"id": "high", "in": ["stable"], "go": "warning", "do": ["tell"], "when": %s},
				{"id": "burning", "in": ["intervening"], "go": "warning", "when": {"all": [%s, {"signal": "b", "measure": "rate", "window": "12m", "above": "$burn"}]}},
				{"id": "ok", "in": ["warning", "intervening"], "go": "stable", "when": %s}],
			"actions": {
				"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "5"}, "term": "6m", "max_term": "20m", "after": "undo",
					"helps": {"when": %s, "within": "4m", "disarm_after": 2}},
				"choke": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "1"}, "term": "5m", "max_term": "10m", "after": "undo"},
				"tell": {"uses": "notify.log"}},
			"limits": {"cooldown": "5m"}}`, sku, w.IntN(2) == 0, w.IntN(2) == 0, w.IntN(2) == 0, w.value(),
			w.leaf(true), w.leaf(true), w.leaf(true), w.pick("choke", "choke", "throttle"), w.condition(), w.condition(), w.condition(), w.leaf(true), w.condition(), w.leaf(true))
		if w.run(name, source) {
			return
		}
	}
}

// run gives the tenant a governor. It reports false if the checker finds that
// a rule of a random program cannot fire.
func (w *world) run(name, source string) bool {
	doc, complaints := spec.Parse("test", []byte(source))
	if len(complaints) > 0 {
		w.t.Fatal(complaints)
	}
	p, complaints := spec.Compile(doc, "standard", nil)
	if len(complaints) > 0 {
		if text := fmt.Sprint(complaints); !strings.Contains(text, "never fires") {
			w.t.Fatal(text)
		}
		return false
	}
	w.programs[p.Digest] = p
	ev := &autonomics.ProgramEvent{Spec: p.Digest, Name: p.SKU + "@1.0.0", Profile: "standard", Mode: autonomics.Mode(w.pick("enforce", "enforce", "approve", "observe"))}
	for _, s := range p.Slots {
		ev.Targets = append(ev.Targets, autonomics.TargetRef{Slot: s.Name, Name: "svc", Kind: s.Kind, Ref: "svc"})
	}
	w.step(kernel.Input{Governor: name, Program: p, Event: autonomics.Event{Program: ev}})
	return true
}

func (w *world) entitle(state string, skus ...string) {
	event := map[string]string{"active": "payment_confirmed", "suspended": "suspend"}[state]
	w.step(kernel.Input{Event: autonomics.Event{Entitlement: &autonomics.Entitlement{Entitlement: "operator", Event: event, State: state, SKUs: skus}}})
}

// signal sends up to three readings, dated or not.
func (w *world) signal() {
	ev := &autonomics.Signal{Source: w.pick("", "s"), ID: w.pick("", "x", "y")}
	for range 1 + w.IntN(3) {
		rd := autonomics.Reading{Signal: w.pick("a", "a", "b", "c"), Value: w.value()}
		if w.IntN(12) == 0 {
			rd.Absent, rd.Value = autonomics.AbsentNull, 0
		}
		if offset := w.IntN(6) - 3; offset < 2 {
			rd.At = w.now.Add(autonomics.Duration(offset) * 30 * autonomics.Second)
		}
		if w.IntN(10) == 0 {
			rd.Start = epoch.Add(autonomics.Duration(w.IntN(3)) * 20 * autonomics.Minute)
		}
		ev.Readings = append(ev.Readings, rd)
	}
	w.step(kernel.Input{Event: autonomics.Event{Signal: ev}})
}

// answer lets the target do what is asked of it, now and then not.
func (w *world) answer() {
	var all []kernel.Work
	w.live.Work(func(x kernel.Work) { all = append(all, x) })
	if len(all) == 0 {
		return
	}
	x := all[w.IntN(len(all))]
	out := autonomics.Outcome{Key: x.Key, Stage: autonomics.StageDone, Value: x.Value}
	switch {
	case x.Op != autonomics.OpNotice && w.IntN(8) == 0:
		out.Stage, out.Value = autonomics.StageYielded, nil
	case x.Op == autonomics.OpApply && w.IntN(8) == 0:
		out.Stage, out.Value, out.Error = autonomics.StageFailed, nil, "refused"
	case w.IntN(8) == 0:
		out.Stage, out.Value, out.Cause = autonomics.StageHeld, nil, autonomics.HeldStop
	case w.IntN(20) == 0:
		out.Key = "0/0"
	case x.Observe || x.Virtual:
		out.Stage, out.Value, out.Baseline = autonomics.StagePrepared, nil, autonomics.Fields{{Name: "max", Value: "100"}}
	}
	in := kernel.Input{Governor: x.Governor, Event: autonomics.Event{Effect: &out}}
	if w.IntN(10) == 0 {
		in.Fleet = w.now.Add(autonomics.Minute)
	}
	w.step(in)
}

func (w *world) command() {
	c := &autonomics.Command{Principal: "ann", Command: w.pick("reset", "release", "mode", "stop", "approve", "approve", "reject"), Scope: autonomics.Scope{Governor: w.pick("one", "two", "gone")}}
	switch c.Command {
	case "release":
		c.Args = map[string]string{"action": w.pick(`"throttle"`, `"choke"`)}
	case "mode":
		c.Args = map[string]string{"mode": w.pick(`"observe"`, `"approve"`, `"enforce"`, `"enforce"`)}
	case "approve", "reject":
		c.Args = map[string]string{"effect": `"0/0"`}
		for _, g := range w.live.Governors {
			for _, h := range g.Held {
				if h.Cause == autonomics.HeldApproval {
					c.Scope.Governor, c.Args["effect"] = g.Name, strconv.Quote(h.Key)
				}
			}
		}
	case "stop":
		c.Args = map[string]string{"claims": `"release"`}
	}
	w.step(kernel.Input{Governor: c.Scope.Governor, Event: autonomics.Event{Command: c}})
}

// live plays random events.
func (w *world) play(events int) {
	w.entitle("active", "one", "two")
	w.govern("one", "one")
	w.govern("two", "two")
	for range events {
		switch w.IntN(24) {
		case 0, 1:
			w.command()
		case 2:
			w.entitle(w.pick("active", "active", "suspended"), "one", "two")
			w.entitle("active", "one", "two")
		case 3, 4, 5, 6, 7:
			w.answer()
		case 8, 9:
			w.tell(w.live.Tick(w.now))
		default:
			w.signal()
		}
		w.now = w.now.Add(autonomics.Duration(w.IntN(90)) * autonomics.Second)
	}
}
