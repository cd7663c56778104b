package conform

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/conform"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// bystander is a tenant that no vector names. It is as able to act as the
// others.
const bystander = "bystander"

// most is how often the process is killed at most in one run.
const most = 3

// A Suite runs vectors.
type Suite struct {
	skus    map[string]*spec.Document
	planted func(*node) // a bug that a test plants into each process
}

// NewSuite returns a suite with the built-in SKUs and those of the vectors.
func NewSuite() (*Suite, error) {
	s := &Suite{skus: map[string]*spec.Document{}, planted: func(*node) {}}
	return s, errors.Join(s.add(skus.FS, "."), s.add(conform.FS, "skus"))
}

func (s *Suite) add(files fs.ReadDirFS, dir string) error {
	entries, err := files.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		doc, complaints := spec.Parse(e.Name(), src)
		if len(complaints) > 0 {
			return fmt.Errorf("%v", complaints[0])
		}
		s.skus[doc.SKU] = doc
	}
	return nil
}

// A Result says what came of a vector.
type Result struct {
	ID       string    `json:"id"`
	Upstream []string  `json:"upstream"`
	Happened string    `json:"happened"`
	Require  string    `json:"require"`
	Lacks    string    `json:"lacks,omitempty"`
	Pending  string    `json:"pending,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Runs     int       `json:"runs"`
	Failures []Failure `json:"failures,omitempty"`
}

// A Verdict is pass, FAIL or pending.
type Verdict string

const (
	Pass    Verdict = "pass"
	Fail    Verdict = "FAIL"
	Pending Verdict = "pending" // not run, for want of a part
)

// A Failure is the first seed of a timeline with which it did not hold.
type Failure struct {
	Run  string `json:"run"`
	Seed uint64 `json:"seed"`
	Why  string `json:"why"`
}

// Select returns the vector with the id, or all if there is none.
func Select(id string) ([]Vector, error) {
	list, err := conform.Vectors()
	if err != nil || id == "" {
		return list, err
	}
	list = slices.DeleteFunc(list, func(v Vector) bool { return v.ID != id })
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no vector %q; `conform` lists them all", id)
	}
	return list, nil
}

// RunAll runs vectors side by side, and tells each result in the order of the
// list.
func (s *Suite) RunAll(ctx context.Context, list []Vector, first, last uint64, tell func(*Result) error) error {
	type outcome struct {
		*Result
		error
	}
	results := make([]chan outcome, len(list))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range list {
		results[i] = make(chan outcome, 1)
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			r, err := s.Run(ctx, &list[i], first, last)
			results[i] <- outcome{r, err}
		}()
	}
	var failed error
	for _, c := range results { // all of them, so that none goes on behind the caller's back
		o := <-c
		if failed == nil {
			failed = o.error
		}
		if failed == nil {
			failed = tell(o.Result)
		}
	}
	return failed
}

// Run runs all timelines of a vector with the seeds from first to last; seed 0
// is the timeline without faults. A timeline ends with its first failure.
func (s *Suite) Run(ctx context.Context, v *Vector, first, last uint64) (*Result, error) {
	res := &Result{ID: v.ID, Upstream: v.Upstream, Happened: v.Happened, Require: v.Require, Lacks: v.Lacks, Pending: v.Pending, Verdict: Pass}
	if v.Pending != "" {
		res.Verdict = Pending
		return res, nil
	}
	for i := range v.Runs {
		r := &v.Runs[i]
		p, err := s.prepare(v, r)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", v.ID, r.Name, err)
		}
		for seed := first; seed <= last && (seed == 0 || !r.Clean); seed++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			res.Runs++
			failed, err := p.play(seed)
			if err != nil {
				return nil, fmt.Errorf("%s, %s, seed %d: %w", v.ID, r.Name, seed, err)
			}
			if failed != nil {
				res.Verdict = Fail
				res.Failures = append(res.Failures, Failure{r.Name, seed, failed.Error()})
				break
			}
		}
	}
	return res, nil
}

// A plan is a timeline that is ready to be played: the tenants and bindings are
// on the disk, and it is known where the process may be killed.
type plan struct {
	*Suite
	vector *Vector
	run    *Run
	start  autonomics.Time
	disk   *memstore.Store
	points int
}

func (s *Suite) prepare(v *Vector, r *Run) (*plan, error) {
	start, err := autonomics.ParseTime(cmp.Or(r.Start, v.Start))
	if err != nil {
		return nil, err
	}
	p := &plan{Suite: s, vector: v, run: r, start: start}
	w, err := newWorld(start, 0, s, memstore.New())
	if err != nil {
		return nil, err
	}
	w.open()
	there, bindings := v.Tenants, v.Bindings
	if r.Tenants != nil {
		there, bindings = r.Tenants, r.Bindings
	}
	if len(there) > 0 {
		other := there[0]
		other.Tenant = bystander
		there = append(slices.Clone(there), other)
	}
	told, err := tenants(there, 0)
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		body, err := bind(b)
		if err != nil {
			return nil, err
		}
		told = append(told, message{0, "POST", "/v1/commands", body})
	}
	for _, m := range told {
		w.send(m)
		w.settle()
	}
	p.disk = w.store
	if err := errors.Join(errors.Join(w.errs...), w.close()); err != nil {
		return nil, err
	}
	if r.Clean || !strings.Contains(v.Faults, "C") {
		return p, nil
	}
	clean, err := p.world(0)
	if err != nil {
		return nil, err
	}
	if err := clean.live(p); err != nil {
		return nil, err
	}
	p.points = clean.points
	return p, clean.close()
}

// bind is the command that makes a binding; of its rows, those with a number
// are there copies times.
func bind(raw json.RawMessage) ([]byte, error) {
	var b struct {
		Copies int `json:"copies"`
		autonomics.Binding
		Select []json.RawMessage `json:"select"`
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	rows, err := json.Marshal(copied(b.Select, b.Copies))
	if err == nil {
		err = json.Unmarshal(rows, &b.Binding.Select)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"command": "bind", "scope": struct{}{}, "binding": b.Binding, "reason": "conform"})
}

// world is a new one on a copy of the disk, with the faults of a seed. The
// first kill goes through all places, seed by seed.
func (p *plan) world(seed uint64) (*world, error) {
	w, err := newWorld(p.start, seed, p.Suite, p.disk)
	if err != nil || seed == 0 {
		return w, err
	}
	w.faulted = true
	if p.points > 0 {
		w.kills = []int{int((seed - 1) % uint64(p.points))}
		if p.points > 100 {
			w.kills[0] = int((seed - 1) * uint64(p.points) / 100 % uint64(p.points))
		}
		for range w.random.IntN(most) {
			w.kills = append(w.kills, w.random.IntN(p.points))
		}
		slices.Sort(w.kills)
	}
	return w, nil
}

// live lets the timeline happen.
func (w *world) live(p *plan) error {
	w.open()
	if err := w.tell(p.vector, p.run); err != nil {
		return err
	}
	until, err := duration(p.run.Until, 0)
	if err != nil {
		return err
	}
	w.run(w.on(until + w.slack(p.vector).late))
	w.kills = nil
	if w.node == nil {
		w.open()
	}
	return nil
}

// play plays the timeline with a seed. Both errors concern it: failed is what
// did not hold.
func (p *plan) play(seed uint64) (failed, err error) {
	effects, failed, err := p.once(seed)
	if err != nil || failed != nil || seed > 1 {
		return failed, err
	}
	again, failed, err := p.once(seed)
	if err == nil && failed == nil && effects != again {
		failed = errors.New("K6: the same seed had other effects")
	}
	return failed, err
}

// once plays the timeline once, and returns a digest of its effects.
func (p *plan) once(seed uint64) (effects autonomics.Hash, failed, err error) {
	w, err := p.world(seed)
	if err != nil {
		return effects, nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.live(p); err != nil {
		return effects, nil, err
	}
	if len(w.errs) > 0 {
		return effects, errors.Join(w.errs...), nil
	}
	rec, err := w.record()
	if err != nil {
		return effects, err, nil
	}
	text, err := json.Marshal(rec.changes)
	if err != nil {
		return effects, nil, err
	}
	failed = w.check(p.vector, p.run, rec)
	if p.run.Tamper && failed == nil {
		failed = w.tamper(seed)
	}
	return autonomics.Hash(sha256.Sum256(text)), failed, nil
}
