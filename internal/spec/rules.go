package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

func (c *compiler) rules() {
	ids := map[string]bool{}
	for i, r := range c.doc.Rules {
		path := fmt.Sprintf("$.rules[%d]", i)
		if ids[r.ID] {
			c.Add(path+".id", fmt.Sprintf("an earlier rule has the id %q too", r.ID), "choose another one")
		}
		ids[r.ID] = true
		k := kernel.Rule{ID: r.ID, LockFor: span(r.LockFor)}
		k.Go, _ = autonomics.ParseState(r.Go)
		k.In = c.in(path+".in", r)
		k.Do = c.do(path+".do", r)
		if (r.Go == "refusing") != (r.LockFor != "") {
			c.Add(path+".lock_for", "a rule has it if it goes to refusing, and only then",
				"say for how long it locks, or leave it out")
		}
		clear := r.Go == "stable" || r.Go == "warning" && len(r.In) == 1 && r.In[0] == "intervening"
		k.When = c.condition(path+".when", &r.When, scope{clear: clear}, &k)
		c.AtMost(path+".when", "leaves", len(k.Leaves), maxLeaves)
		c.p.Rules = append(c.p.Rules, k)
	}
	c.AtMost("$.rules", "different conditions", len(c.p.Nodes), maxNodes)
	c.AtMost("$.rules", "different windows", len(c.p.Windows), maxWindows)
	c.AtMost("$.rules", "different samples or for", len(c.p.Runs), maxRuns)
	c.AtMost("$.rules", "different counts of effects", len(c.p.Counts), maxCounts)
}

func (c *compiler) in(path string, r Rule) kernel.States {
	var set kernel.States
	for i, name := range r.In {
		s, _ := autonomics.ParseState(name)
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case set.Has(s):
			c.Add(at, fmt.Sprintf("%q is there twice", name), "leave one out")
		case name == r.Go && r.Go != "intervening":
			c.Add(at, fmt.Sprintf("the rule would fire in %s on every reading and change nothing", name), "leave the state out")
		}
		set = set.With(s)
	}
	if set == 0 {
		c.Add(path, "the rule stands in no state", "name at least one of stable, warning, intervening")
	}
	return set
}

func (c *compiler) do(path string, r Rule) []int {
	var do []int
	claims := 0
	acts := r.Go == "intervening" || r.Go == "refusing"
	for i, name := range r.Do {
		at := fmt.Sprintf("%s[%d]", path, i)
		a := c.Find(at, "action", name, sorted(c.doc.Actions))
		if a < 0 {
			continue
		}
		if slices.Contains(do, a) {
			c.Add(at, fmt.Sprintf("%q is there twice", name), "leave one out")
		}
		if !c.p.Actions[a].Notice {
			claims++
			if !acts && c.p.Actions[a].Slot >= 0 {
				c.Add(at, fmt.Sprintf("%q changes a target, but in %s nothing is changed", name, r.Go),
					"let the rule go to intervening, or request a notice")
			}
		}
		do = append(do, a)
	}
	if r.Go == "intervening" && claims == 0 {
		c.Add(path, "the rule goes to intervening and changes no target", "request an action that does")
	}
	return do
}

// A scope says where in a rule a condition stands.
type scope struct {
	clear bool // in a rule that leads back to rest
	not   bool // under a not
	run   bool // under samples or for
}

// members lists the members that are written in a condition.
func (w *Condition) members() []string {
	var names []string
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// head returns the one member that makes a condition what it is; empty if
// there is none, or another.
func (c *compiler) head(path string, w *Condition) string {
	var heads, rest []string
	for _, name := range w.members() {
		switch name {
		case "all", "any", "not", "signal", "episode", "effects":
			heads = append(heads, name)
		default:
			rest = append(rest, name)
		}
	}
	if len(heads) != 1 {
		c.Add(path, fmt.Sprintf("a condition has one of all, any, not, signal, episode, effects; this has %d", len(heads)),
			"write one of them")
		return ""
	}
	for _, name := range rest {
		if !slices.Contains(companions(heads[0]), name) {
			c.Add(strict.Join(path, name), fmt.Sprintf("it does not go with %s", heads[0]), "leave it out")
		}
	}
	return heads[0]
}

// companions are the members that may stand beside a head.
func companions(head string) []string {
	switch head {
	case "signal":
		return []string{"above", "at_least", "below", "at_most", "measure", "window", "over", "or_missing",
			"samples", "within", "for"}
	case "episode":
		return []string{"open"}
	case "effects":
		return []string{"window", "at_least"}
	case "not":
		return nil
	}
	return []string{"samples", "within", "for"}
}

// condition lowers w and returns its node; the rule learns of its leaves, in
// the order of the spec.
func (c *compiler) condition(path string, w *Condition, in scope, rule *kernel.Rule) int {
	c.use(w.Above, w.AtLeast, w.Below, w.AtMost)
	head := c.head(path, w)
	if head == "" {
		return 0
	}
	run := c.run(path, w, &in)
	n := kernel.Node{Run: -1, Signal: -1, Window: -1, Over: -1, Episode: -1, Count: -1}
	switch head {
	case "all", "any":
		n.Kind = kernel.All
		kids := w.All
		if head == "any" {
			n.Kind, kids = kernel.Any, w.Any
		}
		if len(kids) == 0 {
			c.Add(strict.Join(path, head), "the list is empty", "write at least one condition")
		}
		for i := range kids {
			n.Kids = append(n.Kids, c.condition(fmt.Sprintf("%s.%s[%d]", path, head, i), &kids[i], in, rule))
		}
	case "not":
		in.not = true
		n.Kind, n.Kids = kernel.Not, []int{c.condition(path+".not", w.Not, in, rule)}
	case "signal":
		c.reading(path, w, in, &n)
	case "episode":
		n.Kind = kernel.EpisodeLeaf
		n.Episode = c.Find(path+".episode", "episode", w.Episode, sorted(c.doc.Episodes))
		if w.Open == nil {
			c.Add(path+".open", "the member is missing", "add true or false")
		} else {
			n.Open = *w.Open
		}
	case "effects":
		c.effects(path, w, &n)
	}
	i := c.node(path, n, run)
	if len(n.Kids) == 0 {
		rule.Leaves = append(rule.Leaves, i)
	}
	return i
}

// run reads samples, within and for, and tells the conditions below of them.
func (c *compiler) run(path string, w *Condition, in *scope) kernel.RunDecl {
	d := kernel.RunDecl{Samples: w.Samples, Within: span(w.Within), For: span(w.For)}
	if d.Samples == 0 && d.Within == 0 && d.For == 0 {
		return d
	}
	switch {
	case (d.Samples == 0) != (d.Within == 0) || (d.Samples == 0) == (d.For == 0):
		c.Add(path, "samples, within and for do not fit together", "write samples and within, or for alone")
	case d.Samples == 1:
		c.Add(path+".samples", "one sample is what a condition without it asks for", "ask for two or more, or leave it out")
	case in.not:
		c.Add(path, "samples or for stand under not", "write the opposite condition without not")
	case in.run:
		c.Add(path, "samples or for stand inside each other", "leave the inner or the outer ones out")
	}
	c.AtMost(path+".samples", "samples", d.Samples, maxSamples)
	in.run = true
	return d
}

// node returns the index of a node that says the same, and adds it if there is
// none. So conditions, and what is remembered for them, are shared.
func (c *compiler) node(path string, n kernel.Node, run kernel.RunDecl) int {
	key := fmt.Sprint(n, run)
	if i, ok := c.nodes[key]; ok {
		return i
	}
	i := len(c.p.Nodes)
	c.nodes[key] = i
	if run.Samples > 0 || run.For > 0 {
		run.Node, n.Run = i, len(c.p.Runs)
		run.Signals = c.below(n)
		if len(run.Signals) == 0 {
			c.Add(path, "samples or for, but no signal that could be sampled", "put a signal under them")
		}
		c.p.Runs = append(c.p.Runs, run)
	}
	c.p.Nodes = append(c.p.Nodes, n)
	return i
}

// below lists the signals that a node reads.
func (c *compiler) below(n kernel.Node) []int {
	var list []int
	if n.Kind == kernel.ReadingLeaf {
		list = append(list, n.Signal)
		if n.Over >= 0 {
			list = append(list, n.Over)
		}
	}
	for _, k := range n.Kids {
		list = append(list, c.below(c.p.Nodes[k])...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
