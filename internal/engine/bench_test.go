package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger/filestore"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

type deaf struct{}

func (deaf) Submit(kernel.Work) bool { return true }
func (deaf) Wake()                   {}

// BenchmarkCommit measures durable commits with so many waiting callers:
// signals through the engine on filestore, and beside it, as the baseline, a
// bare file to which as many callers append 500 bytes each with one fdatasync
// for all that wait.
func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("engine/callers=%d", callers), func(b *testing.B) { benchEngine(b, callers) })
		b.Run(fmt.Sprintf("bare/callers=%d", callers), func(b *testing.B) { benchBare(b, callers) })
	}
}

// share runs n operations on so many goroutines.
func share(b *testing.B, callers int, do func(n int64)) {
	var next atomic.Int64
	done := make(chan struct{})
	b.ResetTimer()
	for range callers {
		go func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				do(n)
			}
			done <- struct{}{}
		}()
	}
	for range callers {
		<-done
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func benchEngine(b *testing.B, callers int) {
	store, err := filestore.Open(filepath.Join(b.TempDir(), "data"), filestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	core := engine.NewCore(sku(b), func(string) bool { return true })
	e, err := engine.Open(context.Background(), engine.Config{
		Core: core, Log: store.Log(), Blobs: store.Blobs(), Node: "bench", After: time.After, Slog: slog.New(slog.DiscardHandler),
		Now: func() autonomics.Time { return autonomics.TimeOf(time.Now()) },
	})
	if err != nil {
		b.Fatal(err)
	}
	go e.Run(deaf{})
	defer e.Close()
	const tenants = 100
	for i := range tenants {
		name := fmt.Sprintf("t%03d", i)
		res, err := e.Submit(context.Background(), engine.Event{Provision: &engine.Provision{Principal: "local", New: true,
			Tenant: autonomics.Tenant(name), Entitle: []string{"cost_guard"},
			Targets:   []autonomics.TargetRef{{Name: "web", Kind: "sim.service", Ref: name}},
			Governors: []engine.GovernorRequest{{SKU: "cost_guard", Targets: map[string]string{"service": "web"}}}}})
		if err != nil || res[0].Err != nil {
			b.Fatal(err, res)
		}
	}
	share(b, callers, func(n int64) {
		if _, err := e.Submit(context.Background(), spend(fmt.Sprintf("t%03d", n%tenants), "0.5", 0)); err != nil {
			panic(err)
		}
	})
}

func benchBare(b *testing.B, callers int) {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	requests := make(chan chan struct{}, callers)
	defer close(requests)
	go func() {
		record := make([]byte, 500)
		for r := range requests {
			waiting, buf := []chan struct{}{r}, append([]byte(nil), record...)
			for more := true; more; {
				select {
				case r, more = <-requests:
					if more {
						waiting, buf = append(waiting, r), append(buf, record...)
					}
				default:
					more = false
				}
			}
			if _, err := f.Write(buf); err != nil {
				panic(err)
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				panic(err)
			}
			for _, w := range waiting {
				w <- struct{}{}
			}
		}
	}()
	share(b, callers, func(int64) {
		done := make(chan struct{}, 1)
		requests <- done
		<-done
	})
}

// BenchmarkStop: how long it takes until a stop is acknowledged while ten
// thousand effects are pending, against the same with none; late/op are the
// calls to targets that began after that.
func BenchmarkStop(b *testing.B) {
	for _, pending := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("%d-pending", pending), func(b *testing.B) {
			targets := &crowd{}
			p := newPlant(b, memstore.New(), targets)
			defer p.close()
			for i := range pending / 100 {
				p.provision(name(i), 100)
				p.do(spend(string(name(i)), "1.5", autonomics.TimeOf(time.Now())))
			}
			scope := autonomics.Scope{SKU: "cost_guard"}
			late := int64(0)
			for b.Loop() {
				if _, err := p.Stop(context.Background(), &autonomics.Command{Principal: "ann", Command: "stop", Scope: scope, Args: map[string]string{"for": `"30m"`}}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				began := targets.begun()
				<-time.After(50 * time.Millisecond)
				late += targets.begun() - began
				if _, err := p.Resume(context.Background(), &autonomics.Command{Principal: "ann", Command: "resume", Scope: scope, Args: map[string]string{}}); err != nil {
					b.Fatal(err)
				}
				<-time.After(50 * time.Millisecond)
				b.StartTimer()
			}
			b.ReportMetric(float64(late)/float64(b.N), "late/op")
			b.ReportMetric(float64(targets.begun()), "calls")
		})
	}
}
