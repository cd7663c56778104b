// Package why explains one recorded decision from the tenant as it was before
// it: whether deciding again gives the same, why each of the other rules did
// not fire, and for each reading the nearest values that would have changed
// the outcome.
//
// It recomputes all of it on request. Nothing of this is recorded, and the
// decision path has no part in it.
package why

import (
	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// An Explanation is what a receipt does not say by itself.
type Explanation struct {
	Again    string           `json:"again"` // Same, or how deciding again differs, or why that is not known
	NotFired []kernel.Unfired `json:"not_fired,omitempty"`
	Flips    []Flip           `json:"flips,omitempty"` // one for each reading that has a value
}

// A Flip is what another value of one reading would have changed, all else
// unchanged. Without Below and Above no value of it would have.
type Flip struct {
	Signal string `json:"signal"`
	Value  string `json:"value"`
	Below  *Turn  `json:"below,omitempty"`
	Above  *Turn  `json:"above,omitempty"`
}

// A Turn is the nearest value with another outcome, and that outcome.
type Turn struct {
	Value string `json:"value"`
	Rule  string `json:"rule,omitempty"` // absent: none would have fired
	State string `json:"state"`
}

// Explain explains receipt r of the tenant, which must be as it was before r.
func Explain(before *kernel.Tenant, r *autonomics.Receipt, program func(autonomics.Hash) *kernel.Program) Explanation {
	e := Explanation{Again: Again(before, r, program)}
	if r.Kernel != kernel.Number || r.Governor == "" || r.Verdict != autonomics.Accepted {
		return e
	}
	e.NotFired = before.Unfired(r, program)
	if r.Event.Signal == nil || before.Governor(r.Governor) == nil {
		return e
	}
	for i, rd := range r.Event.Signal.Readings {
		if rd.Absent != "" {
			continue
		}
		f := Flip{Signal: rd.Signal, Value: rd.Value.String()}
		f.Below, f.Above = flips(before, r, i)
		e.Flips = append(e.Flips, f)
	}
	return e
}
