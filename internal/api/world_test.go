package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/api"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// start is what the clock shows first.
const start = "2026-11-23T08:00:00.000Z"

// A world is the surface over a real engine on a memory store, with a clock of
// its own and an outbox that notes what it was handed.
type world struct {
	http.Handler
	engine  *engine.Engine
	view    *engine.View
	store   *memstore.Store
	metrics *api.Metrics
	log     strings.Builder

	mu    sync.Mutex
	now   autonomics.Time
	fault memstore.Fault // of the next append
	work  []kernel.Work
}

// newWorld opens one; after is what the engine waits by.
func newWorld(t testing.TB, after func(time.Duration) <-chan time.Time) *world {
	t.Helper()
	return openWorld(t, memstore.New(), after)
}

func openWorld(t testing.TB, store *memstore.Store, after func(time.Duration) <-chan time.Time) *world {
	t.Helper()
	now, err := autonomics.ParseTime(start)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, metrics: api.NewMetrics(), now: now}
	w.store.AppendFault = func(uint64) memstore.Fault {
		w.mu.Lock()
		defer w.mu.Unlock()
		f := w.fault
		w.fault = memstore.None
		return f
	}
	docs := specs(t)
	core := engine.NewCore(func(name string) *spec.Document { return docs[name] }, func(kind string) bool {
		for _, k := range catalog.TargetKinds() {
			if k == kind {
				return true
			}
		}
		return false
	})
	w.engine, err = engine.Open(context.Background(), engine.Config{
		Core: core, Log: w.metrics.Log(w.store.Log()), Blobs: w.store.Blobs(), Node: "test",
		Now: w.clock, After: after, Slog: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w.view = core.View()
	go w.engine.Run(w)
	t.Cleanup(w.engine.Close)
	w.Handler = api.New(api.Config{Engine: w.engine, View: core.View(), Now: w.clock, Metrics: w.metrics,
		Log: w.slog()})
	return w
}

func (w *world) slog() *slog.Logger { return slog.New(slog.NewTextHandler(&w.log, nil)) }

// never is for engines whose timers are stepped with the next event.
func never(time.Duration) <-chan time.Time { return nil }

func specs(t testing.TB) map[string]*spec.Document {
	t.Helper()
	docs := map[string]*spec.Document{}
	files, err := filepath.Glob("testdata/skus/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, complaints := spec.Parse(file, src)
		if complaints != nil {
			t.Fatal(complaints)
		}
		docs[doc.SKU] = doc
	}
	return docs
}

func (w *world) clock() autonomics.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) Submit(work kernel.Work) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.work = append(w.work, work)
	return true
}

func (w *world) Wake() {}

// observed is what every target has.
var observed = autonomics.Fields{{Name: "max", Value: "10"}, {Name: "previous", Value: "r1"}, {Name: "revision", Value: "r2"}}

// act answers what the outbox was handed, until nothing is left: targets do
// what they are told.
func (w *world) act() error {
	done := map[string]bool{}
	for {
		work := w.handed()
		if len(work) == 0 {
			return nil
		}
		for _, job := range work {
			out := autonomics.Outcome{Stage: autonomics.StageDone, Value: job.Value}
			if job.Observe {
				out.Stage, out.Baseline, out.Value = autonomics.StagePrepared, observed, nil
			}
			if id := fmt.Sprint(job.Key, out.Stage); !done[id] && !job.Watch {
				done[id] = true
				if err := w.post(job, out); err != nil {
					return err
				}
			}
		}
	}
}

// hold says of all that the outbox was handed that a stop holds it, and lets
// the outbox be handed it again.
func (w *world) hold() error {
	work := w.handed()
	for _, job := range work {
		if err := w.post(job, autonomics.Outcome{Stage: autonomics.StageHeld, Cause: autonomics.HeldStop}); err != nil {
			return err
		}
	}
	return nil
}

// held is the key of the effect that waits first, if there is one.
func (w *world) held() string {
	for _, t := range w.view.Tenants() {
		for i := range t.Governors {
			for _, h := range t.Governors[i].Held {
				return h.Key
			}
		}
	}
	return "nothing"
}

func (w *world) handed() []kernel.Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	work := w.work
	w.work = nil
	return work
}

func (w *world) post(job kernel.Work, out autonomics.Outcome) error {
	out.Key, out.Action, out.Target = job.Key, job.Action, job.Target.Name
	return w.engine.Post(context.Background(), job.Tenant, job.Governor, out)
}

// do sends a request to the handler. Headers are pairs.
func (w *world) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8080"
	if method == "POST" || method == "PUT" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}
