package engine

import (
	"encoding/json"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// record writes a receipt of _system, folds it into the directory, and
// delivers what follows from it.
func (c *Core) record(now autonomics.Time, ev autonomics.Event, v autonomics.Verdict, why autonomics.Reason) *autonomics.Receipt {
	r := c.draft(now, ev, v, why)
	line, err := r.Seal()
	if err != nil {
		panic("unreachable: the engine made an invalid receipt: " + err.Error())
	}
	if err := c.dir.Fold(r); err != nil {
		panic("unreachable: the command was checked: " + err.Error())
	}
	c.line(autonomics.System, r.Seq, line)
	c.system = append(c.system, r)
	deliveries, err := c.dir.Deliver(r)
	if err != nil {
		panic("unreachable: the command was checked: " + err.Error())
	}
	c.backlog = append(c.backlog, deliveries...)
	return r
}

// draft is the next receipt of _system, not yet sealed.
func (c *Core) draft(now autonomics.Time, ev autonomics.Event, v autonomics.Verdict, why autonomics.Reason) *autonomics.Receipt {
	return &autonomics.Receipt{
		Tenant: autonomics.System, Seq: c.dir.Seq + 1, Prev: c.dir.Head, At: max(now, c.dir.Last),
		Kind: ev.Kind(), Kernel: kernel.Number, Event: ev, Verdict: v, Reason: why,
	}
}

// flush delivers what record has left, as far as the block has room, and
// returns the first receipt that a tenant wrote.
func (c *Core) flush(now autonomics.Time) *autonomics.Receipt {
	var first *autonomics.Receipt
	for len(c.backlog) > 0 && c.room() {
		d := c.backlog[0]
		c.backlog = c.backlog[1:]
		if r := c.deliver(now, d); first == nil {
			first = r
		}
	}
	return first
}

// outcome steps an answer of the outbox. Where it is of an effect that its
// tenant may have, the fleet is asked: what it grants is recorded in the same
// block.
func (c *Core) outcome(now autonomics.Time, e *Outcome) (res Result) {
	o := e.Outcome
	in := kernel.Input{Governor: e.Governor, Event: autonomics.Event{Effect: &o}}
	s := c.slot(e.Tenant)
	defer c.guard(s, &res)
	if s != nil && s.fenced == "" && s.live.NeedsPermit(now, e.Governor, o) {
		at := max(now, c.dir.Last)
		if in.Fleet = c.dir.Permit(at); in.Fleet == at {
			in.Fleet = 0
			in.System = c.record(now, autonomics.Event{Command: &autonomics.Command{Principal: gateName, Command: "permit",
				Scope: autonomics.Scope{Tenant: e.Tenant, Governor: e.Governor}, Args: map[string]string{"effect": raw(o.Key)}}}, autonomics.Accepted, "").Seq
		}
	}
	return c.step(now, e.Tenant, in)
}

// gateName is the principal of what the gate itself orders.
const gateName = "gate"

// deliver tells a tenant's kernel of a change of the directory.
func (c *Core) deliver(now autonomics.Time, d directory.Delivery) *autonomics.Receipt {
	in := kernel.Input{Governor: d.Governor, System: d.Seq, Event: d.Event}
	if d.Event.Program != nil {
		in.Program = c.program(d.Event.Program.Spec)
	}
	if res := c.step(now, d.Tenant, in); len(res.Receipts) > 0 {
		return res.Receipts[0]
	}
	return nil
}

// A tally counts the refusals of one binding in a minute.
type tally struct {
	until autonomics.Time // end of the minute
	n     int
	more  int64 // beyond those that got receipts
}

// refusalsAMinute is how many refused inputs of one binding get a receipt of
// their own: a sender gone wrong must not fill the log.
const refusalsAMinute = 10

func (c *Core) refuse(now autonomics.Time, e *Refusal) Result {
	t := c.refused[e.Binding]
	if now >= t.until && t.more == 0 {
		t = tally{until: now.Add(autonomics.Minute)}
	}
	if t.n++; t.n > refusalsAMinute {
		t.more++
		c.refused[e.Binding] = t
		return Result{}
	}
	c.refused[e.Binding] = t
	ev := autonomics.Event{Signal: &autonomics.Signal{Source: e.Source, Binding: e.Binding, Digest: e.Digest}}
	return Result{Receipts: []*autonomics.Receipt{c.record(now, ev, e.Verdict, e.Reason)}}
}

// summarise records how many refusals of a minute got no receipt.
func (c *Core) summarise(now autonomics.Time) {
	for _, name := range sorted(c.refused) {
		t := c.refused[name]
		if now < t.until || !c.room() {
			continue
		}
		if t.more > 0 {
			ev := autonomics.Event{Signal: &autonomics.Signal{Binding: name, Count: t.more}}
			c.record(now, ev, autonomics.Refused, autonomics.ReasonSummary)
		}
		delete(c.refused, name)
	}
}

// raw is a value as canonical JSON.
func raw(v any) string {
	b, err := json.Marshal(v)
	if err == nil {
		b, err = autonomics.Canonical(b)
	}
	if err != nil {
		panic("unreachable: a value of our own: " + err.Error())
	}
	return string(b)
}
