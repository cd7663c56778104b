package actuate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Config is what an Outbox works with. All of it is required.
type Config struct {
	Actuators map[string]Actuator // by kind of target
	Gate      Gate
	// Post hands an outcome to the engine. It returns nil once the outcome is
	// committed or refused; after any other error the same outcome is posted
	// again.
	Post func(ctx context.Context, tenant autonomics.Tenant, governor string, out autonomics.Outcome) error
	// Notify tells people what w.Text says.
	Notify func(ctx context.Context, w kernel.Work) error
	Log    *slog.Logger
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Random func() float64 // in [0, 1)
	Go     func(func())   // begins a goroutine; a simulation runs them by turns
}

// An Outbox drives each work that the engine submits to an outcome, and posts
// it. It keeps nothing on disk: after a restart the engine submits again what
// its state still wants, and the actuators find out what was done already.
//
// Works on one target are carried out one after another, in the order of
// Submit; works on different targets do not wait for each other but for the
// number of calls that a tenant, a kind of target and the process may have
// running.
type Outbox struct {
	Config
	calls    chan struct{}            // a running call holds a place here,
	kinds    map[string]chan struct{} // here, and one at its tenant
	releases map[string]chan struct{} // and first here, if it takes something back

	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	lanes  sync.WaitGroup

	mu      sync.Mutex
	known   map[identity]bool // works that have not ended; true: submitted again meanwhile
	waiting map[lane][]kernel.Work
	tenants map[autonomics.Tenant]*tenant
	wake    chan struct{} // closed by Wake, and replaced
}

// An identity tells works apart: one effect is first observed, then written.
type identity struct {
	tenant autonomics.Tenant
	key    string
	reads  bool
	watch  bool
}

// A lane is what carries out works one after another: one for the operations
// on a target, one for a tenant's notices (no target), one for each watch.
type lane struct {
	tenant  autonomics.Tenant
	target  string
	watch   string // the watch's key
	notices string // the governor whose notices they are: a stop of one holds no other's
}

// A tenant is what the outbox holds for one tenant while it has works.
type tenant struct {
	pending int
	calls   map[string]chan struct{} // by kind of target
}

// New returns an Outbox that waits for works.
func New(c Config) *Outbox {
	o := &Outbox{
		Config:   c,
		calls:    make(chan struct{}, maxCalls),
		kinds:    make(map[string]chan struct{}, len(c.Actuators)),
		releases: make(map[string]chan struct{}, len(c.Actuators)),
		known:    make(map[identity]bool),
		waiting:  make(map[lane][]kernel.Work),
		tenants:  make(map[autonomics.Tenant]*tenant),
		wake:     make(chan struct{}),
	}
	for kind := range c.Actuators {
		o.kinds[kind] = make(chan struct{}, maxKindCalls)
		o.releases[kind] = make(chan struct{}, maxReleases)
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

// Submit takes a work whose reason is committed. A work that is under way
// already is not taken twice. It never blocks. It returns false if the
// tenant's outbox is full or the outbox stops: the work is not taken, and has
// to be submitted again after the tenant's next outcome, or the next start.
func (o *Outbox) Submit(w kernel.Work) bool {
	id, l := identify(w)
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.known[id]; ok {
		o.known[id] = true
		return true
	}
	t := o.tenants[w.Tenant]
	if t == nil {
		t = &tenant{calls: make(map[string]chan struct{})}
	}
	if o.ctx.Err() != nil || t.pending == maxPending {
		return false
	}
	o.tenants[w.Tenant] = t
	t.pending++
	o.known[id] = false
	queue, busy := o.waiting[l]
	if busy {
		o.waiting[l] = append(queue, w)
		return true
	}
	o.waiting[l] = nil
	o.begin(l, t, w)
	return true
}

func identify(w kernel.Work) (identity, lane) {
	id := identity{tenant: w.Tenant, key: w.Key, reads: w.Observe || w.Virtual, watch: w.Watch}
	l := lane{tenant: w.Tenant, target: w.Target.Name}
	switch {
	case w.Watch:
		l.watch = w.Key
	case w.Op == autonomics.OpNotice:
		l.notices = w.Governor
	}
	return id, l
}

// begin starts a lane. It needs a work, and the lane to be nobody else's.
func (o *Outbox) begin(l lane, t *tenant, w kernel.Work) {
	o.lanes.Add(1)
	o.Go(func() {
		defer o.lanes.Done()
		o.serve(l, t, w)
	})
}

// serve carries out the works of a lane until none is left.
func (o *Outbox) serve(l lane, t *tenant, w kernel.Work) {
	for more := true; more; w, more = o.next(l) {
		for ended := false; !ended; ended = o.forget(t, w) {
			j := job{Outbox: o, w: w, tenant: t}
			j.run()
		}
	}
}

// forget ends a work: the engine has its outcome, and may submit the next. A
// watch has none: it goes on if it was submitted again, perhaps since the gate
// dropped it.
func (o *Outbox) forget(t *tenant, w kernel.Work) (ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, _ := identify(w)
	if w.Watch && o.known[id] && o.ctx.Err() == nil {
		o.known[id] = false
		return false
	}
	delete(o.known, id)
	if t.pending--; t.pending == 0 {
		delete(o.tenants, w.Tenant)
	}
	return true
}

// next takes the lane's next work, or ends the lane.
func (o *Outbox) next(l lane) (w kernel.Work, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := o.waiting[l]
	if len(queue) == 0 || o.ctx.Err() != nil {
		delete(o.waiting, l)
		return w, false
	}
	o.waiting[l] = queue[1:]
	return queue[0], true
}

// Wake lets held works ask the gate again: after a stop, a command or a change
// of mode.
func (o *Outbox) Wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.wake)
	o.wake = make(chan struct{})
}

// woken returns a channel that the next Wake closes.
func (o *Outbox) woken() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wake
}

// enter takes the lane of the job's target, unless an operation has it.
func (j *job) enter() bool {
	l := lane{tenant: j.w.Tenant, target: j.w.Target.Name}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, busy := j.waiting[l]
	if !busy {
		j.waiting[l] = nil
	}
	return !busy
}

// leave gives the lane to the operations that have come meanwhile.
func (j *job) leave() {
	l := lane{tenant: j.w.Tenant, target: j.w.Target.Name}
	if w, more := j.next(l); more {
		j.begin(l, j.tenant, w)
	}
}

// Stop cancels what runs and waits until it has ended, or ctx has. From the
// moment it is called nothing is taken, and no post begins.
func (o *Outbox) Stop(ctx context.Context) error {
	o.mu.Lock() // no lane may begin while they are waited for
	o.cancel()
	o.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		o.lanes.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the outbox: a call to a target has not ended: %w", ctx.Err())
	}
}

// call runs one call to a target, when there is a place for it. A release waits
// for its turn among the releases first, for as long as that takes: at most
// maxReleases of a kind compete with applies for the other places.
func (j *job) call(timeout time.Duration, do func(context.Context, Actuator) error) error {
	kind := j.w.Target.Kind
	a, ok := j.Actuators[kind]
	if !ok {
		return fmt.Errorf("no actuator for targets of kind %q: %w", kind, ErrFinal)
	}
	if turn := j.releases[kind]; j.w.Undo {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(j.ctx, timeout)
	defer cancel()
	for _, places := range []chan struct{}{j.places(j.tenant, kind), j.kinds[kind], j.calls} {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return fmt.Errorf("no call to a %s could begin within %v", kind, timeout)
		}
	}
	return do(ctx, a)
}

// places are those of one tenant's calls to one kind of target.
func (o *Outbox) places(t *tenant, kind string) chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.calls[kind] == nil {
		t.calls[kind] = make(chan struct{}, maxTenantCalls)
	}
	return t.calls[kind]
}
