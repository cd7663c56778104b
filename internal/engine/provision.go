package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

const (
	// maxRequest bounds the governors of one request, and maxPrograms the size
	// of the programs that it records: it is committed in one block.
	maxRequest  = 100
	maxPrograms = 300_000
	// maxTargets of one tenant; the directory holds all of them in memory.
	maxTargets = 1024
)

// A plan is a provision that has been checked: everything it will record.
type plan struct {
	row      *directory.Tenant
	programs []*kernel.Program // not yet recorded, by digest
}

// provision carries out a request for a tenant, or for one governor.
func (c *Core) provision(now autonomics.Time, p *Provision) Result {
	old := c.dir.Tenants[p.Tenant]
	switch {
	case !autonomics.ValidName(string(p.Tenant)):
		return Result{Err: wrong(Invalid, "/tenant", "tenant %q: want [a-z0-9][a-z0-9._-]{0,62}", p.Tenant)}
	case !p.New && old == nil:
		return Result{Err: wrong(UnknownTenant, "", "tenant %q does not exist or is not yours", p.Tenant)}
	}
	plan, err := c.plan(p, old)
	if err != nil {
		return Result{Err: err}
	}
	if p.New && old != nil {
		if same(old, plan.row) {
			return Result{Unchanged: true}
		}
		return Result{Err: wrong(Conflict, "", "tenant %s exists and is not as this asks for; change it by commands and PUT", p.Tenant)}
	}
	if old != nil {
		if unchanged, err := c.replaces(old, &plan.row.Governors[0]); unchanged || err != nil {
			return Result{Unchanged: unchanged, Err: err}
		}
	}
	return c.carry(now, p, plan)
}

// carry records the plan, and delivers it.
func (c *Core) carry(now autonomics.Time, p *Provision, plan *plan) Result {
	record := func(name string, args map[string]string) {
		cmd := &autonomics.Command{Principal: p.Principal, Command: name, Scope: autonomics.Scope{Tenant: p.Tenant}, Args: args}
		if name == "program" {
			cmd.Scope = autonomics.Scope{}
		}
		c.record(now, autonomics.Event{Command: cmd}, autonomics.Accepted, "")
	}
	if p.New {
		record("tenant", map[string]string{"tenant": raw(p.Tenant)})
		for _, t := range plan.row.Targets {
			record("target", map[string]string{"target": raw(t)})
		}
		for _, e := range plan.row.Entitlements {
			record("entitle", map[string]string{"entitlement": raw(e.ID), "event": raw("payment_confirmed"),
				"state": raw(e.State), "skus": raw(e.SKUs)})
		}
	}
	for _, program := range plan.programs {
		record("program", map[string]string{"name": raw(program.Digest.String()), "program": string(program.Source)})
	}
	for _, g := range plan.row.Governors {
		record("governor", map[string]string{"governor": raw(g)})
	}
	res := Result{}
	if r := c.flush(now); r != nil {
		res.Receipts = append(res.Receipts, r)
	}
	return res
}

// plan checks a request as a whole and resolves its defaults.
func (c *Core) plan(p *Provision, old *directory.Tenant) (*plan, *Error) {
	out := &plan{row: &directory.Tenant{ID: p.Tenant}}
	switch {
	case len(p.Governors) > maxRequest:
		return nil, wrong(Invalid, "/governors", "%d governors in one request: at most %d; add the others by PUT", len(p.Governors), maxRequest)
	case len(p.Targets) > maxTargets:
		return nil, wrong(Invalid, "/targets", "%d targets: at most %d", len(p.Targets), maxTargets)
	}
	targets := out.row
	if !p.New {
		targets = old
		if len(old.Governors) >= MaxGovernors && old.Governor(p.Governors[0].Name) == nil {
			return nil, wrong(Invalid, "", "tenant %s has %d governors, which is the most", p.Tenant, MaxGovernors)
		}
	}
	for i, t := range p.Targets {
		where := fmt.Sprintf("/targets/%d", i)
		if err := c.target(where, t); err != nil {
			return nil, err
		}
		if targets.Target(t.Name) != nil {
			return nil, wrong(Invalid, where+"/name", "target %q is there twice", t.Name)
		}
		out.row.Targets = put(out.row.Targets, directory.Target{Name: t.Name, Kind: t.Kind, Ref: t.Ref}, func(x directory.Target) string { return x.Name })
	}
	for i, sku := range p.Entitle {
		if c.SKU(sku) == nil {
			return nil, wrong(UnknownSKU, fmt.Sprintf("/entitle/%d", i), "there is no SKU %q", sku)
		}
	}
	if len(p.Entitle) > 0 {
		skus := slices.Sorted(slices.Values(p.Entitle))
		out.row.Entitlements = []directory.Entitlement{{ID: "operator", State: "active", SKUs: slices.Compact(skus)}}
	}
	return out, c.governors(p, out, targets)
}

// governors checks the governors of a request and compiles their programs.
func (c *Core) governors(p *Provision, out *plan, targets *directory.Tenant) *Error {
	size := 0
	for _, t := range p.Targets {
		size += len(t.Ref)
	}
	for i := range p.Governors {
		where := ""
		if p.New {
			where = fmt.Sprintf("/governors/%d", i)
		}
		g, program, err := c.governor(where, &p.Governors[i], targets)
		if err != nil {
			return err
		}
		if out.row.Governor(g.Name) != nil {
			return wrong(Invalid, where+"/name", "governor %q is there twice: give each a name of its own", g.Name)
		}
		out.row.Governors = put(out.row.Governors, *g, func(x directory.Governor) string { return x.Name })
		if _, recorded := c.dir.Programs[program.Digest]; !recorded && !slices.Contains(out.programs, program) {
			out.programs = append(out.programs, program)
			size += len(program.Source)
		}
	}
	if size > maxPrograms {
		return wrong(Invalid, "/governors", "their programs and all targets have %d bytes together: at most %d in one request; add some later", size, maxPrograms)
	}
	slices.SortFunc(out.programs, func(a, b *kernel.Program) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
	return nil
}

// governor checks one request and resolves its defaults: the name of its SKU,
// the profile standard, the mode observe.
func (c *Core) governor(where string, in *GovernorRequest, tenant *directory.Tenant) (*directory.Governor, *kernel.Program, *Error) {
	g := &directory.Governor{Name: cmp.Or(in.Name, in.SKU), SKU: in.SKU, Profile: cmp.Or(in.Profile, "standard"),
		Mode: cmp.Or(in.Mode, autonomics.Observe)}
	if len(in.Parameters) > 0 {
		g.Parameters = in.Parameters
	}
	switch {
	case !autonomics.ValidName(g.Name):
		return nil, nil, wrong(Invalid, where+"/name", "name %q: want [a-z0-9][a-z0-9._-]{0,62}", g.Name)
	case !g.Mode.Valid():
		return nil, nil, wrong(Invalid, where+"/mode", "mode %q: want \"observe\", \"approve\" or \"enforce\"", g.Mode)
	}
	program, err := c.compile(g, where)
	if err != nil {
		return nil, nil, err
	}
	for _, slot := range program.Slots {
		name, bound := in.Targets[slot.Name]
		t := tenant.Target(name)
		switch {
		case !bound:
			return nil, nil, wrong(Invalid, where+"/targets", "slot %q needs a target of kind %s", slot.Name, slot.Kind)
		case t == nil:
			return nil, nil, wrong(Invalid, where+"/targets/"+slot.Name, "target %q is not one of the tenant's", name)
		case !catalog.Fits(slot.Kind, t.Kind):
			return nil, nil, wrong(Invalid, where+"/targets/"+slot.Name, "target %q is a %s, which does not fit a slot of kind %s", name, t.Kind, slot.Kind)
		}
	}
	if len(in.Targets) != len(program.Slots) {
		return nil, nil, wrong(Invalid, where+"/targets", "SKU %s has the slots %v and no others", g.SKU, slots(program))
	}
	if len(in.Targets) > 0 {
		g.Targets = maps.Clone(in.Targets)
	}
	return g, program, nil
}

func slots(p *kernel.Program) []string {
	names := make([]string, len(p.Slots))
	for i, s := range p.Slots {
		names[i] = s.Name
	}
	return names
}

// target checks a target that a tenant is to be allowed.
func (c *Core) target(where string, t autonomics.TargetRef) *Error {
	switch {
	case !autonomics.ValidName(t.Name):
		return wrong(Invalid, where+"/name", "target name %q: want [a-z0-9][a-z0-9._-]{0,62}", t.Name)
	case !c.Kinds(t.Kind):
		return wrong(Invalid, where+"/kind", "no actuator for targets of kind %q; there are %v", t.Kind, catalog.TargetKinds())
	case t.Ref == "" || len(t.Ref) > 1024:
		return wrong(Invalid, where+"/ref", "a target needs its address in its own API, of at most 1,024 bytes")
	}
	return nil
}

// replaces compares a governor that is asked for with the one that is there.
func (c *Core) replaces(t *directory.Tenant, g *directory.Governor) (unchanged bool, err *Error) {
	old := t.Governor(g.Name)
	if old == nil {
		return false, nil
	}
	if equal(old, g) {
		return true, nil
	}
	s := c.slot(t.ID)
	if k := s.live.Governor(g.Name); k != nil && len(k.Claims) > 0 && !maps.Equal(old.Targets, g.Targets) {
		return false, wrong(Conflict, "/targets", "governor %s has a claim on a target that this would take away: release it first", g.Name)
	}
	return false, nil
}

// same reports whether a tenant is as a request asks for.
func same(a, b *directory.Tenant) bool {
	entitled := func(x, y directory.Entitlement) bool {
		return x.ID == y.ID && x.State == y.State && slices.Equal(x.SKUs, y.SKUs)
	}
	return slices.Equal(a.Targets, b.Targets) && slices.EqualFunc(a.Entitlements, b.Entitlements, entitled) &&
		slices.EqualFunc(a.Governors, b.Governors, func(x, y directory.Governor) bool { return equal(&x, &y) })
}

func equal(a, b *directory.Governor) bool {
	return a.Name == b.Name && a.SKU == b.SKU && a.Profile == b.Profile && a.Mode == b.Mode &&
		a.Program == b.Program && maps.Equal(a.Parameters, b.Parameters) && maps.Equal(a.Targets, b.Targets)
}

// put inserts x into a list that is sorted by key.
func put[T any](list []T, x T, key func(T) string) []T {
	i, _ := slices.BinarySearchFunc(list, key(x), func(e T, k string) int { return strings.Compare(key(e), k) })
	return slices.Insert(list, i, x)
}
