// Package directory is the folded state of the tenant _system: which tenants
// there are, their targets, entitlements and governors, the programs that
// governors run, the bindings, and the stops in force. Every change of it is a
// command receipt on the chain of _system; folding them in order gives the
// directory back.
//
// What a tenant's kernel needs of a change is delivered to it as an event that
// cites the change; Deliver says what, from the receipt alone, so that what a
// crash has cut off is delivered at the next start.
package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Directory is the state after the receipt Seq of _system. It is for one
// goroutine.
type Directory struct {
	Seq      uint64
	Head     autonomics.Hash
	Last     autonomics.Time
	Tenants  map[autonomics.Tenant]*Tenant
	Programs map[autonomics.Hash]json.RawMessage // canonical sources
	Bindings map[string]autonomics.Binding
	Stops    []Stop
	Fleet    int               // targets of all tenants
	Permits  []autonomics.Time // given within the last hour, oldest first
}

// A Tenant is one row. Rows are replaced, never changed, so that a copy of the
// directory may share them.
type Tenant struct {
	ID           autonomics.Tenant
	Targets      []Target      `json:",omitempty"` // sorted by name
	Entitlements []Entitlement `json:",omitempty"` // sorted by id
	Governors    []Governor    `json:",omitempty"` // sorted by name
	Changed      uint64        // newest receipt that had something to deliver to it
}

// A Target is a thing in the cloud that the tenant may act on.
type Target struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Ref  string `json:"ref"`
}

// An Entitlement is the tenant's right to have some SKUs run.
type Entitlement struct {
	ID    string   `json:"id"`
	State string   `json:"state"`
	SKUs  []string `json:"skus"`
}

// A Governor is how one was asked for, and the program that came of it.
type Governor struct {
	Name       string            `json:"name"`
	SKU        string            `json:"sku"`
	Profile    string            `json:"profile"`
	Mode       autonomics.Mode   `json:"mode"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Targets    map[string]string `json:"targets,omitempty"` // slot → target
	Program    string            `json:"program"`           // digest
}

// A Stop bars effects until it expires. It changes no governor's state.
type Stop struct {
	Seq    uint64 // of its receipt
	Scope  autonomics.Scope
	Until  autonomics.Time
	Claims string // keep or release
	By     string
	Reason string
}

// New returns the directory before the first receipt.
func New() *Directory {
	return &Directory{
		Tenants:  map[autonomics.Tenant]*Tenant{},
		Programs: map[autonomics.Hash]json.RawMessage{},
		Bindings: map[string]autonomics.Binding{},
	}
}

// Clone returns a copy that shares nothing mutable with d.
func (d *Directory) Clone() *Directory {
	c := *d
	c.Tenants, c.Programs, c.Bindings = maps.Clone(d.Tenants), maps.Clone(d.Programs), maps.Clone(d.Bindings)
	c.Stops, c.Permits = slices.Clone(d.Stops), slices.Clone(d.Permits)
	return &c
}

// Target returns the tenant's target of that name, or nil.
func (t *Tenant) Target(name string) *Target {
	for i := range t.Targets {
		if t.Targets[i].Name == name {
			return &t.Targets[i]
		}
	}
	return nil
}

// Governor returns the tenant's governor of that name, or nil.
func (t *Tenant) Governor(name string) *Governor {
	for i := range t.Governors {
		if t.Governors[i].Name == name {
			return &t.Governors[i]
		}
	}
	return nil
}

// Entitlement returns the tenant's entitlement of that id, or nil.
func (t *Tenant) Entitlement(id string) *Entitlement {
	for i := range t.Entitlements {
		if t.Entitlements[i].ID == id {
			return &t.Entitlements[i]
		}
	}
	return nil
}

// Within reports whether a scope covers a governor.
func Within(s autonomics.Scope, tenant autonomics.Tenant, governor, sku string) bool {
	return (s.Tenant == "" || s.Tenant == tenant) && (s.Governor == "" || s.Governor == governor) && (s.SKU == "" || s.SKU == sku)
}

// Stopped returns the stop in force for a governor at now, or nil. One that
// keeps claims outranks one that releases them: it lets nothing through.
func (d *Directory) Stopped(tenant autonomics.Tenant, governor, sku string, now autonomics.Time) *Stop {
	var found *Stop
	for i := range d.Stops {
		s := &d.Stops[i]
		if now < s.Until && Within(s.Scope, tenant, governor, sku) && (found == nil || s.Claims == Keep) {
			found = s
		}
	}
	return found
}

// What a stop does with claims.
const (
	Keep    = "keep"
	Release = "release"
)

// Fold takes the next receipt of _system.
func (d *Directory) Fold(r *autonomics.Receipt) error {
	d.Seq, d.Head, d.Last = r.Seq, r.Hash, r.At
	if r.Kind != autonomics.KindCommand || r.Verdict != autonomics.Accepted {
		return nil
	}
	c := r.Event.Command
	if fold, ok := folds[c.Command]; ok {
		if err := fold(d, r, c); err != nil {
			return fmt.Errorf("receipt %d of %s: command %s: %w", r.Seq, autonomics.System, c.Command, err)
		}
		return nil
	}
	return fmt.Errorf("receipt %d of %s: unknown command %q: this version is too old for the log", r.Seq, autonomics.System, c.Command)
}

var folds = map[string]func(*Directory, *autonomics.Receipt, *autonomics.Command) error{
	"tenant":     foldTenant,
	"target":     foldTarget,
	"entitle":    foldEntitle,
	"program":    foldProgram,
	"governor":   foldGovernor,
	"parameters": foldGovernor,
	"profile":    foldGovernor,
	"mode":       foldMode,
	"remove":     foldRemove,
	"bind":       foldBind,
	"unbind":     foldUnbind,
	"stop":       foldStop,
	"resume":     foldResume,
	"reset":      foldDelivered,
	"release":    foldDelivered,
	"approve":    foldDelivered,
	"reject":     foldDelivered,
	"permit":     foldPermit,
	"verdict":    foldDelivered,
}

// Args decodes the command's own members into v.
func Args(c *autonomics.Command, name string, v any) error {
	raw, ok := c.Args[name]
	if !ok {
		return fmt.Errorf("%s: missing", name)
	}
	if err := json.Unmarshal([]byte(raw), v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// change replaces the row of a tenant by a changed copy.
func (d *Directory) change(id autonomics.Tenant, seq uint64, edit func(*Tenant)) error {
	old, ok := d.Tenants[id]
	if !ok {
		return fmt.Errorf("tenant %q does not exist", id)
	}
	t := *old
	t.Targets, t.Entitlements, t.Governors = slices.Clone(t.Targets), slices.Clone(t.Entitlements), slices.Clone(t.Governors)
	edit(&t)
	if seq != 0 {
		t.Changed = seq
	}
	d.Tenants[id] = &t
	return nil
}

func foldTenant(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	d.Tenants[c.Scope.Tenant] = &Tenant{ID: c.Scope.Tenant}
	return nil
}

func foldTarget(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	var target Target
	if err := Args(c, "target", &target); err != nil {
		return err
	}
	d.Fleet++
	return d.change(c.Scope.Tenant, 0, func(t *Tenant) {
		t.Targets = put(t.Targets, target, func(x Target) string { return x.Name })
	})
}

func foldEntitle(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	e, err := entitlement(c)
	if err != nil {
		return err
	}
	return d.change(c.Scope.Tenant, r.Seq, func(t *Tenant) {
		t.Entitlements = put(t.Entitlements, Entitlement{ID: e.Entitlement, State: e.State, SKUs: e.SKUs},
			func(x Entitlement) string { return x.ID })
	})
}

// entitlement is the event that the command delivers.
func entitlement(c *autonomics.Command) (*autonomics.Entitlement, error) {
	e := &autonomics.Entitlement{Entitlement: kernel.Arg(c, "entitlement"), Event: kernel.Arg(c, "event"), State: kernel.Arg(c, "state")}
	return e, Args(c, "skus", &e.SKUs)
}

func foldProgram(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	digest, err := autonomics.ParseHash(kernel.Arg(c, "name"))
	if err != nil {
		return err
	}
	d.Programs[digest] = json.RawMessage(c.Args["program"])
	return nil
}

func foldGovernor(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	var g Governor
	if err := Args(c, "governor", &g); err != nil {
		return err
	}
	return d.change(c.Scope.Tenant, r.Seq, func(t *Tenant) {
		t.Governors = put(t.Governors, g, func(x Governor) string { return x.Name })
	})
}

func foldMode(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	mode := autonomics.Mode(kernel.Arg(c, "mode"))
	return d.each(c.Scope, r.Seq, func(g *Governor) { g.Mode = mode })
}

// each edits the governors in a scope.
func (d *Directory) each(s autonomics.Scope, seq uint64, edit func(*Governor)) error {
	for _, id := range d.covered(s) {
		err := d.change(id, seq, func(t *Tenant) {
			for i := range t.Governors {
				if g := &t.Governors[i]; Within(s, id, g.Name, g.SKU) {
					edit(g)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// covered lists the tenants that have a governor in the scope, sorted.
func (d *Directory) covered(s autonomics.Scope) []autonomics.Tenant {
	var out []autonomics.Tenant
	add := func(t *Tenant) {
		if t != nil && slices.ContainsFunc(t.Governors, func(g Governor) bool { return Within(s, t.ID, g.Name, g.SKU) }) {
			out = append(out, t.ID)
		}
	}
	if s.Tenant != "" {
		add(d.Tenants[s.Tenant])
		return out
	}
	for _, t := range d.Tenants {
		add(t)
	}
	slices.Sort(out)
	return out
}

func foldRemove(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	for _, id := range d.covered(c.Scope) {
		if err := d.change(id, r.Seq, func(t *Tenant) {
			t.Governors = slices.DeleteFunc(t.Governors, func(g Governor) bool { return Within(c.Scope, id, g.Name, g.SKU) })
		}); err != nil {
			return err
		}
	}
	return nil
}

func foldBind(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	var b autonomics.Binding
	if err := Args(c, "binding", &b); err != nil {
		return err
	}
	d.Bindings[b.Name] = b
	return nil
}

func foldUnbind(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	delete(d.Bindings, kernel.Arg(c, "name"))
	return nil
}

func foldStop(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	until, err := autonomics.ParseTime(kernel.Arg(c, "until"))
	if err != nil {
		return err
	}
	s := Stop{Seq: r.Seq, Scope: c.Scope, Until: until, Claims: kernel.Arg(c, "claims"), By: c.Principal, Reason: c.Reason}
	d.Stops = slices.DeleteFunc(d.Stops, func(x Stop) bool { return x.Scope == c.Scope || x.Until <= r.At })
	d.Stops = append(d.Stops, s)
	if s.Claims == Release {
		return d.each(c.Scope, r.Seq, func(*Governor) {})
	}
	return nil
}

func foldResume(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	d.Stops = slices.DeleteFunc(d.Stops, func(x Stop) bool { return x.Scope == c.Scope || x.Until <= r.At })
	return nil
}

func foldDelivered(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	return d.each(c.Scope, r.Seq, func(*Governor) {})
}

// An effect of any tenant needs a permit: a mistake that all governors share
// reaches a hundredth of the fleet in an hour, or minPermits in a small one.
const (
	minPermits   = 10
	permitShare  = 100
	permitWithin = autonomics.Hour
)

// Permit returns when there is a permit: now, or when one of those that were
// given is an hour old.
func (d *Directory) Permit(now autonomics.Time) autonomics.Time {
	n := max(minPermits, d.Fleet/permitShare)
	if len(d.Permits) < n {
		return now
	}
	return max(now, d.Permits[len(d.Permits)-n].Add(permitWithin))
}

func foldPermit(d *Directory, r *autonomics.Receipt, c *autonomics.Command) error {
	old := func(at autonomics.Time) bool { return at <= r.At.Add(-permitWithin) }
	d.Permits = append(slices.DeleteFunc(d.Permits, old), r.At)
	return nil
}

// put inserts x into a list that is sorted by key, or replaces its namesake.
func put[T any](list []T, x T, key func(T) string) []T {
	i, found := slices.BinarySearchFunc(list, key(x), func(e T, k string) int {
		switch {
		case key(e) < k:
			return -1
		case key(e) > k:
			return 1
		}
		return 0
	})
	if found {
		list[i] = x
		return list
	}
	return slices.Insert(list, i, x)
}
