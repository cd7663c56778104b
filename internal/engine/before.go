package engine

import (
	"context"
	"fmt"
	"maps"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// publish lets readers have the slices that are recorded.
func (e *Engine) publish() {
	refs := maps.Clone(e.slices.refs)
	e.snapshots.Store(&refs)
}

// Before returns a tenant as it was before its receipt seq, which must be
// committed. It folds the chain since the newest snapshot that is older than
// seq, or all of it: it may be called beside the loop, and costs as much as a
// start would for this tenant. ledger.ErrNotFound: what it would fold was
// trimmed.
func (e *Engine) Before(ctx context.Context, id autonomics.Tenant, seq uint64) (*kernel.Tenant, error) {
	program := e.Core.view.Programs()
	t := e.snapshot(ctx, id, seq, program)
	if t == nil {
		t = &kernel.Tenant{ID: id}
	}
	err := e.History.Receipts(ctx, id, t.Seq, int(seq-1-t.Seq), func(line []byte) error {
		if err := follow(t, line, program); err != nil {
			return fmt.Errorf("tenant %s: %w: %w", id, ledger.ErrFenced, err)
		}
		return nil
	})
	if err == nil && t.Seq+1 != seq {
		err = fmt.Errorf("tenant %s: %w: there is no receipt %d", id, ledger.ErrNotFound, t.Seq+1)
	}
	return t, err
}

// snapshot returns the tenant from its recorded slice, or nil where that is
// too new, not there, or unreadable: the log has what it had.
func (e *Engine) snapshot(ctx context.Context, id autonomics.Tenant, seq uint64, program func(autonomics.Hash) *kernel.Program) *kernel.Tenant {
	ref, ok := (*e.snapshots.Load())[sliceOf(id)]
	if !ok {
		return nil
	}
	snap, err := e.slices.read(ctx, e, ref)
	if err != nil {
		return nil
	}
	for _, t := range snap.Tenants {
		if t.ID == id && t.Seq < seq {
			if _, ok := t.Bind(program); ok {
				return t
			}
		}
	}
	return nil
}

// Programs returns a function that finds the programs the directory has. It is
// for one goroutine.
func (v *View) Programs() func(autonomics.Hash) *kernel.Program {
	known := map[autonomics.Hash]*kernel.Program{}
	return func(digest autonomics.Hash) *kernel.Program {
		if p := known[digest]; p != nil {
			return p
		}
		var source []byte
		v.Directory(func(d *directory.Directory) { source = d.Programs[digest] })
		p, err := spec.Load(source)
		if err != nil {
			return nil
		}
		known[digest] = p
		return p
	}
}
