package kernel_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// TestPromises plays random events on random programs and checks after every
// receipt, with an oracle that shares no code with the kernel, that rules fire
// only on what is true; and after every step what the types promise. At last it
// lets time pass: every claim ends, and what nobody else has touched is as it
// was.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRandom(t)
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			r.act()
		}
		r.end()
	})
}

// random drives a world.
type random struct {
	t *rapid.T
	*world
	oracles map[string]*oracle
	applies map[string]bool // keys of the operations that apply
	foreign bool            // somebody else has changed a target, or a version was kept
	seen    int
}

func newRandom(t *rapid.T) *random {
	r := &random{t: t, world: newWorld(t, map[autonomics.Hash]*kernel.Program{}), oracles: map[string]*oracle{}, applies: map[string]bool{}}
	r.entitle("active", "one", "two")
	for i, sku := range []string{"one", "two"} {
		for range rapid.IntRange(1-i, 2-i).Draw(t, "governors") {
			name := fmt.Sprintf("%s%d", sku, len(r.oracles))
			p := r.draw(sku)
			r.oracles[name] = newOracle(p, r.applies)
			r.govern(name, p, rapid.SampledFrom([]autonomics.Mode{autonomics.Enforce, autonomics.Enforce, autonomics.Observe}).Draw(t, "mode"), "svc")
		}
	}
	r.learn()
	return r
}

// draw makes a program of the family: two conditions that lead into
// intervening, one that locks, one that clears.
func (r *random) draw(sku string) *kernel.Program {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(r.t, label) }
	leaf := func(label, op string, values ...string) string {
		measure := pick(label, ``, ``, `"measure": "avg", "window": "12m", `, `"measure": "max", "window": "12m", `,
			`"measure": "min", "window": "12m", `, `"measure": "difference", "window": "12m", `, `"measure": "difference", "over": "c", `)
		return fmt.Sprintf(`"signal": %q, %s%q: %q`, pick(label, "a", "a", "b"), measure, op, pick(label, values...))
	}
	hysteresis := func(label string) string {
		return pick(label, ``, ``, `, "samples": 2, "within": "10m"`, `, "for": "6m"`)
	}
	condition := func(label, op string, values ...string) string {
		one := "{" + leaf(label, op, values...)
		switch pick(label, "leaf", "leaf", "any", "all", "not", "episode") {
		case "any":
			one = fmt.Sprintf(`{"any": [%s}, {%s}]`, one, leaf(label, op, values...))
		case "all":
			one = fmt.Sprintf(`{"all": [%s}, {%s}]`, one, leaf(label, op, values...))
		case "not":
			opposite := map[string]string{"above": "at_most", "below": "at_least"}[op]
			return fmt.Sprintf(`{"not": {%s}}`, leaf(label, opposite, values...))
		case "episode":
			return fmt.Sprintf(`{"any": [%s}, {"episode": "alert", "open": %v}]}`, one, op == "above")
		}
		return one + hysteresis(label) + "}"
	}
	source := fmt.Sprintf(`{"sku": %q, "version": "1.0.0", "code": "AB-001", "class": %q, "title": "T", "summary": "S",
		"signals": {"a": {"unit": "1", "stale_after": "20m", "required": %s, "help": "a"}, "b": {"unit": "1", "stale_after": "15m", "help": "b"},
			"c": {"unit": "1", "stale_after": "15m", "help": "c"}},
		"episodes": {"alert": {"stale_after": "30m", "keys": 3, "help": "alerts"}},
		"profiles": {"standard": {}},
		"targets": {"service": {"kind": "cloudrun.service"}},
		"rules": [
			{"id": "lock", "in": ["stable", "warning", "intervening"], "go": "refusing", "lock_for": "40m", "do": [%s], "when": {"all": [{"effects": "throttle", "window": "2h", "at_least": "2"}, %s]}},
			{"id": "worse", "in": ["intervening"], "go": "intervening", "do": ["choke", "tell"], "when": %s},
			{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": [%s], "when": %s},
			{"id": "ok", "in": ["warning", "intervening"], "go": "stable", "when": %s}],
		"actions": {
			"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": %q}, "term": "30m", "max_term": "70m", "after": "undo"%s%s},
			"choke": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "1"}, "term": "10m", "max_term": "1h", "after": "undo"},
			"back": {"uses": "cloudrun.traffic", "on": "service", "with": {"to": "previous"}, "after": "keep"},
			"tell": {"uses": "notify.log"}},
		"limits": {"cooldown": "5m"}}`,
		sku, pick("class", "safety", "cost", "throughput"), pick("required", "true", "false", `{"while": {"episode": "alert"}}`),
		pick("lock does", ``, `"choke"`, `"throttle"`, `"tell"`), condition("lock", "above", "1", "3"),
		condition("worse", "above", "5", "7"),
		pick("do", `"throttle"`, `"throttle", "tell"`, `"throttle", "back"`, `"back", "throttle"`), condition("over", "above", "3", "5"),
		condition("ok", "below", "2", "3"),
		pick("max", "10", "50%", "20%", "100%"), pick("release", "", `, "release": {"steps": ["0.5", "1"], "every": "3m"}`),
		pick("helps", "", `, "helps": {"when": {"signal": "b", "below": "4"}, "within": "4m", "disarm_after": 2}`))
	p, err := compile(source, "standard", nil)
	if err != nil {
		if strings.Contains(err.Error(), "never fires") {
			r.t.Skip(err)
		}
		r.t.Fatalf("%v\n%s", err, source)
	}
	return p
}

// act does one random thing.
func (r *random) act() {
	switch rapid.SampledFrom([]string{"signal", "signal", "signal", "signal", "time", "time", "late", "answer", "answer", "settle",
		"outcome", "cloud", "command", "command", "fleet", "entitle", "episode", "restart", "program"}).Draw(r.t, "act") {
	case "signal":
		r.signal()
	case "time":
		wait := rapid.SampledFrom([]autonomics.Duration{autonomics.Second, autonomics.Minute, 3 * autonomics.Minute, 5 * autonomics.Minute, 25 * autonomics.Minute}).Draw(r.t, "wait")
		r.until(r.now.Add(wait))
	case "late":
		r.now = r.now.Add(autonomics.Duration(rapid.IntRange(1, 60*60_000).Draw(r.t, "wait")))
		r.tick()
	case "answer":
		if x, ok := r.any(); ok {
			if out, ok := r.answer(x); ok {
				r.step(kernel.Input{Governor: x.Governor, Event: autonomics.Event{Effect: &out}})
			}
		}
	case "settle":
		r.settle()
	case "fleet":
		r.fleet = r.now.Add(autonomics.Duration(rapid.IntRange(0, 90).Draw(r.t, "full")) * autonomics.Minute)
	case "outcome":
		r.refuse()
	case "cloud":
		field := rapid.SampledFrom([]string{"max", "revision"}).Draw(r.t, "field")
		r.target("svc")[field] = rapid.SampledFrom([]string{"1", "2", "100"}).Draw(r.t, "value")
		r.foreign = true
	case "command":
		r.order()
	case "entitle":
		r.entitle(rapid.SampledFrom([]string{"active", "active", "suspended"}).Draw(r.t, "state"),
			[]string{"one", "two"}[:rapid.IntRange(1, 2).Draw(r.t, "skus")]...)
	case "episode":
		r.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Episode: "alert", Key: rapid.SampledFrom([]string{"k", "l"}).Draw(r.t, "key"),
			Start: r.now.Add(-autonomics.Duration(rapid.IntRange(0, 2).Draw(r.t, "start") * 60_000)), Open: rapid.Bool().Draw(r.t, "open")}}})
	case "restart":
		r.restore()
	case "program":
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(r.oracles))).Draw(r.t, "governor")
		if g := r.live.Governor(name); g != nil {
			r.govern(name, g.Prog(), rapid.SampledFrom([]autonomics.Mode{autonomics.Enforce, autonomics.Approve, autonomics.Observe}).Draw(r.t, "mode"), "svc")
		}
	}
	r.learn()
}

func (r *random) signal() {
	ev := &autonomics.Signal{Source: rapid.SampledFrom([]string{"", "s"}).Draw(r.t, "source"), ID: rapid.SampledFrom([]string{"", "x", "y"}).Draw(r.t, "id")}
	for range rapid.IntRange(1, 3).Draw(r.t, "readings") {
		rd := autonomics.Reading{Signal: rapid.SampledFrom([]string{"a", "a", "b", "c"}).Draw(r.t, "signal")}
		if rapid.IntRange(0, 7).Draw(r.t, "absent") == 0 {
			rd.Absent = autonomics.AbsentNull
		} else {
			rd.Value = autonomics.Decimal(rapid.IntRange(0, 9).Draw(r.t, "value") * 1_000_000)
		}
		if offset := rapid.IntRange(-3, 2).Draw(r.t, "at"); offset < 2 {
			rd.At = r.now.Add(autonomics.Duration(offset) * 40 * autonomics.Second)
		}
		ev.Readings = append(ev.Readings, rd)
	}
	r.step(kernel.Input{Event: autonomics.Event{Signal: ev}})
}

// any work in flight.
func (r *random) any() (kernel.Work, bool) {
	list := work(r.live)
	if len(list) == 0 {
		return kernel.Work{}, false
	}
	return rapid.SampledFrom(list).Draw(r.t, "work"), true
}

// refuse answers some work with less than it asked for. An apply whose end is
// not known may have arrived.
func (r *random) refuse() {
	x, ok := r.any()
	if !ok || x.Watch {
		return
	}
	out := autonomics.Outcome{Key: x.Key}
	switch rapid.SampledFrom([]string{"failed", "unknown", "dropped", "held", "stale"}).Draw(r.t, "outcome") {
	case "failed":
		out.Stage, out.Error = autonomics.StageFailed, "refused"
	case "unknown":
		out.Stage, out.Unknown = autonomics.StageFailed, true
		if !x.Observe && !x.Virtual && rapid.Bool().Draw(r.t, "arrived") {
			for _, f := range x.Value {
				r.target("svc")[f.Name] = f.Value
			}
		}
		r.foreign = true
	case "dropped":
		out.Stage = autonomics.StageDropped
	case "held":
		out.Stage, out.Cause = autonomics.StageHeld, autonomics.HeldStop
	case "stale":
		out.Stage, out.Key = autonomics.StageDone, "0/0"
	}
	r.step(kernel.Input{Governor: x.Governor, Event: autonomics.Event{Effect: &out}})
}

func (r *random) order() {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(r.oracles))).Draw(r.t, "governor")
	switch command := rapid.SampledFrom([]string{"mode", "mode", "reset", "release", "stop", "remove", "approve", "approve", "approve", "reject"}).Draw(r.t, "command"); command {
	case "mode":
		r.command(name, command, map[string]string{"mode": rapid.SampledFrom([]string{"observe", "approve", "enforce"}).Draw(r.t, "mode")})
	case "release":
		r.command(name, command, map[string]string{"action": rapid.SampledFrom([]string{"throttle", "choke", "back"}).Draw(r.t, "action")})
	case "approve", "reject":
		for _, h := range r.held(name) {
			r.command(name, command, map[string]string{"effect": h.Key})
		}
	case "stop":
		r.command(name, command, map[string]string{"claims": "release"})
	case "reset":
		r.foreign = true // what was to be released stays
		r.command(name, command, nil)
	default:
		if rapid.IntRange(0, 3).Draw(r.t, "really") == 0 {
			r.command(name, command, nil)
		}
	}
}

// learn checks the receipts that are new against the oracles.
func (r *random) learn() {
	for ; r.seen < len(r.receipts); r.seen++ {
		receipt := r.receipts[r.seen]
		for n, e := range receipt.Effects {
			if e.Op == autonomics.OpApply {
				r.applies[fmt.Sprintf("%s/%d", receipt.Hash, n)] = true
			}
		}
		o := r.oracles[receipt.Governor]
		if o == nil {
			continue
		}
		if receipt.Kind == autonomics.KindProgram && receipt.Cause == autonomics.CauseCreated {
			o = newOracle(o.p, r.applies) // it was removed, and has come back
			r.oracles[receipt.Governor] = o
		}
		if receipt.Verdict == autonomics.Accepted {
			o.learn(receipt)
		}
		if receipt.Rule == "" {
			continue
		}
		i := slices.IndexFunc(o.p.Rules, func(x kernel.Rule) bool { return x.ID == receipt.Rule })
		rule := o.p.Rules[i]
		for j, node := range rule.Leaves {
			if have, want := receipt.Why[j].Holds, o.eval(node, receipt.At); have != want {
				r.t.Fatalf("receipt %d: leaf %d of %s is %s, not %s: %+v", receipt.Seq, j, rule.ID, want, have, receipt.Why[j])
			}
		}
		if x := o.eval(rule.When, receipt.At); x != autonomics.Yes {
			r.t.Fatalf("receipt %d: rule %s fired on a condition that is %s", receipt.Seq, rule.ID, x)
		}
	}
}

// end lets the signals stop and time pass.
func (r *random) end() {
	r.entitle("active", "one", "two")
	for range 300 {
		rested := r.settle() // or two rules undo each other as long as their signals are fresh
		due, ok := r.live.Due()
		if rested && !ok {
			break
		}
		if !ok {
			due = r.now.Add(5 * autonomics.Minute)
		}
		r.until(max(due, r.now))
	}
	for _, g := range r.live.Governors {
		if len(g.Claims) > 0 {
			last := r.receipts[max(0, len(r.receipts)-5):]
			var lines []string
			for _, x := range last {
				lines = append(lines, show(x)...)
			}
			r.t.Fatalf("%s never lets go: %+v\n%s", g.Name, g.Claims, strings.Join(lines, "\n"))
		}
		if p := g.Prog(); g.State != autonomics.Degraded && g.State != autonomics.Boot && p.Signals[0].Required && p.Signals[0].While < 0 {
			r.t.Fatalf("%s hears nothing and is %s", g.Name, g.State)
		}
	}
	keeps := slices.ContainsFunc(r.receipts, func(x *autonomics.Receipt) bool {
		return slices.ContainsFunc(x.Effects, func(e autonomics.Effect) bool { return e.Action == "back" })
	})
	if max := r.target("svc")["max"]; !r.foreign && max != "100" {
		r.t.Fatalf("at the end max is %s", max)
	}
	if v := r.target("svc")["revision"]; !r.foreign && !keeps && v != "v2" {
		r.t.Fatalf("at the end the revision is %s", v)
	}
}

// TestOrderOfArrival: the value in force does not depend on who came first, nor
// on how far the operations of others had come.
func TestOrderOfArrival(t *testing.T) {
	source := func(sku, class, max string) string {
		return fmt.Sprintf(`{"sku": %q, "version": "1.0.0", "code": "AB-001", "class": %q, "title": "T", "summary": "S",
			"signals": {"a": {"unit": "1", "stale_after": "20m", "help": "a"}}, "profiles": {"standard": {}},
			"targets": {"service": {"kind": "cloudrun.service"}},
			"rules": [{"id": "over", "in": ["stable"], "go": "intervening", "do": ["throttle"], "when": {"signal": "a", "above": "1"}},
				{"id": "ok", "in": ["intervening"], "go": "stable", "when": {"signal": "a", "below": "1"}}],
			"actions": {"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": %q}, "term": "30m", "max_term": "70m", "after": "undo"}}}`, sku, class, max)
	}
	classes := []string{"safety", "cost", "throughput"}
	rapid.Check(t, func(t *rapid.T) {
		type want struct{ class, max int }
		var wants []want
		w := newWorld(t, map[autonomics.Hash]*kernel.Program{})
		var skus []string
		n := rapid.IntRange(2, 4).Draw(t, "governors")
		for i := range n {
			skus = append(skus, fmt.Sprint("s", i))
		}
		w.entitle("active", skus...)
		for i := range n {
			x := want{rapid.IntRange(0, 2).Draw(t, "class"), rapid.IntRange(1, 120).Draw(t, "max")}
			text := fmt.Sprint(x.max)
			if share := rapid.IntRange(0, 100).Draw(t, "share"); rapid.Bool().Draw(t, "is share") {
				text, x.max = fmt.Sprint(share, "%"), max(1, share)
			}
			x.max = min(x.max, 100) // a throttle never loosens
			wants = append(wants, x)
			p, err := compile(source(skus[i], classes[x.class], text), "standard", nil)
			if err != nil {
				t.Fatal(err)
			}
			w.govern(skus[i], p, autonomics.Enforce, "svc")
		}
		for _, i := range rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order") {
			w.step(kernel.Input{Governor: skus[i], Event: autonomics.Event{Signal: &autonomics.Signal{
				Readings: []autonomics.Reading{{Signal: "a", Value: 2_000_000}}}}})
			for range rapid.IntRange(0, 3).Draw(t, "answers") {
				for _, x := range work(w.live) {
					if out, ok := w.answer(x); ok {
						w.step(kernel.Input{Governor: x.Governor, Event: autonomics.Event{Effect: &out}})
						break
					}
				}
			}
		}
		w.settle()
		best := slices.MinFunc(wants, func(a, b want) int {
			if a.class != b.class {
				return a.class - b.class
			}
			return a.max - b.max
		})
		if have := w.target("svc")["max"]; have != fmt.Sprint(best.max) {
			t.Fatalf("max is %s, the strictest of %+v wants %d", have, wants, best.max)
		}
		for _, l := range w.live.Lanes {
			if v, _ := l.Baseline.Get("max"); v != "100" {
				t.Fatalf("the baseline is %s", v)
			}
		}
	})
}

// TestNothingUnknownActs: in every state, with every signal of every quality
// that is not fresh, no rule fires, whatever else happens.
func TestNothingUnknownActs(t *testing.T) {
	source := `{"sku": "g", "version": "1.0.0", "code": "AB-001", "class": "cost", "title": "T", "summary": "S",
		"signals": {"x": {"unit": "1", "stale_after": "10m", "help": "x"}, "y": {"unit": "1", "stale_after": "5h", "help": "y"}},
		"episodes": {"e": {"stale_after": "10m", "keys": 2, "help": "e"}},
		"profiles": {"standard": {}}, "targets": {"service": {"kind": "cloudrun.service"}},
		"rules": [
			{"id": "lock", "in": ["stable", "warning", "intervening"], "go": "refusing", "lock_for": "1h", "when": {"signal": "x", "at_least": "9"}},
			{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["throttle"], "when": {"any": [{"signal": "x", "at_least": "5"}, {"not": {"signal": "x", "at_least": "-5"}}, {"episode": "e", "open": true}]}},
			{"id": "high", "in": ["stable"], "go": "warning", "when": {"signal": "x", "at_least": "3"}},
			{"id": "ok", "in": ["warning", "intervening"], "go": "stable", "when": {"all": [{"signal": "x", "below": "1"}, {"signal": "y", "below": "1", "or_missing": true}]}}],
		"actions": {"throttle": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "1"}, "term": "4h", "max_term": "4h", "after": "undo"}},
		"limits": {"cooldown": "4h"}}`
	required := strings.Replace(source, `"stale_after": "5h"`, `"stale_after": "5h", "required": true`, 1)
	reading := func(w *world, signal string, v int64, absent autonomics.Absence) {
		w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Readings: []autonomics.Reading{
			{Signal: signal, Value: autonomics.Decimal(v * 1_000_000), Absent: absent}}}}})
	}
	for _, c := range []struct {
		state  autonomics.State
		source string
		reach  func(*world)
	}{
		{autonomics.Boot, required, func(*world) {}},
		{autonomics.Stable, source, func(w *world) { reading(w, "x", 2, "") }},
		{autonomics.Warning, source, func(w *world) { reading(w, "x", 3, "") }},
		{autonomics.Intervening, source, func(w *world) { reading(w, "x", 5, ""); w.settle() }},
		{autonomics.Degraded, source, func(w *world) { w.fail = []string{"throttle"}; reading(w, "x", 5, ""); w.settle(); w.fail = nil }},
		{autonomics.Refusing, source, func(w *world) { reading(w, "x", 9, "") }},
	} {
		for _, quality := range []string{"stale", "missing"} {
			t.Run(c.state.String()+" "+quality, func(t *testing.T) {
				w := newWorld(t, map[autonomics.Hash]*kernel.Program{})
				p, err := compile(c.source, "standard", nil)
				if err != nil {
					t.Fatal(err)
				}
				w.entitle("active", "g")
				w.govern("g", p, autonomics.Enforce, "svc")
				c.reach(w)
				if have := w.live.Governor("g").State; have != c.state {
					t.Fatalf("the governor is %v", have)
				}
				if quality == "missing" {
					reading(w, "x", 0, autonomics.AbsentNaN)
				} else {
					w.until(w.now.Add(10 * autonomics.Minute))
				}
				claims := len(w.live.Governor("g").Claims)
				w.receipts = nil
				reading(w, "y", 9, "")
				w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Episode: "e", Key: "k", Start: epoch, At: epoch.Add(-autonomics.Hour), Open: true}}})
				w.settle()
				w.until(w.now.Add(2 * autonomics.Hour))
				w.settle()
				for _, r := range w.receipts {
					if r.Rule != "" || len(r.Effects) > 0 {
						t.Errorf("receipt %d: %v", r.Seq, show(r))
					}
				}
				if have := len(w.live.Governor("g").Claims); have != claims {
					t.Errorf("there were %d claims, and are %d", claims, have)
				}
			})
		}
	}
}
