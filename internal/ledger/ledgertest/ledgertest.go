// Package ledgertest is the conformance suite of the ports of package ledger.
// Every adapter runs it.
package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// An Opener opens the same store again and again. It closes what it opened
// before.
type Opener func() (ledger.Log, ledger.Blobs)

// Run runs the suite. Each call of fresh makes an empty store.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"empty", empty},
		{"durable", durable},
		{"repeat and conflict", repeat},
		{"wrong blocks", wrong},
		{"canceled", canceled},
		{"ranges", ranges},
		{"readers beside the writer", beside},
		{"trim", trim},
		{"largest block", largest},
		{"blobs", blobs},
		{"blob names", blobNames},
		{"blobs at once", blobsAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
	}
}

// Chain returns n blocks that follow each other, the first after block last
// with hash prev. Each has size bytes of receipts, the same for the same
// arguments.
func Chain(tb testing.TB, last uint64, prev autonomics.Hash, n, size int) [][]byte {
	tb.Helper()
	var out [][]byte
	for range n {
		last++
		b := ledger.Block{Seq: last, Prev: prev, Epoch: 1, Node: "n1"}
		text := fmt.Appendf(nil, `{"seq":%d,"text":"`, last)
		for x := last; len(text) < size; {
			x = x*6364136223846793005 + 1442695040888963407
			text = append(text, 'a'+byte(x>>59))
		}
		b.Lines = []ledger.Line{{Tenant: "acme", Seq: last, Bytes: append(text, `"}`...)}}
		data, hash, err := ledger.Encode(&b)
		if err != nil {
			tb.Fatal(err)
		}
		out, prev = append(out, data), hash
	}
	return out
}

// Append appends blocks from number seq on.
func Append(tb testing.TB, log ledger.Log, seq uint64, blocks [][]byte) {
	tb.Helper()
	for i, b := range blocks {
		if err := log.Append(tb.Context(), seq+uint64(i), b); err != nil {
			tb.Fatal(err)
		}
	}
}

// Holds fails the test unless log holds exactly the blocks from number seq on,
// and no block after them.
func Holds(tb testing.TB, log ledger.Log, seq uint64, blocks [][]byte) {
	tb.Helper()
	next := seq
	err := log.Read(tb.Context(), seq, func(n uint64, b []byte) error {
		if n != next || n-seq >= uint64(len(blocks)) || !bytes.Equal(b, blocks[n-seq]) {
			return fmt.Errorf("block %d of %d bytes, want the block %d that was appended", n, len(b), next)
		}
		next++
		return nil
	})
	if err != nil {
		tb.Fatalf("read from block %d: %v", seq, err)
	}
	if want := seq + uint64(len(blocks)); next != want {
		tb.Fatalf("read from block %d ended before block %d, want %d", seq, next, want)
	}
	if last, err := log.Last(tb.Context()); err != nil || last != next-1 {
		tb.Fatalf("last = %d, %v, want %d", last, err, next-1)
	}
}

func empty(t *testing.T, open Opener) {
	for range 2 {
		log, _ := open()
		if last, err := log.Last(t.Context()); err != nil || last != 0 {
			t.Errorf("last = %d, %v, want 0", last, err)
		}
		for _, seq := range []uint64{0, 1, 7} {
			if err := log.Read(t.Context(), seq, unwanted); err != nil {
				t.Errorf("read from %d: %v", seq, err)
			}
		}
		if err := log.Trim(t.Context(), 5); err != nil {
			t.Errorf("trim: %v", err)
		}
	}
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 1, 100)
	Append(t, log, 1, blocks)
	Holds(t, log, 1, blocks)
}

func unwanted(seq uint64, _ []byte) error { return fmt.Errorf("there is a block %d", seq) }

func durable(t *testing.T, open Opener) {
	blocks := Chain(t, 0, autonomics.Hash{}, 60, 300)
	for i := 0; i < len(blocks); i += 20 {
		log, _ := open()
		Holds(t, log, 1, blocks[:i])
		for j, b := range blocks[i : i+20] {
			b := bytes.Clone(b)
			Append(t, log, uint64(i+j+1), [][]byte{b})
			clear(b) // the caller's again
		}
	}
	log, _ := open()
	Holds(t, log, 1, blocks)
}

func repeat(t *testing.T, open Opener) {
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 5, 300)
	other := Chain(t, 0, autonomics.Hash{}, 5, 301)
	Append(t, log, 1, blocks)
	for _, when := range []string{"before", "after"} {
		for i := range blocks {
			seq := uint64(i + 1)
			if err := log.Append(t.Context(), seq, blocks[i]); err != nil {
				t.Errorf("%s reopening, block %d again: %v", when, seq, err)
			}
			if err := log.Append(t.Context(), seq, other[i]); !errors.Is(err, ledger.ErrConflict) {
				t.Errorf("%s reopening, another block %d: %v, want ErrConflict", when, seq, err)
			}
		}
		Holds(t, log, 1, blocks)
		log, _ = open()
	}
}

func wrong(t *testing.T, open Opener) {
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 4, 300)
	Append(t, log, 1, blocks[:2])
	spoiled := bytes.Clone(blocks[2])
	spoiled[0] ^= 1
	for name, c := range map[string]struct {
		seq   uint64
		block []byte
	}{
		"a gap":                  {4, blocks[3]},
		"another number":         {3, blocks[3]},
		"another block before":   {3, Chain(t, 2, autonomics.Hash{1}, 1, 300)[0]},
		"not a block":            {3, spoiled},
		"nothing":                {3, nil},
		"more than the limit":    {3, append(bytes.Clone(blocks[2]), make([]byte, ledger.MaxBlock)...)},
		"number zero":            {0, blocks[2]},
		"far beyond":             {1 << 60, blocks[2]},
		"the highest number":     {1<<64 - 1, blocks[2]},
		"the first one, again 3": {3, blocks[0]},
	} {
		err := log.Append(t.Context(), c.seq, c.block)
		if err == nil || errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("%s: %v, want a clear refusal", name, err)
		}
	}
	Holds(t, log, 1, blocks[:2])
	Append(t, log, 3, blocks[2:])
	log, _ = open()
	Holds(t, log, 1, blocks)
}

func canceled(t *testing.T, open Opener) {
	log, blobs := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 3, 300)
	Append(t, log, 1, blocks[:2])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Append(ctx, 3, blocks[2]); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if err := log.Read(ctx, 1, func(uint64, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if err := blobs.Put(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	Holds(t, log, 1, blocks[:2])
}

func ranges(t *testing.T, open Opener) {
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 50, 5000)
	Append(t, log, 1, blocks)
	for i := range blocks {
		Holds(t, log, uint64(i+1), blocks[i:])
	}
	if err := log.Read(t.Context(), 51, unwanted); err != nil {
		t.Errorf("read after the last block: %v", err)
	}
	stop := errors.New("stop")
	n := 0
	err := log.Read(t.Context(), 0, func(seq uint64, _ []byte) error {
		if n++; seq != uint64(n) {
			t.Errorf("block %d, want %d", seq, n)
		}
		if n == 7 {
			return stop
		}
		return nil
	})
	if err != stop || n != 7 {
		t.Errorf("stopped after %d blocks with %v, want 7 and the reader's own error", n, err)
	}
}

func beside(t *testing.T, open Opener) {
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 60, 2000)
	var readers sync.WaitGroup
	for r := range 3 {
		readers.Go(func() {
			for next := uint64(1); next <= uint64(len(blocks)); {
				last, err := log.Last(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				err = log.Read(t.Context(), next, func(seq uint64, b []byte) error {
					if seq != next || !bytes.Equal(b, blocks[seq-1]) {
						return fmt.Errorf("reader %d: block %d is not the one appended as %d", r, seq, next)
					}
					next++
					return nil
				})
				if err != nil || next <= last {
					t.Errorf("reader %d at block %d of %d: %v", r, next, last, err)
					return
				}
			}
		})
	}
	Append(t, log, 1, blocks)
	readers.Wait()
}

func trim(t *testing.T, open Opener) {
	log, _ := open()
	blocks := Chain(t, 0, autonomics.Hash{}, 40, 1000)
	Append(t, log, 1, blocks[:30])
	if err := log.Trim(t.Context(), 21); err != nil {
		t.Fatal(err)
	}
	Holds(t, log, 21, blocks[20:30])
	Append(t, log, 31, blocks[30:35])
	for range 2 {
		first := uint64(0)
		if err := log.Read(t.Context(), 0, func(seq uint64, _ []byte) error {
			if first == 0 {
				first = seq
			}
			return nil
		}); err != nil || first == 0 || first > 21 {
			t.Fatalf("the first block kept is %d, %v, want one up to 21", first, err)
		}
		Holds(t, log, first, blocks[first-1:35])
		if first > 1 {
			if err := log.Read(t.Context(), first-1, unwanted); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("read of trimmed block %d: %v, want ErrNotFound", first-1, err)
			}
		}
		log, _ = open()
	}
	Append(t, log, 36, blocks[35:])
	if err := log.Trim(t.Context(), 1<<60); err != nil {
		t.Fatal(err)
	}
	Holds(t, log, 40, blocks[39:])
	log, _ = open()
	Holds(t, log, 40, blocks[39:])
}

func largest(t *testing.T, open Opener) {
	log, _ := open()
	// Padded after its body: stores look no deeper than the header.
	data := Chain(t, 0, autonomics.Hash{}, 1, 100)[0]
	data = append(data, make([]byte, ledger.MaxBlock-len(data))...)
	Append(t, log, 1, [][]byte{data})
	log, _ = open()
	Holds(t, log, 1, [][]byte{data})
}

func blobs(t *testing.T, open Opener) {
	_, b := open()
	ctx := t.Context()
	get := func(name, want string) {
		t.Helper()
		if got, err := b.Get(ctx, name); err != nil || string(got) != want {
			t.Errorf("get %s = %q, %v, want %q", name, got, err, want)
		}
	}
	list := func(prefix string, want ...string) {
		t.Helper()
		if got, err := b.List(ctx, prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("list %q = %q, %v, want %q", prefix, got, err, want)
		}
	}
	if _, err := b.Get(ctx, "a"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("get of no blob: %v, want ErrNotFound", err)
	}
	if err := b.Delete(ctx, "a"); err != nil {
		t.Errorf("delete of no blob: %v", err)
	}
	list("")
	large := string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
	for name, value := range map[string]string{"a": "1", "a/b": "2", "a/c": "", "a.b/c-d/e_f": "4", "ab": "5", "b": large} {
		value := []byte(value)
		if err := b.Put(ctx, name, value); err != nil {
			t.Fatal(err)
		}
		clear(value)
	}
	if err := b.Put(ctx, "a/b", []byte("22")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		get("a", "1")
		get("a/b", "22")
		get("a/c", "")
		get("a.b/c-d/e_f", "4")
		get("b", large)
		list("", "a", "a.b/c-d/e_f", "a/b", "a/c", "ab", "b")
		list("a/", "a/b", "a/c")
		list("a/b", "a/b")
		list("c")
		_, b = open()
	}
	if err := b.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.Get(ctx, "a"); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("get of a deleted blob: %v, want ErrNotFound", err)
		}
		list("a", "a.b/c-d/e_f", "a/b", "a/c", "ab")
		_, b = open()
	}
}

func blobNames(t *testing.T, open Opener) {
	_, b := open()
	long := bytes.Repeat([]byte("abcdefghijklmnopqrs/"), ledger.MaxBlobName/20)
	fits := string(long[:len(long)-1]) + "t"
	if err := b.Put(t.Context(), fits, []byte("1")); err != nil {
		t.Errorf("name of %d bytes: %v", len(fits), err)
	}
	for _, name := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../b", "a/.b", "A", "a b", "a~b", "ä", fits + "u"} {
		if err := b.Put(t.Context(), name, []byte("1")); err == nil {
			t.Errorf("name %q is taken", name)
		}
	}
	if got, err := b.List(t.Context(), ""); err != nil || !slices.Equal(got, []string{fits}) {
		t.Errorf("list = %q, %v", got, err)
	}
}

func blobsAtOnce(t *testing.T, open Opener) {
	_, b := open()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			value := bytes.Repeat([]byte{byte('0' + w)}, 10_000)
			for range 10 {
				if err := b.Put(t.Context(), "shared", value); err != nil {
					t.Error(err)
				}
				got, err := b.Get(t.Context(), "shared")
				if err != nil || len(got) != len(value) || len(bytes.Trim(got, string(got[:1]))) != 0 {
					t.Errorf("a mixture of values: %d bytes, %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
}
