package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/internal/why"
)

// A replayed is what came of deciding one chain again.
type replayed struct {
	OK       bool              `json:"ok"`
	Tenant   autonomics.Tenant `json:"tenant"`
	Replayed int               `json:"replayed"`        // receipts decided again
	Other    int               `json:"other,omitempty"` // receipts of other kernels, which were not
	Differs  []difference      `json:"differs,omitempty"`
}

// A difference is a receipt that this version would have written otherwise.
type difference struct {
	Seq uint64 `json:"seq"`
	How string `json:"how"`
}

// replay decides the chains of tenants again. That of _system has no decisions
// of a kernel; it has the programs.
func (v *verification) replay(ctx context.Context) (err error) {
	v.close = func() error { return nil }
	if err := v.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	programs, err := v.programs(ctx)
	if err != nil {
		return err
	}
	if v.tenant != "" {
		return v.decide(ctx, v.tenant, programs)
	}
	return v.tenants(ctx, func(raw json.RawMessage) error {
		id, err := tenantOf(raw)
		if err != nil {
			return err
		}
		return v.decide(ctx, id, programs)
	})
}

// programs reads the programs that the directory has.
func (v *verification) programs(ctx context.Context) (func(autonomics.Hash) *kernel.Program, error) {
	dir, known := directory.New(), map[autonomics.Hash]*kernel.Program{}
	_, err := v.chain(ctx, string(autonomics.System), func(line []byte) error {
		r, err := autonomics.ParseReceipt(line)
		if err != nil {
			return err
		}
		return dir.Fold(r)
	})
	return func(digest autonomics.Hash) *kernel.Program {
		if known[digest] == nil {
			known[digest], _ = spec.Load(dir.Programs[digest]) // nil: the replay says which
		}
		return known[digest]
	}, err
}

// decide decides one tenant's chain again.
func (v *verification) decide(ctx context.Context, tenant string, programs func(autonomics.Hash) *kernel.Program) error {
	out := replayed{Tenant: autonomics.Tenant(tenant)}
	x := why.Replay{Program: programs}
	_, err := v.chain(ctx, tenant, func(line []byte) error {
		r, err := autonomics.ParseReceipt(line)
		if err != nil {
			return err
		}
		again, err := x.Next(r)
		switch {
		case err != nil:
			return no("replay of tenant %s: %w", tenant, err)
		case r.Kernel != kernel.Number:
			out.Other++
			return nil
		case again != why.Same:
			out.Differs = append(out.Differs, difference{r.Seq, again})
		}
		out.Replayed++
		return nil
	})
	if err != nil {
		return err
	}
	out.OK = len(out.Differs) == 0
	if v.asJSON {
		if err := v.w.json(out); err != nil {
			return err
		}
	} else {
		v.tellReplay(&out)
	}
	if !out.OK {
		return no("replay of tenant %s: %d of %d receipts differ", tenant, len(out.Differs), out.Replayed)
	}
	return nil
}

func (v *verification) tellReplay(out *replayed) {
	for _, d := range out.Differs {
		fmt.Fprintf(v.w.out, "differs %s receipt %d: %s\n", out.Tenant, d.Seq, d.How)
	}
	if out.OK {
		fmt.Fprintf(v.w.out, "same %s %d receipts decided again\n", out.Tenant, out.Replayed)
	}
	if out.Other > 0 {
		fmt.Fprintf(v.w.out, "left %s %d receipts of other kernels than %d\n", out.Tenant, out.Other, kernel.Number)
	}
}
