package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A tenantBody is a tenant as it is shown. Lists are never null.
type tenantBody struct {
	Tenant       autonomics.Tenant       `json:"tenant"`
	Entitlements []directory.Entitlement `json:"entitlements"`
	Targets      []directory.Target      `json:"targets"`
	First        uint64                  `json:"first"` // first receipt that is kept
	Head         headBody                `json:"head"`
	Fenced       string                  `json:"fenced,omitempty"` // why nothing is decided for it
	Governors    []governorBody          `json:"governors"`
}

type headBody struct {
	Seq  uint64          `json:"seq"`
	Hash autonomics.Hash `json:"hash"`
}

type governorBody struct {
	Name       string            `json:"name"`
	SKU        string            `json:"sku"`
	Program    autonomics.Hash   `json:"program"`
	Profile    string            `json:"profile"`
	Mode       autonomics.Mode   `json:"mode"`
	State      string            `json:"state"`
	Causes     []string          `json:"causes"`
	Since      string            `json:"since"`
	Parameters map[string]string `json:"parameters"` // those that differ from the profile's
	Targets    map[string]string `json:"targets"`    // by slot
	Claims     []claimBody       `json:"claims"`
	Holds      []holdBody        `json:"holds"`
	Held       []heldBody        `json:"held"`
	Disarmed   []string          `json:"disarmed,omitempty"` // actions that did not help; a reset arms them
}

type claimBody struct {
	Action string            `json:"action"`
	Target string            `json:"target"`
	With   map[string]string `json:"with"` // absolute values once they are known
	Until  string            `json:"until,omitempty"`
	Stage  kernel.ClaimStage `json:"stage"`
}

type holdBody struct {
	Target   string `json:"target"`
	Rejected string `json:"rejected"`
}

type heldBody struct {
	Effect string          `json:"effect"`
	Action string          `json:"action"`
	Cause  autonomics.Hold `json:"cause"`
	Since  string          `json:"since"`

	Reason autonomics.Reason `json:"reason,omitempty"` // by limits: which one
	Until  string            `json:"until,omitempty"`  // by limits: when it is tried again; for approval: when it is dropped
	Value  map[string]string `json:"value,omitempty"`  // for approval: what would be written
}

func (s *server) listTenants(c *call) error {
	after, limit, err := c.page()
	if err != nil {
		return err
	}
	var names []autonomics.Tenant
	s.View.Directory(func(d *directory.Directory) {
		for id := range d.Tenants {
			if string(id) > after {
				names = append(names, id)
			}
		}
	})
	slices.Sort(names)
	list := struct {
		Tenants []tenantBody `json:"tenants"`
		Next    string       `json:"next,omitempty"`
	}{Tenants: []tenantBody{}}
	for i, id := range names {
		if i == limit {
			list.Next = string(names[i-1])
			break
		}
		if body, ok := s.tenant(id); ok {
			list.Tenants = append(list.Tenants, body)
		}
	}
	return c.json(http.StatusOK, list)
}

func (s *server) getTenant(c *call) error {
	name := c.r.PathValue("tenant")
	body, ok := s.tenant(autonomics.Tenant(name))
	if !ok {
		return noTenant(name)
	}
	return c.json(http.StatusOK, body)
}

func (s *server) createTenant(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	p, err := readTenant(body)
	if err != nil {
		return unreadable(err)
	}
	return s.provision(c, p, false)
}

func (s *server) putGovernor(c *call) error {
	tenant, name := c.r.PathValue("tenant"), c.r.PathValue("name")
	row := s.row(autonomics.Tenant(tenant))
	if row == nil {
		return noTenant(tenant)
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	g, err := readGovernor(body)
	if err != nil {
		return unreadable(err)
	}
	if g.Name != "" && g.Name != name {
		return fail(invalid, "name %q: the path says %q; leave it out", g.Name, name).at("/name")
	}
	g.Name = name
	return s.provision(c, engine.Provision{Tenant: autonomics.Tenant(tenant), Governors: []engine.GovernorRequest{g}}, row.Governor(name) != nil)
}

// provision carries out a request and answers with the tenant: 200 if what was
// asked for was there as it is now, or at least its name.
func (s *server) provision(c *call, p engine.Provision, known bool) error {
	p.Principal = principal
	// What the last block had no room for is delivered before another event is
	// taken: when the repetition is answered, all of it is committed.
	results, short := s.submit(c, engine.Event{Provision: &p}, engine.Event{Provision: &p})
	switch {
	case short != nil:
		return short
	case results[0].Err != nil && results[0].Err.Code == engine.UnknownTenant:
		return noTenant(string(p.Tenant))
	case results[0].Err != nil:
		return refused(results[0].Err, "")
	}
	body, _ := s.tenant(p.Tenant)
	status := http.StatusOK
	if !known && !results[0].Unchanged {
		status = http.StatusCreated
		c.w.Header().Set("Location", "/v1/tenants/"+string(p.Tenant))
	}
	return c.json(status, body)
}

// row is what the directory says of a tenant; nil if it does not know it. Rows
// never change.
func (s *server) row(id autonomics.Tenant) (row *directory.Tenant) {
	s.View.Directory(func(d *directory.Directory) { row = d.Tenants[id] })
	return row
}

// tenant puts together what is committed of a tenant.
func (s *server) tenant(id autonomics.Tenant) (tenantBody, bool) {
	row := s.row(id)
	if row == nil {
		return tenantBody{}, false
	}
	first, _ := s.Engine.History.Index.Span(id)
	body := tenantBody{Tenant: id, First: max(first, 1), Fenced: s.Engine.Core.Fenced()[id],
		Entitlements: list(row.Entitlements, func(e directory.Entitlement) directory.Entitlement { return e }),
		Targets:      list(row.Targets, func(t directory.Target) directory.Target { return t }),
		Governors:    []governorBody{},
	}
	if t := s.View.Tenant(id); t != nil {
		body.Head = headBody{t.Seq, t.Head}
		body.Governors = list(t.Governors, func(g kernel.Governor) governorBody { return s.governor(t, &g, row) })
	}
	return body, true
}

func (s *server) governor(t *kernel.Tenant, g *kernel.Governor, row *directory.Tenant) governorBody {
	body := governorBody{
		Name: g.Name, Program: g.Program, Mode: g.Mode, State: g.State.String(), Since: g.Since.String(),
		Causes: []string{}, Parameters: map[string]string{}, Targets: map[string]string{},
		Claims: list(g.Claims, func(x kernel.Claim) claimBody { return claim(g, &x) }),
		Holds:  list(g.Holds, func(x kernel.Hold) holdBody { return holdBody{x.Target, x.Rejected} }),
		Held:   list(g.Held, held),
	}
	if p := g.Prog(); p != nil { // a fenced tenant's may be lost
		body.SKU, body.Profile = p.SKU, p.Profile
		body.Causes = append(body.Causes, t.Causes(g, s.Now())...)
		body.Disarmed = g.Disarmed()
	}
	for _, target := range g.Targets {
		body.Targets[target.Slot] = target.Name
	}
	if asked := row.Governor(g.Name); asked != nil {
		maps.Copy(body.Parameters, asked.Parameters)
	}
	return body
}

func held(h kernel.Held) heldBody {
	body := heldBody{Effect: h.Key, Action: h.Action, Cause: h.Cause, Since: h.Since.String(), Reason: h.Reason}
	if h.Until != 0 {
		body.Until = h.Until.String()
	}
	for _, f := range h.Value {
		body.Value = map[string]string{f.Name: f.Value} // an action writes one field
	}
	return body
}

func claim(g *kernel.Governor, c *kernel.Claim) claimBody {
	body := claimBody{Action: c.Action, Target: c.Target, Stage: c.Stage, With: map[string]string{}}
	with := c.Value
	if p := g.Prog(); with == nil && p != nil {
		for _, a := range p.Actions {
			if a.Name == c.Action {
				with = a.With
			}
		}
	}
	for _, f := range with {
		body.With[f.Name] = f.Value
	}
	if c.Until != 0 {
		body.Until = c.Until.String()
	}
	return body
}

// list maps a list to one that is not nil.
func list[T, U any](in []T, each func(T) U) []U {
	out := make([]U, len(in))
	for i := range in {
		out[i] = each(in[i])
	}
	return out
}

// Pages of lists.
const (
	usualPage = 100
	maxPage   = 1000
)

// page reads the parameters of a list.
func (c *call) page() (after string, limit int, err error) {
	query := c.r.URL.Query()
	text := cmp.Or(query.Get("limit"), strconv.Itoa(usualPage))
	limit, err = strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return "", 0, fail(invalid, "limit=%.40s: want a number from 1 to %d", text, maxPage)
	}
	return query.Get("after"), limit, nil
}
