package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// Open recovers the state from the log, claims the partition, and delivers
// what a crash has cut off. Run may be called afterwards.
func Open(ctx context.Context, c Config) (*Engine, error) {
	e := newEngine(c)
	for try := 1; ; try++ {
		if err := e.recover(ctx); err != nil {
			return nil, fmt.Errorf("recover: %w", err)
		}
		err := e.claim(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, ledger.ErrConflict) || try == claimTries {
			return nil, fmt.Errorf("claim the partition: %w", err)
		}
		e.Core.forget()
	}
	if err := e.redeliver(ctx); err != nil {
		return nil, fmt.Errorf("deliver what a crash has cut off: %w", err)
	}
	return e, nil
}

// OpenReadOnly recovers the state for readers, and claims nothing: whatever is
// submitted is answered with ErrStopped.
func OpenReadOnly(ctx context.Context, c Config) (*Engine, error) {
	e := newEngine(c)
	if err := e.recover(ctx); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	e.close.Do(func() { close(e.quit) })
	close(e.done)
	return e, nil
}

func newEngine(c Config) *Engine {
	e := &Engine{Config: c, requests: make(chan *request, 1024), quit: make(chan struct{}), done: make(chan struct{})}
	e.Gate = &Gate{view: c.Core.View(), now: c.Now, ready: e.Ready}
	c.Core.early = e.Gate.unrecorded
	return e
}

// claimTries is how often a claim is answered by a higher one before somebody
// else is believed to own the partition.
const claimTries = 5

// forget goes back to knowing nothing, to read on.
func (c *Core) forget() {
	c.dir, c.tenants, c.timers = directory.New(), map[autonomics.Tenant]*slot{}, nil
}

// recover loads the slices that blocks have recorded and folds the blocks
// since. A tenant whose chain is broken is fenced; the others go on.
func (e *Engine) recover(ctx context.Context) error {
	index := ledger.NewIndex()
	e.last, e.hash, e.epoch, e.slices = 0, autonomics.Hash{}, 0, slicer{}
	e.History = ledger.History{Log: e.Log, Index: index}
	err := e.Log.Read(ctx, 0, func(_ uint64, data []byte) error {
		h, hash, err := ledger.DecodeHeader(data)
		if err != nil {
			return fmt.Errorf("%w: %w", ledger.ErrFenced, err)
		}
		e.last, e.hash, e.epoch = h.Seq, hash, h.Epoch
		e.slices.recorded(h.Slices)
		return index.Add(h)
	})
	if err != nil {
		return err
	}
	if err := e.directory(ctx); err != nil {
		return err
	}
	from := e.slices.load(ctx, e)
	if from <= e.last {
		err = ledger.Walk(ctx, e.Log, from, autonomics.Hash{}, func(b *ledger.Block, _ autonomics.Hash) error {
			for _, l := range b.Lines {
				if l.Tenant != autonomics.System && !e.slices.covers(l.Tenant, b.Seq) {
					e.Core.fold(l)
				}
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	e.Core.opened()
	e.publish()
	return nil
}

// directory loads the directory first, and whole: tenants need its programs.
// Without it nothing can go on.
func (e *Engine) directory(ctx context.Context) error {
	c := e.Core
	if ref, ok := e.slices.refs[0]; ok {
		snap, err := e.slices.read(ctx, e, ref)
		if err == nil && snap.Directory != nil {
			c.dir = snap.Directory
		} else {
			e.Slog.Error("the directory's snapshot is left out; the log has what it had", "error", err)
		}
	}
	_, head := e.History.Index.Span(autonomics.System)
	return e.History.Receipts(ctx, autonomics.System, c.dir.Seq, int(head), func(line []byte) error {
		r, err := autonomics.ParseReceipt(line)
		switch {
		case err != nil:
			return fmt.Errorf("%w: receipt %d of %s: %w", ledger.ErrFenced, c.dir.Seq+1, autonomics.System, err)
		case r.Seq != c.dir.Seq+1 || r.Prev != c.dir.Head:
			return fmt.Errorf("%w: receipt %d of %s does not follow receipt %d", ledger.ErrFenced, r.Seq, autonomics.System, c.dir.Seq)
		}
		return c.dir.Fold(r)
	})
}

// fold takes one receipt of a tenant's log.
func (c *Core) fold(l ledger.Line) {
	s := c.tenants[l.Tenant]
	if s == nil {
		s = c.place(l.Tenant)
	}
	if s.fenced != "" {
		return
	}
	if err := follow(s.live, l.Bytes, c.program); err != nil {
		s.fenced = err.Error()
	}
}

// follow folds the next line of a tenant's chain into its state.
func follow(t *kernel.Tenant, line []byte, program func(autonomics.Hash) *kernel.Program) (err error) {
	seq := t.Seq + 1
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("receipt %d: %v", seq, p)
		}
	}()
	r, err := autonomics.ParseReceipt(line)
	switch {
	case err != nil:
		return fmt.Errorf("receipt %d: %w", seq, err)
	case r.Seq != seq || r.Prev != t.Head:
		return fmt.Errorf("receipt %d does not follow receipt %d", r.Seq, t.Seq)
	case r.Kernel > kernel.Number:
		return fmt.Errorf("receipt %d was decided by kernel %d: this version has %d", seq, r.Kernel, kernel.Number)
	case !t.Evolve(r, program):
		return fmt.Errorf("receipt %d: program %v: %w", seq, r.Program, ErrNoProgram)
	}
	return nil
}

// opened makes the folded state the committed one.
func (c *Core) opened() {
	c.view.dir = c.dir.Clone()
	for id, s := range c.tenants {
		s.committed.Store(s.live)
		c.view.slots[id] = s
		if s.fenced == "" {
			c.schedule(s)
		} else {
			c.view.fence(id, s.fenced)
		}
	}
}

// claim appends the block with which ownership begins.
func (e *Engine) claim(ctx context.Context) error {
	block := ledger.Block{Epoch: e.epoch + 1, Seq: e.last + 1, Prev: e.hash, Node: e.Node, Claim: true}
	data, hash, err := ledger.Encode(&block)
	if err != nil {
		return err
	}
	if err := e.append(block.Seq, data); err != nil {
		return err
	}
	e.last, e.hash, e.epoch = block.Seq, hash, block.Epoch
	return nil
}

// redeliver finds the tenants that have not heard of the newest change that
// concerns them, and tells them what they missed.
func (e *Engine) redeliver(ctx context.Context) error {
	behind := map[autonomics.Tenant]uint64{}
	oldest := e.Core.dir.Seq
	for id, row := range e.Core.dir.Tenants {
		seen := uint64(0)
		if s := e.Core.tenants[id]; s != nil {
			seen = s.live.System
		}
		if row.Changed > seen {
			behind[id] = seen
			oldest = min(oldest, seen)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return e.History.Receipts(ctx, autonomics.System, oldest, int(e.Core.dir.Seq-oldest), func(line []byte) error {
		r, err := autonomics.ParseReceipt(line)
		if err != nil {
			return err
		}
		deliveries, err := e.Core.dir.Deliver(r)
		for _, d := range deliveries {
			if seen, ok := behind[d.Tenant]; ok && d.Seq > seen {
				e.Core.backlog = append(e.Core.backlog, d)
			}
		}
		return err
	})
}

// A snapshot is what a slice holds: the directory, or some tenants.
type snapshot struct {
	Directory *directory.Directory `json:",omitempty"`
	Tenants   []*kernel.Tenant     `json:",omitempty"`
}
