// Package simcloud is a cloud inside the process, for demonstrations,
// simulations and tests. It has two kinds of target:
//
//	sim.service  max (100), replicas (10), revision (r2, which replaced r1)
//	sim.queue    rate (500), paused (false)
//
// with their values when they are registered in brackets. A target is told
// apart by its tenant and ref, or its name where it has no ref.
//
// The state is the fold of its changes: one line of JSON for each, appended to
// cloud.ndjson and synced before the change is seen. So what was done outlives
// any crash, and a test counts effects by counting lines. The file grows by
// some 150 bytes with each change and is never compacted. Targets without a
// change are not in it: registering one costs nothing, and is done at every
// start.
//
// A target remembers the idempotency keys of its last 64 writes.
package simcloud

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/catalog"
)

// maxKeys bounds the idempotency keys that a target remembers. Only one
// operation is under way on a target, so a few would do.
const maxKeys = 64

// A Cloud is safe for concurrent use.
type Cloud struct {
	now func() time.Time

	mu      sync.Mutex
	file    *os.File
	size    int64 // of what is synced
	targets map[string]*target
}

var _ actuate.Actuator = (*Cloud)(nil)

// Open opens the cloud whose state is in dir, or begins one.
func Open(dir string, now func() time.Time) (*Cloud, error) {
	c := &Cloud{now: now, targets: make(map[string]*target)}
	if err := c.open(dir); err != nil {
		return nil, fmt.Errorf("open the simulated cloud: %w", err)
	}
	return c, nil
}

// Close ends the use of the file.
func (c *Cloud) Close() error { return c.file.Close() }

// Register creates the target, unless it is there.
func (c *Cloud) Register(t actuate.Target) error {
	if !slices.Contains(catalog.TargetKinds(), t.Kind) {
		return fmt.Errorf("register %s: the simulated cloud has no targets of kind %q", t.Name, t.Kind)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := address(t)
	if have := c.targets[at]; have != nil && have.kind != t.Kind {
		return fmt.Errorf("register %s: %s is a %s, not a %s", t.Name, at, have.kind, t.Kind)
	} else if have == nil {
		c.targets[at] = &target{kind: t.Kind}
	}
	return nil
}

// Observe reads the field of the action. For a revision it also reads which
// one was replaced by it, as "previous", if there is one.
func (c *Cloud) Observe(ctx context.Context, t actuate.Target, uses string) (autonomics.Fields, error) {
	a, lost, err := c.begin(ctx, "observe", t, uses)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.targets[address(t)]
	value := x.get(a.Field)
	seen := autonomics.Fields{{Name: a.Field, Value: value}}
	if before := x.before(value); a.Field == "revision" && before != "" {
		seen = slices.Insert(seen, 0, autonomics.Field{Name: catalog.Previous, Value: before})
	}
	return seen, lost
}

// Apply writes the one field of the action.
func (c *Cloud) Apply(ctx context.Context, call actuate.Call) error {
	a, lost, err := c.begin(ctx, "apply", call.Target, call.Uses)
	if err != nil {
		return err
	}
	value, ok := call.Value.Get(a.Field)
	if !ok || len(call.Value) != 1 {
		return fmt.Errorf("%s writes %q alone, not %v: %w", call.Uses, a.Field, call.Value, actuate.ErrFinal)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.targets[address(call.Target)]
	if x.get(a.Field) == value {
		return lost
	}
	if slices.Contains(x.keys, call.Key) || !x.holds(call.Expected) {
		return fmt.Errorf("%s of %s is %q: %w", a.Field, call.Target.Name, x.get(a.Field), actuate.ErrChanged)
	}
	if err := x.check(a.Field, value); err != nil {
		return fmt.Errorf("%w: %w", err, actuate.ErrFinal)
	}
	if err := c.change(call.Target, a.Field, value, call.Key); err != nil {
		return err
	}
	return lost
}

// Verify compares.
func (c *Cloud) Verify(ctx context.Context, t actuate.Target, uses string, value autonomics.Fields) (bool, error) {
	_, lost, err := c.begin(ctx, "verify", t, uses)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.targets[address(t)].holds(value), lost
}

// Set changes a field from outside, as another operator or tool would.
func (c *Cloud) Set(t actuate.Target, field, value string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.targets[address(t)]
	if x == nil {
		return fmt.Errorf("set %s of %s: no such target", field, t.Name)
	}
	if err := x.check(field, value); err != nil {
		return fmt.Errorf("set %s of %s: %w", field, t.Name, err)
	}
	if x.get(field) == value {
		return nil
	}
	return c.change(t, field, value, "")
}

// Deploy gives a service a new revision, which serves at once.
func (c *Cloud) Deploy(t actuate.Target, revision string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.targets[address(t)]
	if x == nil || x.kind != "sim.service" {
		return fmt.Errorf("deploy to %s: no such service", t.Name)
	}
	if !autonomics.ValidName(revision) || x.known(revision) {
		return fmt.Errorf("deploy %q to %s: want a new name of a-z, 0-9, dot, dash and underscore", revision, t.Name)
	}
	return c.change(t, "revision", revision, "")
}

// A Fault spoils calls to a target.
type Fault struct {
	On    string        // observe, apply or verify; empty: each of them
	Times int           // how many calls
	Delay time.Duration // before anything else
	Err   error         // the answer, if any; it may wrap actuate.ErrFinal
	After bool          // the call is carried out, and its answer is lost to Err
}

// Inject spoils the next calls to the target that the fault is for. Faults
// wear off in the order in which they were injected.
func (c *Cloud) Inject(t actuate.Target, f Fault) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.targets[address(t)]
	if x == nil {
		return fmt.Errorf("inject a fault into %s: no such target", t.Name)
	}
	x.faults = append(x.faults, f)
	return nil
}

// begin checks a call and lets its fault have its way. The call returns lost
// in place of its answer.
func (c *Cloud) begin(ctx context.Context, op string, t actuate.Target, uses string) (a catalog.Action, lost, err error) {
	a, ok := catalog.Lookup(uses)
	if !ok || !catalog.Fits(a.Kind, t.Kind) {
		return a, nil, fmt.Errorf("%s cannot be done to %s, a %s: %w", uses, t.Name, t.Kind, actuate.ErrFinal)
	}
	c.mu.Lock()
	x := c.targets[address(t)]
	if x == nil || x.kind != t.Kind {
		c.mu.Unlock()
		return a, nil, fmt.Errorf("no %s at %s: %w", t.Kind, address(t), actuate.ErrFinal)
	}
	f := x.fault(op)
	c.mu.Unlock()
	delay := time.NewTimer(f.Delay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return a, nil, fmt.Errorf("%s %s: %w", op, t.Name, err)
	}
	if f.After {
		return a, f.Err, nil
	}
	return a, nil, f.Err
}

func address(t actuate.Target) string {
	if t.Ref == "" {
		return string(t.Tenant) + "/" + t.Name
	}
	return string(t.Tenant) + "/" + t.Ref
}
