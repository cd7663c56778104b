// Package app puts the parts together: it reads the configuration, opens a
// data directory, wires engine, outbox and HTTP surface, and ends them in the
// order in which nothing is lost:
//
//	start: lock the directory → bind the addresses → recover → run → serve
//	end:   accept nothing more → stop effects → commit what waits → unlock
//
// Everything that it takes from outside (time, randomness, where to log) comes
// in an Env, so that a demonstration or a test can bring its own.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
	"github.com/autonomics-dev/autonomics/internal/api"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/ledger/filestore"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// An Env is the world outside. All of it is required.
type Env struct {
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Random func() float64 // in [0, 1)
	Log    *slog.Logger   // also takes the notices of notify.log
}

// An App is a running server.
type App struct {
	Cloud *simcloud.Cloud

	config  Config
	env     Env
	store   *filestore.Store
	engine  *engine.Engine
	outbox  *actuate.Outbox
	api     listener
	metrics listener
}

// A listener is an address with its server.
type listener struct {
	net.Listener
	server *http.Server
}

// node is the name of the only writer on one machine.
const node = "local"

// Open opens everything, and decides and acts from then on; Serve answers
// requests.
func Open(ctx context.Context, c Config, env Env) (*App, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	docs, err := specs(c.SKUs)
	if err != nil {
		return nil, err
	}
	a := &App{config: c, env: env}
	if err := a.open(ctx, newCore(docs)); err != nil {
		return nil, errors.Join(err, a.release())
	}
	return a, nil
}

func (a *App) open(ctx context.Context, core *engine.Core) (err error) {
	c, env := &a.config, &a.env
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(c.Data)), 0o700); err != nil {
		return fmt.Errorf("data: %w; choose another directory", err)
	}
	if a.store, err = filestore.Open(c.Data, filestore.Options{}); err != nil {
		return err
	}
	if cut := a.store.Cut(); cut != "" {
		env.Log.Warn("the log ended in a block that was never acked", "cut", cut)
	}
	if a.api.Listener, err = listen("listen", c.Listen); err != nil {
		return err
	}
	if a.metrics.Listener, err = listen("metrics", c.Metrics); err != nil {
		return err
	}
	if a.Cloud, err = simcloud.Open(filepath.Join(c.Data, "cloud"), env.Now); err != nil {
		return err
	}
	stats := api.NewMetrics()
	a.engine, err = engine.Open(ctx, engine.Config{Core: core, Log: stats.Log(a.store.Log()), Blobs: a.store.Blobs(), Node: node,
		Now: a.now, After: env.After, Slog: env.Log})
	if err != nil {
		return fmt.Errorf("open %s: %w", c.Data, err)
	}
	for tenant, why := range core.Fenced() {
		env.Log.Error("a tenant is fenced: its log is damaged, and nothing is decided for it", "tenant", tenant, "error", why)
	}
	a.outbox = actuate.New(actuate.Config{Actuators: a.actuators(), Gate: a.engine.Gate, Post: a.engine.Post,
		Notify: actuate.NotifyLog(env.Log.Handler(), env.Now), Log: env.Log, Now: env.Now, After: env.After, Random: env.Random,
		Go: func(lane func()) { go lane() }})
	a.api.server = a.server(api.New(api.Config{Engine: a.engine, View: core.View(), Now: a.now, Log: env.Log, Metrics: stats}))
	a.metrics.server = a.server(diagnostics(stats.Handler(a.engine)))
	go a.engine.Run(a.outbox)
	return nil
}

// newCore returns a core that knows nothing yet but the SKUs and what there
// are actuators for.
func newCore(docs map[string]*spec.Document) *engine.Core {
	kinds := map[string]bool{}
	for _, kind := range catalog.TargetKinds() {
		kinds[kind] = true
	}
	return engine.NewCore(func(name string) *spec.Document { return docs[name] }, func(kind string) bool { return kinds[kind] })
}

func (a *App) now() autonomics.Time { return autonomics.TimeOf(a.env.Now()) }

func listen(member, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; end what holds the address, or choose another with --%s", member, err, member)
	}
	return l, nil
}

// server bounds what handlers cannot: headers, and connections that say nothing.
func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.env.Log.Handler(), slog.LevelWarn),
	}
}

// diagnostics is what the metrics listener serves, which is a loopback one.
func diagnostics(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// URL is where the API is.
func (a *App) URL() string { return "http://" + a.api.Addr().String() }

// Ready is the line that tells the addresses.
func (a *App) Ready() string {
	return fmt.Sprintf("autonomics ready: %s metrics http://%s data %s", a.URL(), a.metrics.Addr(), a.config.Data)
}

// stopWithin is how long requests and calls to targets may go on after the end
// was asked for.
const stopWithin = 10 * time.Second

// Serve answers requests until ctx ends, and closes everything.
func (a *App) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	for _, l := range []*listener{&a.api, &a.metrics} {
		go func() { failed <- l.server.Serve(l.Listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, a.Close())
}

// Close ends what Open began. What does not end in time is cut off: that is
// told, and found out about at the next start.
func (a *App) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	for _, l := range []*listener{&a.api, &a.metrics} {
		if err := l.server.Shutdown(ctx); err != nil {
			a.env.Log.Warn("requests are cut off", "address", l.Addr().String(), "error", err)
			l.server.Close()
		}
	}
	if err := a.outbox.Stop(ctx); err != nil {
		a.env.Log.Warn("effects are cut off", "error", err)
	}
	a.engine.Close()
	return a.release()
}

// release gives back what the operating system lent.
func (a *App) release() error {
	var errs []error
	for _, l := range []*listener{&a.api, &a.metrics} {
		if l.Listener != nil {
			if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if a.Cloud != nil {
		errs = append(errs, a.Cloud.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(errs...)
}

// actuators are those of the in-process cloud, for all kinds of target.
func (a *App) actuators() map[string]actuate.Actuator {
	out := map[string]actuate.Actuator{}
	for _, kind := range catalog.TargetKinds() {
		out[kind] = present{a.Cloud}
	}
	return out
}

// present makes every target that an effect names exist in the cloud: whoever
// may name it has allowed it to the tenant.
type present struct{ *simcloud.Cloud }

func (p present) Observe(ctx context.Context, t actuate.Target, uses string) (autonomics.Fields, error) {
	if err := p.Register(t); err != nil {
		return nil, fmt.Errorf("%w: %w", err, actuate.ErrFinal)
	}
	return p.Cloud.Observe(ctx, t, uses)
}

func (p present) Apply(ctx context.Context, c actuate.Call) error {
	if err := p.Register(c.Target); err != nil {
		return fmt.Errorf("%w: %w", err, actuate.ErrFinal)
	}
	return p.Cloud.Apply(ctx, c)
}

func (p present) Verify(ctx context.Context, t actuate.Target, uses string, value autonomics.Fields) (bool, error) {
	if err := p.Register(t); err != nil {
		return false, fmt.Errorf("%w: %w", err, actuate.ErrFinal)
	}
	return p.Cloud.Verify(ctx, t, uses, value)
}
