package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// A tenant before any of its receipts is as it was then: folded from the
// start, and, when the log before the snapshots is gone, from its snapshot.
func TestBefore(t *testing.T) {
	store := memstore.New()
	d := open(t, store, epoch)
	d.tenant("acme")
	was := map[uint64]string{} // by the number of the next receipt
	for n := 0; n%500 != 1 || slicesRecorded(t, store) < 17; n++ {
		d.pass(autonomics.Second)
		d.do(spend("acme", fmt.Sprintf("0.%03d", n%1000), d.clock()))
		was[d.core.View().Tenant("acme").Seq+1] = d.state("acme")
	}
	last := d.core.View().Tenant("acme").Seq
	check := func(d *desk, seq uint64) {
		t.Helper()
		before, err := d.Before(context.Background(), "acme", seq)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != was[seq] {
			t.Errorf("before receipt %d:\n%s\nwant\n%s", seq, b, was[seq])
		}
	}
	for _, seq := range []uint64{5, 100, last - 1, last, last + 1} {
		check(d, seq)
	}
	if before, err := d.Before(context.Background(), "acme", 1); err != nil || before.Seq != 0 {
		t.Errorf("before the first receipt: %+v, %v", before, err)
	}
	if _, err := d.Before(context.Background(), "acme", last+2); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("before a receipt that there will be: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Before(ctx, "acme", 100); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	d.Engine.Close()

	oldest := uint64(math.MaxUint64)
	if err := store.Log().Read(context.Background(), 0, func(_ uint64, data []byte) error {
		h, _, err := ledger.DecodeHeader(data)
		for _, ref := range h.Slices {
			oldest = min(oldest, ref.Seq)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := store.Log().Trim(context.Background(), oldest); err != nil {
		t.Fatal(err)
	}
	d = open(t, store, d.clock())
	first := sort.Search(int(last), func(seq int) bool {
		_, err := d.Before(context.Background(), "acme", uint64(seq))
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	})
	if first <= 100 || first == int(last) {
		t.Fatalf("the first receipt that has a snapshot before it is %d of %d", first, last)
	}
	for seq := uint64(first); seq <= last+1; seq += 25 {
		check(d, seq)
	}
}
