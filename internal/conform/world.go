// Package conform runs the vectors of package conform against the product: the
// API's handler, the engine, the gate and the outbox as they ship, on a disk
// in memory that outlives crashes, before the in-process cloud, on a simulated
// clock. What it asserts are changes of the cloud's targets and notices that
// reached people; receipts are checked in addition.
//
// One seed decides everything that may vary: which messages come twice or in
// another order, whose turn it is, and where the process is killed. Only one
// thing runs at a time: the goroutines of the outbox are coroutines that give
// way before they begin, before every answer and while they wait, but not while
// they hold a place for a call. So the same seed has the same effects in the
// same order.
//
// In every run it also holds that:
//
//	K1  each effect is ordered and reported by one receipt each, and none is
//	    reported that the cloud has not seen
//	K2  each message that was answered has left a receipt
//	K3  the ledger verifies
//	K4  nothing irreversible was done
//	K5  nothing of other tenants was touched
//	K6  the same seed has the same effects in the same order
package conform

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
	"github.com/autonomics-dev/autonomics/internal/api"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A world is what outlives the process under test: the disk, the cloud, the
// people who are told, the senders with what they still have to send, and the
// clock.
type world struct {
	now     autonomics.Time
	clock   atomic.Int64 // now, for the engine's loop, which may look before it sleeps
	start   autonomics.Time
	random  *rand.Rand
	faulted bool
	queue   events
	seq     uint64

	suite   *Suite
	store   *memstore.Store
	blocks  uint64 // that were there before
	dir     string // of the cloud
	cloud   *simcloud.Cloud
	insists []*Place // values that controllers put back
	notices []notice
	missing int // messages that were answered and left no receipt
	errs    []error

	// A point is a place where the process may be killed. It is at those of
	// kills, which are sorted.
	points int
	kills  []int
	node   *node // nil while there is none
}

// A notice is one that reached people.
type notice struct {
	at   autonomics.Time
	work kernel.Work
}

// An event is what happens at a time; at the same time, in the order of turn.
type event struct {
	at   autonomics.Time
	turn uint64
	do   func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), cmp.Compare(q[i].turn, q[j].turn)) < 0
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// newWorld begins at a time, on a disk with the blocks of another.
func newWorld(start autonomics.Time, seed uint64, suite *Suite, disk *memstore.Store) (*world, error) {
	w := &world{now: start, start: start, random: rand.New(rand.NewPCG(seed, 0)), suite: suite, store: memstore.New()}
	ctx := context.Background()
	w.clock.Store(int64(start))
	err := disk.Log().Read(ctx, 0, func(seq uint64, block []byte) error { return w.store.Log().Append(ctx, seq, block) })
	if err == nil {
		w.blocks, err = w.store.Log().Last(ctx)
	}
	if err == nil {
		w.dir, err = os.MkdirTemp("", "autonomics-conform-")
	}
	if err == nil {
		w.cloud, err = simcloud.Open(w.dir, func() time.Time { return w.now.Std() })
	}
	return w, err
}

// close ends the process and the cloud.
func (w *world) close() error {
	w.end()
	return errors.Join(w.cloud.Close(), os.RemoveAll(w.dir))
}

// at lets something happen at a time, but not before now. Where much happens
// at one time, the seed shuffles it.
func (w *world) at(t autonomics.Time, do func()) {
	w.seq++
	turn := w.seq
	if w.faulted {
		turn = 1<<63 | w.random.Uint64()
	}
	heap.Push(&w.queue, event{max(t, w.now), turn, do})
}

// first is as at, for what comes before all that the seed shuffles, and in
// order.
func (w *world) first(t autonomics.Time, do func()) {
	w.seq++
	heap.Push(&w.queue, event{max(t, w.now), w.seq, do})
}

// run lets happen what is due by until.
func (w *world) run(until autonomics.Time) {
	for len(w.errs) == 0 {
		due, timed := w.due()
		next := until + 1
		if len(w.queue) > 0 {
			next = min(next, w.queue[0].at)
		}
		if timed && due <= next && due <= until {
			w.reach(max(w.now, due))
			w.tick()
		} else if next <= until {
			w.reach(next)
			heap.Pop(&w.queue).(event).do()
		} else {
			w.reach(until)
			return
		}
		w.settle()
	}
}

func (w *world) reach(t autonomics.Time) {
	w.now = t
	w.clock.Store(int64(t))
}

// settle hands over what the engine has ordered, and lets the process die if
// it must.
func (w *world) settle() {
	if w.node == nil {
		return
	}
	w.node.hand()
	if w.node.dead {
		w.end()
		w.at(w.now.Add(autonomics.Second), w.open)
	}
}

// point is a place where the process may be killed; it reports whether it was.
func (w *world) point() bool {
	n := w.node
	if n.dead {
		return true
	}
	if n.dead = len(w.kills) > 0 && w.kills[0] <= w.points; n.dead {
		w.kills = w.kills[1:]
	}
	w.points++
	return n.dead
}

func (w *world) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf(format, args...))
}

// A node is one process, from its start to its end.
type node struct {
	world   *world
	dead    bool // killed; nothing more comes of it
	ended   bool // and its lanes are to end
	engine  *engine.Engine
	view    *engine.View
	outbox  *actuate.Outbox
	handler http.Handler
	gate    actuate.Gate
	report  func(context.Context, autonomics.Tenant, string, autonomics.Outcome) error

	offered []kernel.Work // written by the engine's loop before it answers
	lanes   map[*lane]bool
	turn    *lane // whose turn it is

	stale bool // due is to be asked again
	due   autonomics.Time
	timed bool
}

// open starts a process on the disk.
func (w *world) open() {
	if w.node != nil {
		return
	}
	n := &node{world: w, lanes: map[*lane]bool{}, stale: true}
	quiet := slog.New(slog.DiscardHandler)
	core := engine.NewCore(func(name string) *spec.Document { return w.suite.skus[name] },
		func(kind string) bool { return slices.Contains(catalog.TargetKinds(), kind) })
	now := func() autonomics.Time { return autonomics.Time(w.clock.Load()) }
	never := func(time.Duration) <-chan time.Time { return nil } // tick does what timers would
	var err error
	n.engine, err = engine.Open(context.Background(), engine.Config{Core: core, Log: w.store.Log(), Blobs: w.store.Blobs(),
		Node: "conform", Now: now, After: never, Slog: quiet})
	if err != nil {
		w.fail("start the process: %w", err)
		return
	}
	n.view = core.View()
	actuators := map[string]actuate.Actuator{}
	for _, kind := range catalog.TargetKinds() {
		actuators[kind] = n
	}
	n.outbox = actuate.New(actuate.Config{Actuators: actuators, Gate: n, Post: n.post, Notify: n.notify, Log: quiet,
		Now: func() time.Time { return w.now.Std() }, After: n.after, Random: n.random, Go: n.begin})
	n.handler = api.New(api.Config{Engine: n.engine, View: n.view, Now: now, Log: quiet})
	n.gate, n.report = n.engine.Gate, n.engine.Post
	w.suite.planted(n)
	w.node = n
	go n.engine.Run(n)
	w.tick() // and what was in flight before is offered
	w.settle()
}

// end kills the process: what is not on the disk, in the cloud or with people
// is lost.
func (w *world) end() {
	n := w.node
	if n == nil {
		return
	}
	n.dead, n.ended = true, true
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	n.outbox.Stop(ended) // an error: it does not wait for the lanes, which end below
	for l := range n.lanes {
		n.step(l)
	}
	n.engine.Close()
	w.node = nil
}

// nobody is no tenant: what is told of it leaves no trace.
var nobody = engine.Event{Signal: &engine.Signal{Tenant: "-"}}

// tick lets the engine step what is due.
func (w *world) tick() {
	w.node.stale = true
	if _, err := w.node.engine.Submit(context.Background(), nobody); err != nil {
		w.fail("step timers: %w", err)
	}
	for tenant, why := range w.node.engine.Core.Fenced() {
		w.fail("tenant %s is fenced: %s", tenant, why)
	}
}

// due is when the engine has a timer.
func (w *world) due() (autonomics.Time, bool) {
	n := w.node
	if n == nil {
		return 0, false
	}
	if n.stale {
		n.stale, n.timed = false, false
		for _, t := range n.view.Tenants() {
			if at, ok := t.Due(); ok && (!n.timed || at < n.due) {
				n.due, n.timed = at, true
			}
		}
	}
	return n.due, n.timed
}

// Submit is how the engine offers work.
func (n *node) Submit(w kernel.Work) bool {
	n.offered = append(n.offered, w)
	return true
}

// Wake has nobody to wake: what is held looks at the gate every second.
func (n *node) Wake() {}

func (n *node) hand() {
	offered := n.offered
	n.offered = nil
	for _, w := range offered {
		n.outbox.Submit(w)
	}
}

// A lane is a goroutine of the outbox. It gives way with the time at which it
// goes on.
type lane struct {
	next  func() (autonomics.Time, bool)
	yield func(autonomics.Time) bool
}

func (n *node) begin(run func()) {
	l := &lane{}
	l.next, _ = iter.Pull(func(yield func(autonomics.Time) bool) {
		l.yield = yield
		run()
	})
	n.lanes[l] = true
	n.world.at(n.world.now, func() { n.step(l) })
}

// step gives a lane its turn.
func (n *node) step(l *lane) {
	if !n.lanes[l] {
		return
	}
	n.turn = l
	at, more := l.next()
	if !more {
		delete(n.lanes, l)
		return
	}
	n.world.at(at, func() { n.step(l) })
}

// give lets others have their turn until a time.
func (n *node) give(until autonomics.Time) {
	if !n.ended {
		n.turn.yield(until)
	}
}

// after is as time.After, but the wait is over when it returns.
func (n *node) after(d time.Duration) <-chan time.Time {
	ms := (d + time.Millisecond - 1) / time.Millisecond
	n.give(n.world.now.Add(autonomics.Duration(ms)))
	rung := make(chan time.Time, 1)
	rung <- n.world.now.Std()
	return rung
}

// random is not asked for what nobody waits for any more.
func (n *node) random() float64 {
	if n.ended {
		return 0
	}
	return n.world.random.Float64()
}

var errKilled = errors.New("the process was killed")

// Check asks the gate: between the answer and the act.
func (n *node) Check(w kernel.Work) actuate.Decision {
	if n.world.point() {
		return actuate.Decision{Drop: true}
	}
	return n.gate.Check(w)
}

// post gives others a turn between the act and its receipt.
func (n *node) post(ctx context.Context, tenant autonomics.Tenant, governor string, out autonomics.Outcome) error {
	n.give(n.world.now)
	if n.world.point() {
		return errKilled
	}
	n.stale = true
	if err := n.report(ctx, tenant, governor, out); err != nil {
		return err
	}
	if n.world.point() {
		return errKilled
	}
	return nil
}

func (n *node) notify(_ context.Context, w kernel.Work) error {
	n.world.notices = append(n.world.notices, notice{n.world.now, w})
	if n.world.point() {
		return errKilled
	}
	return nil
}

// call makes a target exist before it is called, as the product does, and may
// lose the answer together with the process.
func (n *node) call(t actuate.Target, do func() error) error {
	if n.world.point() {
		return errKilled
	}
	if err := n.world.cloud.Register(t); err != nil {
		return fmt.Errorf("%w: %w", err, actuate.ErrFinal)
	}
	err := do()
	if n.world.point() {
		return errKilled
	}
	return err
}

func (n *node) Observe(ctx context.Context, t actuate.Target, uses string) (seen autonomics.Fields, err error) {
	err = n.call(t, func() (err error) {
		seen, err = n.world.cloud.Observe(ctx, t, uses)
		return err
	})
	return seen, err
}

func (n *node) Apply(ctx context.Context, c actuate.Call) error {
	return n.call(c.Target, func() error {
		n.world.wrote(c.Target)
		return n.world.cloud.Apply(ctx, c)
	})
}

func (n *node) Verify(ctx context.Context, t actuate.Target, uses string, value autonomics.Fields) (ok bool, err error) {
	err = n.call(t, func() (err error) {
		ok, err = n.world.cloud.Verify(ctx, t, uses, value)
		return err
	})
	return ok, err
}

// An answer is what the API wrote.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// request asks the API.
func (w *world) request(method, path string, body []byte) *answer {
	a := &answer{header: http.Header{}}
	r, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		w.fail("%s %s: %w", method, path, err)
		return a
	}
	r.Header.Set("Content-Type", "application/json")
	w.node.stale = true
	w.node.handler.ServeHTTP(a, r)
	return a
}
