package ledger_test

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
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// A writer commits blocks whose lines say whose they are and which.
type writer struct {
	tb   testing.TB
	log  ledger.Log
	seq  uint64
	hash autonomics.Hash
	next map[autonomics.Tenant]uint64
}

func newWriter(tb testing.TB, log ledger.Log) *writer {
	return &writer{tb: tb, log: log, next: map[autonomics.Tenant]uint64{}}
}

func line(t autonomics.Tenant, seq uint64) string { return fmt.Sprintf(`{"%s":%d}`, t, seq) }

// block commits one block with a line for each name given.
func (w *writer) block(tenants ...autonomics.Tenant) ledger.Header {
	w.tb.Helper()
	w.seq++
	b := ledger.Block{Seq: w.seq, Prev: w.hash, Claim: len(tenants) == 0, Node: "n1", Epoch: 1}
	for _, t := range tenants {
		w.next[t]++
		b.Lines = append(b.Lines, ledger.Line{Tenant: t, Seq: w.next[t], Bytes: []byte(line(t, w.next[t]))})
	}
	data, hash, err := ledger.Encode(&b)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.hash = hash
	if err := w.log.Append(w.tb.Context(), w.seq, data); err != nil {
		w.tb.Fatal(err)
	}
	h, _, err := ledger.DecodeHeader(data)
	if err != nil {
		w.tb.Fatal(err)
	}
	return h
}

// mixed writes blocks in which acme is often, globex twice in each, and rare
// in the first and the last only.
func mixed(w *writer) {
	w.block()
	w.block("rare", "acme")
	for i := range 100 {
		if i%3 == 0 {
			w.block("acme", "globex", "acme", "globex", "acme")
		} else {
			w.block("globex", "_system", "globex")
		}
	}
	w.block("rare", "rare")
}

func TestHistory(t *testing.T) {
	log := memstore.New().Log()
	w := newWriter(t, log)
	mixed(w)
	x, err := ledger.BuildIndex(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &ledger.History{Log: log, Index: x}
	if got, want := x.Tenants(), []autonomics.Tenant{"_system", "acme", "globex", "rare"}; !slices.Equal(got, want) {
		t.Errorf("tenants %q, want %q", got, want)
	}
	for tenant, head := range w.next {
		if got := h.Head(tenant); got != head {
			t.Errorf("head of %s = %d, want %d", tenant, got, head)
		}
		for _, limit := range []int{0, 1, 2, 7, 1000} {
			for after := uint64(0); after <= head+1; after++ {
				want := after
				err := h.Receipts(t.Context(), tenant, after, limit, func(got []byte) error {
					want++
					if string(got) != line(tenant, want) {
						return fmt.Errorf("receipt %s, want %s", got, line(tenant, want))
					}
					return nil
				})
				if end := max(after, min(head, after+uint64(limit))); err != nil || want != end {
					t.Errorf("%s after %d, limit %d: ended at %d, want %d: %v", tenant, after, limit, want, end, err)
				}
			}
		}
	}
	never := func([]byte) error { return errors.New("there is a receipt") }
	if h.Head("nobody") != 0 || h.Receipts(t.Context(), "nobody", 0, 10, never) != nil {
		t.Error("nobody has receipts")
	}
	stop := errors.New("stop")
	if err := h.Receipts(t.Context(), "acme", 0, 10, func([]byte) error { return stop }); err != stop {
		t.Errorf("the reader's error became %v", err)
	}
	if err := h.Receipts(t.Context(), "acme", 1<<64-1, 10, never); err != nil {
		t.Errorf("after the highest number: %v", err)
	}
}

// A countingLog counts the blocks read.
type countingLog struct {
	ledger.Log
	reads, blocks int
}

func (c *countingLog) Read(ctx context.Context, seq uint64, fn func(uint64, []byte) error) error {
	c.reads++
	return c.Log.Read(ctx, seq, func(n uint64, b []byte) error {
		c.blocks++
		return fn(n, b)
	})
}

// TestHistoryReadsLittle shows that far blocks are leapt over, and near ones
// read at one go.
func TestHistoryReadsLittle(t *testing.T) {
	log := &countingLog{Log: memstore.New().Log()}
	mixed(newWriter(t, log))
	x, err := ledger.BuildIndex(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &ledger.History{Log: log, Index: x}
	for _, c := range []struct {
		tenant        autonomics.Tenant
		reads, blocks int // at most
	}{{"rare", 2, 4}, {"acme", 1, 103}} {
		log.reads, log.blocks = 0, 0
		if err := h.Receipts(t.Context(), c.tenant, 0, 1000, func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if log.reads > c.reads || log.blocks > c.blocks {
			t.Errorf("%s: %d reads of %d blocks, want at most %d of %d", c.tenant, log.reads, log.blocks, c.reads, c.blocks)
		}
	}
}

func TestHistoryAfterTrim(t *testing.T) {
	log := memstore.New().Log()
	w := newWriter(t, log)
	mixed(w)
	if err := log.Trim(t.Context(), 50); err != nil {
		t.Fatal(err)
	}
	x, err := ledger.BuildIndex(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &ledger.History{Log: log, Index: x}
	first, head := x.Span("acme")
	if first < 2 || head != w.next["acme"] {
		t.Fatalf("span %d to %d", first, head)
	}
	n := first
	count := func(got []byte) error {
		if string(got) != line("acme", n) {
			t.Errorf("receipt %s, want %s", got, line("acme", n))
		}
		n++
		return nil
	}
	if err := h.Receipts(t.Context(), "acme", first-1, 1000, count); err != nil || n != head+1 {
		t.Errorf("ended before %d, want %d: %v", n, head+1, err)
	}
	if err := h.Receipts(t.Context(), "acme", first-2, 1000, count); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("trimmed receipt: %v, want ErrNotFound", err)
	}
}

func TestReadersBesideTheIndex(t *testing.T) {
	log := memstore.New().Log()
	w := newWriter(t, log)
	x := ledger.NewIndex()
	h := &ledger.History{Log: log, Index: x}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for seen := uint64(0); seen < 300; {
				head := h.Head("acme")
				err := h.Receipts(t.Context(), "acme", seen, 1000, func(got []byte) error {
					if seen++; string(got) != line("acme", seen) {
						return fmt.Errorf("receipt %s, want %s", got, line("acme", seen))
					}
					return nil
				})
				if err != nil || seen < head {
					t.Errorf("at %d of %d: %v", seen, head, err)
					return
				}
			}
		})
	}
	for range 100 {
		if err := x.Add(w.block("acme", "globex", "acme", "acme")); err != nil {
			t.Fatal(err)
		}
	}
	readers.Wait()
}

func TestIndexRefusesGaps(t *testing.T) {
	x := ledger.NewIndex()
	add := func(seq uint64, runs ...ledger.Run) error {
		return x.Add(ledger.Header{Block: ledger.Block{Seq: seq}, Runs: runs})
	}
	if err := add(1, ledger.Run{Tenant: "acme", First: 1, Count: 3}); err != nil {
		t.Fatal(err)
	}
	for _, first := range []uint64{1, 3, 5} {
		err := add(2, ledger.Run{Tenant: "globex", First: 1, Count: 1}, ledger.Run{Tenant: "acme", First: first, Count: 1})
		if !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("receipt %d after 3: %v, want ErrFenced", first, err)
		}
	}
	if _, head := x.Span("globex"); head != 0 {
		t.Error("half of a refused block was added")
	}
	if err := add(2, ledger.Run{Tenant: "acme", First: 4, Count: 1}); err != nil {
		t.Error(err)
	}
}

// A corruptLog gives one block otherwise than it was appended.
type corruptLog struct {
	ledger.Log
	seq    uint64
	change func([]byte) []byte
}

func (c corruptLog) Read(ctx context.Context, seq uint64, fn func(uint64, []byte) error) error {
	return c.Log.Read(ctx, seq, func(n uint64, b []byte) error {
		if n == c.seq {
			if b = c.change(bytes.Clone(b)); b == nil {
				return nil
			}
		}
		return fn(n, b)
	})
}

func TestWalk(t *testing.T) {
	log := memstore.New().Log()
	w := newWriter(t, log)
	mixed(w)
	var hashes []autonomics.Hash
	count := func(b *ledger.Block, hash autonomics.Hash) error {
		hashes = append(hashes, hash)
		return nil
	}
	if err := ledger.Walk(t.Context(), log, 0, autonomics.Hash{}, count); err != nil || len(hashes) != int(w.seq) {
		t.Fatalf("%d blocks: %v", len(hashes), err)
	}
	if err := ledger.Walk(t.Context(), log, 11, hashes[9], count); err != nil {
		t.Errorf("from block 11: %v", err)
	}
	if err := ledger.Walk(t.Context(), log, 11, hashes[8], count); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("from block 11 after another: %v, want ErrFenced", err)
	}
	var block9 []byte
	if err := log.Read(t.Context(), 9, func(n uint64, b []byte) error {
		if n == 9 {
			block9 = bytes.Clone(b)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"a flipped bit":  func(b []byte) []byte { b[len(b)-6] ^= 4; return b },
		"a missing one":  func([]byte) []byte { return nil },
		"another one":    func([]byte) []byte { return block9 },
		"an altered one": func(b []byte) []byte { b[9] ^= 1; return b }, // the partition
	} {
		bad := corruptLog{log, 10, change}
		if err := ledger.Walk(t.Context(), bad, 0, autonomics.Hash{}, count); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("%s: %v, want ErrFenced", name, err)
		}
	}
}
