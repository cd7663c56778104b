package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// A fleet is a core without a ledger, and targets that answer at once.
type fleet struct {
	t       testing.TB
	core    *engine.Core
	now     autonomics.Time
	due     autonomics.Time
	granted map[string][]autonomics.Time // when applies were prepared: by governor, by tenant, of all
	held    map[autonomics.Reason]int
}

func newFleet(t testing.TB, tenants, governors int, mode autonomics.Mode) *fleet {
	f := &fleet{t: t, core: engine.NewCore(sku(t), func(string) bool { return true }), now: epoch,
		granted: map[string][]autonomics.Time{}, held: map[autonomics.Reason]int{}}
	for i := range tenants {
		p := &engine.Provision{Principal: "local", New: true, Tenant: name(i), Entitle: []string{"cost_guard"}}
		for j := range governors {
			target := fmt.Sprint("web", j)
			p.Targets = append(p.Targets, autonomics.TargetRef{Name: target, Kind: "sim.service", Ref: target})
			p.Governors = append(p.Governors, engine.GovernorRequest{Name: fmt.Sprint("cost", j), SKU: "cost_guard", Mode: mode, Targets: map[string]string{"service": target}})
		}
		f.do(engine.Event{Provision: p})
	}
	return f
}

func name(i int) autonomics.Tenant { return autonomics.Tenant(fmt.Sprintf("t%03d", i)) }

// do handles events and what follows from them, until nothing is left to do.
func (f *fleet) do(events ...engine.Event) {
	f.t.Helper()
	for first := true; first || len(events) > 0; first = false {
		b := f.core.Handle(f.now, events)
		for _, r := range b.Results {
			if r.Err != nil {
				f.t.Fatal(r.Err)
			}
			f.note(r.Receipts)
		}
		if _, _, err := f.core.Seal(ledger.Block{Epoch: 1, Seq: 1, Node: "test"}); err != nil && b.Lines > 0 {
			f.t.Fatal(err)
		}
		events = slices.Clone(events[b.Taken:])
		for _, t := range f.core.Commit() {
			t.Work(func(w kernel.Work) {
				out := autonomics.Outcome{Key: w.Key, Stage: autonomics.StageDone, Value: w.Value}
				if w.Observe {
					out = autonomics.Outcome{Key: w.Key, Stage: autonomics.StagePrepared, Baseline: autonomics.Fields{{Name: "max", Value: "100"}}}
				}
				events = append(events, engine.Event{Outcome: &engine.Outcome{Tenant: w.Tenant, Governor: w.Governor, Outcome: out}})
			})
		}
		f.due = 0
		if b.Timer {
			f.due = b.Next
		}
	}
}

func (f *fleet) note(receipts []*autonomics.Receipt) {
	for _, r := range receipts {
		o := r.Event.Effect
		switch {
		case o == nil || r.Verdict != autonomics.Accepted:
		case o.Cause == autonomics.HeldLimits:
			f.held[o.Reason]++
		case o.Stage == autonomics.StagePrepared:
			for _, who := range []string{string(r.Tenant) + "/" + r.Governor, string(r.Tenant), ""} {
				f.granted[who] = append(f.granted[who], r.At)
			}
		}
	}
}

// pass lets time go by, with timers when they are due.
func (f *fleet) pass(by autonomics.Duration) {
	for end := f.now.Add(by); f.now < end; {
		if f.now = end; f.due != 0 && f.due < end {
			f.now = f.due
		}
		f.do()
	}
}

// most fails if there were more grants in any sliding time than a limit says,
// and if there were none.
func (f *fleet) most(who string, n int, within autonomics.Duration) {
	f.t.Helper()
	at := f.granted[who]
	for i := n; i < len(at); i++ {
		if at[i-n] > at[i].Add(-within) {
			f.t.Fatalf("%q began %d effects from %v to %v; %d within %v are allowed", who, n+1, at[i-n], at[i], n, within)
		}
	}
	if len(at) == 0 {
		f.t.Fatalf("%q did nothing: the test is about nothing", who)
	}
}

// A fresh installation with nothing configured stays within the stated numbers
// in any hour, however often its rules hold and let go.
func TestAlwaysTrueStaysWithinLimits(t *testing.T) {
	for _, c := range []struct {
		tenants, governors int
		fleet              int
		reason             autonomics.Reason
	}{
		{1, 1, 10, autonomics.ReasonGovernorLimit},
		{2, 6, 10, autonomics.ReasonFleetLimit},
		{1, 12, 10, autonomics.ReasonTenantLimit},
		{20, 60, 12, autonomics.ReasonFleetLimit}, // 1,200 targets
	} {
		f := newFleet(t, c.tenants, c.governors, autonomics.Enforce)
		random := rand.New(rand.NewPCG(1, 2))
		for f.now < epoch.Add(4*autonomics.Hour) {
			var events []engine.Event
			for i := range c.tenants {
				events = append(events, spend(string(name(i)), []string{"0.1", "1.5"}[random.IntN(2)], f.now))
			}
			f.do(events...)
			f.pass(autonomics.Duration(1 + random.IntN(20*60_000)))
		}
		f.most("", c.fleet, autonomics.Hour)
		for i := range c.tenants {
			if len(f.granted[string(name(i))]) > 0 {
				f.most(string(name(i)), 10, autonomics.Hour)
			}
			for j := range c.governors {
				if who := fmt.Sprintf("%s/cost%d", name(i), j); len(f.granted[who]) > 0 {
					f.most(who, 4, autonomics.Hour)
				}
			}
		}
		if f.held[c.reason]+f.held[autonomics.ReasonCooldown] == 0 || c.reason != autonomics.ReasonGovernorLimit && f.held[c.reason] == 0 {
			t.Errorf("%+v: nothing was held by %s: %v", c, c.reason, f.held)
		}
	}
}

// What was granted is remembered over a restart, by the fleet too.
func TestLimitsSurviveRestarts(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	for i := range 12 {
		d.tenant(string(name(i)))
	}
	answered := map[string]bool{}
	stages := map[autonomics.Stage]int{}
	for i := range 12 {
		d.do(spend(string(name(i)), "1.5", d.clock()))
		d.mu.Lock()
		var in []engine.Event
		for id, w := range d.work {
			if w.Observe && !answered[id] {
				answered[id] = true
				in = append(in, engine.Event{Outcome: &engine.Outcome{Tenant: w.Tenant, Governor: w.Governor, Outcome: autonomics.Outcome{
					Key: w.Key, Stage: autonomics.StagePrepared, Baseline: autonomics.Fields{{Name: "max", Value: "100"}}}}})
			}
		}
		d.mu.Unlock()
		for _, r := range d.do(in...) {
			stages[r.Receipts[0].Event.Effect.Stage]++
		}
		now := d.clock()
		d.Engine.Close()
		d = open(t, d.store, now)
	}
	if stages[autonomics.StagePrepared] != 10 || stages[autonomics.StageHeld] != 2 {
		t.Errorf("over twelve restarts: %v, want 10 prepared and 2 held", stages)
	}
	d.core.View().Directory(func(dir *directory.Directory) {
		if len(dir.Permits) != 10 {
			t.Errorf("%d permits are recorded", len(dir.Permits))
		}
	})
	for _, line := range d.lines(name(3)) {
		r, err := autonomics.ParseReceipt([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if o := r.Event.Effect; o != nil && o.Stage == autonomics.StagePrepared && r.System == 0 {
			t.Errorf("an effect that was granted does not cite its permit: %s", line)
		}
	}
}

// An effect that waits for approval is approved, or rejected, by its key.
func TestApproval(t *testing.T) {
	f := newFleet(t, 1, 2, autonomics.Approve)
	f.do(spend("t000", "1.5", f.now))
	answer := func(command, key string, scope autonomics.Scope) *autonomics.Receipt {
		t.Helper()
		b := f.core.Handle(f.now, []engine.Event{{Command: &autonomics.Command{Principal: "ann", Command: command, Scope: scope, Args: map[string]string{"effect": fmt.Sprintf("%q", key)}}}})
		if b.Results[0].Err != nil {
			t.Fatal(b.Results[0].Err)
		}
		return b.Results[0].Receipts[0]
	}
	governor := func(j int) *kernel.Governor {
		return f.core.View().Tenant("t000").Governor(fmt.Sprint("cost", j))
	}
	key := [2]string{governor(0).Held[0].Key, governor(1).Held[0].Key}
	for _, c := range []struct {
		key   string
		scope autonomics.Scope
	}{
		{key[0], autonomics.Scope{Tenant: "t000", Governor: "cost1"}},
		{"nothing/0", autonomics.Scope{Tenant: "t000"}},
	} {
		if r := answer("approve", c.key, c.scope); r.Verdict != autonomics.Refused || r.Reason != autonomics.ReasonNotFound || r.Tenant != autonomics.System {
			t.Errorf("%+v: %s %s in %s", c, r.Verdict, r.Reason, r.Tenant)
		}
	}
	if r := answer("approve", key[0], autonomics.Scope{Tenant: "t000"}); r.Verdict != autonomics.Accepted || r.Governor != "cost0" {
		t.Errorf("approve: %s %s by %q", r.Verdict, r.Reason, r.Governor)
	}
	if r := answer("reject", key[1], autonomics.Scope{Tenant: "t000", Governor: "cost1"}); r.Verdict != autonomics.Accepted || r.To != autonomics.Warning {
		t.Errorf("reject: %s %s to %s", r.Verdict, r.Reason, r.To)
	}
	f.do()
	if c := governor(0).Claims; len(c) != 1 || c[0].Stage != kernel.Active {
		t.Errorf("approved: %+v", c)
	}
	if c := governor(1).Claims; len(c) != 0 {
		t.Errorf("rejected: %+v", c)
	}
	if r := answer("approve", key[0], autonomics.Scope{Tenant: "t000"}); r.Verdict != autonomics.Refused {
		t.Errorf("approved twice: %s", r.Verdict)
	}
}
