package ledger

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/autonomics-dev/autonomics"
)

// An Index knows in which blocks the receipts of each tenant are. It is safe
// for one writer and many readers.
type Index struct {
	mu      sync.RWMutex
	tenants map[autonomics.Tenant]*places
}

// places are in ascending order, and only ever appended to.
type places struct {
	list []place
	head uint64 // number of the last receipt
}

// A place says that receipts from number first on are in a block.
type place struct{ block, first uint64 }

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{tenants: map[autonomics.Tenant]*places{}} }

// BuildIndex returns the index of all blocks that log has. It inflates none.
func BuildIndex(ctx context.Context, log Log) (*Index, error) {
	x := NewIndex()
	err := log.Read(ctx, 0, func(_ uint64, block []byte) error {
		h, _, err := DecodeHeader(block)
		if err != nil {
			return fmt.Errorf("index: %w: %w", ErrFenced, err)
		}
		return x.Add(h)
	})
	return x, err
}

// Add adds the next block. A tenant whose receipts do not go on where they
// ended is ErrFenced, and nothing is added.
func (x *Index) Add(h Header) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range h.Runs {
		if p := x.tenants[r.Tenant]; p != nil && r.First != p.head+1 {
			return fmt.Errorf("index: %w: block %d has tenant %s from receipt %d on, want %d",
				ErrFenced, h.Seq, r.Tenant, r.First, p.head+1)
		}
	}
	for _, r := range h.Runs {
		p := x.tenants[r.Tenant]
		if p == nil {
			p = &places{}
			x.tenants[r.Tenant] = p
		}
		p.list = append(p.list, place{h.Seq, r.First})
		p.head = r.First + uint64(r.Count) - 1
	}
	return nil
}

// Span returns the numbers of the first and the last receipt of a tenant;
// zeros if it has none. The first is above 1 if the log was trimmed.
func (x *Index) Span(t autonomics.Tenant) (first, head uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := x.tenants[t]
	if p == nil {
		return 0, 0
	}
	return p.list[0].first, p.head
}

// Tenants returns all tenants that have receipts, sorted.
func (x *Index) Tenants() []autonomics.Tenant {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]autonomics.Tenant, 0, len(x.tenants))
	for t := range x.tenants {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// after returns where the receipts of a tenant after number seq are, and the
// number of the last one.
func (x *Index) after(t autonomics.Tenant, seq uint64) (list []place, head uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := x.tenants[t]
	if p == nil || seq >= p.head {
		return nil, 0
	}
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].first > seq+1 })
	return p.list[max(i-1, 0):], p.head
}
