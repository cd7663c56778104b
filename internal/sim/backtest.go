package sim

import (
	"encoding/json"
	"fmt"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A Backtest replays what tenants really received through a changed spec.
// First it is given the chain of _system, which has the programs and the
// operators' parameters, then each tenant's chain from its first receipt.
//
// Signals, episodes, entitlements, commands and the outcomes of effects are
// given to the kernel as they were recorded, at their recorded times; timers
// are the kernel's own. Governors of another SKU keep their programs.
type Backtest struct {
	Spec     *spec.Document
	AssumeOK bool            // all effects are answered by the model, also those with recorded outcomes
	From, To autonomics.Time // decisions outside are not compared; 0: no bound
	Governor string          // only its decisions are compared; empty: all

	programs   map[autonomics.Hash]*kernel.Program
	compiled   map[string]*kernel.Program // of Spec, by profile and parameters
	parameters map[uint64]directory.Governor
	tenants    map[autonomics.Tenant]bool
}

// System takes the next line of the chain of _system.
func (b *Backtest) System(line []byte) error {
	if b.programs == nil {
		b.programs, b.compiled = map[autonomics.Hash]*kernel.Program{}, map[string]*kernel.Program{}
		b.parameters, b.tenants = map[uint64]directory.Governor{}, map[autonomics.Tenant]bool{}
	}
	r, err := autonomics.ParseReceipt(line)
	if err != nil {
		return err
	}
	c := r.Event.Command
	if c == nil || r.Verdict != autonomics.Accepted {
		return nil
	}
	switch c.Command {
	case "program":
		p, err := spec.Load([]byte(c.Args["program"]))
		if err != nil {
			return fmt.Errorf("receipt %d of %s: %w", r.Seq, r.Tenant, err)
		}
		b.programs[p.Digest] = p
	case "governor", "parameters", "profile":
		var g directory.Governor
		if err := directory.Args(c, "governor", &g); err != nil {
			return fmt.Errorf("receipt %d of %s: %w", r.Seq, r.Tenant, err)
		}
		b.parameters[r.Seq] = g
		b.tenants[c.Scope.Tenant] = b.tenants[c.Scope.Tenant] || g.SKU == b.Spec.SKU
	}
	return nil
}

// compares reports whether a decision is one to compare.
func (b *Backtest) compares(at autonomics.Time, governor string) bool {
	return at >= b.From && (b.Governor == "" || governor == b.Governor)
}

// Concerns reports whether a tenant ever had a governor of the spec's SKU.
func (b *Backtest) Concerns(tenant autonomics.Tenant) bool { return b.tenants[tenant] }

// program is the recorded program of a governor, or the one that the spec
// makes of it with the same profile and parameters.
func (b *Backtest) program(r *autonomics.Receipt) (*kernel.Program, error) {
	ev := r.Event.Program
	p := b.programs[ev.Spec]
	if p == nil {
		return nil, fmt.Errorf("receipt %d: program %s is not recorded in %s", r.Seq, ev.Spec, autonomics.System)
	}
	if p.SKU != b.Spec.SKU {
		return p, nil
	}
	row, ok := b.parameters[r.System]
	if !ok {
		return nil, fmt.Errorf("receipt %d: receipt %d of %s, which it cites, gives no governor a program", r.Seq, r.System, autonomics.System)
	}
	key, err := json.Marshal([]any{ev.Profile, row.Parameters})
	if err != nil {
		return nil, err
	}
	if b.compiled[string(key)] == nil {
		p, complaints := spec.Compile(b.Spec, ev.Profile, row.Parameters)
		if len(complaints) > 0 {
			return nil, fmt.Errorf("governor %s of %s does not go with the spec: %v", r.Governor, r.Tenant, complaints[0])
		}
		b.compiled[string(key)] = p
	}
	p = b.compiled[string(key)]
	for _, slot := range p.Slots {
		if !bound(ev.Targets, slot.Name) {
			return nil, fmt.Errorf("governor %s of %s has no target for the slot %s of the spec", r.Governor, r.Tenant, slot.Name)
		}
	}
	return p, nil
}

func bound(targets []autonomics.TargetRef, slot string) bool {
	for _, t := range targets {
		if t.Slot == slot {
			return true
		}
	}
	return false
}
