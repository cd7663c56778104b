package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

const epoch = autonomics.Time(1_780_000_000_000)

// A desk is an engine on a memstore with a clock of its own and an outbox that
// only notes what it was handed.
type desk struct {
	t     testing.TB
	store *memstore.Store
	*engine.Engine
	core *engine.Core

	mu   sync.Mutex
	now  autonomics.Time
	work map[string]kernel.Work
}

func sku(t testing.TB) func(string) *spec.Document {
	docs := map[string]*spec.Document{}
	names, err := fs.Glob(skus.FS, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := skus.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, complaints := spec.Parse(name, src)
		if complaints != nil {
			t.Fatal(complaints)
		}
		docs[doc.SKU] = doc
	}
	return func(name string) *spec.Document { return docs[name] }
}

func (d *desk) Submit(w kernel.Work) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.work[fmt.Sprint(w.Key, w.Observe)] = w
	return true
}

func (d *desk) Wake() {}

func (d *desk) clock() autonomics.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) pass(by autonomics.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func open(t *testing.T, store *memstore.Store, now autonomics.Time) *desk {
	t.Helper()
	d := &desk{t: t, store: store, now: now, work: map[string]kernel.Work{}}
	d.core = engine.NewCore(sku(t), func(kind string) bool { return kind == "sim.service" || kind == "sim.queue" })
	e, err := engine.Open(context.Background(), engine.Config{
		Core: d.core, Log: store.Log(), Blobs: store.Blobs(), Node: "test", Now: d.clock,
		After: time.After, Slog: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Engine = e
	go e.Run(d)
	t.Cleanup(e.Close)
	d.do(spend("nobody", "1", epoch)) // an answer says that the loop has handed out its work
	return d
}

func (d *desk) do(events ...engine.Event) []engine.Result {
	d.t.Helper()
	results, err := d.Engine.Submit(context.Background(), events...)
	if err != nil {
		d.t.Fatal(err)
	}
	return results
}

func (d *desk) tenant(name string) {
	d.t.Helper()
	res := d.do(engine.Event{Provision: &engine.Provision{
		Principal: "local", New: true, Tenant: autonomics.Tenant(name), Entitle: []string{"cost_guard"},
		Targets: []autonomics.TargetRef{{Name: "web", Kind: "sim.service", Ref: name + "/web"}},
		Governors: []engine.GovernorRequest{{Name: "web-cost", SKU: "cost_guard", Mode: autonomics.Enforce,
			Targets: map[string]string{"service": "web"}}},
	}})
	if res[0].Err != nil {
		d.t.Fatal(res[0].Err)
	}
}

func spend(tenant, value string, at autonomics.Time) engine.Event {
	v, err := autonomics.ParseDecimal(value)
	if err != nil {
		panic(err)
	}
	return engine.Event{Signal: &engine.Signal{Tenant: autonomics.Tenant(tenant), Strict: true, Signal: autonomics.Signal{
		Readings: []autonomics.Reading{{Signal: "spend", Value: v, At: at}}}}}
}

func (d *desk) lines(tenant autonomics.Tenant) []string {
	d.t.Helper()
	var out []string
	err := d.History.Receipts(context.Background(), tenant, 0, 1<<20, func(line []byte) error {
		out = append(out, string(line))
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *desk) state(tenant autonomics.Tenant) string {
	d.t.Helper()
	b, err := json.Marshal(d.core.View().Tenant(tenant))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// The whole life of a throttle: requested, observed, applied, released, with a
// restart between any two steps that changes nothing.
func TestThrottleAndRelease(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	again := func() {
		t.Helper()
		before, lines, now := d.state("acme"), d.lines("acme"), d.clock()
		d.Engine.Close()
		d = open(t, d.store, now)
		if after := d.state("acme"); after != before {
			t.Fatalf("state after a restart:\n%s\nwant\n%s", after, before)
		}
		if got := d.lines("acme"); !slices.Equal(got, lines) {
			t.Fatalf("receipts after a restart: %d, want %d", len(got), len(lines))
		}
	}
	state := func(want string) {
		t.Helper()
		if got := d.core.View().Tenant("acme").Governor("web-cost").State.String(); got != want {
			t.Fatalf("state %s, want %s; receipts:\n%s", got, want, d.lines("acme"))
		}
	}
	answer := func(out autonomics.Outcome) {
		t.Helper()
		d.mu.Lock()
		for _, w := range d.work {
			if w.Target.Name == "web" && w.Observe == (out.Stage == autonomics.StagePrepared) {
				out.Key = w.Key
				delete(d.work, fmt.Sprint(w.Key, w.Observe))
			}
		}
		d.mu.Unlock()
		if out.Key == "" {
			t.Fatalf("no work for %s in flight: %v", out.Stage, d.work)
		}
		res := d.do(engine.Event{Outcome: &engine.Outcome{Tenant: "acme", Governor: "web-cost", Outcome: out}})
		if v := res[0].Receipts[0].Verdict; v != autonomics.Accepted {
			t.Fatalf("outcome %s: %s %s", out.Stage, v, res[0].Receipts[0].Reason)
		}
	}
	state("boot")
	d.do(spend("acme", "0.5", epoch))
	state("stable")
	again()
	d.pass(autonomics.Minute)
	d.do(spend("acme", "1.01", d.clock()))
	state("intervening")
	again()
	answer(autonomics.Outcome{Stage: autonomics.StagePrepared, Baseline: autonomics.Fields{{Name: "max", Value: "100"}}})
	again()
	answer(autonomics.Outcome{Stage: autonomics.StageDone})
	again()
	d.pass(autonomics.Minute)
	d.do(spend("acme", "0.1", d.clock()))
	state("stable")
	again()
	answer(autonomics.Outcome{Stage: autonomics.StageDone})
	again()
	if claims := d.core.View().Tenant("acme").Governor("web-cost").Claims; len(claims) != 0 {
		t.Fatalf("claims left: %v", claims)
	}
}

// What cannot be committed did not happen: the caller hears of it, the state
// is as before, and the same goes through when the store is well again.
func TestFailedCommitIsDiscarded(t *testing.T) {
	var fault atomic.Int64 // of the next append
	store := memstore.New()
	store.AppendFault = func(uint64) memstore.Fault { return memstore.Fault(fault.Swap(int64(memstore.None))) }
	d := open(t, store, epoch)
	d.tenant("acme")
	before := d.state("acme")
	fault.Store(int64(memstore.Fail))
	if _, err := d.Engine.Submit(context.Background(), spend("acme", "0.5", epoch)); err == nil {
		t.Fatal("acked what was not committed")
	}
	if got := d.state("acme"); got != before {
		t.Fatalf("state after a failed commit:\n%s\nwant\n%s", got, before)
	}
	res := d.do(spend("acme", "0.5", epoch))
	if r := res[0].Receipts[0]; r.Verdict != autonomics.Accepted || r.To != autonomics.Stable {
		t.Fatalf("after the store was well again: %s %s to %s", r.Verdict, r.Reason, r.To)
	}
}

// An outcome that is not known is asked for with the same bytes until it is.
func TestUnknownOutcomeIsResolved(t *testing.T) {
	for _, f := range []memstore.Fault{memstore.UnknownCommitted, memstore.UnknownLost} {
		var fault atomic.Int64
		store := memstore.New()
		store.AppendFault = func(uint64) memstore.Fault { return memstore.Fault(fault.Swap(int64(memstore.None))) }
		d := open(t, store, epoch)
		d.tenant("acme")
		n := len(d.lines("acme"))
		fault.Store(int64(f))
		d.do(spend("acme", "0.5", epoch))
		if got := len(d.lines("acme")); got != n+1 {
			t.Errorf("fault %d: %d receipts, want %d", f, got, n+1)
		}
	}
}

// Another writer's claim ends this one: it answers nobody any more, and what
// it had stepped is not seen.
func TestConflictFences(t *testing.T) {
	var fault atomic.Int64
	store := memstore.New()
	store.AppendFault = func(uint64) memstore.Fault { return memstore.Fault(fault.Swap(int64(memstore.None))) }
	d := open(t, store, epoch)
	d.tenant("acme")
	before := d.state("acme")
	fault.Store(int64(memstore.Conflict))
	for range 3 {
		if _, err := d.Engine.Submit(context.Background(), spend("acme", "0.5", epoch)); !errors.Is(err, engine.ErrUnavailable) {
			t.Fatalf("error %v, want ErrUnavailable", err)
		}
	}
	if d.Ready() == nil || d.state("acme") != before {
		t.Error("a writer that lost its partition says that it is ready, or shows what it never committed")
	}
	d.Engine.Close()
	d = open(t, store, epoch) // claims it back
	d.do(spend("acme", "0.5", epoch))
}

// A claim that another writer wins is read, and answered by a higher one.
func TestClaimConflictIsReadAndRetried(t *testing.T) {
	store := memstore.New()
	d := open(t, store, epoch)
	d.tenant("acme")
	d.Engine.Close()
	var fault atomic.Int64
	fault.Store(int64(memstore.Conflict))
	store.AppendFault = func(uint64) memstore.Fault { return memstore.Fault(fault.Swap(int64(memstore.None))) }
	open(t, store, epoch).do(spend("acme", "0.5", epoch))
}
