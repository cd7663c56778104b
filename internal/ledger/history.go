package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

// Walk decodes the blocks of log from number seq on (0: the first one kept)
// and calls fn for each with its hash. It checks that each block follows the
// one before; prev is the hash before seq, or zero if that is not known. What
// cannot be read or does not follow is ErrFenced.
func Walk(ctx context.Context, log Log, seq uint64, prev autonomics.Hash, fn func(*Block, autonomics.Hash) error) error {
	return log.Read(ctx, seq, func(n uint64, data []byte) error {
		b, hash, err := Decode(data)
		if err == nil && b.Seq != n {
			err = fmt.Errorf("block says that it is number %d", b.Seq)
		}
		if err == nil && !prev.IsZero() && b.Prev != prev {
			err = fmt.Errorf("it follows %v, but the block before it is %v", b.Prev, prev)
		}
		if err != nil {
			return fmt.Errorf("block %d: %w: %w", n, ErrFenced, err)
		}
		prev = hash
		return fn(b, hash)
	})
}

// History reads the receipts of single tenants. It is safe for concurrent use,
// also while the index grows.
type History struct {
	Log   Log
	Index *Index
}

// Head returns the number of the tenant's last receipt, 0 if it has none.
func (h *History) Head(t autonomics.Tenant) uint64 {
	_, head := h.Index.Span(t)
	return head
}

// near is how many foreign blocks are read over rather than a new read begun.
const near = 32

// errLeap ends one read of the log, since what comes next is far off.
var errLeap = errors.New("next block is far off")

// Receipts calls fn for each receipt of tenant t after number after, in order,
// in canonical form without newline, at most limit of them. The bytes may be
// kept. ErrNotFound if the next one was trimmed.
func (h *History) Receipts(ctx context.Context, t autonomics.Tenant, after uint64, limit int, fn func(line []byte) error) error {
	next := after + 1
	todo, head := h.Index.after(t, after)
	if len(todo) > 0 && todo[0].first > next {
		return fmt.Errorf("receipt %d of tenant %s: %w: the first one kept is %d", next, t, ErrNotFound, todo[0].first)
	}
	for len(todo) > 0 && limit > 0 && next <= head {
		err := h.Log.Read(ctx, todo[0].block, func(seq uint64, data []byte) error {
			if len(todo) == 0 || limit <= 0 || todo[0].block > seq+near {
				return errLeap
			}
			if seq < todo[0].block {
				return nil
			}
			todo = todo[1:]
			b, _, err := Decode(data)
			if err != nil {
				return fmt.Errorf("receipt %d of tenant %s: block %d: %w: %w", next, t, seq, ErrFenced, err)
			}
			for _, l := range b.Lines {
				if l.Tenant != t || l.Seq < next || limit <= 0 {
					continue
				}
				next, limit = l.Seq+1, limit-1
				if err := fn(l.Bytes); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errLeap) {
			return err
		}
		if err == nil && len(todo) > 0 {
			return fmt.Errorf("receipt %d of tenant %s: %w: the log ends before block %d", next, t, ErrFenced, todo[0].block)
		}
	}
	return nil
}
