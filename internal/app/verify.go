package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/filestore"
)

// A DirectoryReport says what a verified data directory holds.
type DirectoryReport struct {
	Blocks  uint64
	Tenants []autonomics.Report // sorted by tenant, _system among them
}

// ErrDamaged: what is stored is not what was written.
var ErrDamaged = errors.New("damaged")

// VerifyDirectory checks everything in a data directory that no process has
// open for writing: the records and the chain of blocks, and in one pass the
// chains of all tenants. An error that is ErrDamaged names the place; with any
// other nothing is known.
func VerifyDirectory(ctx context.Context, dir string, anchors map[autonomics.Tenant][]autonomics.Anchor) (DirectoryReport, error) {
	var report DirectoryReport
	store, err := filestore.OpenReadOnly(dir)
	if err != nil {
		if errors.Is(err, ledger.ErrFenced) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return report, err
	}
	defer store.Close()
	chains := map[autonomics.Tenant]*chain{}
	whole := false // nothing was trimmed, so that every chain begins with 1
	err = ledger.Walk(ctx, store.Log(), 0, autonomics.Hash{}, func(b *ledger.Block, _ autonomics.Hash) error {
		whole = whole || b.Seq == 1
		for _, l := range b.Lines {
			c := chains[l.Tenant]
			if c == nil {
				first := l.Seq
				if whole {
					first = 1
				}
				c = &chain{Report: autonomics.Report{Tenant: l.Tenant, First: first, Last: first - 1, Complete: true}, anchors: anchors[l.Tenant]}
				chains[l.Tenant] = c
			}
			if err := c.next(l); err != nil {
				return fmt.Errorf("block %d: tenant %s: receipt %d: %w: %w", b.Seq, l.Tenant, c.Last+1, ErrDamaged, err)
			}
		}
		report.Blocks++
		return nil
	})
	if errors.Is(err, ledger.ErrFenced) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for _, tenant := range slices.Sorted(maps.Keys(chains)) {
		report.Tenants = append(report.Tenants, chains[tenant].Report)
	}
	if err != nil {
		return report, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(anchors)) {
		if c := chains[tenant]; c == nil || c.unmet() != 0 {
			return report, fmt.Errorf("tenant %s: %w: the directory does not have the receipt of the anchor", tenant, ErrDamaged)
		}
	}
	return report, nil
}

// A chain is one tenant's, as far as it was read.
type chain struct {
	autonomics.Report
	at      autonomics.Time
	anchors []autonomics.Anchor
}

// next takes the next receipt of the tenant.
func (c *chain) next(l ledger.Line) error {
	r, err := autonomics.ParseReceipt(l.Bytes)
	switch {
	case err != nil:
		return err
	case r.Tenant != c.Tenant:
		return fmt.Errorf("it is of the tenant %q", r.Tenant)
	case r.Seq != c.Last+1:
		return fmt.Errorf("here stands %d", r.Seq)
	case r.Seq != l.Seq:
		return fmt.Errorf("its block says that it is %d", l.Seq)
	case c.Last >= c.First && r.Prev != c.Hash:
		return errors.New("its prev is not the hash of the receipt before: one of the two was replaced")
	case r.At < c.at:
		return fmt.Errorf("its time %s is before that of the receipt before, %s", r.At, c.at)
	}
	for _, a := range c.anchors {
		if a.Seq == r.Seq && a.Hash != r.Hash {
			return fmt.Errorf("hash %s, but the anchor says %s", r.Hash, a.Hash)
		}
	}
	c.Last, c.Hash, c.at = r.Seq, r.Hash, r.At
	return nil
}

// unmet counts the anchors that lie outside of what there is.
func (c *chain) unmet() (n int) {
	for _, a := range c.anchors {
		if a.Seq < c.First || a.Seq > c.Last {
			n++
		}
	}
	return n
}
