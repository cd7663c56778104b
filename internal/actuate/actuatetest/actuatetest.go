// Package actuatetest is the conformance suite of the port actuate.Actuator.
package actuatetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
)

// A Fixture is a fresh target, and the world around it.
type Fixture struct {
	Actuator actuate.Actuator
	Target   actuate.Target
	Uses     string // an action that the target can have
	Foreign  string // one that it cannot
	Field    string // what Uses writes
	Start    string // the value that the target has
	Values   []string
	Set      func(value string) // somebody else changes the target
	Effects  func() int         // how often Apply has changed it
	Lose     func()             // the answer of the next Apply is lost after it was carried out
}

// Run runs the suite. It asks for a fixture for each case; Values has at
// least two values other than Start.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"observe reads", observeReads},
		{"apply writes once", applyWritesOnce},
		{"apply does nothing where all is as wanted", applyNothing},
		{"apply respects a foreign change", applyForeign},
		{"a foreign change to the wanted value is no conflict", applySame},
		{"a lost answer is no second effect", applyLost},
		{"one of many wins", applyRace},
		{"what cannot be is final", final},
		{"a context that has ended ends the call", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fixture(t)
			if len(f.Values) < 2 {
				t.Fatal("the fixture needs two values")
			}
			c.test(t, f)
		})
	}
}

func (f Fixture) fields(value string) autonomics.Fields {
	return autonomics.Fields{{Name: f.Field, Value: value}}
}

func (f Fixture) call(key, value, expected string) actuate.Call {
	return actuate.Call{Key: key, Target: f.Target, Uses: f.Uses, Value: f.fields(value), Expected: f.fields(expected)}
}

// holds checks what the target has, by both ways of reading it.
func (f Fixture) holds(t *testing.T, value string, effects int) {
	t.Helper()
	seen, err := f.Actuator.Observe(t.Context(), f.Target, f.Uses)
	if got, _ := seen.Get(f.Field); err != nil || got != value {
		t.Errorf("observed %v, %v; want %s=%s", seen, err, f.Field, value)
	}
	for _, v := range append([]string{f.Start}, f.Values...) {
		ok, err := f.Actuator.Verify(t.Context(), f.Target, f.Uses, f.fields(v))
		if err != nil || ok != (v == value) {
			t.Errorf("verify %s=%s: %v, %v; the target has %s", f.Field, v, ok, err, value)
		}
	}
	if got := f.Effects(); got != effects {
		t.Errorf("%d effects, want %d", got, effects)
	}
}

func observeReads(t *testing.T, f Fixture) {
	f.holds(t, f.Start, 0)
	f.Set(f.Values[0])
	f.holds(t, f.Values[0], 0)
}

func applyWritesOnce(t *testing.T, f Fixture) {
	for range 3 {
		if err := f.Actuator.Apply(t.Context(), f.call("k/0", f.Values[0], f.Start)); err != nil {
			t.Fatal(err)
		}
		f.holds(t, f.Values[0], 1)
	}
	if err := f.Actuator.Apply(t.Context(), f.call("k/1", f.Start, f.Values[0])); err != nil {
		t.Fatal(err)
	}
	f.holds(t, f.Start, 2)
}

func applyNothing(t *testing.T, f Fixture) {
	if err := f.Actuator.Apply(t.Context(), f.call("k/0", f.Start, f.Start)); err != nil {
		t.Error(err)
	}
	f.holds(t, f.Start, 0)
}

func applyForeign(t *testing.T, f Fixture) {
	f.Set(f.Values[1])
	if err := f.Actuator.Apply(t.Context(), f.call("k/0", f.Values[0], f.Start)); !errors.Is(err, actuate.ErrChanged) {
		t.Errorf("apply: %v; want ErrChanged", err)
	}
	f.holds(t, f.Values[1], 0)
}

func applySame(t *testing.T, f Fixture) {
	f.Set(f.Values[0])
	if err := f.Actuator.Apply(t.Context(), f.call("k/0", f.Values[0], f.Start)); err != nil {
		t.Error(err)
	}
	f.holds(t, f.Values[0], 0)
}

func applyLost(t *testing.T, f Fixture) {
	f.Lose()
	c := f.call("k/0", f.Values[0], f.Start)
	if err := f.Actuator.Apply(t.Context(), c); err == nil || errors.Is(err, actuate.ErrFinal) || errors.Is(err, actuate.ErrChanged) {
		t.Errorf("apply with a lost answer: %v; want an error to retry", err)
	}
	if err := f.Actuator.Apply(t.Context(), c); err != nil {
		t.Error(err)
	}
	f.holds(t, f.Values[0], 1)
}

// applyRace lets two values race from one expected value: by the target's own
// concurrency control one of them is written, and the others see the change.
func applyRace(t *testing.T, f Fixture) {
	const callers = 8
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			key := "k/" + string(rune('0'+i))
			errs[i] = f.Actuator.Apply(t.Context(), f.call(key, f.Values[i%2], f.Start))
		})
	}
	wg.Wait()
	var won [2]int
	for i, err := range errs {
		switch {
		case err == nil:
			won[i%2]++
		case !errors.Is(err, actuate.ErrChanged):
			t.Errorf("caller %d: %v; want nil or ErrChanged", i, err)
		}
	}
	winner := 0
	if won[0] == 0 {
		winner = 1
	}
	if won[winner] != callers/2 || won[1-winner] != 0 {
		t.Errorf("%d and %d callers were told that their value is written; want all of one value", won[0], won[1])
	}
	f.holds(t, f.Values[winner], 1)
}

func final(t *testing.T, f Fixture) {
	absent := f
	absent.Target.Ref, absent.Target.Name = absent.Target.Ref+"-absent", absent.Target.Name+"-absent"
	foreign := f
	foreign.Uses = f.Foreign
	for name, x := range map[string]Fixture{"absent target": absent, "foreign action": foreign} {
		_, observe := x.Actuator.Observe(t.Context(), x.Target, x.Uses)
		_, verify := x.Actuator.Verify(t.Context(), x.Target, x.Uses, x.fields(f.Start))
		apply := x.Actuator.Apply(t.Context(), x.call("k/0", f.Values[0], f.Start))
		for op, err := range map[string]error{"observe": observe, "verify": verify, "apply": apply} {
			if !errors.Is(err, actuate.ErrFinal) {
				t.Errorf("%s, %s: %v; want ErrFinal", name, op, err)
			}
		}
	}
	f.holds(t, f.Start, 0)
}

func ended(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, observe := f.Actuator.Observe(ctx, f.Target, f.Uses)
	_, verify := f.Actuator.Verify(ctx, f.Target, f.Uses, f.fields(f.Start))
	apply := f.Actuator.Apply(ctx, f.call("k/0", f.Values[0], f.Start))
	for op, err := range map[string]error{"observe": observe, "verify": verify, "apply": apply} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want context.Canceled", op, err)
		}
	}
	f.holds(t, f.Start, 0)
}
