package engine

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/entitle"
	"github.com/autonomics-dev/autonomics/internal/intake"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/prove"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A ruling is what the engine says to a command before anything is recorded;
// the command itself becomes what goes into the chain.
type ruling struct {
	verdict autonomics.Verdict
	reason  autonomics.Reason
	before  []autonomics.Command // recorded first: programs
}

// command decides about an operator's command, records it, and delivers it.
func (c *Core) command(now autonomics.Time, in *autonomics.Command) Result {
	decide, ok := commands[in.Command]
	if !ok {
		return Result{Err: wrong(Invalid, "/command", "unknown command %q; there are: %v", in.Command, sorted(commands))}
	}
	if len(in.Reason) > maxReason {
		return Result{Err: wrong(Invalid, "/reason", "%d bytes: at most %d", len(in.Reason), maxReason)}
	}
	if err := c.scope(in); err != nil {
		return Result{Err: err}
	}
	cmd := *in
	cmd.Args = maps.Clone(in.Args)
	r, err := decide(c, now, &cmd)
	if err != nil {
		return Result{Err: err}
	}
	for _, b := range r.before {
		c.record(now, autonomics.Event{Command: &b}, autonomics.Accepted, "")
	}
	line, fault := c.draft(now, autonomics.Event{Command: &cmd}, r.verdict, r.reason).Seal()
	if fault != nil || len(line) > autonomics.MaxReceipt-roomForMore {
		return Result{Err: wrong(Invalid, "", "the command is too large for the receipts of those it concerns: %d bytes", len(line))}
	}
	receipt := c.record(now, autonomics.Event{Command: &cmd}, r.verdict, r.reason)
	if first := c.flush(now); first != nil && cmd.Scope.Tenant != "" {
		receipt = first
	}
	return Result{Receipts: []*autonomics.Receipt{receipt}}
}

// maxReason bounds the words of an operator: the receipts of the governors
// concerned hold them too, beside what follows from the command.
const maxReason = 1024

// roomForMore is what the receipt of a governor may have beside the command
// that it carries out: its effects, its rule, its hashes.
const roomForMore = 8192

// scope checks that what the command names is there.
func (c *Core) scope(cmd *autonomics.Command) *Error {
	s := cmd.Scope
	t := c.dir.Tenants[s.Tenant]
	switch {
	case s.Tenant != "" && t == nil:
		return wrong(UnknownTenant, "/scope/tenant", "tenant %q does not exist or is not yours", s.Tenant)
	case s.Governor != "" && s.Tenant == "":
		return wrong(Invalid, "/scope", "a governor is named by its tenant and its name: add \"tenant\"")
	case s.Governor != "" && t.Governor(s.Governor) == nil:
		return wrong(UnknownGovernor, "/scope/governor", "tenant %s has no governor %q", s.Tenant, s.Governor)
	case s.SKU != "" && c.SKU(s.SKU) == nil:
		return wrong(UnknownSKU, "/scope/sku", "there is no SKU %q", s.SKU)
	}
	return nil
}

// commands are all that an operator can order, each with what it checks.
var commands = map[string]func(*Core, autonomics.Time, *autonomics.Command) (ruling, *Error){
	"mode": decideMode, "reset": decidePlain, "release": decideRelease, "remove": decideRemove,
	"stop": decideStop, "resume": decideResume, "entitle": decideEntitle, "target": decideTarget,
	"approve": decideAnswer, "reject": decideAnswer,
	"bind": decideBind, "unbind": decideUnbind, "parameters": decideParameters, "profile": decideProfile,
	"verdict": decideVerdict,
}

var accepted = ruling{verdict: autonomics.Accepted}

func refused(why autonomics.Reason) (ruling, *Error) {
	return ruling{verdict: autonomics.Refused, reason: why}, nil
}

func decidePlain(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	return accepted, members(cmd)
}

func decideRemove(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if cmd.Scope.Tenant == "" {
		return ruling{}, wrong(Invalid, "/scope", "whose governors are to be removed? name the tenant")
	}
	return accepted, members(cmd)
}

func decideMode(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "mode"); err != nil {
		return ruling{}, err
	}
	if mode := autonomics.Mode(kernel.Arg(cmd, "mode")); !mode.Valid() {
		return ruling{}, wrong(Invalid, "/mode", "mode %s: want \"observe\", \"approve\" or \"enforce\"", cmp.Or(cmd.Args["mode"], "is missing"))
	}
	return accepted, nil
}

func decideRelease(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "action"); err != nil {
		return ruling{}, err
	}
	if !autonomics.ValidName(kernel.Arg(cmd, "action")) {
		return ruling{}, wrong(Invalid, "/action", "which action's claim is to be released?")
	}
	return accepted, nil
}

// decideVerdict takes what an operator thinks of a governor's decision.
func decideVerdict(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "receipt", "verdict"); err != nil {
		return ruling{}, err
	}
	seq, err := strconv.ParseUint(cmd.Args["receipt"], 10, 53)
	verdict := kernel.Arg(cmd, "verdict")
	switch {
	case cmd.Scope.Governor == "":
		return ruling{}, wrong(Invalid, "/scope", "name the tenant and the governor that decided")
	case err != nil || seq == 0:
		return ruling{}, wrong(Invalid, "/receipt", "which decision? Name its receipt, for example \"receipt\":42")
	case verdict != "good" && verdict != "bad":
		return ruling{}, wrong(Invalid, "/verdict", "verdict %q: want \"good\" or \"bad\"", verdict)
	case seq > c.slot(cmd.Scope.Tenant).live.Seq:
		return refused(autonomics.ReasonNotFound)
	}
	return accepted, nil
}

// decideAnswer finds the governor whose effect waits for a person's answer.
func decideAnswer(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "effect"); err != nil {
		return ruling{}, err
	}
	key := kernel.Arg(cmd, "effect")
	switch {
	case key == "":
		return ruling{}, wrong(Invalid, "/effect", "which effect? Name the key that the notice and the governor's held effects have")
	case cmd.Scope.Tenant == "":
		return ruling{}, wrong(Invalid, "/scope", "an effect belongs to a tenant: name it")
	}
	if s := c.slot(cmd.Scope.Tenant); s != nil {
		for i := range s.live.Governors {
			g := &s.live.Governors[i]
			if directory.Within(cmd.Scope, s.id, g.Name, g.Prog().SKU) && g.Asks(key) {
				cmd.Scope.Governor = g.Name
				return accepted, nil
			}
		}
	}
	return refused(autonomics.ReasonNotFound)
}

// longestStop bounds a stop: one that nobody remembers must end by itself.
const longestStop = 30 * autonomics.Day

func decideStop(c *Core, now autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "for", "claims"); err != nil {
		return ruling{}, err
	}
	d, err := autonomics.ParseDuration(kernel.Arg(cmd, "for"))
	if err != nil || d > longestStop {
		return ruling{}, wrong(Invalid, "/for", "a stop needs an end, for example \"for\":\"30m\", at most %v", longestStop)
	}
	claims := cmp.Or(kernel.Arg(cmd, "claims"), directory.Keep)
	if claims != directory.Keep && claims != directory.Release {
		return ruling{}, wrong(Invalid, "/claims", "claims %q: want \"keep\" or \"release\"", claims)
	}
	until := max(now, c.dir.Last).Add(d)
	for _, s := range c.dir.Stops {
		if s.Scope == cmd.Scope && s.Until > until {
			return ruling{}, wrong(Conflict, "/for", "a stop of this scope by %s holds until %v, longer than this one: resume it first", s.By, s.Until)
		}
	}
	cmd.Args["claims"] = raw(claims)
	cmd.Args["until"] = raw(until.String())
	return accepted, nil
}

func decideResume(c *Core, now autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd); err != nil {
		return ruling{}, err
	}
	if !slices.ContainsFunc(c.dir.Stops, func(s directory.Stop) bool { return s.Scope == cmd.Scope && now < s.Until }) && !c.early(cmd.Scope) {
		return refused(autonomics.ReasonNotFound)
	}
	return accepted, nil
}

func decideEntitle(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "entitlement", "event", "skus"); err != nil {
		return ruling{}, err
	}
	id, event := cmp.Or(kernel.Arg(cmd, "entitlement"), "operator"), entitle.Event(kernel.Arg(cmd, "event"))
	t := c.dir.Tenants[cmd.Scope.Tenant]
	switch {
	case t == nil:
		return ruling{}, wrong(Invalid, "/scope", "an entitlement belongs to a tenant: name it")
	case len(id) > autonomics.MaxID:
		return ruling{}, wrong(Invalid, "/entitlement", "an id has at most %d bytes", autonomics.MaxID)
	case cmd.Scope.Governor != "" || cmd.Scope.SKU != "":
		return ruling{}, wrong(Invalid, "/scope", "an entitlement belongs to the whole tenant")
	case !slices.Contains(entitle.Events(), event):
		return ruling{}, wrong(Invalid, "/event", "event %q: want one of %v", event, entitle.Events())
	}
	row := directory.Entitlement{ID: id}
	if old := t.Entitlement(id); old != nil {
		row = *old
	}
	if cmd.Args["skus"] != "" {
		var skus []string
		if directory.Args(cmd, "skus", &skus) != nil || len(skus) == 0 {
			return ruling{}, wrong(Invalid, "/skus", "want a list of SKUs")
		}
		for _, sku := range skus {
			if c.SKU(sku) == nil {
				return ruling{}, wrong(UnknownSKU, "/skus", "there is no SKU %q", sku)
			}
		}
		slices.Sort(skus)
		row.SKUs = slices.Compact(skus)
	}
	if len(row.SKUs) == 0 {
		return ruling{}, wrong(Invalid, "/skus", "which SKUs does the entitlement %q cover?", id)
	}
	next, ok := entitle.Next(entitle.State(row.State), event)
	if !ok {
		return refused(autonomics.ReasonConflict)
	}
	if next == entitle.State(row.State) && cmd.Args["skus"] == "" {
		return ruling{verdict: autonomics.Ignored, reason: autonomics.ReasonUnchanged}, nil
	}
	cmd.Args["entitlement"], cmd.Args["state"], cmd.Args["skus"] = raw(id), raw(next), raw(row.SKUs)
	return accepted, nil
}

func decideTarget(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "target"); err != nil {
		return ruling{}, err
	}
	t := c.dir.Tenants[cmd.Scope.Tenant]
	if t == nil {
		return ruling{}, wrong(Invalid, "/scope", "a target belongs to a tenant: name it")
	}
	var ref autonomics.TargetRef
	var target directory.Target
	if len(t.Targets) >= maxTargets {
		return ruling{}, wrong(Invalid, "/target", "tenant %s has %d targets, which is the most", t.ID, maxTargets)
	}
	if err := directory.Args(cmd, "target", &target); err != nil {
		return ruling{}, wrong(Invalid, "/target", "want {\"name\",\"kind\",\"ref\"}: %v", err)
	}
	ref.Name, ref.Kind, ref.Ref = target.Name, target.Kind, target.Ref
	if err := c.target("/target", ref); err != nil {
		return ruling{}, err
	}
	if raw(target) != cmd.Args["target"] {
		return ruling{}, wrong(Invalid, "/target", "want {\"name\",\"kind\",\"ref\"} and no other member")
	}
	if old := t.Target(target.Name); old != nil && *old != target {
		return refused(autonomics.ReasonConflict)
	} else if old != nil {
		return ruling{verdict: autonomics.Ignored, reason: autonomics.ReasonUnchanged}, nil
	}
	cmd.Args["target"] = raw(target)
	return accepted, nil
}

func decideBind(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "binding"); err != nil {
		return ruling{}, err
	}
	b, err := intake.ParseBinding([]byte(cmd.Args["binding"]))
	if err != nil {
		return ruling{}, wrong(Invalid, "/binding", "%v", err)
	}
	for _, row := range b.Select {
		t := c.dir.Tenants[row.Tenant]
		if t == nil {
			return ruling{}, wrong(UnknownTenant, "/binding/select", "tenant %q does not exist or is not yours", row.Tenant)
		}
		if row.Governor != "" && t.Governor(row.Governor) == nil {
			return ruling{}, wrong(UnknownGovernor, "/binding/select", "tenant %s has no governor %q", row.Tenant, row.Governor)
		}
	}
	cmd.Args["binding"] = raw(b)
	return accepted, nil
}

func decideUnbind(c *Core, _ autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "name"); err != nil {
		return ruling{}, err
	}
	if _, ok := c.dir.Bindings[kernel.Arg(cmd, "name")]; !ok {
		return refused(autonomics.ReasonNotFound)
	}
	return accepted, nil
}

func decideParameters(c *Core, now autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	var values map[string]string
	if err := members(cmd, "parameters"); err != nil {
		return ruling{}, err
	}
	if err := directory.Args(cmd, "parameters", &values); err != nil {
		return ruling{}, wrong(Invalid, "/parameters", "want an object of decimal strings: %v", err)
	}
	return c.recompile(cmd, func(g *directory.Governor) { g.Parameters = values })
}

func decideProfile(c *Core, now autonomics.Time, cmd *autonomics.Command) (ruling, *Error) {
	if err := members(cmd, "profile"); err != nil {
		return ruling{}, err
	}
	return c.recompile(cmd, func(g *directory.Governor) { g.Profile = kernel.Arg(cmd, "profile") })
}

// recompile gives one governor a program with other values.
func (c *Core) recompile(cmd *autonomics.Command, edit func(*directory.Governor)) (ruling, *Error) {
	if cmd.Scope.Governor == "" {
		return ruling{}, wrong(Invalid, "/scope", "name the tenant and the governor whose program is to change")
	}
	row := *c.dir.Tenants[cmd.Scope.Tenant].Governor(cmd.Scope.Governor)
	old := row.Program
	edit(&row)
	p, err := c.compile(&row, "")
	if err != nil {
		return ruling{}, err
	}
	if row.Program == old {
		return ruling{verdict: autonomics.Ignored, reason: autonomics.ReasonUnchanged}, nil
	}
	cmd.Args["governor"] = raw(row)
	return ruling{verdict: autonomics.Accepted, before: c.unrecorded(cmd.Principal, p)}, nil
}

// compile makes the program of a governor and notes its digest in the row.
func (c *Core) compile(g *directory.Governor, where string) (*kernel.Program, *Error) {
	doc := c.SKU(g.SKU)
	if doc == nil {
		return nil, wrong(UnknownSKU, where+"/sku", "there is no SKU %q", g.SKU)
	}
	p, complaints := spec.Compile(doc, g.Profile, g.Parameters)
	if len(complaints) > 0 {
		x := complaints[0]
		if parameter, ok := strings.CutPrefix(x.Path, "$.parameters."); ok {
			where += "/parameters/" + parameter
		} else if x.Path == "$.profiles" {
			where += "/profile"
		}
		return nil, wrong(Invalid, where, "governor %s: SKU %s: %s: %s; %s", g.Name, g.SKU, x.Path, x.Problem, x.Mend)
	}
	if known := c.programs[p.Digest]; known != nil {
		p = known // shared by all governors that run it
	} else if complaints := prove.Check(p, doc); len(complaints) > 0 {
		x := complaints[0]
		return nil, wrong(Invalid, where, "governor %s: SKU %s with these values: %s: %s; %s (%s)", g.Name, g.SKU, x.Path, x.Problem, x.Mend, x.Trace)
	}
	c.programs[p.Digest] = p
	g.Program = p.Digest.String()
	return p, nil
}

// unrecorded is the command that records a program, unless that was done.
func (c *Core) unrecorded(principal string, p *kernel.Program) []autonomics.Command {
	if _, ok := c.dir.Programs[p.Digest]; ok {
		return nil
	}
	return []autonomics.Command{{Principal: principal, Command: "program", Args: map[string]string{
		"name": raw(p.Digest.String()), "program": string(p.Source)}}}
}

// texts are the members that are strings.
var texts = []string{"action", "claims", "effect", "entitlement", "event", "for", "mode", "name", "profile", "verdict"}

// members refuses members that the command does not have, or of another type.
func members(cmd *autonomics.Command, names ...string) *Error {
	for _, name := range sorted(cmd.Args) {
		if !slices.Contains(names, name) {
			return wrong(Invalid, "/"+name, "command %s has no member %q; it has %v", cmd.Command, name, names)
		}
		canonical, err := autonomics.Canonical([]byte(cmd.Args[name]))
		switch {
		case err != nil:
			return wrong(Invalid, "/"+name, "%v", err)
		case slices.Contains(texts, name) && canonical[0] != '"':
			return wrong(Invalid, "/"+name, "want a string")
		}
		cmd.Args[name] = string(canonical)
	}
	return nil
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
