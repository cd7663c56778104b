package app

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/filestore"
)

// receipts makes the lines 1 to n of acme.
func receipts(t *testing.T, n int) (lines []ledger.Line, list []*autonomics.Receipt) {
	t.Helper()
	prev := autonomics.Hash{}
	for i := range n {
		r := &autonomics.Receipt{Tenant: "acme", Seq: uint64(i + 1), Prev: prev, At: autonomics.Time(1000 + i), Kind: autonomics.KindEntitlement, Kernel: 1,
			Verdict: autonomics.Accepted, Event: autonomics.Event{Entitlement: &autonomics.Entitlement{Entitlement: "operator", State: "active", SKUs: []string{"cost_guard"}}}}
		lines = append(lines, seal(t, r))
		list = append(list, r)
		prev = r.Hash
	}
	return lines, list
}

func seal(t *testing.T, r *autonomics.Receipt) ledger.Line {
	t.Helper()
	line, err := r.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Line{Tenant: r.Tenant, Seq: r.Seq, Bytes: line}
}

// TestVerifyDirectory: whoever can write to the disk can make blocks that fit
// each other; what they changed in a chain is found all the same.
func TestVerifyDirectory(t *testing.T) {
	good, list := receipts(t, 6)
	forged := *list[3]
	forged.Event.Entitlement = &autonomics.Entitlement{Entitlement: "operator", State: "cancelled", SKUs: []string{"cost_guard"}}
	foreign := *list[3]
	foreign.Tenant = "zeta"
	early := *list[3]
	early.At = 1
	for _, x := range []struct {
		name   string
		change func(lines []ledger.Line) []ledger.Line
		anchor autonomics.Anchor
		want   string // empty: good
	}{
		{name: "as it was", change: func(l []ledger.Line) []ledger.Line { return l }},
		{name: "with an anchor", change: func(l []ledger.Line) []ledger.Line { return l }, anchor: autonomics.Anchor{Seq: 4, Hash: list[3].Hash}},
		{name: "rewritten from the first on", change: func(l []ledger.Line) []ledger.Line { return l }, anchor: autonomics.Anchor{Seq: 4, Hash: list[2].Hash},
			want: "receipt 4: damaged: hash "},
		{name: "an anchor beyond the end", change: func(l []ledger.Line) []ledger.Line { return l }, anchor: autonomics.Anchor{Seq: 7, Hash: list[2].Hash},
			want: "does not have the receipt of the anchor"},
		{name: "one replaced", change: func(l []ledger.Line) []ledger.Line { l[3] = seal(t, &forged); return l },
			want: "block 5: tenant acme: receipt 5: damaged: its prev is not the hash of the receipt before"},
		{name: "a byte", change: func(l []ledger.Line) []ledger.Line {
			l[3].Bytes = []byte(strings.Replace(string(l[3].Bytes), "active", "actiwe", 1))
			return l
		}, want: "block 4: tenant acme: receipt 4: damaged: "},
		{name: "of another tenant", change: func(l []ledger.Line) []ledger.Line { l[3].Bytes = seal(t, &foreign).Bytes; return l },
			want: `receipt 4: damaged: it is of the tenant "zeta"`},
		{name: "before its time", change: func(l []ledger.Line) []ledger.Line { l[3] = seal(t, &early); return l }, want: "receipt 4: damaged: its time"},
		{name: "the first ones removed", change: func(l []ledger.Line) []ledger.Line { return l[2:] },
			want: "block 1: tenant acme: receipt 1: damaged: here stands 3"},
		{name: "one removed", change: func(l []ledger.Line) []ledger.Line { return append(l[:2:2], l[3:]...) },
			want: "block 3: tenant acme: receipt 3: damaged: here stands 4"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		store, err := filestore.Open(dir, filestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		prev := autonomics.Hash{}
		for i, line := range x.change(append([]ledger.Line(nil), good...)) {
			data, hash, err := ledger.Encode(&ledger.Block{Epoch: 1, Seq: uint64(i + 1), Prev: prev, Node: "local", Lines: []ledger.Line{line}})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Log().Append(t.Context(), uint64(i+1), data); err != nil {
				t.Fatal(err)
			}
			prev = hash
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		anchors := map[autonomics.Tenant][]autonomics.Anchor{}
		if x.anchor.Seq != 0 {
			anchors["acme"] = []autonomics.Anchor{x.anchor}
		}
		report, err := VerifyDirectory(t.Context(), dir, anchors)
		switch {
		case x.want == "" && (err != nil || len(report.Tenants) != 1 || report.Tenants[0].Last != 6 || report.Tenants[0].Hash != list[5].Hash):
			t.Errorf("%s: %+v, %v", x.name, report, err)
		case x.want != "" && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), x.want)):
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}
