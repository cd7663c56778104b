package memstore_test

import (
	"errors"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Opener {
		s := memstore.New()
		return func() (ledger.Log, ledger.Blobs) { return s.Log(), s.Blobs() }
	})
}

func TestAppendFaults(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 2, 100)
	for _, c := range []struct {
		fault memstore.Fault
		err   error // of the append that meets it
		again error // of the same append, repeated
	}{
		{memstore.None, nil, nil},
		{memstore.Fail, memstore.ErrInjected, nil},
		{memstore.UnknownLost, ledger.ErrUnknown, nil},
		{memstore.UnknownCommitted, ledger.ErrUnknown, nil},
		{memstore.Conflict, ledger.ErrConflict, ledger.ErrConflict},
	} {
		s := memstore.New()
		ledgertest.Append(t, s.Log(), 1, blocks[:1])
		asked := 0
		s.AppendFault = func(seq uint64) memstore.Fault {
			if asked++; asked > 1 || seq != 2 {
				return memstore.None
			}
			return c.fault
		}
		if err := s.Log().Append(t.Context(), 2, blocks[1]); !errors.Is(err, c.err) {
			t.Errorf("fault %d: %v, want %v", c.fault, err, c.err)
		}
		last, _ := s.Log().Last(t.Context())
		committed := c.fault != memstore.Fail && c.fault != memstore.UnknownLost
		if committed != (last == 2) {
			t.Errorf("fault %d: last block is %d", c.fault, last)
		}
		if err := s.Log().Append(t.Context(), 2, blocks[1]); !errors.Is(err, c.again) {
			t.Errorf("fault %d, again: %v, want %v", c.fault, err, c.again)
		}
		err := ledger.Walk(t.Context(), s.Log(), 0, autonomics.Hash{}, func(b *ledger.Block, _ autonomics.Hash) error {
			if usurped := c.fault == memstore.Conflict && b.Seq == 2; usurped != b.Claim || usurped != (b.Node == "usurper") {
				t.Errorf("fault %d: block %d of %s, claim %v", c.fault, b.Seq, b.Node, b.Claim)
			}
			return nil
		})
		if err != nil {
			t.Errorf("fault %d: %v", c.fault, err)
		}
	}
}

func TestConflictOnAnEmptyLog(t *testing.T) {
	s := memstore.New()
	s.AppendFault = func(uint64) memstore.Fault { return memstore.Conflict }
	block := ledgertest.Chain(t, 0, autonomics.Hash{}, 1, 100)[0]
	if err := s.Log().Append(t.Context(), 1, block); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("%v, want ErrConflict", err)
	}
}

func TestBlobFaults(t *testing.T) {
	s := memstore.New()
	b, ctx := s.Blobs(), t.Context()
	if err := b.Put(ctx, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	s.BlobFault = func(op, name string) error {
		if name != "a" {
			t.Errorf("%s of %q", op, name)
		}
		return memstore.ErrInjected
	}
	_, getErr := b.Get(ctx, "a")
	_, listErr := b.List(ctx, "a")
	for op, err := range map[string]error{"put": b.Put(ctx, "a", []byte("2")), "get": getErr, "list": listErr, "delete": b.Delete(ctx, "a")} {
		if !errors.Is(err, memstore.ErrInjected) {
			t.Errorf("%s: %v", op, err)
		}
	}
	s.BlobFault = nil
	if got, err := b.Get(ctx, "a"); err != nil || string(got) != "1" {
		t.Errorf("get = %q, %v after failed changes", got, err)
	}
}
