// Package engine turns events into committed receipts and into work for the
// outbox. Its Core has no goroutine and no clock:
//
//	Handle(now, events) → a block, and what may leave the process once the
//	block is committed, and when the next timer is due
//
// The Engine around it does the waiting: it collects events, appends the
// block, and only then answers the callers and hands out the work. If the
// block cannot be committed, the Core discards what it has stepped, and nobody
// is told that anything happened.
//
// Reading needs no part of this: every tenant has a committed state that never
// changes, replaced by the next commit.
package engine

import (
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A Core is the decisions of one partition.
type Core struct {
	SKU   func(name string) *spec.Document // the SKUs that governors may be made of
	Kinds func(kind string) bool           // the kinds of target that there are actuators for

	dir      *directory.Directory
	tenants  map[autonomics.Tenant]*slot
	programs map[autonomics.Hash]*kernel.Program
	timers   timers
	backlog  []directory.Delivery
	before   []directory.Delivery // the backlog when the block was begun
	broken   bool                 // a kernel panicked
	refused  map[string]tally
	early    func(autonomics.Scope) bool // whether a stop is in force that could not be recorded
	counted  map[string]tally            // refused when the block was begun

	// The block that is being formed.
	builder ledger.Builder
	size    int
	touched []*slot
	system  []*autonomics.Receipt

	view View
}

// A slot is one tenant's place.
type slot struct {
	id        autonomics.Tenant
	live      *kernel.Tenant // differs from committed while touched
	touched   bool
	fenced    string // why nothing more is decided for it
	due       autonomics.Time
	index     int // in timers; -1 if no timer is set
	committed atomic.Pointer[kernel.Tenant]
}

// A View is what has been committed. It is safe for concurrent use.
type View struct {
	mu     sync.RWMutex
	dir    *directory.Directory
	slots  map[autonomics.Tenant]*slot
	fenced map[autonomics.Tenant]string
}

// Directory calls fn with the committed directory, which fn must not keep.
func (v *View) Directory(fn func(*directory.Directory)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	fn(v.dir)
}

// Tenant returns the committed state of a tenant, which never changes, or nil.
func (v *View) Tenant(id autonomics.Tenant) *kernel.Tenant {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if s := v.slots[id]; s != nil {
		return s.committed.Load()
	}
	return nil
}

// Tenants returns the committed states of all tenants, in no order.
func (v *View) Tenants() []*kernel.Tenant {
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := make([]*kernel.Tenant, 0, len(v.slots))
	for _, s := range v.slots {
		out = append(out, s.committed.Load())
	}
	return out
}

// Fenced returns which tenants are fenced, and why. It is safe for concurrent
// use.
func (c *Core) Fenced() map[autonomics.Tenant]string {
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	return maps.Clone(c.view.fenced)
}

func (v *View) isFenced(id autonomics.Tenant) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.fenced[id] != ""
}

func (v *View) fence(id autonomics.Tenant, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fenced[id] = why
}

// A Batch is what Handle made of some events. Nothing of it is true before its
// block is committed.
type Batch struct {
	Taken   int      // how many of the events
	Results []Result // one for each event taken
	Lines   int      // receipts in the builder; 0: there is nothing to commit
	Next    autonomics.Time
	Timer   bool // Next is set
}

// NewCore returns a core that knows nothing yet.
func NewCore(sku func(string) *spec.Document, kinds func(string) bool) *Core {
	return &Core{
		SKU: sku, Kinds: kinds,
		dir:      directory.New(),
		tenants:  map[autonomics.Tenant]*slot{},
		programs: map[autonomics.Hash]*kernel.Program{},
		refused:  map[string]tally{},
		early:    func(autonomics.Scope) bool { return false },
		view:     View{dir: directory.New(), slots: map[autonomics.Tenant]*slot{}, fenced: map[autonomics.Tenant]string{}},
	}
}

// View returns what readers see.
func (c *Core) View() *View { return &c.view }

// Handle steps due timers, then what is left of earlier commands, then as many
// of the events as the block has room for. Where a kernel panics, its tenant is
// fenced and all is stepped again without it: nothing half done is committed.
func (c *Core) Handle(now autonomics.Time, events []Event) Batch {
	c.before, c.counted = c.backlog, maps.Clone(c.refused)
	b := c.handle(now, events)
	for c.broken {
		c.Discard()
		b = c.handle(now, events)
	}
	return b
}

func (c *Core) handle(now autonomics.Time, events []Event) Batch {
	var b Batch
	for len(c.timers) > 0 && c.timers[0].due <= now && c.room() {
		c.tick(now, c.timers[0])
	}
	c.summarise(now)
	for len(c.backlog) > 0 && c.room() {
		d := c.backlog[0]
		c.backlog = c.backlog[1:]
		c.deliver(now, d)
	}
	for b.Taken < len(events) && len(c.backlog) == 0 && c.room() {
		b.Results = append(b.Results, c.one(now, &events[b.Taken]))
		b.Taken++
	}
	b.Lines = c.builder.Len()
	b.Next, b.Timer = c.next(now)
	return b
}

// next is when Handle has something to do without an event.
func (c *Core) next(now autonomics.Time) (autonomics.Time, bool) {
	if len(c.backlog) > 0 {
		return now, true
	}
	at, ok := autonomics.Time(0), false
	if len(c.timers) > 0 {
		at, ok = c.timers[0].due, true
	}
	for _, t := range c.refused {
		if t.more > 0 && (!ok || t.until < at) {
			at, ok = t.until, true
		}
	}
	return at, ok
}

// room reports whether another event fits into the block for certain.
func (c *Core) room() bool { return c.builder.Len() < maxLines && c.size < maxBytes }

func (c *Core) one(now autonomics.Time, e *Event) Result {
	switch {
	case e.Signal != nil:
		return c.signal(now, e.Signal)
	case e.Outcome != nil:
		return c.outcome(now, e.Outcome)
	case e.Command != nil:
		return c.command(now, e.Command)
	case e.Provision != nil:
		return c.provision(now, e.Provision)
	case e.Refusal != nil:
		return c.refuse(now, e.Refusal)
	}
	panic("unreachable: an event without a member")
}

// signal checks what only the programs can tell, and steps.
func (c *Core) signal(now autonomics.Time, e *Signal) Result {
	s := c.slot(e.Tenant)
	if s == nil {
		return Result{Err: wrong(UnknownTenant, "/tenant", "tenant %q does not exist or is not yours", e.Tenant)}
	}
	if s.fenced != "" {
		return Result{Err: wrong(Fenced, "", "tenant %s is fenced: %s", s.id, s.fenced)}
	}
	if e.Governor != "" && s.live.Governor(e.Governor) == nil {
		if e.Strict {
			return Result{Err: wrong(UnknownGovernor, "/governor", "tenant %s has no governor %q", e.Tenant, e.Governor)}
		}
	}
	if e.Strict {
		if err := check(s.live, e); err != nil {
			return Result{Err: err}
		}
	}
	return c.step(now, e.Tenant, kernel.Input{Governor: e.Governor, Event: autonomics.Event{Signal: &e.Signal}})
}

// check tells the sender of native input about a signal that nobody declares,
// and about a unit that nobody compares.
func check(t *kernel.Tenant, e *Signal) *Error {
	if e.Signal.Episode != "" {
		if unit(t, e, func(p *kernel.Program) (string, bool) { return "", p.Declares(&e.Signal) }) == nil {
			return wrong(UnknownSignal, "/episode", "no governor of tenant %s declares the episode %q", e.Tenant, e.Signal.Episode)
		}
		return nil
	}
	for i, rd := range e.Signal.Readings {
		where := ""
		if len(e.Signal.Readings) > 1 {
			where = fmt.Sprintf("/readings/%d", i)
		}
		units := unit(t, e, func(p *kernel.Program) (string, bool) { return p.Unit(rd.Signal) })
		if units == nil {
			return wrong(UnknownSignal, where+"/signal", "no governor of tenant %s that this is for declares the signal %q", e.Tenant, rd.Signal)
		}
		if rd.Unit != "" && !slices.Contains(units, rd.Unit) {
			return wrong(WrongUnit, where+"/unit", "signal %q is in %q, not in %q", rd.Signal, units[0], rd.Unit)
		}
	}
	return nil
}

// unit collects what the concerned governors' programs say of a signal.
func unit(t *kernel.Tenant, e *Signal, of func(*kernel.Program) (string, bool)) []string {
	var out []string
	for i := range t.Governors {
		g := &t.Governors[i]
		if e.Governor != "" && g.Name != e.Governor {
			continue
		}
		if u, ok := of(g.Prog()); ok {
			out = append(out, u)
		}
	}
	return out
}

// slot returns the place of a tenant that the directory knows, or nil.
func (c *Core) slot(id autonomics.Tenant) *slot {
	if s := c.tenants[id]; s != nil {
		return s
	}
	if c.dir.Tenants[id] == nil {
		return nil
	}
	return c.place(id)
}

func (c *Core) place(id autonomics.Tenant) *slot {
	s := &slot{id: id, live: &kernel.Tenant{ID: id}, index: -1}
	c.tenants[id] = s
	return s
}

// touch makes the slot's live state its own.
func (c *Core) touch(s *slot) *kernel.Tenant {
	if !s.touched {
		s.touched = true
		s.live = s.live.Clone()
		c.touched = append(c.touched, s)
	}
	return s.live
}

// step lets a tenant's kernel decide, and adds its receipts to the block.
func (c *Core) step(now autonomics.Time, id autonomics.Tenant, in kernel.Input) (res Result) {
	s := c.slot(id)
	if s == nil {
		return Result{Err: wrong(UnknownTenant, "/tenant", "tenant %q does not exist", id)}
	}
	if s.fenced != "" {
		return Result{Err: wrong(Fenced, "", "tenant %s is fenced: %s", id, s.fenced)}
	}
	defer c.guard(s, &res)
	kind := in.Event.Kind()
	for _, sealed := range c.add(s, c.touch(s).Step(now, in)) {
		if sealed.Receipt.Kind == kind {
			res.Receipts = append(res.Receipts, sealed.Receipt)
		}
	}
	c.schedule(s)
	return res
}

// guard fences a tenant whose kernel panicked: that must not happen, and must
// not happen to others.
func (c *Core) guard(s *slot, res *Result) {
	if p := recover(); p != nil {
		s.fenced = fmt.Sprint(p)
		c.view.fence(s.id, s.fenced)
		c.broken = true
		*res = Result{Err: wrong(Fenced, "", "tenant %s is fenced: %v", s.id, p)}
		c.unschedule(s)
	}
}

// tick steps the due timers of one tenant.
func (c *Core) tick(now autonomics.Time, s *slot) {
	var res Result
	defer c.guard(s, &res)
	c.add(s, c.touch(s).Tick(now))
	c.schedule(s)
}

// add puts receipts into the block.
func (c *Core) add(s *slot, sealed []kernel.Sealed) []kernel.Sealed {
	for i := range sealed {
		c.line(s.id, sealed[i].Receipt.Seq, sealed[i].Line)
	}
	return sealed
}

func (c *Core) line(id autonomics.Tenant, seq uint64, bytes []byte) {
	if err := c.builder.Add(ledger.Line{Tenant: id, Seq: seq, Bytes: bytes}); err != nil {
		panic(fmt.Sprintf("unreachable: room was checked: %v", err))
	}
	c.size += len(bytes)
}

// Seal returns the block that Handle has formed.
func (c *Core) Seal(header ledger.Block) ([]byte, autonomics.Hash, error) {
	return c.builder.Seal(header)
}

// Commit makes what Handle has stepped true, and returns the tenants that
// changed, in the order in which they did.
func (c *Core) Commit() []*kernel.Tenant {
	out := make([]*kernel.Tenant, 0, len(c.touched))
	c.view.mu.Lock()
	for _, r := range c.system {
		if err := c.view.dir.Fold(r); err != nil {
			panic("unreachable: folded before: " + err.Error())
		}
	}
	for _, s := range c.touched {
		s.touched = false
		s.committed.Store(s.live)
		c.view.slots[s.id] = s
		out = append(out, s.live)
	}
	c.view.mu.Unlock()
	c.reset()
	return out
}

// Discard forgets what Handle has stepped since the last commit.
func (c *Core) Discard() {
	for _, s := range c.touched {
		s.touched = false
		s.live = s.committed.Load()
		switch {
		case s.live == nil && s.fenced == "":
			c.unschedule(s)
			delete(c.tenants, s.id)
		case s.live == nil:
			s.live = &kernel.Tenant{ID: s.id}
		case s.fenced == "":
			c.schedule(s)
		}
	}
	if len(c.system) > 0 {
		c.view.Directory(func(d *directory.Directory) { c.dir = d.Clone() })
	}
	c.backlog, c.broken, c.refused = c.before, false, maps.Clone(c.counted)
	c.builder.Reset()
	c.reset()
}

func (c *Core) reset() {
	c.size, c.touched, c.system = 0, c.touched[:0], nil
}

// program returns the program of a digest that the directory has.
func (c *Core) program(digest autonomics.Hash) *kernel.Program {
	if p := c.programs[digest]; p != nil {
		return p
	}
	p, err := spec.Load(c.dir.Programs[digest])
	if err != nil {
		return nil
	}
	c.programs[digest] = p
	return p
}

// Stepping programs and tenants is bounded by these.
const (
	// maxLines and maxBytes are when a block takes no further event. What is
	// left of a block's limits holds the largest single event: one receipt for
	// each of MaxGovernors.
	maxLines = 2048
	maxBytes = 450_000
	// MaxGovernors of one tenant: an event that concerns all of them still
	// fits into one block.
	MaxGovernors = 512
)

// ErrNoProgram: the log names a program that the directory does not have.
var ErrNoProgram = errors.New("program not recorded")

// timers is a heap of slots by due time, then tenant.
type timers []*slot

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].due < t[j].due || t[i].due == t[j].due && t[i].id < t[j].id
}
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}
func (t *timers) Push(x any) {
	s := x.(*slot)
	s.index = len(*t)
	*t = append(*t, s)
}
func (t *timers) Pop() any {
	old := *t
	s := old[len(old)-1]
	*t = old[:len(old)-1]
	s.index = -1
	return s
}

// schedule sets the slot's timer to what its state says.
func (c *Core) schedule(s *slot) {
	due, ok := s.live.Due()
	switch {
	case !ok:
		c.unschedule(s)
	case s.index < 0:
		s.due = due
		heap.Push(&c.timers, s)
	case s.due != due:
		s.due = due
		heap.Fix(&c.timers, s.index)
	}
}

func (c *Core) unschedule(s *slot) {
	if s.index >= 0 {
		heap.Remove(&c.timers, s.index)
	}
}
