package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

func (c *compiler) actions() {
	for _, name := range sorted(c.doc.Actions) {
		path, a := strict.Join("$.actions", name), c.doc.Actions[name]
		if name == kernel.Escalate || name == kernel.Ask {
			c.Add(path, name+" is a notice that every governor has", "choose another name")
		}
		k := kernel.Action{Name: name, Uses: a.Uses, Slot: -1, Keep: a.After == "keep",
			Term: span(a.Term), MaxTerm: span(a.MaxTerm)}
		info, ok := catalog.Lookup(a.Uses)
		if ok {
			k.Notice = info.Class == catalog.Notice
			k.With = c.with(path+".with", a, info)
		} else {
			c.Add(path+".uses", fmt.Sprintf("there is no action %q in the catalog", a.Uses), "use one of: "+allUses())
		}
		switch {
		case !ok:
		case !k.Notice:
			k.Slot = c.on(path+".on", a, info)
			c.terms(path, a)
			k.Steps, k.Every = c.release(path+".release", a, info)
			k.Helps = c.helps(path+".helps", a.Helps)
		case a.On+a.Term+a.MaxTerm+a.After != "" || a.Release != nil || a.Helps != nil:
			c.Add(path, "a notice changes no target", "leave out on, term, max_term, after, release and helps")
		}
		c.p.Actions = append(c.p.Actions, k)
	}
}

func allUses() string {
	var names []string
	for _, a := range catalog.All() {
		names = append(names, a.Uses)
	}
	return strings.Join(names, ", ")
}

// with resolves what an action is asked; the catalog judges it.
func (c *compiler) with(path string, a Action, info catalog.Action) autonomics.Fields {
	var with autonomics.Fields
	for _, name := range sorted(a.With) {
		value := a.With[name]
		c.use(value)
		i := slices.IndexFunc(info.Params, func(p catalog.Param) bool { return p.Name == name })
		if i >= 0 && info.Params[i].Unit != "" && strings.HasPrefix(value, "$") {
			value = c.threshold(strict.Join(path, name), value, info.Params[i].Unit).String()
		}
		with = append(with, autonomics.Field{Name: name, Value: value})
	}
	if err := catalog.CheckWith(a.Uses, with); err != nil {
		c.Add(path, err.Error(), "change it to that")
	}
	return with
}

func (c *compiler) on(path string, a Action, info catalog.Action) int {
	if a.On == "" {
		c.Add(path, "the member is missing", "name the slot whose target the action changes")
		return -1
	}
	slot := c.Find(path, "target", a.On, sorted(c.doc.Targets))
	if kind := c.doc.Targets[a.On].Kind; slot >= 0 && info.Kind != "" && !catalog.Fits(info.Kind, kind) {
		c.Add(path, fmt.Sprintf("%s changes a %s, the slot is for a %s", a.Uses, info.Kind, kind),
			"use an action or a slot that fits")
	}
	return slot
}

func (c *compiler) terms(path string, a Action) {
	c.pace(path+".term", a.Term)
	keep := a.After == "keep"
	switch {
	case a.After == "":
		c.Add(path+".after", "the member is missing", "write undo, which restores the baseline, or keep")
	case a.Term == "" && (!keep || a.MaxTerm != ""):
		c.Add(path+".term", "the member is missing", `say how long one grant lasts, for example "1h"`)
	case a.MaxTerm == "" && (!keep || a.Term != ""):
		c.Add(path+".max_term", "the member is missing", "say how long all renewals together may last")
	case span(a.MaxTerm) < span(a.Term):
		c.Add(path+".max_term", fmt.Sprintf("it is shorter than the term %s", a.Term), "make it at least as long")
	}
}

// release checks the steps back: rising shares that end with the whole.
func (c *compiler) release(path string, a Action, info catalog.Action) ([]autonomics.Decimal, autonomics.Duration) {
	if a.Release == nil {
		return nil, 0
	}
	if a.After == "keep" {
		c.Add(path, "what is kept is not taken back", `leave it out, or write "after": "undo"`)
	}
	if info.Uses != "" && !info.Number() {
		c.Add(path, fmt.Sprintf("%s writes no number that could go back in steps", a.Uses), "leave it out")
	}
	c.pace(path+".every", a.Release.Every)
	c.AtMost(path+".steps", "steps", len(a.Release.Steps), maxSteps)
	var steps []autonomics.Decimal
	last := autonomics.Decimal(0)
	for i, text := range a.Release.Steps {
		share, _ := autonomics.ParseDecimal(text)
		if share <= last || share > one {
			c.Add(fmt.Sprintf("%s.steps[%d]", path, i), fmt.Sprintf("after %s the share %s is no step on", last, text),
				"let the shares rise, up to 1")
		}
		last = share
		steps = append(steps, share)
	}
	if last != one {
		c.Add(path+".steps", "they do not end with the whole way back", `add the step "1"`)
	}
	return steps, span(a.Release.Every)
}

// helps lowers what an action is judged by.
func (c *compiler) helps(path string, h *Helps) *kernel.Helps {
	if h == nil {
		return nil
	}
	c.pace(path+".within", h.Within)
	c.AtMost(path+".disarm_after", "misses", h.DisarmAfter, maxMisses)
	var leaves kernel.Rule
	k := &kernel.Helps{Within: span(h.Within), DisarmAfter: h.DisarmAfter}
	k.When = c.condition(path+".when", &h.When, scope{}, &leaves)
	c.AtMost(path+".when", "leaves", len(leaves.Leaves), maxLeaves)
	return k
}
