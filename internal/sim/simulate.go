package sim

import (
	"errors"
	"math"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// ErrRestless: a governor and its targets do not come to rest.
var ErrRestless = errors.New("the governor and its targets do not come to rest; look for rules that undo each other")

// Simulate runs inputs through one governor of p, entitled and in enforce, and
// calls emit for each receipt. The clock goes from input to input and to the
// timers between them, never back; it ends with the last input.
func Simulate(p *kernel.Program, inputs []Input, faults Faults, emit func(kernel.Sealed) error) error {
	random := faults.source()
	inputs = faults.inject(inputs, random)
	if len(inputs) == 0 {
		return some(nil)
	}
	now := inputs[0].At
	m := spec.NewModel(autonomics.Tenant(p.SKU), p, now, autonomics.Enforce, true)
	m.Leaves = func(w *kernel.Work) bool { return w.Watch } // nobody else writes here
	if faults.Fail {
		m.Fails = func(*kernel.Work) bool { return random.Float64() < failing }
	}
	flush := func() error {
		for _, s := range m.Sealed {
			if err := emit(s); err != nil {
				return err
			}
		}
		m.Sealed = m.Sealed[:0]
		return nil
	}
	if err := flush(); err != nil {
		return err
	}
	for i := range inputs {
		now = max(now, inputs[i].At)
		m.Pass(now, math.MaxInt)
		m.Take(now, kernel.Input{Governor: p.SKU, Event: autonomics.Event{Signal: &inputs[i].Signal}})
		settled := m.Settle(now)
		if err := flush(); err != nil {
			return err
		}
		if !settled {
			return ErrRestless
		}
	}
	return nil
}
