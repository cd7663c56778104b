package kernel_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A world is one tenant, its targets, and a second tenant that only folds what
// the first one writes: the two must never differ.
type world struct {
	t        interface{ Fatalf(string, ...any) }
	now      autonomics.Time
	live     *kernel.Tenant
	folded   *kernel.Tenant
	programs map[autonomics.Hash]*kernel.Program
	cloud    map[string]map[string]string // fields by target
	fail     []string                     // actions that the targets refuse
	fleet    autonomics.Time              // until when there are no permits
	watched  map[string]string            // what a hold's watch told last
	receipts []*autonomics.Receipt        // of the present command
}

const epoch autonomics.Time = 1_767_225_600_000 // 2026-01-01

func newWorld(t interface{ Fatalf(string, ...any) }, programs map[autonomics.Hash]*kernel.Program) *world {
	return &world{t: t, now: epoch, programs: programs, live: &kernel.Tenant{ID: "acme"}, folded: &kernel.Tenant{ID: "acme"},
		cloud: map[string]map[string]string{}, watched: map[string]string{}}
}

func compile(source, profile string, values map[string]string) (*kernel.Program, error) {
	doc, complaints := spec.Parse("script", []byte(source))
	if len(complaints) == 0 {
		var p *kernel.Program
		if p, complaints = spec.Compile(doc, profile, values); len(complaints) == 0 {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%v", complaints)
}

func (w *world) program(h autonomics.Hash) *kernel.Program { return w.programs[h] }

// step gives the tenant one event, now.
func (w *world) step(in kernel.Input) []*autonomics.Receipt {
	return w.check(func(t *kernel.Tenant) []kernel.Sealed { return t.Step(w.now, in) })
}

// until lets time pass, with each timer at its due time.
func (w *world) until(now autonomics.Time) {
	for due, ok := w.live.Due(); ok && due <= now; due, ok = w.live.Due() {
		if due <= w.now {
			due = w.now // a deadline that came up in the present is late at once
		}
		w.now = due
		w.tick()
	}
	w.now = now
}

func (w *world) tick() {
	w.check(func(t *kernel.Tenant) []kernel.Sealed { return t.Tick(w.now) })
}

// check runs do on the tenant and on a copy, and lets the folded tenant follow.
func (w *world) check(do func(*kernel.Tenant) []kernel.Sealed) []*autonomics.Receipt {
	before, copied := text(w.live), w.live.Clone()
	again := w.live.Clone()
	sealed := do(w.live)
	if now := text(copied); now != before {
		w.t.Fatalf("a clone changed with its original: %s", cmp.Diff(before, now))
	}
	for i, s := range do(again) {
		if string(s.Line) != string(sealed[i].Line) {
			w.t.Fatalf("the same event gave another receipt:\n%s\n%s", sealed[i].Line, s.Line)
		}
	}
	var receipts []*autonomics.Receipt
	for _, s := range sealed {
		r, err := autonomics.ParseReceipt(s.Line)
		if err != nil {
			w.t.Fatalf("the kernel wrote a receipt that cannot be read: %v\n%s", err, s.Line)
		}
		if r.Seq != w.folded.Seq+1 || r.Prev != w.folded.Head || r.At < w.folded.Last {
			w.t.Fatalf("receipt %d does not follow %d: %s", r.Seq, w.folded.Seq, s.Line)
		}
		if !w.folded.Evolve(r, w.program) {
			w.t.Fatalf("the program of receipt %d is unknown", r.Seq)
		}
		receipts = append(receipts, r)
	}
	if live, folded := text(w.live), text(w.folded); live != folded {
		w.t.Fatalf("after %s\nthe folded state differs: %s", lines(sealed), cmp.Diff(live, folded))
	}
	if len(sealed) > 0 {
		due, ok := w.live.Due()
		if d, o := w.folded.Due(); d != due || o != ok {
			w.t.Fatalf("after %s\nthe folded state is due at %v, not at %v", lines(sealed), d, due)
		}
	}
	w.invariants()
	w.receipts = append(w.receipts, receipts...)
	return receipts
}

func lines(sealed []kernel.Sealed) string {
	var b strings.Builder
	for _, s := range sealed {
		fmt.Fprintf(&b, "%s\n", s.Line)
	}
	return b.String()
}

// text is a tenant's stored form and its work.
func text(t *kernel.Tenant) string {
	b, err := json.MarshalIndent(struct {
		Tenant *kernel.Tenant
		Work   []kernel.Work
	}{t, work(t)}, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func work(t *kernel.Tenant) []kernel.Work {
	var out []kernel.Work
	t.Work(func(w kernel.Work) { out = append(out, w) })
	return out
}

// invariants checks what the types promise.
func (w *world) invariants() {
	t := w.live
	flying, places := map[string]int{}, map[kernel.Place]bool{}
	for _, x := range work(t) {
		if x.Op != autonomics.OpNotice && !x.Virtual && !x.Watch {
			flying[x.Target.Name]++
		}
		if !t.Wanted(&x) && (x.Undo || x.Op == autonomics.OpNotice) {
			w.t.Fatalf("work %s is in flight and not wanted", x.Key)
		}
	}
	for target, n := range flying {
		if n > 1 {
			w.t.Fatalf("%d operations in flight on %s", n, target)
		}
	}
	for i := range t.Governors {
		g := &t.Governors[i]
		if i > 0 && t.Governors[i-1].Name >= g.Name {
			w.t.Fatalf("governors are not sorted")
		}
		actions := map[string]bool{}
		for _, c := range g.Claims {
			places[c.Place] = true
			if actions[c.Action] || c.Stage == "" {
				w.t.Fatalf("%s has %+v", g.Name, g.Claims)
			}
			actions[c.Action] = true
			if c.Virtual() != (g.Mode == autonomics.Observe) && c.Stage != kernel.Releasing {
				w.t.Fatalf("in mode %s %s claims %+v", g.Mode, g.Name, c)
			}
		}
		for _, h := range g.Held {
			waits := slices.ContainsFunc(g.Claims, func(c kernel.Claim) bool { return c.Key == h.Key && c.WaitUntil == h.Until && h.Until != 0 })
			if !waits && !slices.ContainsFunc(work(t), func(x kernel.Work) bool { return x.Key == h.Key }) {
				w.t.Fatalf("%s holds %s, which neither waits nor is in flight", g.Name, h.Key)
			}
		}
	}
	for _, l := range t.Lanes {
		if !places[l.Place] {
			w.t.Fatalf("the lane %+v has no claim", l)
		}
	}
}

// settle lets the targets answer until nothing is left to do. It reports false
// if that does not end: rules can undo each other.
func (w *world) settle() bool {
	for range 40 {
		rested := true
		for _, x := range work(w.live) {
			if out, ok := w.answer(x); ok {
				in := kernel.Input{Governor: x.Governor, Event: autonomics.Event{Effect: &out}}
				if w.fleet > w.now && w.live.NeedsPermit(w.now, x.Governor, out) {
					in.Fleet = w.fleet
				}
				w.step(in)
				rested = false
				break
			}
		}
		if rested {
			return true
		}
	}
	return false
}

// answer plays the target.
func (w *world) answer(x kernel.Work) (autonomics.Outcome, bool) {
	out := autonomics.Outcome{Key: x.Key, Stage: autonomics.StageDone, Value: x.Value}
	target := w.target(x.Target.Name)
	switch {
	case x.Op == autonomics.OpNotice:
		out.Value = nil
	case x.Watch:
		if holds(target, x.Value) {
			delete(w.watched, x.Key)
			return out, false
		}
		if w.watched[x.Key] == fmt.Sprint(target) {
			return out, false // told already
		}
		w.watched[x.Key] = fmt.Sprint(target)
		out.Stage, out.Value, out.Baseline = autonomics.StagePrepared, nil, fields(target)
	case !w.live.Wanted(&x):
		out.Stage, out.Value = autonomics.StageDropped, nil
	case slices.Contains(w.fail, x.Action) && x.Undo:
		return out, false // a release is repeated
	case slices.Contains(w.fail, x.Action):
		out.Stage, out.Value, out.Error = autonomics.StageFailed, nil, "refused"
	case x.Observe || x.Virtual:
		out.Stage, out.Value, out.Baseline = autonomics.StagePrepared, nil, fields(target)
	case !holds(target, x.Value) && !holds(target, x.Expected):
		out.Stage, out.Value = autonomics.StageYielded, nil
	default:
		for _, f := range x.Value {
			target[f.Name] = f.Value
		}
	}
	return out, true
}

func (w *world) target(name string) map[string]string {
	if w.cloud[name] == nil {
		w.cloud[name] = map[string]string{"max": "100", "paused": "false", "previous": "v1", "rate": "500", "revision": "v2"}
	}
	return w.cloud[name]
}

func holds(target map[string]string, fields autonomics.Fields) bool {
	return !slices.ContainsFunc(fields, func(f autonomics.Field) bool { return target[f.Name] != f.Value })
}

func fields(target map[string]string) autonomics.Fields {
	var out autonomics.Fields
	for name, value := range target {
		out = append(out, autonomics.Field{Name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b autonomics.Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// govern gives the tenant a governor, or a governor another program.
func (w *world) govern(name string, p *kernel.Program, mode autonomics.Mode, target string) {
	w.programs[p.Digest] = p
	ev := &autonomics.ProgramEvent{Spec: p.Digest, Name: p.SKU + "@" + p.Version, Profile: p.Profile, Mode: mode}
	for _, s := range p.Slots {
		ev.Targets = append(ev.Targets, autonomics.TargetRef{Slot: s.Name, Name: target, Kind: s.Kind, Ref: target})
	}
	w.step(kernel.Input{Governor: name, Program: p, Event: autonomics.Event{Program: ev}})
}

func (w *world) entitle(state string, skus ...string) {
	event := map[string]string{"active": "payment_confirmed", "suspended": "suspend", "cancelled": "cancel"}[state]
	w.step(kernel.Input{Event: autonomics.Event{Entitlement: &autonomics.Entitlement{
		Entitlement: "operator", Event: event, State: state, SKUs: skus}}})
}

func (w *world) command(governor, name string, args map[string]string) {
	c := &autonomics.Command{Principal: "ann", Command: name}
	for k, v := range args {
		if c.Args == nil {
			c.Args = map[string]string{}
		}
		q, _ := json.Marshal(v)
		c.Args[k] = string(q)
	}
	w.step(kernel.Input{Governor: governor, Event: autonomics.Event{Command: c}})
}

// held are the effects of a governor that wait.
func (w *world) held(governor string) []kernel.Held {
	if g := w.live.Governor(governor); g != nil {
		return g.Held
	}
	return nil
}
