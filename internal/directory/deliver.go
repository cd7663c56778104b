package directory

import (
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

// A Delivery is what one tenant has to be told of a change.
type Delivery struct {
	Tenant   autonomics.Tenant
	Governor string
	Seq      uint64 // of the change
	Event    autonomics.Event
}

// Deliver says what the receipt r has for which tenants. d is the directory
// after r; before tells which governors a removal concerned.
func (d *Directory) Deliver(r *autonomics.Receipt) ([]Delivery, error) {
	if r.Kind != autonomics.KindCommand || r.Verdict != autonomics.Accepted {
		return nil, nil
	}
	c := r.Event.Command
	one := func(governor string, ev autonomics.Event) []Delivery {
		return []Delivery{{Tenant: c.Scope.Tenant, Governor: governor, Seq: r.Seq, Event: ev}}
	}
	switch c.Command {
	case "entitle":
		e, err := entitlement(c)
		return one("", autonomics.Event{Entitlement: e}), err
	case "governor", "parameters", "profile":
		var g Governor
		if err := Args(c, "governor", &g); err != nil {
			return nil, err
		}
		ev, err := d.program(c.Scope.Tenant, &g)
		return one(g.Name, autonomics.Event{Program: ev}), err
	case "stop":
		if c.Args["claims"] != `"`+Release+`"` {
			return nil, nil
		}
	case "mode", "reset", "release", "remove", "approve", "reject", "verdict":
	default:
		return nil, nil
	}
	var out []Delivery
	for _, id := range d.concerned(c, r.Seq) {
		out = append(out, Delivery{Tenant: id, Governor: c.Scope.Governor, Seq: r.Seq, Event: autonomics.Event{Command: c}})
	}
	return out, nil
}

// concerned are the tenants that a command for governors is delivered to: those
// whose row it has changed, and after a later change those in its scope.
func (d *Directory) concerned(c *autonomics.Command, seq uint64) []autonomics.Tenant {
	if c.Scope.Tenant != "" {
		return []autonomics.Tenant{c.Scope.Tenant}
	}
	var out []autonomics.Tenant
	for id, t := range d.Tenants {
		if t.Changed >= seq {
			out = append(out, id)
		}
	}
	return sorted(out)
}

// program is the event that gives a governor its program.
func (d *Directory) program(tenant autonomics.Tenant, g *Governor) (*autonomics.ProgramEvent, error) {
	digest, err := autonomics.ParseHash(g.Program)
	if err != nil {
		return nil, err
	}
	var source struct{ Version string }
	if err := decode(d.Programs[digest], &source); err != nil {
		return nil, fmt.Errorf("program %s: %w", g.Program, err)
	}
	ev := &autonomics.ProgramEvent{Spec: digest, Name: g.SKU + "@" + source.Version, Profile: g.Profile, Mode: g.Mode}
	t := d.Tenants[tenant]
	for _, slot := range sortedKeys(g.Targets) {
		target := t.Target(g.Targets[slot])
		if target == nil {
			return nil, fmt.Errorf("governor %s: target %q is not the tenant's", g.Name, g.Targets[slot])
		}
		ev.Targets = append(ev.Targets, autonomics.TargetRef{Slot: slot, Name: target.Name, Kind: target.Kind, Ref: target.Ref})
	}
	return ev, nil
}
