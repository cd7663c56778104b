package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A recorder writes chains as an engine does: timers are stepped late or, when
// the process was down, all at once; outcomes come when they come.
type recorder struct {
	t      testing.TB
	tenant kernel.Tenant
	lines  [][]byte
	system [][]byte
	last   *autonomics.Receipt // of _system
	now    autonomics.Time
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, tenant: kernel.Tenant{ID: "acme"}, last: &autonomics.Receipt{}, now: 1_767_225_600_000}
}

func (r *recorder) keep(sealed []kernel.Sealed) []kernel.Sealed {
	for _, s := range sealed {
		r.lines = append(r.lines, s.Line)
	}
	return sealed
}

func (r *recorder) step(in kernel.Input) []kernel.Sealed { return r.keep(r.tenant.Step(r.now, in)) }

func (r *recorder) signal(governor string, s autonomics.Signal) {
	r.step(kernel.Input{Governor: governor, Event: autonomics.Event{Signal: &s}})
}

// order writes a command of _system and returns its number.
func (r *recorder) order(name string, scope autonomics.Scope, args map[string]any) (uint64, *autonomics.Command) {
	c := &autonomics.Command{Principal: "local", Command: name, Scope: scope, Args: map[string]string{}}
	for member, v := range args {
		text, err := json.Marshal(v)
		if err == nil {
			text, err = autonomics.Canonical(text)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		c.Args[member] = string(text)
	}
	next := &autonomics.Receipt{Tenant: autonomics.System, Seq: r.last.Seq + 1, Prev: r.last.Hash, At: r.now, Kind: autonomics.KindCommand,
		Kernel: kernel.Number, Event: autonomics.Event{Command: c}, Verdict: autonomics.Accepted}
	line, err := next.Seal()
	if err != nil {
		r.t.Fatal(err)
	}
	r.system, r.last = append(r.system, line), next
	return next.Seq, c
}

func (r *recorder) entitle(state, event string, skus ...string) {
	seq, _ := r.order("entitle", autonomics.Scope{Tenant: "acme"}, map[string]any{"state": state, "skus": skus})
	r.step(kernel.Input{System: seq, Event: autonomics.Event{Entitlement: &autonomics.Entitlement{Entitlement: "operator", Event: event, State: state, SKUs: skus}}})
}

// govern gives a governor its program.
func (r *recorder) govern(name string, doc *spec.Document, mode autonomics.Mode, set map[string]string, targets ...autonomics.TargetRef) {
	p := compiled(r.t, doc, set)
	r.order("program", autonomics.Scope{}, map[string]any{"name": p.Digest.String(), "program": json.RawMessage(p.Source)})
	row := directory.Governor{Name: name, SKU: doc.SKU, Profile: "standard", Mode: mode, Parameters: set, Program: p.Digest.String()}
	seq, _ := r.order("governor", autonomics.Scope{Tenant: "acme"}, map[string]any{"governor": row})
	r.step(kernel.Input{Governor: name, System: seq, Program: p, Event: autonomics.Event{Program: &autonomics.ProgramEvent{
		Spec: p.Digest, Name: doc.SKU + "@" + doc.Version, Profile: "standard", Mode: mode, Targets: targets}}})
}

func (r *recorder) command(name string, scope autonomics.Scope, args map[string]any) {
	scope.Tenant = "acme"
	seq, c := r.order(name, scope, args)
	r.step(kernel.Input{Governor: scope.Governor, System: seq, Event: autonomics.Event{Command: c}})
}

// pass lets time pass; late is how late timers are stepped at most.
func (r *recorder) pass(d autonomics.Duration, late int64, random *rand.Rand) {
	end := r.now.Add(d)
	for due, ok := r.tenant.Due(); ok && due <= end; due, ok = r.tenant.Due() {
		at := end
		if late > 0 {
			at = min(end, due.Add(autonomics.Duration(random.Int64N(late))))
		}
		r.keep(r.tenant.Tick(at))
	}
	r.now = end
}

// answer gives the outcome of one operation in flight.
func (r *recorder) answer(random *rand.Rand, clean bool) {
	var list []kernel.Work
	r.tenant.Work(func(w kernel.Work) { list = append(list, w) })
	if len(list) == 0 {
		return
	}
	w := list[random.IntN(len(list))]
	o := autonomics.Outcome{Key: w.Key, Stage: autonomics.StageDone, Value: w.Value}
	switch luck := random.IntN(20); {
	case w.Op == autonomics.OpNotice:
	case w.Observe || w.Watch:
		o.Stage, o.Value = autonomics.StagePrepared, nil
		for _, f := range [][2]string{{"max", "80"}, {"paused", "false"}, {"previous", "web-1"}, {"rate", "400"}, {"revision", "web-2"}} {
			o.Baseline = append(o.Baseline, autonomics.Field{Name: f[0], Value: f[1]})
		}
	case clean:
	case luck == 0:
		o.Stage, o.Value, o.Error, o.Unknown = autonomics.StageFailed, nil, "503", true
	case luck == 1:
		o.Stage, o.Value, o.Cause = autonomics.StageHeld, nil, autonomics.HeldStop
	case luck == 2:
		o.Stage, o.Value = autonomics.StageYielded, nil
	case luck == 3:
		o.Stage, o.Value = autonomics.StageDropped, nil
	}
	r.step(kernel.Input{Governor: w.Governor, Event: autonomics.Event{Effect: &o}})
}

// backtest replays what was recorded.
func (r *recorder) backtest(b *Backtest) *Result {
	r.t.Helper()
	for _, line := range r.system {
		if err := b.System(line); err != nil {
			r.t.Fatal(err)
		}
	}
	replay := b.Tenant("acme")
	for _, line := range r.lines {
		if err := replay.Next(line); err != nil {
			r.t.Fatal(err)
		}
	}
	return replay.Result()
}

var (
	web   = autonomics.TargetRef{Slot: "service", Name: "web", Kind: "sim.service", Ref: "acme/web"}
	queue = autonomics.TargetRef{Slot: "queue", Name: "mail", Kind: "sim.queue", Ref: "acme/mail"}
)

// live is a random life of a tenant with four governors, two of them on one
// target.
func live(r *recorder, seed uint64, n int, down bool) {
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	skus := []string{"backlog_valve", "cost_guard", "rollback_guard"}
	r.entitle("active", "payment_confirmed", skus...)
	mode := []autonomics.Mode{autonomics.Enforce, autonomics.Enforce, autonomics.Observe}
	r.govern("cost-a", builtIn(r.t, "cost_guard"), autonomics.Enforce, nil, web)
	r.govern("cost-b", builtIn(r.t, "cost_guard"), mode[random.IntN(3)], map[string]string{"limit": "0.9", "max_instances": "3"}, web)
	r.govern("release", builtIn(r.t, "rollback_guard"), autonomics.Enforce, nil, web)
	r.govern("valve", builtIn(r.t, "backlog_valve"), mode[random.IntN(3)], map[string]string{"max_growth": "100"}, queue)
	for range n {
		switch random.IntN(40) {
		case 0:
			late := int64(0) // the process was down
			if !down {
				late = 1
			}
			r.pass(autonomics.Duration(random.Int64N(int64(40*autonomics.Hour))), late, random)
		case 1, 2, 3, 4, 5, 6, 7, 8, 9: // nothing: several events of one instant
		default:
			r.pass(autonomics.Duration(random.Int64N(int64(6*autonomics.Minute))), 1+random.Int64N(2000), random)
		}
		switch random.IntN(30) {
		case 0:
			r.command("mode", autonomics.Scope{Governor: pick("cost-a", "valve")}, map[string]any{"mode": pick("observe", "enforce", "enforce")})
		case 1:
			r.command("release", autonomics.Scope{Governor: "cost-a"}, map[string]any{"action": "throttle"})
		case 2:
			r.command("reset", autonomics.Scope{SKU: pick(skus...)}, nil)
		case 3:
			if state := pick("active", "active", "suspended"); state == "active" {
				r.entitle(state, "payment_confirmed", skus...)
			} else {
				r.entitle(state, "suspend", skus...)
			}
		case 4:
			r.command("stop", autonomics.Scope{}, map[string]any{"claims": "release"})
		case 5, 6, 7, 8, 9, 10, 11, 12, 13:
			r.answer(random, false)
		default:
			r.signal(pick("", "", "cost-a", "valve"), reading(r.now, random, pick))
		}
	}
}

// reading is a random signal: often without a time of its own, sometimes
// twice, late or ahead.
func reading(now autonomics.Time, random *rand.Rand, pick func(...string) string) autonomics.Signal {
	s := autonomics.Signal{Source: pick("", "a", "b"), ID: pick("", "", "1", "2")}
	at := []autonomics.Time{0, 0, now, now.Add(-autonomics.Minute), now.Add(50 * autonomics.Second), now.Add(2 * autonomics.Minute)}[random.IntN(6)]
	if random.IntN(5) == 0 {
		s.Episode, s.Key, s.At = pick("deploy", "alert", "downstream_down", "unheard"), pick("x", "y"), at
		s.Start, s.Open = now.Add(-autonomics.Duration(random.IntN(3))*autonomics.Hour), random.IntN(2) == 0
		return s
	}
	for range 1 + random.IntN(2) {
		rd := autonomics.Reading{Signal: pick("spend", "spend", "cost", "depth", "depth", "oldest_age", "error_rate", "p99", "unheard"), At: at}
		scale := map[string]int64{"spend": 1_300_000, "cost": 900_000_000, "depth": 12_000_000_000_000, "oldest_age": 20_000_000_000, "error_rate": 300_000, "p99": 3_000_000}[rd.Signal]
		rd.Value = autonomics.Decimal(random.Int64N(scale + 1))
		if random.IntN(12) == 0 {
			rd.Value, rd.Absent = 0, autonomics.AbsentNull
		} else if random.IntN(20) == 0 {
			rd.Unit = "furlong"
		}
		s.Readings = append(s.Readings, rd)
	}
	return s
}

// TestUnchangedIsReproduced: with the specs that were in force a backtest
// writes the chain again, byte for byte, timers included.
func TestUnchangedIsReproduced(t *testing.T) {
	seeds, receipts, decisions, timers := uint64(12), 0, 0, 0
	for seed := range seeds {
		r := newRecorder(t)
		live(r, seed, 500, true)
		for _, sku := range []string{"cost_guard", "rollback_guard", "backlog_valve"} {
			result := r.backtest(&Backtest{Spec: builtIn(t, sku)})
			if result.FirstDifference != 0 || result.Reproduced != len(r.lines) || len(result.Differences) > 0 || result.Changed || result.Assumed > 0 {
				t.Fatalf("seed %d, %s: %d of %d reproduced, first difference at %d\n%s", seed, sku, result.Reproduced, len(r.lines), result.FirstDifference, around(r, result.FirstDifference))
			}
			decisions += result.Unchanged
		}
		receipts += len(r.lines)
		for _, line := range r.lines {
			if strings.Contains(string(line), `"kind":"timer"`) {
				timers++
			}
		}
	}
	if receipts < 4_000 || decisions < 600 || timers < 200 {
		t.Errorf("%d receipts, %d decisions, %d timers: the test tests too little", receipts, decisions, timers)
	}
}

func around(r *recorder, seq uint64) string {
	var b strings.Builder
	for i := max(4, seq) - 4; i < min(seq+2, uint64(len(r.lines))); i++ {
		fmt.Fprintf(&b, "%s\n", r.lines[i])
	}
	return b.String()
}

// TestChangedIsReplayed: whatever the change, the governors of other SKUs
// decide as they did, but for what they share with those that changed.
func TestChangedIsReplayed(t *testing.T) {
	changes, assumed := 0, 0
	for seed := range uint64(8) {
		r := newRecorder(t)
		live(r, seed, 400, false)
		changed := edited(t, "backlog_valve", `"max_depth": "5000000"`, `"max_depth": "3000000"`)
		for _, ok := range []bool{false, true} {
			result := r.backtest(&Backtest{Spec: changed, AssumeOK: ok})
			again := r.backtest(&Backtest{Spec: changed, AssumeOK: ok})
			one, _ := json.Marshal(result)
			two, _ := json.Marshal(again)
			if string(one) != string(two) {
				t.Fatalf("seed %d: not the same twice", seed)
			}
			changes += len(result.Differences)
			assumed += result.Assumed
			for _, d := range result.Differences {
				if g := d.of(); g != "valve" && !ok {
					t.Errorf("seed %d: %s of %s at %s", seed, d.Kind, g, d.first())
				}
			}
		}
	}
	if changes < 40 || assumed < 40 {
		t.Errorf("%d changes, %d assumed: the test tests too little", changes, assumed)
	}
}

func (d *Difference) of() string {
	if d.Recorded != nil {
		return d.Recorded.Governor
	}
	return d.Replayed.Governor
}

// edited is a built-in spec with some text replaced.
func edited(t testing.TB, name, from, to string) *spec.Document {
	src, err := os.ReadFile("../../skus/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(src), from) {
		t.Fatalf("%s does not have %s", name, from)
	}
	doc, complaints := spec.Parse(name, []byte(strings.Replace(string(src), from, to, 1)))
	if complaints != nil {
		t.Fatal(complaints)
	}
	return doc
}
