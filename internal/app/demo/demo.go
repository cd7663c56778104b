// Package demo shows a whole server at work in half a minute: a real one, with
// a data directory and an HTTP surface, whose three tenants live through four
// made-up hours, told faster. What goes in is invented; what it prints is read
// back from the receipts.
package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/app"
	"github.com/autonomics-dev/autonomics/internal/app/timeline"
)

// Options are the choices of a demonstration.
type Options struct {
	Out     io.Writer
	Log     slog.Handler // errors only are told; notices are in the timeline
	Colour  bool
	Program string // how a person runs this program
	Listen  string
	Data    string // a directory that is empty or not there; empty: a temporary one
	Seed    uint64
	Speed   float64 // seconds of the story in one second
	Once    bool    // end when the story is told
}

// A demo is one demonstration.
type demo struct {
	Options
	app     *app.App
	clock   *clock
	printer timeline.Printer
	seen    map[string]uint64 // last receipt printed, by tenant
	stats   map[string]*stats
}

// stats are what became of one tenant, as its receipts say.
type stats struct {
	receipts, applied, undone, ignored uint64
	decision                           uint64 // the first that requested an apply
}

// Run tells the story, and then serves until ctx ends, unless it is to end at
// once.
func Run(ctx context.Context, o Options) (err error) {
	if o.Data, err = place(o.Data); err != nil {
		return err
	}
	start := time.Now().Add(-length)
	d := &demo{Options: o, clock: &clock{now: start.Add(-time.Second)}, seen: map[string]uint64{}, stats: map[string]*stats{},
		printer: timeline.Printer{Out: o.Out, Layout: "15:04:05", Brief: true, Colour: o.Colour}}
	config := app.Config{Listen: o.Listen, Metrics: "127.0.0.1:0", Data: o.Data}
	env := app.Env{Now: d.clock.Now, After: d.clock.After, Random: rand.Float64, Log: slog.New(errorsOnly{o.Log})}
	if d.app, err = app.Open(ctx, config, env); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- d.app.Serve(serving) }()
	err = d.play(ctx, start)
	if err == nil && !o.Once {
		err = d.live(ctx)
	}
	if ctx.Err() != nil {
		err = nil // interrupted, which is how it ends
	}
	stop()
	if err = errors.Join(err, <-served); err != nil || ctx.Err() != nil {
		return err
	}
	if o.Once {
		d.farewell()
	}
	return nil
}

// place returns an empty directory's name.
func place(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "autonomics-demo-")
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return dir, fmt.Errorf("demo: %s is not empty, and the story needs an empty directory; choose another, or `serve --data %s` to go on with this one", dir, dir)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return dir, fmt.Errorf("demo: %w", err)
	}
	return dir, nil
}

// play creates the tenants and tells the story.
func (d *demo) play(ctx context.Context, start time.Time) error {
	fmt.Fprintf(d.Out, "autonomics demo: %s data %s\n", d.app.URL(), d.Data)
	fmt.Fprintf(d.Out, "Four hours of three customers, made up from seed %d: a runaway bill, a bad release, a backlog.\n", d.Seed)
	fmt.Fprintf(d.Out, "This is what their receipts say:\n\n")
	for _, c := range all {
		if err := d.post(ctx, "/v1/tenants", c.provision(), http.StatusCreated); err != nil {
			return err
		}
		if err := d.app.Cloud.Register(c.actuated()); err != nil {
			return err
		}
	}
	begun := time.Now()
	for _, m := range tell(start, d.Seed) {
		if err := d.reach(ctx, m.at); err != nil {
			return err
		}
		if m.deploy != "" {
			if err := d.app.Cloud.Deploy(releases.actuated(), m.deploy); err != nil {
				return err
			}
		}
		if len(m.items) == 0 {
			continue
		}
		if err := d.post(ctx, "/v1/signals", m.items, http.StatusOK); err != nil {
			return err
		}
	}
	if err := d.reach(ctx, start.Add(length)); err != nil {
		return err
	}
	return d.summary(ctx, time.Since(begun))
}

func (c cast) actuated() actuate.Target {
	return actuate.Target{Tenant: autonomics.Tenant(c.tenant), Name: c.target, Kind: c.kind, Ref: c.ref}
}

// tick is how often the clock is moved.
const tick = 10 * time.Millisecond

// reach moves the clock to a time, at the speed of the story, and prints what
// has happened.
func (d *demo) reach(ctx context.Context, at time.Time) error {
	step := time.Duration(d.Speed * float64(tick))
	for n := 0; ; n++ {
		left := at.Sub(d.clock.Now())
		if left <= 0 {
			return d.follow(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tick):
		}
		d.clock.advance(d.clock.Now().Add(min(step, left)))
	}
}

// live goes on at the usual speed, with all three at peace.
func (d *demo) live(ctx context.Context) error {
	pulse := time.Time{}
	for ctx.Err() == nil {
		now := time.Now()
		d.clock.advance(now)
		if now.Sub(pulse) >= time.Minute {
			pulse = now
			if err := d.post(ctx, "/v1/signals", calm(now), http.StatusOK); err != nil {
				return err
			}
		}
		if err := d.follow(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// post sends JSON, and wants one answer.
func (d *demo) post(ctx context.Context, path string, body any, want int) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.app.URL()+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return d.do(req, want, func(io.Reader) error { return nil })
}

func (d *demo) get(ctx context.Context, path string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.app.URL()+path, nil)
	if err != nil {
		return err
	}
	return d.do(req, http.StatusOK, read)
}

func (d *demo) do(req *http.Request, want int, read func(io.Reader) error) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return fmt.Errorf("demo: %s %s: %s: %s", req.Method, req.URL.Path, resp.Status, text)
	}
	if err := read(resp.Body); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return err
}

// follow prints the receipts that are new.
func (d *demo) follow(ctx context.Context) error {
	var fresh []*autonomics.Receipt
	for _, c := range all {
		err := d.get(ctx, fmt.Sprintf("/v1/tenants/%s/receipts?limit=1000&after=%d", c.tenant, d.seen[c.tenant]), func(in io.Reader) error {
			lines := bufio.NewScanner(in)
			lines.Buffer(nil, autonomics.MaxReceipt+1)
			for lines.Scan() {
				r, err := autonomics.ParseReceipt(lines.Bytes())
				if err != nil {
					return err
				}
				d.seen[c.tenant] = r.Seq
				fresh = append(fresh, r)
			}
			return lines.Err()
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	slices.SortStableFunc(fresh, byTime)
	for _, r := range fresh {
		d.count(r)
		d.printer.Print(r)
	}
	return nil
}

func (d *demo) count(r *autonomics.Receipt) {
	s := d.stats[string(r.Tenant)]
	if s == nil {
		s = &stats{}
		d.stats[string(r.Tenant)] = s
	}
	s.receipts++
	if r.Verdict == autonomics.Ignored {
		s.ignored++
	}
	for _, e := range r.Effects {
		switch e.Op {
		case autonomics.OpApply:
			s.applied++
			if s.decision == 0 {
				s.decision = r.Seq
			}
		case autonomics.OpUndo:
			s.undone++
		}
	}
}

// A standing is what is in force at the end.
type standing struct {
	Governors []struct {
		Name, State string
		Claims      []struct{ Action, Target string }
		Holds       []struct{ Target, Rejected string }
	}
}

// summary says what is left of it all, which must be nothing but holds.
func (d *demo) summary(ctx context.Context, took time.Duration) error {
	fmt.Fprintf(d.Out, "\nTold in %s. At the end:\n", took.Round(time.Second))
	claims := 0
	for _, c := range all {
		var now standing
		if err := d.get(ctx, "/v1/tenants/"+c.tenant, func(in io.Reader) error { return json.NewDecoder(in).Decode(&now) }); err != nil {
			return err
		}
		s := d.stats[c.tenant]
		for _, g := range now.Governors {
			claims += len(g.Claims)
			held := ""
			for _, h := range g.Holds {
				held = fmt.Sprintf("; %s stays off %s", h.Target, h.Rejected)
			}
			fmt.Fprintf(d.Out, "  %-8s %-14s %-8s %d receipts; acted %d times, undone %d, ignored %d as told twice%s\n",
				c.tenant, g.Name, g.State, s.receipts, s.applied, s.undone, s.ignored, held)
		}
	}
	if claims > 0 {
		return fmt.Errorf("demo: %d claims are still in force; the story should have ended without", claims)
	}
	fmt.Fprintf(d.Out, "No claim is left: everything was taken back but the rollback, which is held.\n")
	if !d.Once {
		at := "--url " + d.app.URL()
		fmt.Fprintf(d.Out, "\nTry next, in another terminal:\n  %s\n  %s\n  %s\nServing until interrupted; what happens is printed here.\n\n",
			d.command("receipts verify "+at), d.why(at),
			fmt.Sprintf(`curl -sS -H 'Content-Type: application/json' -d '{"tenant":"%s","signal":"spend","value":"1.2"}' %s/v1/signals`, bills.tenant, d.app.URL()))
	}
	return nil
}

// farewell says what can be done with the directory.
func (d *demo) farewell() {
	fmt.Fprintf(d.Out, "\nTry next:\n  %s\n  %s\n  %s\n", d.command("receipts verify --data "+d.Data), d.why("--data "+d.Data), d.command("serve --data "+d.Data))
}

func (d *demo) command(words string) string { return d.Program + " " + words }

func (d *demo) why(at string) string {
	return d.command(fmt.Sprintf("why %s %d %s", bills.tenant, d.stats[bills.tenant].decision, at))
}

// errorsOnly passes on what a person has to see.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelError {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
