package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// A plant is an engine with its outbox and its targets, on one clock. It is run
// in a bubble, where time passes when all wait.
type plant struct {
	*desk
	outbox *actuate.Outbox
}

// bubble runs a test in a bubble. What the codec shares between all tests is
// made outside of it.
func bubble(t *testing.T, test func(*testing.T)) {
	block, _, err := ledger.Encode(&ledger.Block{Epoch: 1, Seq: 1, Node: "test", Lines: []ledger.Line{{Tenant: "acme", Seq: 1, Bytes: []byte("{}")}}})
	if err == nil {
		_, _, err = ledger.Decode(block)
	}
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, test)
}

func newPlant(t testing.TB, store *memstore.Store, cloud actuate.Actuator) *plant {
	p := &plant{desk: &desk{t: t, store: store, work: map[string]kernel.Work{}}}
	p.core = engine.NewCore(sku(t), func(string) bool { return true })
	log := slog.New(slog.DiscardHandler)
	now := func() autonomics.Time { return autonomics.TimeOf(time.Now()) }
	e, err := engine.Open(context.Background(), engine.Config{Core: p.core, Log: store.Log(), Blobs: store.Blobs(), Node: "test",
		Now: now, After: time.After, Slog: log})
	if err != nil {
		t.Fatal(err)
	}
	p.Engine = e
	p.outbox = actuate.New(actuate.Config{Actuators: map[string]actuate.Actuator{"sim.service": cloud}, Gate: e.Gate, Post: e.Post,
		Notify: func(context.Context, kernel.Work) error { return nil }, Log: log, Now: time.Now, After: time.After,
		Random: func() float64 { return 0.5 }, Go: func(f func()) { go f() }})
	go e.Run(p.outbox)
	return p
}

func (p *plant) close() {
	p.Engine.Close()
	if err := p.outbox.Stop(context.Background()); err != nil {
		p.t.Error(err)
	}
}

// wait lets time pass for all.
func (p *plant) wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (p *plant) provision(tenant autonomics.Tenant, governors int) {
	p.t.Helper()
	in := &engine.Provision{Principal: "local", New: true, Tenant: tenant, Entitle: []string{"cost_guard"}}
	for j := range governors {
		target := fmt.Sprintf("web%d", j)
		in.Targets = append(in.Targets, autonomics.TargetRef{Name: target, Kind: "sim.service", Ref: target})
		in.Governors = append(in.Governors, engine.GovernorRequest{Name: fmt.Sprintf("cost%d", j), SKU: "cost_guard", Mode: autonomics.Enforce,
			Targets: map[string]string{"service": target}})
	}
	if res := p.do(engine.Event{Provision: in}); res[0].Err != nil {
		p.t.Fatal(res[0].Err)
	}
}

// Somebody else scales the target every fifteen seconds. There is no war: each
// time that their rules hold two governors write once together, and in the end
// the one whose claim is left yields, and says so.
func TestNoWarWithAnOutsideWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		cloud, err := simcloud.Open(dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer cloud.Close()
		target := actuate.Target{Tenant: "acme", Name: "web", Kind: "sim.service", Ref: "acme/web"}
		if err := cloud.Register(target); err != nil {
			t.Fatal(err)
		}
		p := newPlant(t, memstore.New(), cloud)
		defer p.close()
		res := p.do(engine.Event{Provision: &engine.Provision{Principal: "local", New: true, Tenant: "acme", Entitle: []string{"cost_guard"},
			Targets: []autonomics.TargetRef{{Name: "web", Kind: "sim.service", Ref: "acme/web"}},
			Governors: []engine.GovernorRequest{
				{Name: "one", SKU: "cost_guard", Mode: autonomics.Enforce, Targets: map[string]string{"service": "web"}},
				{Name: "two", SKU: "cost_guard", Mode: autonomics.Enforce, Parameters: map[string]string{"max_instances": "3"}, Targets: map[string]string{"service": "web"}}}}})
		if res[0].Err != nil {
			t.Fatal(res[0].Err)
		}
		for i := range 4 * 60 * 2 { // two hours: over budget for half of each
			value := "1.5"
			if i/120%2 == 1 {
				value = "0.1"
			}
			p.do(spend("acme", value, autonomics.TimeOf(time.Now())))
			p.wait(15 * time.Second)
			if err := cloud.Set(target, "max", fmt.Sprint(40+i%7)); err != nil {
				t.Fatal(err)
			}
		}
		changes, err := simcloud.Changes(dir)
		if err != nil {
			t.Fatal(err)
		}
		ours := 0
		for _, c := range changes {
			if c.Key != "" {
				ours++
			}
		}
		if ours != 2 {
			t.Errorf("wrote %d times in two hours, want twice", ours)
		}
		yielded := map[string]int{}
		for _, line := range p.lines("acme") {
			r, err := autonomics.ParseReceipt([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if o := r.Event.Effect; o != nil && o.Stage == autonomics.StageYielded && r.Verdict == autonomics.Accepted {
				yielded[r.Governor]++
			}
		}
		if yielded["two"] != 2 || len(yielded) != 1 {
			t.Errorf("yielded: %v, want two to, twice", yielded)
		}
		for _, g := range p.core.View().Tenant("acme").Governors {
			if len(g.Claims) != 0 {
				t.Errorf("%s still claims %+v", g.Name, g.Claims)
			}
		}
	})
}

// A crowd of targets takes a while for each call, and counts those that are
// begun.
type crowd struct{ calls atomic.Int64 }

func (c *crowd) begun() int64 { return c.calls.Load() }

func (c *crowd) call() {
	c.calls.Add(1)
	<-time.After(20 * time.Millisecond)
}

func (c *crowd) Observe(context.Context, actuate.Target, string) (autonomics.Fields, error) {
	c.call()
	return autonomics.Fields{{Name: "max", Value: "100"}}, nil
}

func (c *crowd) Apply(context.Context, actuate.Call) error {
	c.call()
	return nil
}

func (c *crowd) Verify(context.Context, actuate.Target, string, autonomics.Fields) (bool, error) {
	return true, nil
}

// With ten thousand effects pending, a stop holds from the moment at which it
// is acknowledged, and is acknowledged at once.
func TestStopWithTenThousandPending(t *testing.T) {
	const tenants, governors = 100, 100
	bubble(t, func(t *testing.T) {
		targets := &crowd{}
		p := newPlant(t, memstore.New(), targets)
		defer p.close()
		var over []engine.Event
		for i := range tenants {
			p.provision(name(i), governors)
			over = append(over, spend(string(name(i)), "1.5", autonomics.TimeOf(time.Now())))
		}
		p.do(over...)
		p.wait(200 * time.Millisecond)
		scope := autonomics.Scope{SKU: "cost_guard"}
		before := time.Now()
		res, err := p.Stop(context.Background(), &autonomics.Command{Principal: "ann", Command: "stop", Scope: scope, Args: map[string]string{"for": `"30m"`}})
		if err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
		if d := time.Since(before); d > 2*time.Second {
			t.Errorf("the stop was acknowledged after %v", d)
		}
		began := targets.begun()
		if began == 0 || began > 1000 {
			t.Fatalf("%d calls were begun before the stop: the test is about something else", began)
		}
		p.wait(10 * time.Second)
		if late := targets.begun() - began; late != 0 {
			t.Errorf("%d calls began after the stop was acknowledged", late)
		}
		if _, err := p.Resume(context.Background(), &autonomics.Command{Principal: "ann", Command: "resume", Scope: scope, Args: map[string]string{}}); err != nil {
			t.Fatal(err)
		}
		p.wait(2 * time.Second)
		if targets.begun() == began {
			t.Error("nothing went on after the stop had ended")
		}
	})
}

// A stop that could not be recorded can be resumed, whether that can be
// recorded or not.
func TestResumeOfAnUnrecordedStop(t *testing.T) {
	var full atomic.Bool
	store := memstore.New()
	store.AppendFault = func(uint64) memstore.Fault {
		if full.Load() {
			return memstore.Fail
		}
		return memstore.None
	}
	command := func(verb string) *autonomics.Command {
		c := &autonomics.Command{Principal: "ann", Command: verb, Scope: autonomics.Scope{Tenant: "acme"}, Args: map[string]string{}}
		if verb == "stop" {
			c.Args["for"] = `"30m"`
		}
		return c
	}
	for _, still := range []bool{true, false} {
		d := open(t, store, epoch)
		if !still {
			d.do(spend("acme", "0.5", epoch))
		} else {
			d.tenant("acme")
		}
		full.Store(true)
		if _, err := d.Stop(context.Background(), command("stop")); err == nil {
			t.Fatal("a stop was acknowledged that was not recorded")
		}
		if stops := d.Gate.Stops(); len(stops) != 1 || stops[0].Seq != 0 {
			t.Fatalf("stops: %+v", stops)
		}
		full.Store(still)
		res, err := d.Resume(context.Background(), command("resume"))
		if (err == nil) == still {
			t.Errorf("disk full %v: resume answers %v", still, err)
		}
		if err == nil && res.Receipts[0].Verdict != autonomics.Accepted {
			t.Errorf("resume: %s %s", res.Receipts[0].Verdict, res.Receipts[0].Reason)
		}
		if stops := d.Gate.Stops(); len(stops) != 0 {
			t.Errorf("disk full %v: still stopped: %+v", still, stops)
		}
		full.Store(false)
		d.Engine.Close()
	}
}
