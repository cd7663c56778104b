package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

var (
	// ErrUnavailable: the ledger cannot commit. Nothing was acked, and no new
	// effect starts; the sender repeats.
	ErrUnavailable = errors.New("the ledger cannot commit")
	// ErrOverloaded: more is waiting than the engine takes in.
	ErrOverloaded = errors.New("overloaded")
	// ErrStopped: the engine has been closed.
	ErrStopped = errors.New("stopped")
)

// An Outbox carries out work. Both methods return at once.
type Outbox interface {
	Submit(w kernel.Work) bool // false: no room; it is offered again with the tenant's next commit
	Wake()                     // what the gate says may have changed
}

// A Config is what an Engine works with. All of it is required.
type Config struct {
	Core  *Core
	Log   ledger.Log
	Blobs ledger.Blobs
	Node  string // name of this writer in its claim
	Now   func() autonomics.Time
	After func(time.Duration) <-chan time.Time
	Slog  *slog.Logger
}

// maxQueue bounds the events that wait for the writer.
const maxQueue = 65_536

// maxHandle bounds the events that are offered to one block.
const maxHandle = 4096

// An Engine is the thin loop around a Core: one goroutine that decides,
// commits, answers and hands out work, in this order.
type Engine struct {
	Config
	History ledger.History
	Gate    *Gate

	queued   atomic.Int64
	requests chan *request
	quit     chan struct{}
	done     chan struct{}
	close    sync.Once

	state     atomic.Pointer[string]                     // why it is not ready; nil if it is
	snapshots atomic.Pointer[map[uint32]ledger.SliceRef] // the slices that are recorded

	// Owned by the loop.
	outbox  Outbox
	last    uint64 // block
	hash    autonomics.Hash
	epoch   uint64
	slices  slicer
	waiting []*request
}

// A request is what one caller waits for.
type request struct {
	events    []Event
	results   []Result
	committed int // how many of the results are
	err       error
	done      chan struct{}
}

// Submit hands events to the writer and returns when what became of them is
// committed, with one result for each. An error says that not all of it could
// be committed: the results are those of the events at the front that were.
// Repeating the whole is safe.
func (e *Engine) Submit(ctx context.Context, events ...Event) ([]Result, error) {
	n := int64(len(events))
	if n == 0 {
		return nil, nil
	}
	if e.queued.Add(n) > maxQueue {
		e.queued.Add(-n)
		return nil, ErrOverloaded
	}
	r := &request{events: events, done: make(chan struct{})}
	select {
	case e.requests <- r:
	case <-ctx.Done():
		e.queued.Add(-n)
		return nil, ctx.Err()
	case <-e.quit:
		e.queued.Add(-n)
		return nil, ErrStopped
	}
	select {
	case <-r.done:
		return r.results, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.done:
		select { // the loop may have answered while it ended
		case <-r.done:
			return r.results, r.err
		default:
			return nil, ErrStopped
		}
	}
}

// Stop puts a stop in force at once, and then commits it: if it cannot be
// committed it stays in force in this process, and the error says so.
func (e *Engine) Stop(ctx context.Context, cmd *autonomics.Command) (Result, error) {
	d, err := autonomics.ParseDuration(kernel.Arg(cmd, "for"))
	early := err == nil && d <= longestStop
	stop := directory.Stop{Scope: cmd.Scope, Until: e.Now().Add(d), Claims: cmp.Or(kernel.Arg(cmd, "claims"), directory.Keep), By: cmd.Principal, Reason: cmd.Reason}
	if early {
		e.Gate.add(stop)
	}
	results, err := e.Submit(ctx, Event{Command: cmd})
	switch {
	case err != nil && early:
		go e.record(cmd, stop)
		return Result{}, fmt.Errorf("the stop is in force in this process until %v, but not recorded: %w", stop.Until, err)
	case err != nil:
		return Result{}, err
	case results[0].Err != nil && early:
		e.Gate.withdraw(stop)
	case early:
		e.Gate.covered(stop)
	}
	return results[0], nil
}

// record commits a stop that could not be, as soon as that is possible, with
// the end that it was given.
func (e *Engine) record(cmd *autonomics.Command, stop directory.Stop) {
	for {
		select {
		case <-e.After(time.Second):
		case <-e.done:
			return
		}
		left := autonomics.Duration(stop.Until - e.Now())
		if left <= 0 || !e.Gate.has(stop) {
			return
		}
		again := *cmd
		again.Args = maps.Clone(cmd.Args)
		again.Args["for"] = raw(left.String())
		if _, err := e.Submit(context.Background(), Event{Command: &again}); err == nil {
			e.Gate.withdraw(stop)
			return
		}
	}
}

// Resume ends the stops of a scope. One that could not be recorded ends even
// if its end cannot be either, and the error says so.
func (e *Engine) Resume(ctx context.Context, cmd *autonomics.Command) (Result, error) {
	results, err := e.Submit(ctx, Event{Command: cmd})
	switch {
	case err != nil && e.Gate.remove(cmd.Scope):
		return Result{}, fmt.Errorf("the stop that was not recorded is ended; one that was recorded is not: %w", err)
	case err != nil:
		return Result{}, err
	case results[0].Err == nil:
		e.Gate.remove(cmd.Scope)
	}
	return results[0], nil
}

// Queued is how many events wait for the writer.
func (e *Engine) Queued() int64 { return e.queued.Load() }

// Post is how the outbox answers.
func (e *Engine) Post(ctx context.Context, tenant autonomics.Tenant, governor string, out autonomics.Outcome) error {
	_, err := e.Submit(ctx, Event{Outcome: &Outcome{Tenant: tenant, Governor: governor, Outcome: out}})
	return err
}

// Ready returns nil if the engine owns its partition and its last commit
// succeeded.
func (e *Engine) Ready() error {
	if why := e.state.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

func (e *Engine) unready(why string) { e.state.Store(&why) }

// Close ends the loop after what it is about to commit.
func (e *Engine) Close() {
	e.close.Do(func() { close(e.quit) })
	<-e.done
}

// Run is the loop. Open must have succeeded.
func (e *Engine) Run(outbox Outbox) {
	defer close(e.done)
	defer e.slices.wait()
	e.outbox = outbox
	e.offerAll()
	retry := time.Duration(0)
	next, timed := e.Now(), true // what was due, or cut off, before the start
	for {
		if !e.gather(next, timed, retry) {
			e.fail(ErrStopped)
			return
		}
		events := e.events()
		batch := e.Core.Handle(e.Now(), events)
		e.assign(batch)
		err := e.commit(batch)
		if errors.Is(err, errFatal) {
			e.unready(err.Error())
			e.fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
			e.refuse(err)
			return
		}
		next, timed, retry = batch.Next, batch.Timer, 0
		if err != nil {
			e.Slog.Error("commit", "error", err)
			e.unready(err.Error())
			e.Core.Discard()
			e.fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
			next, timed, retry = e.Now(), true, time.Second
			continue
		}
		if batch.Lines > 0 {
			e.state.Store(nil)
		}
		e.answer()
	}
}

// gather waits until there is something to do, and takes all that is waiting.
// It returns false when the engine is to end.
func (e *Engine) gather(next autonomics.Time, timed bool, retry time.Duration) bool {
	left := 0
	for _, r := range e.waiting {
		left += len(r.events) - len(r.results)
	}
	if left == 0 {
		var timer <-chan time.Time
		if timed {
			timer = e.After(max(retry, time.Duration(next-e.Now())*time.Millisecond, 0))
		}
		select {
		case r := <-e.requests:
			e.take(r)
		case <-timer:
		case <-e.quit:
			return false
		}
	}
	for len(e.waiting) < maxHandle {
		select {
		case r := <-e.requests:
			e.take(r)
		default:
			return true
		}
	}
	return true
}

func (e *Engine) take(r *request) {
	e.waiting = append(e.waiting, r)
}

// events are those that wait, in the order in which they came, as many as one
// block may take.
func (e *Engine) events() []Event {
	if len(e.waiting) == 1 {
		r := e.waiting[0]
		return r.events[len(r.results):]
	}
	var out []Event
	for _, r := range e.waiting {
		out = append(out, r.events[len(r.results):]...)
		if len(out) >= maxHandle {
			break
		}
	}
	return out
}

// assign gives the results to their requests.
func (e *Engine) assign(b Batch) {
	results := b.Results
	for _, r := range e.waiting {
		n := min(len(r.events)-len(r.results), len(results))
		r.results = append(r.results, results[:n]...)
		results = results[n:]
	}
}

// answer lets those go whose results are complete, all of which are committed.
func (e *Engine) answer() {
	n := 0
	for _, r := range e.waiting {
		r.committed = len(r.results)
	}
	for n < len(e.waiting) && e.waiting[n].committed == len(e.waiting[n].events) {
		e.queued.Add(-int64(len(e.waiting[n].events)))
		close(e.waiting[n].done)
		n++
	}
	e.waiting = append(e.waiting[:0], e.waiting[n:]...)
}

// fail lets all go that have a part in what was not committed, or will not be,
// with the results that were committed in earlier blocks.
func (e *Engine) fail(err error) {
	for _, r := range e.waiting {
		r.results, r.err = r.results[:r.committed], err
		e.queued.Add(-int64(len(r.events)))
		close(r.done)
	}
	e.waiting = nil
}

// refuse answers everybody after the partition is lost.
func (e *Engine) refuse(err error) {
	for {
		select {
		case r := <-e.requests:
			e.queued.Add(-int64(len(r.events)))
			r.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
			close(r.done)
		case <-e.quit:
			return
		}
	}
}

// errFatal: this engine must not write any more.
var errFatal = errors.New("partition lost")

// commit makes the batch durable and then true.
func (e *Engine) commit(b Batch) error {
	if b.Lines == 0 && len(e.slices.ready()) == 0 {
		e.Core.Commit()
		return nil
	}
	header := ledger.Block{Epoch: e.epoch, Seq: e.last + 1, Prev: e.hash, Node: e.Node, Slices: e.slices.ready()}
	data, hash, err := e.Core.Seal(header)
	if err != nil {
		panic("unreachable: the builder's limits were kept: " + err.Error())
	}
	if err := e.append(header.Seq, data); err != nil {
		return err
	}
	h, _, err := ledger.DecodeHeader(data)
	if err != nil {
		panic("unreachable: just encoded: " + err.Error())
	}
	if err := e.History.Index.Add(h); err != nil {
		panic("unreachable: just numbered: " + err.Error())
	}
	e.last, e.hash = header.Seq, hash
	if e.slices.recorded(header.Slices); len(header.Slices) > 0 {
		e.publish()
	}
	woken := len(e.Core.system) > 0
	for _, t := range e.Core.Commit() {
		e.offer(t)
	}
	if woken {
		e.outbox.Wake()
	}
	e.slices.next(e)
	return nil
}

// append sends the block until its outcome is known.
func (e *Engine) append(seq uint64, data []byte) error {
	ctx := context.Background()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := e.Log.Append(ctx, seq, data)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ledger.ErrConflict):
			return fmt.Errorf("%w: %w", errFatal, err)
		case !errors.Is(err, ledger.ErrUnknown):
			return err
		}
		e.unready(err.Error())
		e.Slog.Warn("append again: its outcome is not known", "block", seq, "error", err)
		select {
		case <-e.After(wait):
		case <-e.quit:
			return fmt.Errorf("%w: closed while the outcome of block %d was unknown", errFatal, seq)
		}
	}
}

// offer hands the outbox what a tenant has in flight.
func (e *Engine) offer(t *kernel.Tenant) { t.Work(func(w kernel.Work) { e.outbox.Submit(w) }) }

func (e *Engine) offerAll() {
	for _, id := range sorted(e.Core.tenants) {
		if s := e.Core.tenants[id]; s.fenced == "" {
			e.offer(s.live)
		}
	}
}
