// Package ledger defines how receipts are kept: the chain of blocks, the two
// ports that stores implement, and the reading of one tenant's receipts.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

var (
	// ErrConflict: the sequence is taken by another block. Somebody else owns
	// the partition, or did; nothing of ours was written.
	ErrConflict = errors.New("sequence taken by another block")
	// ErrUnknown: the outcome of an append is not known. The same bytes must be
	// sent again under the same sequence until success or ErrConflict.
	ErrUnknown = errors.New("outcome of the append unknown")
	// ErrNotFound: there is no such block or blob.
	ErrNotFound = errors.New("not found")
	// ErrFenced: the store refuses to go on because what it holds cannot be
	// trusted; an operator must look.
	ErrFenced = errors.New("fenced")
)

// A Log is the chain of blocks of one partition. Blocks are numbered from 1
// without gaps. One goroutine appends; reads may run beside it.
type Log interface {
	// Append makes block durable as number seq, which must be Last()+1. The
	// block itself must say that it is number seq and follows the last one
	// (see Next). When it returns nil the block survives any crash. Repeating
	// an append with the same bytes succeeds without writing twice. Errors:
	// ErrConflict, ErrUnknown (see there), and any other: nothing was
	// committed, and nothing will be while this process lives; the caller may
	// form another block for this sequence.
	Append(ctx context.Context, seq uint64, block []byte) error
	// Read calls fn for each block from number seq on, in order, until the
	// last one committed when it began, or until fn returns an error, which it
	// returns as it is. Sequence 0 means the first block kept; a sequence that
	// is not committed yet reads nothing. The bytes are only valid during the
	// call. ErrNotFound if seq was trimmed.
	Read(ctx context.Context, seq uint64, fn func(seq uint64, block []byte) error) error
	// Last returns the number of the last committed block, 0 if there is none.
	Last(ctx context.Context) (uint64, error)
	// Trim removes blocks before seq where the store can; it may keep more, and
	// always keeps the last one.
	Trim(ctx context.Context, seq uint64) error
}

// Blobs keep named values: snapshot slices, positions of followers, sealed
// baselines. Names are as CheckBlobName has them. Safe for concurrent use.
type Blobs interface {
	// Put makes value durable under name, replacing what was there atomically.
	Put(ctx context.Context, name string, value []byte) error
	// Get returns the value, or ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// List returns the names that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes name; it is no error if there is none.
	Delete(ctx context.Context, name string) error
}

// CheckBlobName reports what is wrong with a blob's name: it must be
// slash-separated ValidNames, at most MaxBlobName bytes together.
func CheckBlobName(name string) error {
	if len(name) > MaxBlobName {
		return fmt.Errorf("blob name of %d bytes: the limit is %d", len(name), MaxBlobName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if !autonomics.ValidName(part) {
			return fmt.Errorf("blob name %q: %q is not a name", name, part)
		}
	}
	return nil
}
