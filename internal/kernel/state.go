package kernel

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// A Tenant is the folded state of one tenant's chain. Its exported fields are
// its stored form; programs are referred to by digest and bound after loading.
//
// Invariants: (1) Governors are sorted by name, names are unique; (2) at most
// one real operation is in flight on a target; (3) a lane is opened by the
// first claim that is prepared in its place, and exists while any claim does;
// (4) a governor has at most one claim of an action.
type Tenant struct {
	ID           autonomics.Tenant
	Seq          uint64
	Head         autonomics.Hash
	Last         autonomics.Time // of the newest receipt
	System       uint64          // newest _system receipt carried out
	Entitlements []Entitlement   `json:",omitempty"`
	Governors    []Governor      `json:",omitempty"`
	Lanes        []Lane          `json:",omitempty"`

	Grants []autonomics.Time `json:",omitempty"` // when effects that limits count were done last, oldest first
	Told   autonomics.Time   `json:",omitempty"` // that limits hold effects

	checked autonomics.Time // timers due until then have been stepped
}

// An Entitlement is the tenant's right to have some SKUs run.
type Entitlement struct {
	ID    string
	State string
	SKUs  []string
}

// A Governor is a named instance of a program.
type Governor struct {
	Name        string
	Program     autonomics.Hash
	Mode        autonomics.Mode
	State       autonomics.State
	Since       autonomics.Time // of the state
	Born        autonomics.Time // entered boot
	LockUntil   autonomics.Time `json:",omitempty"` // end of the lock; 0 if there is none
	LockRule    string          `json:",omitempty"`
	FailedUntil autonomics.Time `json:",omitempty"` // end of degraded(failed); 0 if there is none
	Removed     bool            `json:",omitempty"`
	Targets     []autonomics.TargetRef
	Signals     []Signal  `json:",omitempty"` // as the program declares them
	Episodes    []Episode `json:",omitempty"`
	Windows     []Window  `json:",omitempty"`
	Runs        []Run     `json:",omitempty"`
	Counts      []Count   `json:",omitempty"`
	Claims      []Claim   `json:",omitempty"`
	Holds       []Hold    `json:",omitempty"`
	Bars        []Bar     `json:",omitempty"`
	Held        []Held    `json:",omitempty"`
	Notices     []Notice  `json:",omitempty"` // sent, not yet answered
	Tries       []Try     `json:",omitempty"`

	Grants  []autonomics.Time `json:",omitempty"` // when effects that limits count were done last, oldest first
	Applied autonomics.Time   `json:",omitempty"` // when an effect was done last

	prog *Program
}

// A Signal is what is known of one signal.
type Signal struct {
	Has     bool // ever had a reading
	Missing bool // an absence is newer than the last reading
	At      autonomics.Time
	Start   autonomics.Time
	Value   autonomics.Decimal
	From    string   // source of the value
	Sources []Source `json:",omitempty"`
}

// A Source is the last that one source said of a signal.
type Source struct {
	Name      string
	ID        string
	At, Start autonomics.Time
}

// An Episode is what is known of one declared episode.
type Episode struct {
	Keys []EpisodeKey `json:",omitempty"`
}

// An EpisodeKey is the newest start of one key.
type EpisodeKey struct {
	Key          string
	Start, Heard autonomics.Time
	Open         bool
}

// A Count keeps when an action was last done, oldest first.
type Count struct {
	Times []autonomics.Time `json:",omitempty"`
}

// A Place is one field of one target, which claims compete for.
type Place struct {
	Target string
	Uses   string // the catalog's action, which names the field
	Owner  string `json:",omitempty"` // governor/action of a virtual claim, which competes with none
}

// A Claim is what the governor wants of a target.
type Claim struct {
	Place
	Action   string
	Rule     string // that granted it
	Stage    ClaimStage
	Op       autonomics.Op     `json:",omitempty"` // in flight
	Key      string            `json:",omitempty"` // of the operation in flight
	Since    autonomics.Time   // requested
	Value    autonomics.Fields `json:",omitempty"` // absolute; nil until it was prepared
	Until    autonomics.Time   `json:",omitempty"` // end of the term, from done
	Max      autonomics.Time   `json:",omitempty"` // end of all terms
	Step     int               `json:",omitempty"` // release steps done
	NextStep autonomics.Time   `json:",omitempty"` // no step of the release before this
	To       autonomics.Fields `json:",omitempty"` // value of the step in flight

	Waits     autonomics.Hold   `json:",omitempty"` // for what it waits, or has waited
	WaitUntil autonomics.Time   `json:",omitempty"` // end of the wait
	Approved  autonomics.Fields `json:",omitempty"` // the value that a person has approved
}

// Virtual reports whether the claim is of observe mode: nothing is written.
func (c *Claim) Virtual() bool { return c.Owner != "" }

// wanted reports whether the claim is neither released nor ended.
func (c *Claim) wanted() bool { return c.Stage != Releasing && c.Stage != ended }

// A ClaimStage is how far a claim has come.
type ClaimStage string

const (
	Requested ClaimStage = "requested" // nothing committed about the target yet
	Prepared  ClaimStage = "prepared"  // baseline committed, apply under way
	Active    ClaimStage = "active"
	Releasing ClaimStage = "releasing"

	ended ClaimStage = "" // until tidy removes it, within the same step
)

// A Lane is a place in which a baseline was observed.
type Lane struct {
	Place
	Baseline autonomics.Fields // what was observed before anything was written
	Written  autonomics.Fields // the one field, as we last know that the target has it
}

// restored is what an undo writes.
func (l *Lane) restored() autonomics.Fields {
	v, _ := l.Baseline.Get(l.Written[0].Name)
	return autonomics.Fields{{Name: l.Written[0].Name, Value: v}}
}

// A Hold keeps a rejected version from coming back.
type Hold struct {
	Action   string
	Target   string
	Uses     string
	Rule     string
	Key      string // of the effect that made it
	Virtual  bool   `json:",omitempty"`
	Rejected string
	Value    autonomics.Fields
	Since    autonomics.Time
	Again    bool   `json:",omitempty"` // was put back once, and is written once more
	OpKey    string `json:",omitempty"` // of the second write, while in flight
}

// A Bar keeps an action from being requested until its rule was false once.
type Bar struct{ Action, Rule string }

// A Held effect waits at the gate.
type Held struct {
	Key    string
	Action string
	Cause  autonomics.Hold
	Since  autonomics.Time
	Reason autonomics.Reason `json:",omitempty"` // which limit
	Until  autonomics.Time   `json:",omitempty"` // when it is tried again, or given up
	Value  autonomics.Fields `json:",omitempty"` // what approval is asked for
}

// A Notice is one that has to be told.
type Notice struct{ Key, Action, Text string }

// Find returns the index of the named governor, and whether it is there.
func (t *Tenant) Find(name string) (int, bool) {
	i := sort.Search(len(t.Governors), func(i int) bool { return t.Governors[i].Name >= name })
	return i, i < len(t.Governors) && t.Governors[i].Name == name
}

// Governor returns the named governor, or nil.
func (t *Tenant) Governor(name string) *Governor {
	if i, ok := t.Find(name); ok {
		return &t.Governors[i]
	}
	return nil
}

// Prog returns the governor's program.
func (g *Governor) Prog() *Program { return g.prog }

// Bind gives every governor its program after the state was loaded. It reports
// the digest that program does not know.
func (t *Tenant) Bind(program func(autonomics.Hash) *Program) (missing autonomics.Hash, ok bool) {
	for i := range t.Governors {
		g := &t.Governors[i]
		if g.prog = program(g.Program); g.prog == nil {
			return g.Program, false
		}
	}
	return autonomics.Hash{}, true
}

// Clone returns a copy that shares nothing mutable with t.
func (t *Tenant) Clone() *Tenant {
	c := *t
	c.Entitlements = slices.Clone(t.Entitlements)
	c.Lanes = slices.Clone(t.Lanes)
	c.Governors = slices.Clone(t.Governors)
	for i := range c.Governors {
		c.Governors[i].detach()
	}
	return &c
}

func (g *Governor) detach() {
	g.Signals = slices.Clone(g.Signals)
	for i := range g.Signals {
		g.Signals[i].Sources = slices.Clone(g.Signals[i].Sources)
	}
	g.Episodes = slices.Clone(g.Episodes)
	for i := range g.Episodes {
		g.Episodes[i].Keys = slices.Clone(g.Episodes[i].Keys)
	}
	g.Windows = slices.Clone(g.Windows)
	g.Runs = slices.Clone(g.Runs)
	for i := range g.Runs {
		g.Runs[i].Times = slices.Clone(g.Runs[i].Times)
	}
	g.Counts = slices.Clone(g.Counts)
	for i := range g.Counts {
		g.Counts[i].Times = slices.Clone(g.Counts[i].Times)
	}
	g.Claims = slices.Clone(g.Claims)
	g.Holds = slices.Clone(g.Holds)
	g.Bars = slices.Clone(g.Bars)
	g.Held = slices.Clone(g.Held)
	g.Notices = slices.Clone(g.Notices)
	g.Tries = slices.Clone(g.Tries)
}

// Entitled reports whether an active entitlement covers the SKU.
func (t *Tenant) Entitled(sku string) bool {
	for _, e := range t.Entitlements {
		if e.State == "active" && slices.Contains(e.SKUs, sku) {
			return true
		}
	}
	return false
}

// Causes says why the governor is degraded or refusing, sorted.
func (t *Tenant) Causes(g *Governor, now autonomics.Time) []string {
	var causes []string
	switch g.State {
	case autonomics.Degraded:
		if g.blind(now) {
			causes = append(causes, "blind")
		}
		if g.FailedUntil != 0 {
			causes = append(causes, "failed")
		}
	case autonomics.Refusing:
		if !t.Entitled(g.prog.SKU) {
			causes = append(causes, "entitlement")
		}
		if g.LockUntil != 0 {
			causes = append(causes, "lock")
		}
		if g.Removed {
			causes = append(causes, "removed")
		}
	}
	return causes
}

// adopt gives g the program p and carries over what both programs have:
// signals, episodes, windows, runs and counts by what they are.
func (g *Governor) adopt(p *Program) {
	old := *g
	g.prog, g.Program = p, p.Digest
	g.Signals = make([]Signal, len(p.Signals))
	g.Episodes = make([]Episode, len(p.Episodes))
	g.Windows = make([]Window, len(p.Windows))
	g.Runs = make([]Run, len(p.Runs))
	g.Counts = make([]Count, len(p.Counts))
	if old.prog == nil {
		return
	}
	for i, d := range p.Signals {
		if j := old.prog.signal(d.Name); j >= 0 && old.prog.Signals[j].Unit == d.Unit {
			g.Signals[i] = old.Signals[j]
		}
	}
	for i, d := range p.Episodes {
		if j := old.prog.episode(d.Name); j >= 0 {
			g.Episodes[i] = old.Episodes[j]
		}
	}
	for i, d := range p.Windows {
		for j, e := range old.prog.Windows {
			if d.Measure == e.Measure && d.Width == e.Width && p.Signals[d.Signal] == old.prog.Signals[e.Signal] {
				g.Windows[i] = old.Windows[j]
			}
		}
	}
	for i, d := range p.Runs {
		for j, e := range old.prog.Runs {
			if d.Samples == e.Samples && d.Within == e.Within && d.For == e.For &&
				p.text(d.Node) == old.prog.text(e.Node) {
				g.Runs[i] = old.Runs[j]
			}
		}
	}
	for i, d := range p.Counts {
		for j, e := range old.prog.Counts {
			if d.Window == e.Window && d.N == e.N && p.Actions[d.Action].Name == old.prog.Actions[e.Action].Name {
				g.Counts[i] = old.Counts[j]
			}
		}
	}
}

// Unit returns the unit of a signal that the program declares.
func (p *Program) Unit(signal string) (string, bool) {
	if i := p.signal(signal); i >= 0 {
		return p.Signals[i].Unit, true
	}
	return "", false
}

// Declares reports whether the program has a use for the signal.
func (p *Program) Declares(s *autonomics.Signal) bool {
	if s.Episode != "" {
		return p.episode(s.Episode) >= 0
	}
	return slices.ContainsFunc(s.Readings, func(r autonomics.Reading) bool { return p.signal(r.Signal) >= 0 })
}

func (p *Program) signal(name string) int {
	return slices.IndexFunc(p.Signals, func(d SignalDecl) bool { return d.Name == name })
}

func (p *Program) episode(name string) int {
	return slices.IndexFunc(p.Episodes, func(d EpisodeDecl) bool { return d.Name == name })
}

func (p *Program) action(name string) *Action {
	for i := range p.Actions {
		if p.Actions[i].Name == name {
			return &p.Actions[i]
		}
	}
	return nil
}

func (p *Program) rule(id string) int {
	return slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == id })
}

// text writes a condition in a form that two programs share if and only if
// they mean the same by it.
func (p *Program) text(node int) string {
	n := p.Nodes[node]
	if n.Kind == All || n.Kind == Any || n.Kind == Not {
		kids := make([]string, len(n.Kids))
		for i, k := range n.Kids {
			kids[i] = p.text(k)
		}
		return [...]string{All: "all", Any: "any", Not: "not"}[n.Kind] + "(" + strings.Join(kids, ",") + ")"
	}
	l := p.leaf(node)
	return fmt.Sprint(l, n.Per, n.OrMissing)
}
