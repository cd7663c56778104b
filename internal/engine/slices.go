package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

const (
	// tenantSlices is into how many slices the tenants are divided; slice 0 is
	// the directory. One slice is written at a time, so that a snapshot costs
	// a seventeenth of the state.
	tenantSlices = 16
	// sliceEvery is after how many blocks the next slice is written. A start
	// folds at most about seventeen times as many.
	sliceEvery = 512
)

// A slicer writes snapshots round-robin and knows which are recorded.
type slicer struct {
	turn    uint32
	since   int // blocks since the last slice
	refs    map[uint32]ledger.SliceRef
	written chan ledger.SliceRef // of the one that is being written; nil if none is
	pending []ledger.SliceRef    // written, to be recorded by the next block
}

func sliceOf(t autonomics.Tenant) uint32 {
	if t == autonomics.System {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(t))
	return 1 + h.Sum32()%tenantSlices
}

// ready returns the slices that the next block records.
func (s *slicer) ready() []ledger.SliceRef {
	select {
	case ref := <-s.written:
		s.written = nil
		if ref.Seq != 0 {
			s.pending = append(s.pending, ref)
		}
	default:
	}
	return s.pending
}

func (s *slicer) recorded(refs []ledger.SliceRef) {
	if s.refs == nil {
		s.refs = map[uint32]ledger.SliceRef{}
	}
	for _, ref := range refs {
		s.refs[ref.Slice] = ref
	}
	s.pending = nil
}

// next begins the next slice when it is time. The committed states never
// change, so they are written beside the loop.
func (s *slicer) next(e *Engine) {
	if s.since++; s.since < sliceEvery || s.written != nil {
		return
	}
	s.since, s.turn = 0, (s.turn+1)%(tenantSlices+1)
	snap := &snapshot{}
	if s.turn == 0 {
		snap.Directory = e.Core.dir.Clone()
	}
	for _, id := range sorted(e.Core.tenants) {
		if t := e.Core.tenants[id]; sliceOf(id) == s.turn && t.fenced == "" && t.committed.Load() != nil {
			snap.Tenants = append(snap.Tenants, t.committed.Load())
		} else if t.fenced != "" && sliceOf(id) == s.turn {
			return // its receipts must stay readable from the log
		}
	}
	ref := ledger.SliceRef{Slice: s.turn, Seq: e.last}
	written := make(chan ledger.SliceRef, 1)
	s.written = written
	kept := s.kept()
	go func() {
		data, err := encode(snap)
		if err == nil {
			err = ledger.PruneSlices(context.Background(), e.Blobs, kept)
		}
		if err == nil {
			ref, err = ledger.WriteSlice(context.Background(), e.Blobs, ref, data)
		}
		if err != nil {
			e.Slog.Error("write a slice of the snapshot", "slice", ref.Slice, "error", err)
			ref.Seq = 0
		}
		written <- ref
	}()
}

// wait lets the slice that is being written end, before the store is closed.
func (s *slicer) wait() {
	if s.written != nil {
		<-s.written
		s.written = nil
	}
}

// encode keeps programs byte for byte, which json.Marshal does not.
func encode(snap *snapshot) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(snap)
	return buf.Bytes(), err
}

func (s *slicer) kept() []ledger.SliceRef {
	out := make([]ledger.SliceRef, 0, len(s.refs))
	for _, ref := range s.refs {
		out = append(out, ref)
	}
	slices.SortFunc(out, func(a, b ledger.SliceRef) int { return int(a.Slice) - int(b.Slice) })
	return out
}

// covers reports whether a slice that was loaded has the block's receipts of
// the tenant.
func (s *slicer) covers(t autonomics.Tenant, block uint64) bool {
	return s.refs[sliceOf(t)].Seq >= block
}

// load reads the recorded slices of tenants and returns the first block to
// fold. A slice that cannot be read is left out: the log has what it had.
func (s *slicer) load(ctx context.Context, e *Engine) (from uint64) {
	from = e.last + 1
	for slice := uint32(1); slice <= tenantSlices; slice++ {
		ref, ok := s.refs[slice]
		if ok {
			snap, err := s.read(ctx, e, ref)
			if err == nil {
				err = e.Core.bind(snap.Tenants)
			}
			if err != nil {
				e.Slog.Error("a slice of the snapshot is left out; the log has what it had", "slice", slice, "error", err)
				delete(s.refs, slice)
				ok = false
			}
		}
		if !ok {
			ref.Seq = 0
		}
		from = min(from, ref.Seq+1)
	}
	return from
}

func (s *slicer) read(ctx context.Context, e *Engine, ref ledger.SliceRef) (*snapshot, error) {
	data, err := ledger.LoadSlice(ctx, e.Blobs, ref)
	if err != nil {
		return nil, err
	}
	var snap snapshot
	return &snap, json.Unmarshal(data, &snap)
}

// bind places loaded tenants, with their programs: all, or none.
func (c *Core) bind(tenants []*kernel.Tenant) error {
	for _, t := range tenants {
		if digest, ok := t.Bind(c.program); !ok {
			return fmt.Errorf("program %v: %w", digest, ErrNoProgram)
		}
	}
	for _, t := range tenants {
		c.place(t.ID).live = t
	}
	return nil
}
