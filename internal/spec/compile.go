package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// Compile resolves doc with one of its profiles and with an operator's values
// for some parameters. The program is nil if there is a complaint.
func Compile(doc *Document, profile string, overrides map[string]string) (*kernel.Program, []Complaint) {
	c := compiler{
		Complaints: strict.Complaints{File: doc.file},
		doc:        *doc,
		p:          &kernel.Program{SKU: doc.SKU, Version: doc.Version, Class: class(doc.Class), Profile: profile},
		used:       map[string]bool{},
		nodes:      map[string]int{},
	}
	c.sizes()
	c.resolve(profile, overrides)
	c.signals()
	c.slots()
	c.actions()
	c.rules()
	c.unused()
	c.shadowed()
	c.source()
	if c.List != nil {
		return nil, c.List
	}
	return c.p, nil
}

// Load rebuilds the program whose Source was recorded.
func Load(source []byte) (*kernel.Program, error) {
	doc, complaints := Parse("program", source)
	var p *kernel.Program
	if complaints == nil {
		for _, profile := range sorted(doc.Profiles) {
			p, complaints = Compile(doc, profile, nil)
		}
	}
	switch {
	case complaints != nil:
		return nil, fmt.Errorf("load program: %v", complaints[0])
	case p == nil || !bytes.Equal(p.Source, source):
		return nil, errors.New("load program: not the canonical form of a spec with one profile and no scenarios")
	}
	return p, nil
}

func class(name string) kernel.Class {
	return kernel.Safety + kernel.Class(slices.Index([]string{"safety", "cost", "throughput"}, name))
}

// A compiler lowers a document part by part, in the order of Compile. Each part
// complains about what does not fit and goes on, so that all is found at once.
type compiler struct {
	strict.Complaints
	doc    Document
	p      *kernel.Program
	values map[string]autonomics.Decimal // of the parameters
	used   map[string]bool               // parameters
	nodes  map[string]int                // by all that they say
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (c *compiler) sizes() {
	c.AtMost("$.signals", "signals", len(c.doc.Signals), maxSignals)
	c.AtMost("$.episodes", "episodes", len(c.doc.Episodes), maxEpisodes)
	c.AtMost("$.parameters", "parameters", len(c.doc.Parameters), maxParameters)
	c.AtMost("$.profiles", "profiles", len(c.doc.Profiles), maxProfiles)
	c.AtMost("$.targets", "targets", len(c.doc.Targets), maxTargets)
	c.AtMost("$.rules", "rules", len(c.doc.Rules), maxRules)
	c.AtMost("$.actions", "actions", len(c.doc.Actions), maxActions)
	c.AtMost("$.scenarios", "scenarios", len(c.doc.Scenarios), maxScenarios)
	if len(c.doc.Profiles) == 0 {
		c.Add("$.profiles", "there is no profile", `write one, for example "standard"`)
	}
	if len(c.doc.Rules) == 0 {
		c.Add("$.rules", "there is no rule", "write one")
	}
}

// resolve gives every parameter its value, and writes the values and the
// default limits into the document, which thereby says all that the program
// does.
func (c *compiler) resolve(profile string, overrides map[string]string) {
	for _, name := range sorted(c.doc.Profiles) {
		path, values := strict.Join("$.profiles", name), c.doc.Profiles[name]
		for _, parameter := range sorted(c.doc.Parameters) {
			if _, ok := values[parameter]; !ok {
				c.Add(path, fmt.Sprintf("parameter %q has no value", parameter), "set it")
			}
		}
		for _, parameter := range sorted(values) {
			c.Find(strict.Join(path, parameter), "parameter", parameter, sorted(c.doc.Parameters))
		}
	}
	values, ok := c.doc.Profiles[profile]
	if !ok && len(c.doc.Profiles) > 0 {
		c.Add("$.profiles", fmt.Sprintf("there is no profile %q", profile),
			"use one of: "+strings.Join(sorted(c.doc.Profiles), ", "))
	}
	c.values = map[string]autonomics.Decimal{}
	for name, text := range values {
		c.values[name], _ = autonomics.ParseDecimal(text)
	}
	for _, name := range sorted(overrides) {
		path := strict.Join("$.parameters", name)
		value, err := autonomics.ParseDecimal(overrides[name])
		if c.Find(path, "parameter", name, sorted(c.doc.Parameters)) >= 0 && err != nil {
			c.Add(path, fmt.Sprintf("its new value %.100q does not fit", overrides[name]), strict.FormOf("decimal").Mend)
		}
		c.values[name] = value
	}
	resolved := map[string]string{}
	for name, value := range c.values {
		resolved[name] = value.String()
	}
	c.doc.Profiles = map[string]map[string]string{profile: resolved}
	c.limits()
}

func (c *compiler) limits() {
	limits := Limits{
		Effects:  &EffectLimit{AtMost: defaultEffects, Within: defaultWithin.String()},
		Cooldown: defaultCooldown.String(),
	}
	if l := c.doc.Limits; l != nil && l.Effects != nil {
		limits.Effects = l.Effects
		c.AtMost("$.limits.effects.at_most", "effects", l.Effects.AtMost, maxEffects)
	}
	if l := c.doc.Limits; l != nil && l.Cooldown != "" {
		limits.Cooldown = l.Cooldown
	}
	c.doc.Limits = &limits
	c.p.Limit = kernel.Limit{AtMost: limits.Effects.AtMost, Within: span(limits.Effects.Within)}
	c.p.Cooldown = span(limits.Cooldown)
	c.pace("$.limits.cooldown", limits.Cooldown)
}

// pace complains about a time that would make receipts and writes pour.
func (c *compiler) pace(path, text string) {
	if text != "" && span(text) < minPace {
		c.Add(path, fmt.Sprintf("%s is too short a time", text), fmt.Sprintf("write %s or more", minPace))
	}
}

func (c *compiler) signals() {
	for _, name := range sorted(c.doc.Episodes) {
		e := c.doc.Episodes[name]
		c.AtMost(strict.Join("$.episodes", name)+".keys", "keys", e.Keys, maxKeys)
		c.p.Episodes = append(c.p.Episodes,
			kernel.EpisodeDecl{Name: name, StaleAfter: span(e.StaleAfter), Keys: e.Keys})
	}
	for _, name := range sorted(c.doc.Signals) {
		s := c.doc.Signals[name]
		d := kernel.SignalDecl{Name: name, Unit: s.Unit, StaleAfter: span(s.StaleAfter), Required: s.Required.Always,
			While: -1, Resets: s.Resets}
		if episode := s.Required.While.Episode; episode != "" {
			d.Required = true
			d.While = c.Find(strict.Join("$.signals", name)+".required.while.episode", "episode", episode, sorted(c.doc.Episodes))
		}
		if d.Required {
			c.p.BootTimeout = max(c.p.BootTimeout, d.StaleAfter)
		}
		c.p.Signals = append(c.p.Signals, d)
	}
}

func (c *compiler) slots() {
	for _, name := range sorted(c.doc.Targets) {
		path := strict.Join("$.targets", name)
		used := false
		for _, a := range c.doc.Actions {
			used = used || a.On == name
		}
		if !used {
			c.Add(path, "no action uses this slot", "leave it out, or let an action use it")
		}
		c.p.Slots = append(c.p.Slots, kernel.Slot{Name: name, Kind: c.doc.Targets[name].Kind})
	}
}

// parameter looks up what a text like $limit names.
func (c *compiler) parameter(path, text string) (name string, ok bool) {
	name, ok = strings.CutPrefix(text, "$")
	return name, ok && c.Find(path, "parameter", name, sorted(c.doc.Parameters)) >= 0
}

// threshold is the value of a literal or a parameter in the given unit.
func (c *compiler) threshold(path, text, unit string) autonomics.Decimal {
	if !strings.HasPrefix(text, "$") {
		v, _ := autonomics.ParseDecimal(text)
		return v
	}
	name, ok := c.parameter(path, text)
	if have := c.doc.Parameters[name].Unit; ok && have != unit {
		c.Add(path, fmt.Sprintf("parameter %q is in %q, what it is used for in %q", name, have, unit),
			"give the parameter that unit, or use another one")
	}
	return c.values[name]
}

// use notes that parameters are named, even where what names them is wrong.
func (c *compiler) use(texts ...string) {
	for _, text := range texts {
		if name, ok := strings.CutPrefix(text, "$"); ok {
			c.used[name] = true
		}
	}
}

func (c *compiler) unused() {
	for _, name := range sorted(c.doc.Parameters) {
		if !c.used[name] {
			c.Add(strict.Join("$.parameters", name), "nothing uses this parameter", "leave it out, or use it as $"+name)
		}
	}
}

// source writes the program down as the document that it now is.
func (c *compiler) source() {
	if c.List != nil {
		return
	}
	c.doc.Scenarios = nil
	src, err := json.Marshal(c.doc)
	if err == nil {
		c.p.Source, err = autonomics.Canonical(src)
	}
	if err != nil {
		panic("unreachable: a checked document has texts and small numbers only: " + err.Error())
	}
	if n := len(c.p.Source); n > maxProgram {
		c.Add("$", fmt.Sprintf("the program has %d bytes in canonical form, without scenarios", n),
			fmt.Sprintf("keep it within %d", maxProgram))
	}
	c.p.Digest = sha256.Sum256(c.p.Source)
}
