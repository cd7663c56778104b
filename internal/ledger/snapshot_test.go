package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

func TestSlices(t *testing.T) {
	blobs := memstore.New().Blobs()
	for _, data := range [][]byte{nil, []byte("state"), bytes.Repeat([]byte("state"), 1<<20)} {
		ref, err := ledger.WriteSlice(t.Context(), blobs, ledger.SliceRef{Slice: 3, Seq: 40}, data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ledger.LoadSlice(t.Context(), blobs, ref)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("slice of %d bytes: %d bytes, %v", len(data), len(got), err)
		}
		ref.Hash[0] ^= 1
		if _, err := ledger.LoadSlice(t.Context(), blobs, ref); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a slice that was not written: %v, want ErrNotFound", err)
		}
	}
}

func TestSliceLimit(t *testing.T) {
	blobs := memstore.New().Blobs()
	data := make([]byte, ledger.MaxSlice+1)
	ref, err := ledger.WriteSlice(t.Context(), blobs, ledger.SliceRef{}, data[1:])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ledger.LoadSlice(t.Context(), blobs, ref); err != nil || len(got) != ledger.MaxSlice {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := ledger.WriteSlice(t.Context(), blobs, ledger.SliceRef{}, data); err == nil {
		t.Error("a slice over the limit is written")
	}
}

func TestDamagedSlices(t *testing.T) {
	blobs := memstore.New().Blobs()
	ref, err := ledger.WriteSlice(t.Context(), blobs, ledger.SliceRef{Slice: 1, Seq: 2}, []byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := blobs.List(t.Context(), "")
	if err != nil || len(names) != 1 {
		t.Fatalf("%q, %v", names, err)
	}
	good, err := blobs.Get(t.Context(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	put := func(value []byte) {
		if err := blobs.Put(t.Context(), names[0], value); err != nil {
			t.Fatal(err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		put(bad)
		if _, err := ledger.LoadSlice(t.Context(), blobs, ref); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("byte %d flipped: %v, want ErrFenced", i, err)
		}
	}
	// Recorded as it is, but not a slice.
	for name, value := range map[string][]byte{
		"empty":               {},
		"another format":      append([]byte{2}, good[1:]...),
		"over the limit":      {1, 1, 0, 0, 1},
		"not what it says":    append([]byte{1, 0, 0, 0, 6}, good[5:]...),
		"nothing to inflate":  {1, 0, 0, 0, 6},
		"nothing compressed":  {1, 0, 0, 0, 5, 's', 't', 'a', 't', 'e'},
		"more than it claims": append([]byte{1, 0, 0, 0, 4}, good[5:]...),
	} {
		own := ledger.SliceRef{Slice: 9, Hash: sha256.Sum256(value)}
		if _, err := ledger.LoadSlice(t.Context(), holding{blobs, value}, own); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("%s: %v, want ErrFenced", name, err)
		}
	}
}

// A holding has one value under every name.
type holding struct {
	ledger.Blobs
	value []byte
}

func (h holding) Get(context.Context, string) ([]byte, error) { return h.value, nil }

func TestPruneSlices(t *testing.T) {
	blobs := memstore.New().Blobs()
	write := func(slice uint32, seq uint64, data string) ledger.SliceRef {
		t.Helper()
		ref, err := ledger.WriteSlice(t.Context(), blobs, ledger.SliceRef{Slice: slice, Seq: seq}, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	write(1, 9, "old")
	write(1, 10, "of another life")
	kept := write(1, 10, "kept")
	newer := write(1, 11, "not recorded yet")
	other := write(10, 9, "another slice")
	write(2, 100, "old")
	kept2 := write(2, 1000, "kept")
	if err := ledger.PruneSlices(t.Context(), blobs, []ledger.SliceRef{kept, kept2}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []ledger.SliceRef{kept, newer, other, kept2} {
		if _, err := ledger.LoadSlice(t.Context(), blobs, ref); err != nil {
			t.Error(err)
		}
	}
	if names, err := blobs.List(t.Context(), ""); err != nil || len(names) != 4 {
		t.Errorf("left are %q, %v, want four", names, err)
	}
}
