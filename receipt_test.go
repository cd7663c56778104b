package autonomics

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func hashOf(digit string) Hash {
	h, err := ParseHash(strings.Repeat(digit, 64))
	if err != nil {
		panic(err)
	}
	return h
}

func at(s string) Time {
	t, err := ParseTime(s)
	if err != nil {
		panic(err)
	}
	return t
}

// fullReceipts has one receipt of each kind, with every member set somewhere.
func fullReceipts() []*Receipt {
	now := at("2026-11-23T07:44:00.123Z")
	base := Receipt{
		Tenant: "acme", Seq: 42, Prev: hashOf("a"), At: now, Kernel: 1, Verdict: Accepted,
		Governor: "web-cost", Program: hashOf("b"), From: Stable, To: Stable,
	}
	of := func(kind Kind, event Event, more func(r *Receipt)) *Receipt {
		r := base
		r.Kind, r.Event = kind, event
		if more != nil {
			more(&r)
		}
		return &r
	}
	return []*Receipt{
		of(KindProgram, Event{Program: &ProgramEvent{
			Spec: hashOf("c"), Name: "cost_guard@1.0.0", Profile: "standard", Mode: Enforce,
			Targets: []TargetRef{{"queue", "q", "sim.queue", "acme/q"}, {"service", "acme-web", "sim.service", "acme/web"}},
		}}, func(r *Receipt) { r.From, r.To, r.Cause, r.System = Boot, Boot, CauseCreated, 7 }),
		of(KindSignal, Event{Signal: &Signal{
			Source: "gcp.budget", ID: "id \"quoted\" \u20ac \U0001f602 \x01", At: now,
			Readings: []Reading{
				{Signal: "spend", Value: 1010000, Unit: "ratio", At: now},
				{Signal: "cost", Absent: AbsentContradicted, Unit: "USD", At: now, Start: now - 1},
				{Signal: "zero"},
			},
		}}, func(r *Receipt) {
			r.To, r.Rule = Intervening, "spend_over"
			r.Why = []Leaf{
				{Signal: "spend", Value: 1010000, HasValue: true, Quality: Fresh, Op: "at_least", Threshold: 1000000, Samples: 3, Within: Minute, Holds: Yes},
				{Signal: "cost", Measure: "rate", Window: 3 * Hour, Over: "spend", Quality: Missing, Op: "above", For: 90 * Second, Holds: Unknown},
				{Episode: "deploy", Quality: Fresh, Holds: No},
				{Effects: "rollback", Window: Day, Op: "at_least", Threshold: 3000000, HasValue: true, Holds: No},
			}
			r.Effects = []Effect{
				{Op: OpApply, Action: "throttle", Target: "acme-web", With: Fields{{"max", "1"}, {"min", ""}}},
				{Op: OpNotice, Action: "tell"},
				{Op: OpUndo, Governor: "other", Action: "throttle", Target: "acme-web"},
			}
		}),
		of(KindSignal, Event{Signal: &Signal{Episode: "deploy", Key: "k", Start: now, Truncated: 3}}, nil),
		of(KindSignal, Event{Signal: &Signal{Binding: "b1", Digest: hashOf("d"), Count: 12}}, func(r *Receipt) {
			*r = Receipt{Tenant: System, Seq: 1, At: now, Kernel: 1, Kind: r.Kind, Event: r.Event, Verdict: Refused, Reason: ReasonSummary}
		}),
		of(KindTimer, Event{Timer: &Timer{Timer: TimerTerm, Due: now, Signal: "s", Action: "throttle", Target: "t", Rule: "r", Until: now + 1}}, nil),
		of(KindEffect, Event{Effect: &Outcome{
			Key: hashOf("e").String() + "/0", Stage: StageHeld, Cause: HeldLimits, Action: "throttle", Target: "acme-web",
			Baseline: Fields{{"max", "10"}}, Value: Fields{{"max", "1"}}, Error: "no", Unknown: true,
			Reason: ReasonTenantLimit, Until: now + 1,
		}}, nil),
		of(KindEntitlement, Event{Entitlement: &Entitlement{
			Entitlement: "operator", Event: "payment_confirmed", State: "active", SKUs: []string{"cost_guard", "backlog_valve"},
		}}, func(r *Receipt) { r.Governor, r.Program, r.From, r.To = "", Hash{}, 0, 0 }),
		of(KindCommand, Event{Command: &Command{
			Principal: "local", Command: "target", Scope: Scope{"acme", "web-cost", "cost_guard"}, Reason: "because",
			Args: map[string]string{"target": `{"kind":"sim.service","name":"w","ref":"a/w"}`, "for": `"1h"`, "skus": `["a"]`, "until": `1`, "mode": `"observe"`},
		}}, func(r *Receipt) { r.Verdict, r.Reason = Ignored, ReasonUnchanged }),
	}
}

func TestRoundTrip(t *testing.T) {
	for _, r := range fullReceipts() {
		line, err := r.Seal()
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := Canonical(line)
		if err != nil || string(canonical) != string(line) {
			t.Fatalf("not canonical: %v\n%s\n%s", err, line, canonical)
		}
		back, err := ParseReceipt(line)
		if err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		if !reflect.DeepEqual(back, r) {
			t.Errorf("%s\nhave %+v\nwant %+v", line, back, r)
		}
		again, err := back.Seal()
		if err != nil || string(again) != string(line) {
			t.Errorf("sealed again: %v\n%s\n%s", err, again, line)
		}
		t.Logf("%s", line)
	}
}

var hashMemberForm = regexp.MustCompile(`,"hash":"[0-9a-f]{64}"`)

// mend gives a line the hash that its content has, if it has one at all.
func mend(line string) string {
	at := hashMemberForm.FindStringIndex(line)
	if at == nil {
		return line
	}
	sum := sha256.Sum256([]byte(line[:at[0]] + line[at[1]:]))
	return line[:at[0]] + fmt.Sprintf(`,"hash":"%x"`, sum) + line[at[1]:]
}

// forge replaces old in a sealed line and mends its hash, so that nothing but
// the form can be refused.
func forge(t *testing.T, line, old, new string) string {
	t.Helper()
	if !strings.Contains(line, old) {
		t.Fatalf("no %s in %s", old, line)
	}
	return mend(strings.Replace(line, old, new, 1))
}

func TestParseRefuses(t *testing.T) {
	var lines []string
	for _, r := range fullReceipts() {
		line, err := r.Seal()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	const program, signal, episode, system, timer, effect, entitlement, command = 0, 1, 2, 3, 4, 5, 6, 7
	for _, x := range []struct {
		line           int
		old, new, want string
	}{
		// The receipt.
		{timer, `"v":1`, `"v":2`, `member "v": want 1`},
		{timer, `"v":1,`, ``, `member "v": missing`},
		{timer, `"v":1`, `"v":1,"vv":1`, `member "vv": unknown`},
		{timer, `"v":1`, `"v":1,"v":1`, `member "v": unknown, repeated`},
		{timer, `"v":1`, `"v":"1"`, `member "v": want a whole number`},
		{timer, `"v":1,"verdict":"accepted"`, `"verdict":"accepted","v":1`, `member "v": missing`},
		{timer, `"seq":42`, `"seq":0`, `member "seq": empty`},
		{timer, `"seq":42`, `"seq":042`, `member "seq": want a whole number`},
		{timer, `"seq":42`, `"seq":-1`, `member "seq": want a whole number`},
		{timer, `"seq":42`, `"seq":42.0`, `member`},
		{timer, `"seq":42`, `"seq":4e1`, `member`},
		{timer, `"seq":42`, `"seq":9007199254740992`, `member "seq": want a whole number below 2^53`},
		{timer, `"seq":42`, `"seq":99999999999999999999999`, `member "seq": want a whole number below 2^53`},
		{timer, `"seq":42,`, ``, `member "seq": missing`},
		{timer, `"kernel":1,`, ``, `member "kernel": missing`},
		{timer, `"tenant":"acme",`, ``, `member "tenant": missing`},
		{timer, `"tenant":"acme"`, `"tenant":"ACME"`, `member "tenant": "ACME" is no name`},
		{timer, `"tenant":"acme"`, `"tenant":""`, `member "tenant": "" is no name`},
		{timer, `"tenant":"acme"`, `"tenant":null`, `member "tenant": want a string`},
		{timer, `"governor":"web-cost"`, `"governor":"_system"`, `member "governor"`},
		{timer, `"kind":"timer"`, `"kind":"clock"`, `"clock"`},
		{timer, `"kind":"timer"`, `"kind":"signal"`, `member "action": unknown`},
		{timer, `"kind":"timer",`, ``, `member "event"`},
		{timer, `"verdict":"accepted"`, `"verdict":"ok"`, `member "verdict": "ok" is none of`},
		{timer, `,"verdict":"accepted"`, ``, `member "verdict": missing`},
		{timer, `"from":"stable"`, `"from":"calm"`, `member "from": "calm" is no state`},
		{timer, `"from":"stable",`, ``, `members "from" and "to"`},
		{timer, `"governor":"web-cost",`, ``, `members "from" and "to"`},
		{timer, `"prev":"a`, `"prev":"A`, `member "prev"`},
		{timer, `"prev":"aa`, `"prev":"a`, `member "prev"`},
		{timer, `"prev":"` + hashOf("a").String() + `",`, ``, `member "prev": missing`},
		{timer, `"prev":"` + hashOf("a").String(), `"prev":"` + Hash{}.String(), `member "prev": zeros exactly`},
		{timer, `"program":"` + hashOf("b").String(), `"program":"` + Hash{}.String(), `member "program": empty`},
		{timer, `"at":"2026-11-23T07:44:00.123Z"`, `"at":"2026-11-23T07:44:00.12Z"`, `member "at"`},
		{timer, `"at":"2026-11-23T07:44:00.123Z"`, `"at":"2026-11-23T08:44:00.123+01:00"`, `member "at"`},
		{timer, `"at":"2026-11-23T07:44:00.123Z"`, `"at":"1970-01-01T00:00:00.000Z"`, `member "at": empty`},
		{timer, `"at":"2026-11-23T07:44:00.123Z",`, ``, `member "at": missing`},
		{timer, `{"at"`, ` {"at"`, `member "receipt": want '{'`},
		{timer, `"kernel":1`, `"kernel": 1`, `member "kernel": want a whole number`},
		{timer, `"tenant":"acme"`, `"tenant":"\u0061cme"`, `member "tenant": needless escapes`},
		{timer, `"accepted"}`, `"accepted"} `, `more after it`},
		{timer, `"accepted"}`, `"accepted"}{}`, `more after it`},
		{timer, `"accepted"}`, `"accepted"`, `member "receipt": want '}'`},
		{timer, `"verdict":"accepted"`, `"verdict":"accepted","why":[]`, `member "why": empty`},
		{timer, `"verdict":"accepted"`, `"verdict":"ignored"`, `member "reason": exactly`},
		{command, `"reason":"unchanged"`, `"reason":"whim"`, `member "reason": "whim" is none of`},
		{command, `"reason":"unchanged",`, ``, `member "reason": exactly`},
		{program, `"cause":"created"`, `"cause":"magic"`, `member "cause": "magic" is none of`},
		// Parts of signals.
		{signal, `"rule":"spend_over",`, ``, `member "why": exactly`},
		{signal, `"n":1`, `"n":2`, `member "n": not the index`},
		{signal, `"n":1,`, ``, `member "n": missing`},
		{signal, `"op":"notice"`, `"op":"shout"`, `member "op": "shout" is none of`},
		{signal, `"max":"1","min":""`, `"min":"","max":"1"`, `member "with": names twice or not sorted`},
		{signal, `"max":"1","min":""`, `"max":"1","max":""`, `member "with": names twice or not sorted`},
		{signal, `{"max":"1","min":""}`, `{}`, `member "with": empty`},
		{signal, `{"max":"1","min":""}`, `{"max":1}`, `member "with": want a string`},
		{signal, `"value":"1.01"}`, `"value":"1.010"}`, `member "value": "1.010" is not canonical, want "1.01"`},
		{signal, `"value":"1.01"}`, `"value":"-0"}`, `member "value": "-0" is not canonical`},
		{signal, `"value":"1.01"}`, `"value":1.01}`, `member "value": want a string`},
		{signal, `,"value":"1.01"}`, `}`, `member "value": missing`},
		{signal, `"absent":"contradicted"`, `"absent":"lost"`, `member "absent": "lost" is none of`},
		{signal, `"unit":"USD"`, `"unit":"USD","value":"1"`, `member "value": unknown`},
		{signal, `"unit":"USD"`, `"unit":""`, `member "unit": empty`},
		{signal, `"window":"3h"`, `"window":"180m"`, `member "window": "180m" is not canonical, want "3h"`},
		{signal, `"window":"3h"`, `"window":"0ms"`, `member "window"`},
		{signal, `"holds":"unknown",`, ``, `member "holds": missing`},
		{signal, `"threshold":"0",`, ``, `member "threshold": missing`},
		{signal, `"quality":"missing"`, `"quality":"good"`, `member "quality": "good" is none of`},
		{signal, `"source":"gcp.budget"`, `"source":"gcp.budget","timer":"for"`, `member "timer": unknown`},
		{signal, `"id":"id `, `"id":"` + strings.Repeat("x", MaxID), `member "id": longer than 256`},
		{signal, `\u0001`, `\u0001\n\/`, `member "id": needless escapes`},
		{signal, `\u0001`, "\x01", `control character`},
		{signal, `\u0001`, "\xff", `UTF-8`},
		{episode, `"open":false,`, ``, `member "open": missing`},
		{episode, `"open":false`, `"open":0`, `member "open": want true or false`},
		{episode, `"episode":"deploy",`, ``, `member "open": unknown`},
		{system, `"binding":"b1"`, `"binding":{}`, `member "binding": want a string`},
		{system, `"digest":"d`, `"digest":"g`, `member "digest"`},
		{system, `"reason":"summary"`, `"program":"` + hashOf("b").String() + `","reason":"summary"`, `only on a governor's receipt`},
		// The other kinds.
		{timer, `"timer":"term"`, `"timer":"nap"`, `member "timer": "nap" is none of`},
		{timer, `"due":"2026-11-23T07:44:00.123Z",`, ``, `member "due": missing`},
		{effect, `"cause":"limits",`, ``, `member "cause": exactly when the stage is held`},
		{effect, `"stage":"held"`, `"stage":"done"`, `member "cause": exactly when the stage is held`},
		{effect, `"unknown":true`, `"unknown":false`, `member "unknown": empty`},
		{effect, `"key":"`, `"koy":"`, `member "koy": unknown`},
		{entitlement, `"state":"active"`, `"state":"fine"`, `member "state": "fine" is none of`},
		{entitlement, `"skus":["cost_guard","backlog_valve"]`, `"skus":["cost_guard",""]`, `member "skus": "" is no name`},
		{entitlement, `"skus":["cost_guard","backlog_valve"]`, `"skus":["cost_guard",]`, `member "skus": want a string`},
		{entitlement, `"skus":["cost_guard","backlog_valve"]`, `"skus":["cost_guard"`, `member "skus": want`},
		{program, `"mode":"enforce"`, `"mode":"yolo"`, `member "mode": "yolo" is none of`},
		{program, `"queue":{`, `"tail":{`, `member "targets": names twice`},
		{command, `"for":"1h"`, `"for":"1h","force":true`, `member "force": unknown`},
		{command, `"for":"1h"`, `"for":""`, `member "for": empty`},
		{command, `"for":"1h"`, `"for":null`, `member "for": empty`},
		{command, `"for":"1h"`, `"for": "1h"`, `member "for": not in canonical form`},
		{command, `"for":"1h"`, `"for":1.5`, `member "for": byte`},
		{command, `"name":"w","ref":"a/w"`, `"ref":"a/w","name":"w"`, `member "target": not in canonical form`},
		{command, `"name":"w","ref":"a/w"`, `"name":"w","name":"w"`, `member "target": byte`},
		{command, `"principal":"local",`, ``, `member "principal": missing`},
		{command, `"scope":{"governor":"web-cost","sku":"cost_guard","tenant":"acme"}`, `"scope":{}`, `member "scope": empty`},
		{command, `"scope":{"governor":"web-cost","sku":"cost_guard","tenant":"acme"}`, `"scope":{"region":"eu"}`, `member "region": unknown`},
	} {
		line := forge(t, lines[x.line], x.old, x.new)
		r, err := ParseReceipt([]byte(line))
		if err == nil || !strings.Contains(err.Error(), x.want) || len(err.Error()) > 500 {
			t.Errorf("%s -> %s: %.500v; want %s", x.old, x.new, err, x.want)
		}
		if r != nil {
			t.Errorf("%s -> %s: a receipt and an error", x.old, x.new)
		}
	}
	for i, line := range lines {
		for n := range line { // every line cut short
			if _, err := ParseReceipt([]byte(line[:n])); err == nil {
				t.Errorf("line %d: its first %d bytes are accepted", i, n)
			}
		}
		r, _ := ParseReceipt([]byte(line))
		wrong := strings.Replace(line, r.Hash.String(), r.Prev.String(), 1)
		if _, err := ParseReceipt([]byte(wrong)); !errors.Is(err, ErrHash) {
			t.Errorf("another hash: %v", err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	const program, signal, episode, system, timer, effect, entitlement, command = 0, 1, 2, 3, 4, 5, 6, 7
	for _, x := range []struct {
		of     int
		change func(*Receipt)
		want   string // empty: accepted
	}{
		{timer, func(r *Receipt) { r.Tenant = "" }, `"tenant"`},
		{timer, func(r *Receipt) { r.Tenant = "_other" }, `"tenant"`},
		{timer, func(r *Receipt) { r.Tenant = `a"b` }, `"tenant"`},
		{timer, func(r *Receipt) { r.Seq = 0 }, `"seq"`},
		{timer, func(r *Receipt) { r.Seq = 1 << 53 }, `"seq"`},
		{timer, func(r *Receipt) { r.Seq = 1<<53 - 1 }, ``},
		{timer, func(r *Receipt) { r.Seq = 1 }, `"prev"`},
		{timer, func(r *Receipt) { r.Prev = Hash{} }, `"prev"`},
		{timer, func(r *Receipt) { r.At = 0 }, `"at"`},
		{timer, func(r *Receipt) { r.At = maxTime }, ``},
		{timer, func(r *Receipt) { r.At = maxTime + 1 }, `"at"`},
		{timer, func(r *Receipt) { r.At = minTime - 1 }, `"at"`},
		{timer, func(r *Receipt) { r.Kernel = 0 }, `"kernel"`},
		{timer, func(r *Receipt) { r.Kernel = -1 }, `"kernel"`},
		{timer, func(r *Receipt) { r.Kind = "" }, `"event"`},
		{timer, func(r *Receipt) { r.Kind = KindEffect }, `"event"`},
		{timer, func(r *Receipt) { r.Event = Event{} }, `"event"`},
		{timer, func(r *Receipt) { r.Event.Signal = new(Signal) }, `"event"`},
		{timer, func(r *Receipt) { r.Verdict = "" }, `"verdict"`},
		{timer, func(r *Receipt) { r.Verdict = Ignored }, `"reason"`},
		{timer, func(r *Receipt) { r.Reason = ReasonLate }, `"reason"`},
		{timer, func(r *Receipt) { r.From = 0 }, `"from"`},
		{timer, func(r *Receipt) { r.To = 0 }, `"to"`},
		{timer, func(r *Receipt) { r.To = Refusing + 1 }, `"to"`},
		{timer, func(r *Receipt) { r.Rule = "spend_over" }, `"why"`},
		{timer, func(r *Receipt) { r.Event.Timer.Due = 0 }, `"due"`},
		{timer, func(r *Receipt) { r.Event.Timer.Timer = "nap" }, `"timer"`},
		{timer, func(r *Receipt) { r.Event.Timer.Timer = "" }, `"timer"`},
		{signal, func(r *Receipt) { r.Why = nil }, `"why"`},
		{signal, func(r *Receipt) { r.Why[0].Holds = "" }, `"holds"`},
		{signal, func(r *Receipt) { r.Why[0].Window = -1 }, `"window"`},
		{signal, func(r *Receipt) { r.Why[0].Samples = -1 }, `"samples"`},
		{signal, func(r *Receipt) { r.Effects[0].With = Fields{{"b", ""}, {"a", ""}} }, `"with"`},
		{signal, func(r *Receipt) { r.Effects[0].Op = "" }, `"op"`},
		{signal, func(r *Receipt) { r.Effects[0].Action = "" }, `"action"`},
		{signal, func(r *Receipt) { r.Event.Signal.ID = strings.Repeat("x", MaxID) }, ``},
		{signal, func(r *Receipt) { r.Event.Signal.ID = strings.Repeat("x", MaxID+1) }, `"id"`},
		{signal, func(r *Receipt) { r.Event.Signal.ID = "\xff" }, `"id"`},
		{signal, func(r *Receipt) { r.Event.Signal.Readings[0].Signal = "" }, `"signal"`},
		{signal, func(r *Receipt) { r.Event.Signal.Readings[0].Absent = "lost" }, `"absent"`},
		{signal, func(r *Receipt) { r.Event.Signal.Readings = slices.Repeat(r.Event.Signal.Readings[:1], MaxReadings) }, ``},
		{signal, func(r *Receipt) { r.Event.Signal.Readings = slices.Repeat(r.Event.Signal.Readings[:1], MaxReadings+1) }, `"readings"`},
		{system, func(r *Receipt) { r.Cause = CauseFresh }, `"cause"`},
		{effect, func(r *Receipt) { r.Event.Effect.Stage = StageDone }, `"cause"`},
		{effect, func(r *Receipt) { r.Event.Effect.Stage, r.Event.Effect.Cause = "", "" }, `"stage"`},
		{effect, func(r *Receipt) { r.Event.Effect.Key = "" }, `"key"`},
		{entitlement, func(r *Receipt) { r.Event.Entitlement.Entitlement = "" }, `"entitlement"`},
		{program, func(r *Receipt) { r.Event.Program.Spec = Hash{} }, `"spec"`},
		{program, func(r *Receipt) { r.Event.Program.Targets[0].Name = "" }, `"name"`},
		{program, func(r *Receipt) { r.Event.Program.Targets[0].Slot = "z" }, `"targets"`},
		{command, func(r *Receipt) { r.Event.Command.Command = "" }, `"command"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"force": "true"} }, `"force"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"reason": `"x"`} }, `"reason"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"mode": `{"b":1,"a":1}`} }, `"mode"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"mode": `"a" `} }, `"mode"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"mode": `"a","v":2`} }, `"mode"`},
		{command, func(r *Receipt) { r.Event.Command.Args = map[string]string{"mode": `[]`, "key": "", "for": "null"} }, ``},
		{command, func(r *Receipt) {
			r.Event.Command.Args = map[string]string{"mode": strings.Repeat("[", 62) + "1" + strings.Repeat("]", 62)}
		}, ``},
		{command, func(r *Receipt) {
			r.Event.Command.Args = map[string]string{"mode": strings.Repeat("[", 63) + "1" + strings.Repeat("]", 63)}
		}, `"mode"`},
		{command, func(r *Receipt) { r.Event.Command.Principal = "" }, `"principal"`},
		{command, func(r *Receipt) { r.Event.Command.Command = "Stop it" }, `"command"`},
	} {
		r := fullReceipts()[x.of]
		x.change(r)
		line, err := r.Seal()
		switch {
		case x.want == "" && err != nil, x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || line != nil):
			t.Errorf("%+v: %s, %v; want an error that names %s", r, line, err, x.want)
		case err == nil:
			if _, err := ParseReceipt(line); err != nil {
				t.Errorf("sealed, but %v", err)
			}
			if _, err := Canonical(line); err != nil {
				t.Errorf("sealed, but %v", err)
			}
		}
	}
	r := fullReceipts()[command]
	line, _ := r.Seal()
	r.Event.Command.Reason += strings.Repeat("x", MaxReceipt-len(line))
	if line, err := r.Seal(); len(line) != MaxReceipt || err != nil {
		t.Errorf("as long as may be: %d bytes, %v", len(line), err)
	} else if _, err := ParseReceipt(line); err != nil {
		t.Error(err)
	} else if _, err := ParseReceipt([]byte(forge(t, string(line), "because", "because!"))); err == nil || !strings.Contains(err.Error(), "65536 bytes, at most 65535") {
		t.Errorf("a byte too long: %v", err)
	}
	r.Event.Command.Reason += "x"
	if _, err := r.Seal(); err == nil || !strings.Contains(err.Error(), "65536 bytes, at most 65535") {
		t.Errorf("a byte too long: %v", err)
	}
}

func FuzzParseReceipt(f *testing.F) {
	for _, r := range fullReceipts() {
		line, err := r.Seal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"at":"2026-11-23T07:44:00.123Z","event":{}}`))
	// What is mutated hardly ever has its hash, so mend it before parsing.
	f.Fuzz(func(t *testing.T, in []byte) {
		line := mend(string(in))
		r, err := ParseReceipt([]byte(line))
		if err != nil {
			return
		}
		again, err := r.Seal()
		if err != nil || string(again) != line {
			t.Fatalf("%v\nread   %q\nsealed %q", err, line, again)
		}
		canonical, err := Canonical([]byte(line))
		if err != nil || string(canonical) != line {
			t.Fatalf("%v\nread      %q\ncanonical %q", err, line, canonical)
		}
	})
}

// TestShuffledTokens: whatever becomes of a line's tokens, it is refused or it
// is exactly what Seal would write.
func TestShuffledTokens(t *testing.T) {
	var pool []string // tokens and whole members of all lines
	var lines [][]string
	for _, r := range fullReceipts() {
		line, err := r.Seal()
		if err != nil {
			t.Fatal(err)
		}
		tokens := regexp.MustCompile(`[][{}:,]|"(\\.|[^"\\])*"|[^][{}:,"]+`).FindAllString(string(line), -1)
		if strings.Join(tokens, "") != string(line) {
			t.Fatalf("bad tokens of %s", line)
		}
		lines, pool = append(lines, tokens), append(pool, tokens...)
		for i, token := range tokens {
			if token == ":" {
				pool = append(pool, strings.Join(tokens[i-1:i+3], ""))
			}
		}
	}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		tokens := slices.Clone(rapid.SampledFrom(lines).Draw(t, "line"))
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			i := rapid.IntRange(0, len(tokens)-1).Draw(t, "from")
			j := min(len(tokens), i+rapid.SampledFrom([]int{0, 1, 1, 4}).Draw(t, "cut"))
			put := rapid.SampledFrom([]string{rapid.SampledFrom(pool).Draw(t, "token"), tokens[i], ""}).Draw(t, "put")
			tokens = slices.Replace(tokens, i, j, put)
		}
		line := mend(strings.Join(tokens, ""))
		r, err := ParseReceipt([]byte(line))
		if err != nil {
			return
		}
		accepted++
		if again, err := r.Seal(); err != nil || string(again) != line {
			t.Fatalf("%v\nread   %q\nsealed %q", err, line, again)
		}
		if canonical, err := Canonical([]byte(line)); err != nil || string(canonical) != line {
			t.Fatalf("%v\nread      %q\ncanonical %q", err, line, canonical)
		}
	})
	if accepted == 0 {
		t.Error("every line was refused: the test shows nothing")
	}
}

// TestClosedLists: every constant of a closed list is in the list that Seal
// and ParseReceipt use.
func TestClosedLists(t *testing.T) {
	have := map[string][]string{
		"Kind": texts(kinds), "Mode": texts(modes), "Verdict": texts(verdicts), "Absence": texts(absences),
		"TimerName": texts(timers), "Stage": texts(stages), "Hold": texts(holds), "Quality": texts(qualities),
		"Truth": texts(truths), "Op": texts(ops), "Reason": texts(reasons), "Cause": texts(causes),
	}
	want := map[string][]string{}
	for _, file := range []string{"nouns.go", "receipt.go"} {
		f, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) == 0 {
				return true
			}
			kind, ok := spec.Type.(*ast.Ident)
			if value, lit := spec.Values[0].(*ast.BasicLit); ok && lit && have[kind.Name] != nil {
				want[kind.Name] = append(want[kind.Name], value.Value)
			}
			return true
		})
	}
	for kind, list := range have {
		slices.Sort(list)
		slices.Sort(want[kind])
		if len(list) == 0 || !slices.Equal(list, want[kind]) {
			t.Errorf("%s: the list has %s, declared are %s", kind, list, want[kind])
		}
	}
	if !slices.IsSorted(commandMembers) || len(slices.Compact(slices.Clone(commandMembers))) != len(commandMembers) {
		t.Errorf("the members of commands are not sorted: %s", commandMembers)
	}
}

func texts[T ~string](list []T) (out []string) {
	for _, x := range list {
		out = append(out, fmt.Sprintf("%q", string(x)))
	}
	return out
}
