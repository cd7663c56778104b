package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

const (
	slicePrefix = "slices/"
	sliceHeader = 1 + 4 // format, inflated size
	sliceFormat = 1
)

// sliceName has the hash in it, so that a slice that is written again after a
// crash never replaces one that a block has recorded.
func sliceName(r SliceRef) string {
	return fmt.Sprintf("%s%020d-%.16s", sliceDir(r.Slice), r.Seq, r.Hash)
}

func sliceDir(slice uint32) string { return fmt.Sprintf("%s%010d/", slicePrefix, slice) }

// WriteSlice stores data as the slice that ref describes and returns ref with
// its hash. The slice counts once a block has recorded that; blobs are the
// partition's own.
func WriteSlice(ctx context.Context, blobs Blobs, ref SliceRef, data []byte) (SliceRef, error) {
	if len(data) > MaxSlice {
		return ref, fmt.Errorf("write slice %d: %d bytes: the limit is %d", ref.Slice, len(data), MaxSlice)
	}
	stored := binary.BigEndian.AppendUint32([]byte{sliceFormat}, uint32(len(data)))
	stored = deflate(stored, data)
	ref.Hash = sha256.Sum256(stored)
	if err := blobs.Put(ctx, sliceName(ref), stored); err != nil {
		return ref, fmt.Errorf("write slice %d at block %d: %w", ref.Slice, ref.Seq, err)
	}
	return ref, nil
}

// LoadSlice returns the data of a recorded slice. ErrFenced if what is stored
// is not what was recorded, ErrNotFound if it is not there.
func LoadSlice(ctx context.Context, blobs Blobs, ref SliceRef) ([]byte, error) {
	stored, err := blobs.Get(ctx, sliceName(ref))
	if err != nil {
		return nil, fmt.Errorf("load slice %d at block %d: %w", ref.Slice, ref.Seq, err)
	}
	if got := autonomics.Hash(sha256.Sum256(stored)); got != ref.Hash {
		return nil, fmt.Errorf("load slice %d at block %d: %w: its hash is %v, recorded is %v", ref.Slice, ref.Seq, ErrFenced, got, ref.Hash)
	}
	if len(stored) < sliceHeader || stored[0] != sliceFormat {
		return nil, fmt.Errorf("load slice %d at block %d: %w: this version reads format %d only", ref.Slice, ref.Seq, ErrFenced, sliceFormat)
	}
	size := binary.BigEndian.Uint32(stored[1:])
	if size > MaxSlice {
		return nil, fmt.Errorf("load slice %d at block %d: %w: %d bytes inflated: the limit is %d", ref.Slice, ref.Seq, ErrFenced, size, MaxSlice)
	}
	data, err := inflate(stored[sliceHeader:], int(size))
	if err != nil {
		return nil, fmt.Errorf("load slice %d at block %d: %w: %w", ref.Slice, ref.Seq, ErrFenced, err)
	}
	return data, nil
}

// PruneSlices deletes what was stored for the slices of kept up to the same
// block, but kept itself. Newer ones, perhaps not yet recorded, stay.
func PruneSlices(ctx context.Context, blobs Blobs, kept []SliceRef) error {
	for _, ref := range kept {
		dir, own := sliceDir(ref.Slice), sliceName(ref)
		names, err := blobs.List(ctx, dir)
		if err != nil {
			return fmt.Errorf("prune slice %d: %w", ref.Slice, err)
		}
		after := fmt.Sprintf("%s%020d-", dir, ref.Seq+1)
		for _, name := range names {
			if name != own && name < after {
				if err := blobs.Delete(ctx, name); err != nil {
					return fmt.Errorf("prune slice %d: %w", ref.Slice, err)
				}
			}
		}
	}
	return nil
}
