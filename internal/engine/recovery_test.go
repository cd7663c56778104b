package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// Enough blocks that every slice of the snapshot is written and recorded: the
// state loaded from them is the one that a full replay gives.
func TestSnapshotEqualsReplay(t *testing.T) {
	store := memstore.New()
	d := open(t, store, epoch)
	var tenants []string
	for i := range 40 {
		tenants = append(tenants, fmt.Sprintf("tenant-%02d", i))
		d.tenant(tenants[i])
	}
	for n := 0; ; n++ {
		d.pass(autonomics.Second)
		d.do(spend(tenants[n%len(tenants)], fmt.Sprintf("0.%03d", n%900), d.clock()))
		if n%500 == 0 && slicesRecorded(t, store) == 17 {
			break
		}
		if n > 17*512*3 {
			t.Fatalf("only %d of 17 slices recorded after %d blocks", slicesRecorded(t, store), n)
		}
	}
	want := map[string]string{}
	for _, id := range tenants {
		want[id] = d.state(autonomics.Tenant(id))
	}
	now := d.clock()
	d.Engine.Close()
	fromSlices := open(t, store, now)
	for id, state := range want {
		if got := fromSlices.state(autonomics.Tenant(id)); got != state {
			t.Errorf("%s from slices:\n%s\nwant\n%s", id, got, state)
		}
	}
	fromSlices.Engine.Close()
	store.BlobFault = func(op, _ string) error {
		if op == "get" {
			return memstore.ErrInjected
		}
		return nil
	}
	replayed := open(t, store, now)
	for id, state := range want {
		if got := replayed.state(autonomics.Tenant(id)); got != state {
			t.Errorf("%s replayed:\n%s\nwant\n%s", id, got, state)
		}
	}
}

func slicesRecorded(t *testing.T, store *memstore.Store) int {
	t.Helper()
	seen := map[uint32]bool{}
	err := store.Log().Read(context.Background(), 0, func(_ uint64, data []byte) error {
		h, _, err := ledger.DecodeHeader(data)
		for _, ref := range h.Slices {
			seen[ref.Slice] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(seen)
}

// A command for everybody reaches more tenants than a block has room for, and
// a crash between the blocks loses none of them.
func TestDeliveriesSurviveACrash(t *testing.T) {
	const tenants = 2500
	store := memstore.New()
	var fail atomic.Bool
	store.AppendFault = func(uint64) memstore.Fault {
		if fail.Load() {
			return memstore.Conflict // as if the process were dead from here on
		}
		return memstore.None
	}
	d := open(t, store, epoch)
	var events []engine.Event
	for i := range tenants {
		name := fmt.Sprintf("t%04d", i)
		events = append(events, engine.Event{Provision: &engine.Provision{
			Principal: "local", New: true, Tenant: autonomics.Tenant(name), Entitle: []string{"cost_guard"},
			Targets:   []autonomics.TargetRef{{Name: "web", Kind: "sim.service", Ref: name}},
			Governors: []engine.GovernorRequest{{SKU: "cost_guard", Targets: map[string]string{"service": "web"}}},
		}})
	}
	for i, r := range d.do(events...) {
		if r.Err != nil {
			t.Fatalf("tenant %d: %v", i, r.Err)
		}
	}
	d.do(engine.Event{Command: &autonomics.Command{Principal: "local", Command: "mode", Args: map[string]string{"mode": `"enforce"`}}})
	fail.Store(true) // the first block of deliveries is committed, the next one is not
	d.Engine.Submit(context.Background(), spend("t0000", "0.5", epoch))
	d.Engine.Close()
	fail.Store(false)
	early := 0
	for i := range tenants {
		if mode(d, i) == autonomics.Enforce {
			early++
		}
	}
	if early == 0 || early == tenants {
		t.Fatalf("%d of %d tenants had heard before the crash: the test is not about anything", early, tenants)
	}
	d = open(t, store, epoch)
	d.do(spend("t0000", "0.5", epoch))
	for i := range tenants {
		if got := mode(d, i); got != autonomics.Enforce {
			t.Fatalf("tenant %d is in mode %s after the restart", i, got)
		}
	}
}

func mode(d *desk, i int) autonomics.Mode {
	return d.core.View().Tenant(autonomics.Tenant(fmt.Sprintf("t%04d", i))).Governor("cost_guard").Mode
}

// A stop holds from the moment it is asked for, also while nothing can be
// committed, and survives a restart when it was.
func TestStopHolds(t *testing.T) {
	var fail atomic.Bool
	store := memstore.New()
	store.AppendFault = func(uint64) memstore.Fault {
		if fail.Load() {
			return memstore.Fail
		}
		return memstore.None
	}
	d := open(t, store, epoch)
	d.tenant("acme")
	d.do(spend("acme", "1.5", epoch))
	work := func() kernel.Work {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, w := range d.work {
			if w.Target.Name == "web" {
				return w
			}
		}
		t.Fatal("no work in flight")
		return kernel.Work{}
	}
	if got := d.Gate.Check(work()); got.Hold != "" || got.Drop {
		t.Fatalf("gate before the stop: %+v", got)
	}
	stop := &autonomics.Command{Principal: "local", Command: "stop", Args: map[string]string{"for": `"30m"`}}
	fail.Store(true)
	if _, err := d.Stop(context.Background(), stop); err == nil || !strings.Contains(err.Error(), "in force") {
		t.Fatalf("a stop that cannot be committed answers %v", err)
	}
	if got := d.Gate.Check(work()); got.Hold != autonomics.HeldStop {
		t.Fatalf("gate while the stop is not committed: %+v", got)
	}
	fail.Store(false)
	if res, err := d.Stop(context.Background(), stop); err != nil || res.Err != nil {
		t.Fatal(err, res.Err)
	}
	now := d.clock()
	d.Engine.Close()
	d = open(t, store, now)
	if got := d.Gate.Check(work()); got.Hold != autonomics.HeldStop {
		t.Fatalf("gate after a restart: %+v", got)
	}
	d.pass(30 * autonomics.Minute)
	if got := d.Gate.Check(work()); got.Hold != "" || got.Drop {
		t.Fatalf("gate after the stop has expired: %+v", got)
	}
	d.core.View().Directory(func(dir *directory.Directory) {
		if len(dir.Stops) != 1 || dir.Stops[0].By != "local" {
			t.Errorf("stops: %+v", dir.Stops)
		}
	})
}
