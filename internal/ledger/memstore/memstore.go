// Package memstore keeps a ledger in memory, for tests and simulation. A Store
// is what a disk is to a process: it outlives the handles that Log and Blobs
// return, and two handles on it meet each other's blocks. What goes wrong, and
// when, is decided by the functions that its owner sets.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// A Fault is what goes wrong with one append.
type Fault int

const (
	None             Fault = iota
	Fail                   // nothing is committed, and the caller knows
	UnknownCommitted       // the block is committed, the answer is lost
	UnknownLost            // the block is not committed, the answer is lost
	Conflict               // another writer's claim takes the sequence first
)

// ErrInjected is the error of a Fail, and what BlobFault may return.
var ErrInjected = errors.New("injected fault")

// A Store is the memory. Its two functions, if set, are asked before each
// operation; set them while nothing runs.
type Store struct {
	// AppendFault says what becomes of an append that would succeed.
	AppendFault func(seq uint64) Fault
	// BlobFault makes an operation (put, get, list, delete) fail.
	BlobFault func(op, name string) error

	mu     sync.Mutex
	first  uint64 // number of blocks[0]
	blocks [][]byte
	hash   autonomics.Hash
	blobs  map[string][]byte
}

// New returns an empty store.
func New() *Store { return &Store{first: 1, blobs: map[string][]byte{}} }

// Log returns a handle on the store's log.
func (s *Store) Log() ledger.Log { return logHandle{s} }

// Blobs returns a handle on the store's blobs.
func (s *Store) Blobs() ledger.Blobs { return blobHandle{s} }

func (s *Store) last() uint64 { return s.first + uint64(len(s.blocks)) - 1 }

func (s *Store) commit(block []byte, hash autonomics.Hash) {
	s.blocks = append(s.blocks, bytes.Clone(block))
	s.hash = hash
}

// usurp commits the claim of another writer.
func (s *Store) usurp() error {
	b := ledger.Block{Seq: s.last() + 1, Prev: s.hash, Node: "usurper", Claim: true, Epoch: 1}
	if len(s.blocks) > 0 {
		h, _, err := ledger.DecodeHeader(s.blocks[len(s.blocks)-1])
		if err != nil {
			return err
		}
		b.Epoch, b.Partition = h.Epoch+1, h.Partition
	}
	block, hash, err := ledger.Encode(&b)
	if err != nil {
		return err
	}
	s.commit(block, hash)
	return nil
}

type logHandle struct{ s *Store }

func (l logHandle) Append(ctx context.Context, seq uint64, block []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append block %d: %w", seq, err)
	}
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.last(); seq <= last {
		if seq >= s.first && bytes.Equal(s.blocks[seq-s.first], block) {
			return nil
		}
		return fmt.Errorf("append block %d: %w: the last one is %d", seq, ledger.ErrConflict, last)
	} else if seq != last+1 {
		return fmt.Errorf("append block %d: the next one is %d", seq, last+1)
	}
	hash, err := ledger.Next(s.last(), s.hash, block)
	if err != nil {
		return fmt.Errorf("append block %d: %w", seq, err)
	}
	fault := None
	if s.AppendFault != nil {
		fault = s.AppendFault(seq)
	}
	switch fault {
	case Fail:
		return fmt.Errorf("append block %d: %w", seq, ErrInjected)
	case UnknownLost:
		return fmt.Errorf("append block %d: %w", seq, ledger.ErrUnknown)
	case UnknownCommitted:
		s.commit(block, hash)
		return fmt.Errorf("append block %d: %w", seq, ledger.ErrUnknown)
	case Conflict:
		if err := s.usurp(); err != nil {
			return fmt.Errorf("append block %d: %w", seq, err)
		}
		return fmt.Errorf("append block %d: %w: the last one is %d", seq, ledger.ErrConflict, s.last())
	}
	s.commit(block, hash)
	return nil
}

func (l logHandle) Read(ctx context.Context, seq uint64, fn func(uint64, []byte) error) error {
	s := l.s
	s.mu.Lock()
	first, blocks := s.first, s.blocks
	s.mu.Unlock()
	if seq == 0 {
		seq = first
	}
	if seq < first {
		return fmt.Errorf("read block %d: %w: the first one kept is %d", seq, ledger.ErrNotFound, first)
	}
	for ; seq < first+uint64(len(blocks)); seq++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read block %d: %w", seq, err)
		}
		if err := fn(seq, blocks[seq-first]); err != nil {
			return err
		}
	}
	return nil
}

func (l logHandle) Last(context.Context) (uint64, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.last(), nil
}

func (l logHandle) Trim(_ context.Context, seq uint64) error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq = min(seq, s.last()); seq > s.first {
		s.blocks = s.blocks[seq-s.first:]
		s.first = seq
	}
	return nil
}

type blobHandle struct{ s *Store }

// begin locks the store and asks for a fault.
func (b blobHandle) begin(ctx context.Context, op, name string) error {
	b.s.mu.Lock()
	err := ctx.Err()
	if err == nil && b.s.BlobFault != nil {
		err = b.s.BlobFault(op, name)
	}
	if err != nil {
		return fmt.Errorf("%s blob %q: %w", op, name, err)
	}
	return nil
}

func (b blobHandle) Put(ctx context.Context, name string, value []byte) error {
	defer b.s.mu.Unlock()
	if err := b.begin(ctx, "put", name); err != nil {
		return err
	}
	if err := ledger.CheckBlobName(name); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	b.s.blobs[name] = bytes.Clone(value)
	return nil
}

func (b blobHandle) Get(ctx context.Context, name string) ([]byte, error) {
	defer b.s.mu.Unlock()
	if err := b.begin(ctx, "get", name); err != nil {
		return nil, err
	}
	value, ok := b.s.blobs[name]
	if !ok {
		return nil, fmt.Errorf("get blob %q: %w", name, ledger.ErrNotFound)
	}
	return bytes.Clone(value), nil
}

func (b blobHandle) List(ctx context.Context, prefix string) ([]string, error) {
	defer b.s.mu.Unlock()
	if err := b.begin(ctx, "list", prefix); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(b.s.blobs)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (b blobHandle) Delete(ctx context.Context, name string) error {
	defer b.s.mu.Unlock()
	if err := b.begin(ctx, "delete", name); err != nil {
		return err
	}
	delete(b.s.blobs, name)
	return nil
}
