// Package draw pictures a program's machine: its states, its rules with their
// conditions in short, and dashed what the kernel does by itself. A picture is
// a function of the program.
package draw

import (
	"fmt"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// An edge is one way from a state to another.
type edge struct {
	from, to autonomics.State
	labels   []string
	builtin  bool
}

// edges lists the rules, those between the same states together, and then the
// built-in transitions; those out of every state into refusing are left out.
func edges(p *kernel.Program) []edge {
	var list []edge
	add := func(from, to autonomics.State, label string, builtin bool) {
		for i := range list {
			if e := &list[i]; e.from == from && e.to == to && e.builtin == builtin {
				e.labels = append(e.labels, label)
				return
			}
		}
		list = append(list, edge{from, to, []string{label}, builtin})
	}
	acts := false
	for _, r := range p.Rules {
		for from := autonomics.Stable; from <= autonomics.Intervening; from++ {
			if r.In.Has(from) {
				add(from, r.Go, r.ID, false)
			}
		}
		acts = acts || r.Go == autonomics.Intervening
	}
	add(autonomics.Boot, autonomics.Stable, "fresh", true)
	if p.BootTimeout > 0 {
		add(autonomics.Boot, autonomics.Degraded, "never fresh", true)
	}
	if p.BootTimeout > 0 || acts {
		add(autonomics.Degraded, autonomics.Stable, "fresh", true)
	}
	for from := autonomics.Stable; from <= autonomics.Intervening && p.BootTimeout > 0; from++ {
		if from != autonomics.Intervening || acts {
			add(from, autonomics.Degraded, "blind", true)
		}
	}
	if acts {
		add(autonomics.Intervening, autonomics.Degraded, "failed", true)
		add(autonomics.Degraded, autonomics.Intervening, "fresh, claims", true)
		add(autonomics.Intervening, autonomics.Warning, "claims ended", true)
	}
	add(autonomics.Refusing, autonomics.Boot, "allowed again", true)
	return list
}

// conditions writes every rule as a line: what holds, and what it requests.
func conditions(p *kernel.Program) [][2]string {
	var list [][2]string
	for _, r := range p.Rules {
		text := short(p, r.When, true)
		var do []string
		for _, a := range r.Do {
			do = append(do, p.Actions[a].Name)
		}
		if do != nil {
			text += " → " + strings.Join(do, ", ")
		}
		if r.LockFor > 0 {
			text += " for " + r.LockFor.String()
		}
		list = append(list, [2]string{r.ID, text})
	}
	return list
}

var (
	measures = [...]string{"", "avg ", "max ", "min ", "rate ", "growth ", "difference "}
	signs    = [...]string{kernel.Above: ">", kernel.AtLeast: "≥", kernel.Below: "<", kernel.AtMost: "≤"}
)

// short writes a condition; what stands inside another has parentheses.
func short(p *kernel.Program, node int, top bool) string {
	n := &p.Nodes[node]
	text := ""
	switch n.Kind {
	case kernel.All, kernel.Any:
		word := " and "
		if n.Kind == kernel.Any {
			word = " or "
		}
		var kids []string
		for _, k := range n.Kids {
			kids = append(kids, short(p, k, len(n.Kids) == 1 && top && n.Run < 0))
		}
		if text = strings.Join(kids, word); len(kids) > 1 && (!top || n.Run >= 0) {
			text = "(" + text + ")"
		}
	case kernel.Not:
		text = "not " + short(p, n.Kids[0], false)
	case kernel.ReadingLeaf:
		text = measures[n.Measure] + p.Signals[n.Signal].Name
		if n.Over >= 0 {
			text += " over " + p.Signals[n.Over].Name
		} else if n.Window >= 0 {
			text += " " + p.Windows[n.Window].Width.String()
		}
		text += " " + signs[n.Op] + " " + n.Threshold.String()
		if n.Per > 0 {
			text += "/" + strings.TrimPrefix(n.Per.String(), "1")
		}
		if n.OrMissing {
			text += " or missing"
		}
	case kernel.EpisodeLeaf:
		text = p.Episodes[n.Episode].Name + " closed"
		if n.Open {
			text = p.Episodes[n.Episode].Name + " open"
		}
	case kernel.EffectsLeaf:
		c := p.Counts[n.Count]
		text = fmt.Sprintf("%s ≥ %s in %s", p.Actions[c.Action].Name, n.Threshold, c.Window)
	}
	if n.Run < 0 {
		return text
	}
	if d := p.Runs[n.Run]; d.For > 0 {
		return text + " for " + d.For.String()
	} else {
		return fmt.Sprintf("%s, %d times in %s", text, d.Samples, d.Within)
	}
}

// Mermaid is a state diagram.
func Mermaid(p *kernel.Program) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "---\ntitle: %s %s, %s\n---\nstateDiagram-v2\n  [*] --> boot\n", p.SKU, p.Version, p.Profile)
	text := map[string]string{}
	for _, c := range conditions(p) {
		text[c[0]] = c[1]
	}
	for _, e := range edges(p) {
		for _, l := range e.labels {
			if !e.builtin {
				l += ": " + text[l]
			} else {
				l = "(" + l + ")"
			}
			fmt.Fprintf(&b, "  %s --> %s: %s\n", e.from, e.to, escape.Replace(l))
		}
	}
	return []byte(b.String())
}

// escape keeps Mermaid from reading signs of its own into a label.
var escape = strings.NewReplacer("<", "&lt;", ">", "&gt;", ";", "&#59;")
