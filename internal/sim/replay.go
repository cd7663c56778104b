package sim

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A Replay is the backtest of one tenant. It reads the recorded chain receipt
// by receipt and lets a kernel decide beside it.
//
// As long as every receipt that the kernel writes is the recorded one, to the
// byte, the two are in step, and timers are stepped when the record says that
// they were: the chain does not say when one was stepped that changed nothing.
// Afterwards they are stepped when they are due, or with a recorded timer that
// was due no later and stepped late.
type Replay struct {
	b      *Backtest
	model  spec.Model
	last   *autonomics.Receipt // recorded
	inStep bool
	out    []kernel.Sealed // written in step, and not yet compared

	// A slot is one recorded input, but for outcomes, and what follows until the
	// next.
	slot     int
	recorded []order           // of this slot, without a twin yet
	replayed []order           // without a twin or an answer yet
	owners   map[string]string // of recorded keys
	twins    map[string]string // recorded key → replayed key of the same effect
	theirs   map[string]bool   // replayed keys that have a twin
	touched  map[string]bool   // targets that the model wrote to
	by       *autonomics.Receipt

	before, after []Decision
	result        Result
}

// An order is an effect that a receipt requested.
type order struct{ key, governor, what string }

// Tenant begins the backtest of one tenant.
func (b *Backtest) Tenant(id autonomics.Tenant) *Replay {
	x := &Replay{b: b, inStep: true, last: &autonomics.Receipt{}, owners: map[string]string{}, twins: map[string]string{},
		theirs: map[string]bool{}, touched: map[string]bool{}, result: Result{Tenant: id}}
	x.model.Tenant = &kernel.Tenant{ID: id}
	x.model.Leaves = func(w *kernel.Work) bool { return w.Watch || x.theirs[w.Key] }
	return x
}

// ErrTrimmed: the first receipts of a chain are not kept.
var ErrTrimmed = errors.New("the chain does not begin with its first receipt: what it was before cannot be replayed")

// Next takes the next line of the tenant's chain.
func (x *Replay) Next(line []byte) error {
	r, err := autonomics.ParseReceipt(line)
	switch {
	case err != nil:
		return err
	case x.last.Seq == 0 && r.Seq > 1:
		return fmt.Errorf("receipt %d: %w", r.Seq, ErrTrimmed)
	case r.Seq != x.last.Seq+1 || r.Prev != x.last.Hash:
		return fmt.Errorf("receipt %d does not follow receipt %d", r.Seq, x.last.Seq)
	case x.b.To != 0 && r.At >= x.b.To:
		x.last = r
		return nil
	}
	x.result.Receipts++
	x.result.Recorded.Add(r)
	err = x.take(r, line)
	x.last = r
	return err
}

// take lets the kernel do what the recorded receipt calls for.
func (x *Replay) take(r *autonomics.Receipt, line []byte) error {
	x.by = x.last
	switch {
	case x.compare(line):
		x.note(r)
		return nil
	case x.follows(r):
		x.note(r)
	case r.Kind == autonomics.KindTimer:
		x.close()
		x.note(r)
		x.pass(r, line)
	default:
		x.close()
		x.pass(r, line)
		if r.Kind != autonomics.KindEffect {
			x.recorded = x.recorded[:0]
			x.slot++
		}
		x.by = r
		if err := x.step(r); err != nil {
			return err
		}
		x.note(r)
	}
	if !x.compare(line) {
		x.diverge(r)
	}
	return nil
}

// compare reports whether the recorded line is the next that the kernel wrote.
func (x *Replay) compare(line []byte) bool {
	if !x.inStep || len(x.out) == 0 || !bytes.Equal(x.out[0].Line, line) {
		return false
	}
	if r := x.out[0].Receipt; decides(r) && x.b.compares(r.At, r.Governor) {
		x.result.Unchanged++
	}
	x.result.Replayed.Add(x.out[0].Receipt)
	x.out = x.out[1:]
	x.result.Reproduced++
	return true
}

// diverge ends being in step: r is the first receipt that is not the same.
func (x *Replay) diverge(r *autonomics.Receipt) {
	if x.inStep {
		x.inStep, x.result.FirstDifference = false, r.Seq
		for _, s := range x.out {
			x.differs(s.Receipt)
		}
		x.out = nil
	}
	if decides(r) {
		x.before = append(x.before, x.decision(r, r))
	}
}

// differs takes a receipt that was not recorded like this.
func (x *Replay) differs(r *autonomics.Receipt) {
	x.result.Replayed.Add(r)
	if decides(r) {
		x.after = append(x.after, x.decision(r, x.by))
	}
}

// follows reports whether a recorded receipt came of the same input as the one
// before it.
func (x *Replay) follows(r *autonomics.Receipt) bool {
	if r.At != x.last.At || r.Kind != x.last.Kind {
		return false
	}
	switch r.Kind {
	case autonomics.KindEntitlement:
		return r.Governor != ""
	case autonomics.KindCommand:
		return r.System != 0 && r.System == x.last.System
	}
	return false
}

// note remembers the effects that a recorded receipt requested, and what it
// says about the tenant's targets.
func (x *Replay) note(r *autonomics.Receipt) {
	for n, e := range r.Effects {
		o := orderOf(r, n, &e)
		x.recorded = append(x.recorded, o)
		x.owners[o.key] = o.governor
	}
	o := r.Event.Effect
	if o == nil || o.Target == "" {
		return
	}
	var seen autonomics.Fields
	if _, twin := x.twins[o.Key]; twin && o.Stage == autonomics.StageDone {
		seen = o.Value
	} else if !x.touched[o.Target] {
		seen = o.Baseline
	}
	for _, f := range seen {
		x.model.Target(o.Target)[f.Name] = f.Value
	}
}

func orderOf(r *autonomics.Receipt, n int, e *autonomics.Effect) order {
	return order{fmt.Sprintf("%s/%d", r.Hash, n), cmp.Or(e.Governor, r.Governor), text(e)}
}

// pass steps the timers that are due by r.
func (x *Replay) pass(r *autonomics.Receipt, line []byte) {
	for {
		due, ok := x.model.Tenant.Due()
		if !ok || due > r.At {
			return
		}
		if x.inStep && len(x.out) == 0 {
			c := x.model.Tenant.Clone()
			out := c.Tick(r.At)
			if len(out) == 0 && r.Kind != autonomics.KindTimer || len(out) > 0 && bytes.Equal(out[0].Line, line) {
				x.model.Tenant = c
				x.wrote(out)
				return
			}
		}
		if r.Kind == autonomics.KindTimer && due >= r.Event.Timer.Due {
			due = r.At // the process was late, or down
		}
		x.wrote(x.model.Tenant.Tick(due))
		x.close()
	}
}

// wrote takes what the kernel wrote.
func (x *Replay) wrote(sealed []kernel.Sealed) {
	for i := range sealed {
		r := sealed[i].Receipt
		for n := range r.Effects {
			x.replayed = append(x.replayed, orderOf(r, n, &r.Effects[n]))
		}
		if !x.inStep {
			x.differs(r)
		}
	}
	if x.inStep {
		x.out = append(x.out, sealed...)
	}
}

// close finds the recorded twins of the effects that the kernel requested; the
// model answers the others at once. It must run before time passes.
func (x *Replay) close() {
	alone := false
	for _, o := range x.replayed {
		i := slices.IndexFunc(x.recorded, func(e order) bool { return e.governor == o.governor && e.what == o.what })
		if i < 0 || x.b.AssumeOK {
			alone = true
			x.result.Assumed++
			continue
		}
		x.twins[x.recorded[i].key], x.theirs[o.key] = o.key, true
		x.recorded = slices.Delete(x.recorded, i, i+1)
	}
	x.replayed = x.replayed[:0]
	if !alone {
		return
	}
	at := x.model.Tenant.Last
	x.model.Settle(at)
	for _, s := range x.model.Sealed {
		if o := s.Receipt.Event.Effect; o != nil && o.Target != "" && o.Stage == autonomics.StageDone {
			x.touched[o.Target] = true
		}
		x.result.Assumed += len(s.Receipt.Effects)
	}
	x.wrote(x.model.Sealed)
	x.replayed, x.model.Sealed = x.replayed[:0], x.model.Sealed[:0]
}

// step gives the kernel what was recorded.
func (x *Replay) step(r *autonomics.Receipt) error {
	in := kernel.Input{Governor: r.Governor, System: r.System, Event: r.Event}
	switch ev := &in.Event; {
	case ev.Signal != nil:
		if slices.ContainsFunc(ev.Signal.Readings, func(rd autonomics.Reading) bool { return rd.At >= r.At }) || ev.Signal.At == r.At {
			ev.Signal = x.model.Tenant.Undated(r)
		}
	case ev.Command != nil:
		in.Governor = ev.Command.Scope.Governor
	case ev.Program != nil:
		p, err := x.b.program(r)
		if err != nil {
			return err
		}
		if p.Digest != ev.Program.Spec {
			said := *ev.Program
			said.Spec, said.Name = p.Digest, p.SKU+"@"+p.Version
			ev.Program, x.result.Changed = &said, true
		}
		in.Program = p
	case ev.Effect != nil:
		said := *ev.Effect
		twin, ok := x.twins[said.Key]
		if !ok && !x.inStep || x.b.AssumeOK {
			// Nobody waits for it, and what may be requested later is not its twin.
			x.recorded = slices.DeleteFunc(x.recorded, func(o order) bool { return o.key == said.Key })
			return nil
		}
		if ok {
			said.Key, in.Governor = twin, x.owners[ev.Effect.Key]
		}
		ev.Effect = &said
	}
	x.wrote(x.model.Tenant.Step(r.At, in))
	return nil
}
