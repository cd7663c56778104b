package why

import (
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// Same says that deciding again gave the recorded receipt, to the byte.
const Same = "same"

// Again decides receipt r again, and says Same, or how the two differ. The
// tenant must be as it was before r. What another kernel decided is not
// decided again.
func Again(before *kernel.Tenant, r *autonomics.Receipt, program func(autonomics.Hash) *kernel.Program) string {
	if r.Kernel != kernel.Number {
		return fmt.Sprintf("decided by kernel %d, and this version has kernel %d", r.Kernel, kernel.Number)
	}
	x := before.Again(r, program)
	switch {
	case x == nil:
		return "this kernel writes no receipt for it"
	case x.Hash == r.Hash:
		return Same
	case x.Verdict != r.Verdict || x.Reason != r.Reason:
		return fmt.Sprintf("this kernel says %s, recorded is %s", verdict(x), verdict(r))
	case x.Rule != r.Rule || x.From != r.From || x.To != r.To || x.Cause != r.Cause:
		return fmt.Sprintf("this kernel decides %s, recorded is %s", outcome(x), outcome(r))
	case !slices.EqualFunc(x.Effects, r.Effects, func(a, b autonomics.Effect) bool {
		return a.Op == b.Op && a.Governor == b.Governor && a.Action == b.Action && a.Target == b.Target && a.With.Equal(b.With)
	}):
		return "this kernel requests other effects than those recorded"
	}
	return "this kernel decides the same, but writes another receipt"
}

func verdict(r *autonomics.Receipt) string { return words(string(r.Verdict), string(r.Reason)) }

func outcome(r *autonomics.Receipt) string {
	return words(r.From.String(), "→", r.To.String(), string(r.Cause), r.Rule)
}

// A Replay decides a chain again, from its first receipt on.
type Replay struct {
	Program func(autonomics.Hash) *kernel.Program

	tenant kernel.Tenant
}

// Next decides the next receipt again and says Same, or how the two differ. It
// then goes on from what is recorded; an error says that it cannot.
func (x *Replay) Next(r *autonomics.Receipt) (again string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("receipt %d is nothing that a kernel writes: %v", r.Seq, p)
		}
	}()
	if r.Seq != x.tenant.Seq+1 || r.Prev != x.tenant.Head {
		return "", fmt.Errorf("receipt %d does not follow receipt %d", r.Seq, x.tenant.Seq)
	}
	x.tenant.ID = r.Tenant
	again = Again(&x.tenant, r, x.Program)
	if !x.tenant.Evolve(r, x.Program) {
		return again, fmt.Errorf("receipt %d: program %v is not recorded", r.Seq, r.Program)
	}
	return again, nil
}
