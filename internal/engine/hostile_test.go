package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// quiet opens an engine that nobody has told anything.
func quiet(t *testing.T, store *memstore.Store, now autonomics.Time, docs func(string) *spec.Document) *desk {
	t.Helper()
	d := &desk{t: t, store: store, now: now, work: map[string]kernel.Work{}}
	d.core = engine.NewCore(docs, func(kind string) bool { return kind == "sim.service" || kind == "sim.queue" })
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
	return d
}

// switched makes a store's appends fail while the switch is on.
func switched(store *memstore.Store) *atomic.Bool {
	var broken atomic.Bool
	store.AppendFault = func(uint64) memstore.Fault {
		if broken.Load() {
			return memstore.Fail
		}
		return memstore.None
	}
	return &broken
}

// order is an operator's command; its members alternate with their JSON.
func order(command string, scope autonomics.Scope, members ...string) *autonomics.Command {
	cmd := &autonomics.Command{Principal: "local", Command: command, Scope: scope, Args: map[string]string{}}
	for i := 0; i < len(members); i += 2 {
		cmd.Args[members[i]] = members[i+1]
	}
	return cmd
}

// refuses fails unless the command is answered as invalid, without a trace,
// and nobody is fenced.
func (d *desk) refuses(what string, cmd *autonomics.Command) {
	d.t.Helper()
	before := len(d.lines(autonomics.System))
	if res := d.do(engine.Event{Command: cmd}); res[0].Err == nil || res[0].Err.Code != engine.Invalid {
		d.t.Errorf("%s: answered with %v", what, res[0].Err)
	}
	if after := len(d.lines(autonomics.System)); after != before {
		d.t.Errorf("%s: left %d receipts", what, after-before)
	}
	for id, why := range d.core.Fenced() {
		d.t.Fatalf("%s: fenced %s: %.150s", what, id, why)
	}
}

// What was due while the engine was down is done when it starts, whether
// anybody sends anything or not.
func TestDueTimersRunAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, memstore.New(), epoch)
		d.tenant("acme")
		d.do(spend("acme", "0.5", epoch))
		n := len(d.lines("acme"))
		d.Engine.Close()
		d = quiet(t, d.store, epoch.Add(40*autonomics.Hour), sku(t)) // its readings are stale after 36 hours
		synctest.Wait()
		if got := len(d.lines("acme")); got == n {
			t.Error("nothing was decided")
		}
		if got := d.core.View().Tenant("acme").Governor("web-cost").State; got == autonomics.Stable {
			t.Errorf("state %v, 40 hours after the last reading", got)
		}
	})
}

// A command that a crash has cut off reaches those that it had not reached,
// whether anybody sends anything or not.
func TestDeliveriesGoOnAfterARestart(t *testing.T) {
	const tenants, governors = 6, 100
	bubble(t, func(t *testing.T) {
		var left atomic.Int64 // appends until the process is as dead
		left.Store(math.MaxInt64)
		store := memstore.New()
		store.AppendFault = func(uint64) memstore.Fault {
			if left.Add(-1) < 0 {
				return memstore.Conflict
			}
			return memstore.None
		}
		d := open(t, store, epoch)
		for i := range tenants {
			p := &plant{desk: d}
			p.provision(name(i), governors)
		}
		observing := func() (n int) {
			for i := range tenants {
				for _, g := range d.core.View().Tenant(name(i)).Governors {
					if g.Mode == autonomics.Observe {
						n++
					}
				}
			}
			return n
		}
		left.Store(1)
		cmd := order("mode", autonomics.Scope{}, "mode", `"observe"`)
		cmd.Reason = strings.Repeat("x", 1024) // every receipt holds it
		d.do(engine.Event{Command: cmd})
		synctest.Wait()
		d.Engine.Close()
		if n := observing(); n == 0 || n == tenants*governors {
			t.Fatalf("%d of %d had heard before the crash: the test is not about anything", n, tenants*governors)
		}
		left.Store(math.MaxInt64)
		d = quiet(t, store, epoch, sku(t))
		synctest.Wait()
		if n := observing(); n != tenants*governors {
			t.Errorf("%d of %d have heard", n, tenants*governors)
		}
	})
}

// A signal that is bound to a governor that is gone is recorded as ignored and
// reaches no other.
func TestSignalForAGovernorThatIsGone(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	(&plant{desk: d}).provision("acme", 2)
	d.do(engine.Event{Command: order("remove", autonomics.Scope{Tenant: "acme", Governor: "cost0"})})
	n := len(d.lines("acme"))
	e := spend("acme", "1.5", epoch)
	e.Signal.Strict, e.Signal.Governor = false, "cost0"
	res := d.do(e)
	if got := len(d.lines("acme")); res[0].Err != nil || len(res[0].Receipts) != 1 || got != n+1 {
		t.Fatalf("%d receipts, %d answered, error %v: want one", got-n, len(res[0].Receipts), res[0].Err)
	}
	if r := res[0].Receipts[0]; r.Governor != "" || r.Verdict != autonomics.Ignored {
		t.Errorf("%s %s by %q", r.Verdict, r.Reason, r.Governor)
	}
	if got := d.core.View().Tenant("acme").Governor("cost1").State; got != autonomics.Boot {
		t.Errorf("the other governor is in %v", got)
	}
}

// A command whose words are too long for the receipts that would hold them is
// refused, and fences nobody.
func TestLongWordsAreRefused(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	d.tenant("beta")
	entitle := func(id string) *autonomics.Command {
		return order("entitle", autonomics.Scope{Tenant: "acme"}, "entitlement", id, "event", `"payment_confirmed"`, "skus", `["cost_guard"]`)
	}
	for _, n := range []int{257, 8_000, 30_000, 57_000, 64_000, 65_000, 65_300, 1_000_000} {
		word := `"` + strings.Repeat("x", n) + `"`
		d.refuses(fmt.Sprintf("release of an action of %d bytes", n), order("release", autonomics.Scope{}, "action", word))
		d.refuses(fmt.Sprintf("an entitlement id of %d bytes", n), entitle(word))
	}
	d.refuses("release of an action of 64 bytes", order("release", autonomics.Scope{}, "action", `"`+strings.Repeat("x", 64)+`"`))
	if res := d.do(engine.Event{Command: entitle(`"` + strings.Repeat(`\u0001`, autonomics.MaxID) + `"`)}); res[0].Err != nil {
		t.Errorf("an id of the most bytes: %v", res[0].Err)
	}
	d.do(spend("acme", "0.5", epoch), spend("beta", "0.5", epoch))
}

// Requests that together have more than a block are spread over blocks, and
// one that has more than a block by itself is refused.
func TestHugeProvisions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for what, letters := range map[string]string{
		"plain":   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:",
		"escaped": "\x01\x02\x03\x04\x05\x06\x07\x0b\x0e\x0f\x10\x11\x12\x13\x14\x15",
	} {
		request := func(tenant autonomics.Tenant, n int) engine.Event {
			p := &engine.Provision{Principal: "local", New: true, Tenant: tenant}
			for i := range n {
				ref := make([]byte, 1000)
				for j := range ref {
					ref[j] = letters[random.IntN(len(letters))]
				}
				p.Targets = append(p.Targets, autonomics.TargetRef{Name: fmt.Sprint("t", i), Kind: "sim.service", Ref: string(ref)})
			}
			return engine.Event{Provision: p}
		}
		t.Run(what, func(t *testing.T) {
			core := engine.NewCore(sku(t), func(string) bool { return true })
			events := []engine.Event{request("acme", 290), request("beta", 290), request("huge", 310), request("zeta", 290)}
			prev := autonomics.Hash{}
			for block := uint64(1); len(events) > 0; block++ {
				b := core.Handle(epoch, events)
				for i, r := range b.Results {
					if huge := events[i].Provision.Tenant == "huge"; huge != (r.Err != nil) {
						t.Errorf("%s: %v", events[i].Provision.Tenant, r.Err)
					}
				}
				_, hash, err := core.Seal(ledger.Block{Epoch: 1, Seq: block, Prev: prev, Node: "test"})
				if err != nil {
					t.Fatal(err)
				}
				prev = hash
				core.Commit()
				events = events[b.Taken:]
			}
			core.View().Directory(func(dir *directory.Directory) {
				for _, id := range []autonomics.Tenant{"acme", "beta", "zeta"} {
					if row := dir.Tenants[id]; row == nil || len(row.Targets) != 290 {
						t.Errorf("%s is not there, or not whole", id)
					}
				}
				if dir.Tenants["huge"] != nil {
					t.Error("a part of what was refused is there")
				}
			})
		})
	}
}

// A stop that is refused does not end one that could not be recorded.
func TestRefusedStopEndsNothing(t *testing.T) {
	store := memstore.New()
	broken := switched(store)
	d := open(t, store, epoch)
	d.tenant("acme")
	broken.Store(true)
	if _, err := d.Stop(context.Background(), order("stop", autonomics.Scope{}, "for", `"30m"`, "claims", `"keep"`)); err == nil {
		t.Fatal("a stop was acknowledged that was not recorded")
	}
	res, err := d.Stop(context.Background(), order("stop", autonomics.Scope{}, "for", `"30m"`, "claims", `"hold"`))
	if err != nil || res.Err == nil {
		t.Fatalf("a mistyped stop: %v, %v", res.Err, err)
	}
	if stops := d.Gate.Stops(); len(stops) != 1 || stops[0].Claims != directory.Keep {
		t.Errorf("in force: %+v", stops)
	}
	if d.Ready() == nil {
		t.Error("an answer that needed no commit says that the store is well again")
	}
}

// A stop that could not be recorded is recorded when the store is well again,
// with the end that was promised.
func TestUnrecordedStopIsRecordedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memstore.New()
		broken := switched(store)
		p := newPlant(t, store, &crowd{})
		defer p.close()
		p.provision("acme", 1)
		end := autonomics.TimeOf(time.Now()).Add(30 * autonomics.Minute)
		broken.Store(true)
		if _, err := p.Stop(context.Background(), order("stop", autonomics.Scope{Tenant: "acme"}, "for", `"30m"`)); err == nil {
			t.Fatal("a stop was acknowledged that was not recorded")
		}
		p.wait(10 * time.Minute)
		broken.Store(false)
		p.wait(10 * time.Second)
		stops := p.Gate.Stops()
		if len(stops) != 1 || stops[0].Seq == 0 || stops[0].Until != end || stops[0].By != "local" {
			t.Errorf("in force: %+v; want one of receipt n until %v", stops, end)
		}
		p.wait(20 * time.Minute)
		if stops := p.Gate.Stops(); len(stops) != 0 {
			t.Errorf("after its end: %+v", stops)
		}
	})
}

// The bound of the queue counts all that has no answer yet, also what the loop
// has taken; and it counts nothing twice or for ever.
func TestQueueBound(t *testing.T) {
	const callers, each, fit = 20, 10_000, 6
	bubble(t, func(t *testing.T) {
		store := memstore.New()
		d := open(t, store, epoch)
		d.tenant("acme")
		entered, goOn := make(chan struct{}), make(chan struct{})
		var slow atomic.Bool
		slow.Store(true)
		store.AppendFault = func(uint64) memstore.Fault {
			if slow.CompareAndSwap(true, false) {
				close(entered)
				<-goOn
			}
			return memstore.None
		}
		var answered, refused atomic.Int64
		submit := func(events []engine.Event) {
			switch _, err := d.Engine.Submit(context.Background(), events...); {
			case err == nil:
				answered.Add(1)
			case errors.Is(err, engine.ErrOverloaded):
				refused.Add(1)
			}
		}
		go submit([]engine.Event{spend("acme", "0.5", epoch)})
		<-entered
		events := make([]engine.Event, each)
		for i := range events {
			events[i] = spend("nobody", "0.5", epoch)
		}
		for range callers {
			go submit(events)
		}
		synctest.Wait()
		if q, r := d.Queued(), refused.Load(); q != 1+fit*each || r != callers-fit {
			t.Errorf("%d events wait and %d callers were refused; want %d and %d", q, r, 1+fit*each, callers-fit)
		}
		close(goOn)
		synctest.Wait()
		if q, a := d.Queued(), answered.Load(); q != 0 || a != 1+fit {
			t.Errorf("in the end %d events wait and %d callers have answers; want 0 and %d", q, a, 1+fit)
		}
	})
}

// A member of the wrong type is refused, not read as an empty one.
func TestMembersOfTheWrongType(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	acme := autonomics.Scope{Tenant: "acme"}
	governor := autonomics.Scope{Tenant: "acme", Governor: "web-cost"}
	for _, cmd := range []*autonomics.Command{
		order("entitle", acme, "entitlement", `{"id":"e-1"}`, "event", `"cancel"`),
		order("entitle", acme, "entitlement", `"e-1"`, "event", `"payment_confirmed"`, "skus", `"cost_guard"`),
		order("entitle", acme, "entitlement", `"operator"`, "event", `["cancel"]`),
		order("release", acme, "action", `7`),
		order("mode", acme, "mode", `["observe"]`),
		order("stop", acme, "for", `30`),
		order("stop", acme, "for", `"30m"`, "claims", `null`),
		order("approve", acme, "effect", `{}`),
		order("unbind", autonomics.Scope{}, "name", `true`),
		order("profile", governor, "profile", `null`),
		order("parameters", governor, "parameters", `[]`),
		order("verdict", governor, "receipt", `"1"`, "verdict", `"good"`),
		order("verdict", governor, "receipt", `1`, "verdict", `1`),
		order("target", acme, "target", `"web"`),
		order("target", acme, "target", `{"kind":"sim.service","name":7,"ref":"x"}`),
	} {
		d.refuses(fmt.Sprint(cmd.Command, cmd.Args), cmd)
	}
}

// edited is cost_guard with other words in it.
func edited(t *testing.T, old, with string) func(string) *spec.Document {
	t.Helper()
	src, err := skus.FS.ReadFile("cost_guard.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, complaints := spec.Parse("edited.json", []byte(strings.Replace(string(src), old, with, 1)))
	if complaints != nil {
		t.Fatal(complaints)
	}
	return func(name string) *spec.Document {
		if name == doc.SKU {
			return doc
		}
		return nil
	}
}

// A program is the same bytes after a snapshot, also where JSON for the web
// would escape them: the state is there although the log before is not.
func TestAmpersandSurvivesSnapshots(t *testing.T) {
	docs := edited(t, `"title": "`, `"title": "R&D <`)
	store := memstore.New()
	d := quiet(t, store, epoch, docs)
	d.tenant("acme")
	kept := false
	d.core.View().Directory(func(dir *directory.Directory) {
		for _, source := range dir.Programs {
			kept = kept || strings.Contains(string(source), "R&D <")
		}
	})
	if !kept {
		t.Fatal("no program has an ampersand: the test is not about anything")
	}
	for n := 0; n%500 != 0 || slicesRecorded(t, store) < 17; n++ {
		d.pass(autonomics.Second)
		d.do(spend("acme", "0.5", d.clock()))
	}
	state, now := d.state("acme"), d.clock()
	d.Engine.Close()
	newest := map[uint32]uint64{} // by slice
	if err := store.Log().Read(context.Background(), 0, func(_ uint64, data []byte) error {
		h, _, err := ledger.DecodeHeader(data)
		for _, ref := range h.Slices {
			newest[ref.Slice] = ref.Seq
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	trim := slices.Min(slices.Collect(maps.Values(newest)))
	if err := store.Log().Trim(context.Background(), trim); err != nil {
		t.Fatal(err)
	}
	d = quiet(t, store, now, docs)
	for id, why := range d.core.Fenced() {
		t.Errorf("fenced %s: %s", id, why)
	}
	if got := d.state("acme"); got != state {
		t.Errorf("state\n%s\nwant\n%s", got, state)
	}
}

// corrupted is a copy of a store in which a tenant's first or newest receipt is
// not as it was written, in blocks that are whole.
func corrupted(t *testing.T, store *memstore.Store, id autonomics.Tenant, first bool) *memstore.Store {
	t.Helper()
	out := memstore.New()
	head := uint64(0)
	each := func(fn func(*ledger.Block) error) {
		t.Helper()
		if err := ledger.Walk(context.Background(), store.Log(), 0, autonomics.Hash{}, func(b *ledger.Block, _ autonomics.Hash) error { return fn(b) }); err != nil {
			t.Fatal(err)
		}
	}
	each(func(b *ledger.Block) error {
		for _, l := range b.Lines {
			if l.Tenant == id && (head == 0 || !first) {
				head = l.Seq
			}
		}
		return nil
	})
	prev := autonomics.Hash{}
	each(func(b *ledger.Block) error {
		for i, l := range b.Lines {
			if l.Tenant == id && l.Seq == head {
				b.Lines[i].Bytes = []byte(strings.Replace(string(l.Bytes), `"accepted"`, `"acceptex"`, 1))
			}
		}
		b.Prev = prev
		data, hash, err := ledger.Encode(b)
		if err == nil {
			prev, err = hash, out.Log().Append(context.Background(), b.Seq, data)
		}
		return err
	})
	return out
}

// A tenant whose chain is broken is fenced: whoever sends it anything is told
// so, its effects wait, and the others go on.
func TestFencedTenantAnswersFenced(t *testing.T) {
	for _, first := range []bool{true, false} {
		fencedTenant(t, first)
	}
}

func fencedTenant(t *testing.T, first bool) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	d.tenant("beta")
	d.do(spend("acme", "1.5", epoch))
	d.do(spend("acme", "1.6", epoch.Add(1)))
	if len(d.work) == 0 {
		t.Fatal("no work in flight")
	}
	work := d.work
	d.Engine.Close()
	d = open(t, corrupted(t, d.store, "acme", first), epoch)
	if len(d.core.Fenced()) != 1 || d.core.Fenced()["acme"] == "" {
		t.Fatalf("fenced: %v", d.core.Fenced())
	}
	loose := spend("acme", "0.5", epoch)
	loose.Signal.Strict = false
	res := d.do(spend("acme", "0.5", epoch), loose, spend("beta", "0.5", epoch))
	for i, r := range res[:2] {
		if r.Err == nil || r.Err.Code != engine.Fenced {
			t.Errorf("signal %d is answered with %v", i, r.Err)
		}
	}
	if res[2].Err != nil || d.core.View().Tenant("beta").Governor("web-cost").State != autonomics.Stable {
		t.Errorf("the other tenant: %v", res[2].Err)
	}
	for _, w := range work {
		if got := d.Gate.Check(w); got == (actuate.Decision{}) {
			t.Errorf("the gate lets %s %s through", w.Op, w.Action)
		}
	}
	d.do(engine.Event{Command: order("mode", autonomics.Scope{}, "mode", `"observe"`)})
	if got := d.core.View().Tenant("beta").Governor("web-cost").Mode; got != autonomics.Observe {
		t.Errorf("the other tenant is in mode %s", got)
	}
}

// Nothing new starts while nothing can be committed, nor once another writer
// owns the partition.
func TestGateWaitsForTheLedger(t *testing.T) {
	var fault atomic.Int64 // of the next append
	store := memstore.New()
	store.AppendFault = func(uint64) memstore.Fault { return memstore.Fault(fault.Swap(int64(memstore.None))) }
	d := open(t, store, epoch)
	d.tenant("acme")
	d.do(spend("acme", "1.5", epoch))
	d.do(spend("nobody", "1", epoch)) // the work has been handed out
	d.mu.Lock()
	work := maps.Clone(d.work)
	d.mu.Unlock()
	if len(work) == 0 {
		t.Fatal("no work in flight")
	}
	gate := func(when string, want actuate.Decision) {
		t.Helper()
		for _, w := range work {
			if got := d.Gate.Check(w); got != want {
				t.Errorf("%s: the gate answers %+v for %s %s", when, got, w.Op, w.Action)
			}
		}
	}
	fails := func(f memstore.Fault) {
		t.Helper()
		fault.Store(int64(f))
		if _, err := d.Engine.Submit(context.Background(), spend("acme", "1.6", epoch.Add(1))); !errors.Is(err, engine.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	gate("while all is well", actuate.Decision{})
	fails(memstore.Fail)
	gate("when a commit has failed", actuate.Decision{Wait: true})
	d.do(spend("acme", "1.6", epoch.Add(1)))
	gate("when a commit went through again", actuate.Decision{})
	fails(memstore.Conflict)
	gate("when the partition is lost", actuate.Decision{Wait: true})
}

// A failed commit counts no refusal and loses no summary.
func TestTalliesSurviveFailedCommits(t *testing.T) {
	store := memstore.New()
	broken := switched(store)
	d := open(t, store, epoch)
	refusal := engine.Event{Refusal: &engine.Refusal{Binding: "b", Source: "alertmanager", Verdict: autonomics.Refused, Reason: autonomics.ReasonMalformed}}
	fails := func() {
		t.Helper()
		if _, err := d.Engine.Submit(context.Background(), refusal); !errors.Is(err, engine.ErrUnavailable) {
			t.Fatalf("answered with %v", err)
		}
	}
	broken.Store(true)
	for range 20 {
		fails()
	}
	broken.Store(false)
	receipts := 0
	for range 13 {
		receipts += len(d.do(refusal)[0].Receipts)
	}
	if receipts != 10 {
		t.Errorf("%d receipts of 13 refusals, want 10", receipts)
	}
	d.pass(2 * autonomics.Minute)
	broken.Store(true)
	fails() // its block has the summary
	broken.Store(false)
	if res := d.do(refusal); len(res[0].Receipts) != 1 {
		t.Error("the first refusal of another minute has no receipt")
	}
	var counts []int64
	for _, line := range d.lines(autonomics.System) {
		r, err := autonomics.ParseReceipt([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if r.Reason == autonomics.ReasonSummary {
			counts = append(counts, r.Event.Signal.Count)
		}
	}
	if len(counts) != 1 || counts[0] != 3 {
		t.Errorf("summaries count %v, want [3]", counts)
	}
}

// The largest event, for the most governors of a tenant, fits into a block.
func TestLargestEventForAllGovernors(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	long := strings.Repeat("x", 59)
	first := &engine.Provision{Principal: "local", New: true, Tenant: "acme", Entitle: []string{"cost_guard"}}
	events := []engine.Event{{Provision: first}}
	for i := range engine.MaxGovernors {
		name := fmt.Sprintf("%s%03d", long, i)
		first.Targets = append(first.Targets, autonomics.TargetRef{Name: name, Kind: "sim.service", Ref: name})
		events = append(events, engine.Event{Provision: &engine.Provision{Principal: "local", Tenant: "acme", Governors: []engine.GovernorRequest{
			{Name: name, SKU: "cost_guard", Mode: autonomics.Enforce, Targets: map[string]string{"service": name}}}}})
	}
	for _, r := range d.do(events...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	quotes := strings.Repeat(`"`, autonomics.MaxID)
	in := autonomics.Signal{Source: quotes, ID: quotes}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range autonomics.MaxReadings {
		in.Readings = append(in.Readings, autonomics.Reading{Signal: []string{"spend", "cost", "forecast"}[i%3],
			Value: autonomics.Decimal(random.Int64N(1e17) + 1e17), At: epoch.Add(autonomics.Duration(i))})
	}
	res := d.do(engine.Event{Signal: &engine.Signal{Tenant: "acme", Strict: true, Signal: in}})
	if res[0].Err != nil || len(res[0].Receipts) != engine.MaxGovernors {
		t.Errorf("%d receipts, error %v", len(res[0].Receipts), res[0].Err)
	}
	for id, why := range d.core.Fenced() {
		t.Errorf("fenced %s: %.200s", id, why)
	}
}

// A command for everybody is answered with its own receipt, one for a tenant
// with the tenant's.
func TestCommandForEverybodyIsAnsweredBySystem(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	d.tenant("beta")
	for _, c := range []struct{ scope, want autonomics.Tenant }{{"", autonomics.System}, {"beta", "beta"}} {
		res := d.do(engine.Event{Command: order("mode", autonomics.Scope{Tenant: c.scope}, "mode", `"observe"`)})
		if r := res[0].Receipts; len(r) != 1 || r[0].Tenant != c.want || r[0].Kind != "command" {
			t.Errorf("scope %q: answered with %+v", c.scope, r)
		}
	}
}

// A tenant has a bounded number of targets, however they are added, and a
// target has no members that nobody knows.
func TestTargetsAreBounded(t *testing.T) {
	const most = 1024
	d := open(t, memstore.New(), epoch)
	d.tenant("acme") // has one
	target := func(i int, more string) *autonomics.Command {
		return order("target", autonomics.Scope{Tenant: "acme"}, "target", fmt.Sprintf(`{"kind":"sim.service","name":"t%d"%s,"ref":"x"}`, i, more))
	}
	d.refuses("an unknown member", target(0, `,"oops":1`))
	var events []engine.Event
	for i := range most - 1 {
		events = append(events, engine.Event{Command: target(i, "")})
	}
	for i, r := range d.do(events...) {
		if r.Err != nil {
			t.Fatalf("target %d: %v", i, r.Err)
		}
	}
	d.refuses("one too many", target(most, ""))
	p := &engine.Provision{Principal: "local", New: true, Tenant: "beta"}
	for i := range most + 1 {
		p.Targets = append(p.Targets, autonomics.TargetRef{Name: fmt.Sprint("t", i), Kind: "sim.service", Ref: "x"})
	}
	if res := d.do(engine.Event{Provision: p}); res[0].Err == nil || res[0].Err.Code != engine.Invalid {
		t.Errorf("a tenant with too many: %v", res[0].Err)
	}
	p.Targets = p.Targets[:most]
	if res := d.do(engine.Event{Provision: p}); res[0].Err != nil {
		t.Errorf("a tenant with the most: %v", res[0].Err)
	}
}

// A tenant whose state makes the kernel panic is fenced, alone: the others in
// the same block go on.
func TestPanickingKernelIsFencedAlone(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	d.tenant("beta")
	d.do(spend("acme", "0.5", epoch), spend("beta", "0.5", epoch))
	d.Engine.Close()
	// A snapshot that no kernel writes: the governor knows fewer windows than
	// its program has.
	var state map[string]any
	if err := json.Unmarshal([]byte(d.state("acme")), &state); err != nil {
		t.Fatal(err)
	}
	delete(state["Governors"].([]any)[0].(map[string]any), "Windows")
	data, err := json.Marshal(map[string]any{"Tenants": []any{state}})
	if err != nil {
		t.Fatal(err)
	}
	block := ledger.Block{Node: "test"}
	if err := d.store.Log().Read(context.Background(), 0, func(_ uint64, data []byte) error {
		h, hash, err := ledger.DecodeHeader(data)
		block.Epoch, block.Seq, block.Prev = h.Epoch, h.Seq+1, hash
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sum := fnv.New32a()
	sum.Write([]byte("acme"))
	ref, err := ledger.WriteSlice(context.Background(), d.store.Blobs(), ledger.SliceRef{Slice: 1 + sum.Sum32()%16, Seq: block.Seq - 1}, data)
	if err != nil {
		t.Fatal(err)
	}
	block.Slices = []ledger.SliceRef{ref}
	bytes, _, err := ledger.Encode(&block)
	if err == nil {
		err = d.store.Log().Append(context.Background(), block.Seq, bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
	d = open(t, d.store, epoch)
	beta := len(d.lines("beta"))
	res := d.do(spend("beta", "0.6", epoch.Add(1)), spend("acme", "0.6", epoch.Add(1)), spend("beta", "0.7", epoch.Add(2)))
	if res[0].Err != nil || res[2].Err != nil || len(d.lines("beta")) != beta+2 {
		t.Errorf("the other tenant: %v, %v, %d receipts", res[0].Err, res[2].Err, len(d.lines("beta"))-beta)
	}
	if res[1].Err == nil || res[1].Err.Code != engine.Fenced {
		t.Errorf("the tenant is answered with %v", res[1].Err)
	}
	if fenced := d.core.Fenced(); len(fenced) != 1 || fenced["acme"] == "" {
		t.Errorf("fenced: %v", fenced)
	}
}
