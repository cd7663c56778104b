package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// reading lowers a leaf that compares a signal.
func (c *compiler) reading(path string, w *Condition, in scope, n *kernel.Node) {
	n.Kind, n.OrMissing = kernel.ReadingLeaf, w.OrMissing
	names := sorted(c.doc.Signals)
	if n.Signal = c.Find(path+".signal", "signal", w.Signal, names); n.Signal < 0 {
		return
	}
	if w.OrMissing && (!in.clear || in.not) {
		c.Add(path+".or_missing", "it is for conditions, not under not, of rules that lead from trouble to rest",
			"leave it out: an unknown signal must not cause an action")
	}
	n.Measure = kernel.Measure(slices.Index([]string{"", "avg", "max", "min", "rate", "growth", "difference"}, w.Measure))
	c.window(path, w, n)
	var member, text string
	for op, m := range []struct{ name, text string }{
		{"above", w.Above}, {"at_least", w.AtLeast}, {"below", w.Below}, {"at_most", w.AtMost},
	} {
		if m.text == "" {
			continue
		}
		if text != "" {
			c.Add(strict.Join(path, m.name), fmt.Sprintf("the leaf has %s already", member), "write two leaves under all")
		}
		member, text, n.Op = m.name, m.text, kernel.Above+kernel.Op(op)
	}
	unit := c.doc.Signals[w.Signal].Unit
	switch {
	case text == "":
		c.Add(path, "the leaf compares its signal with nothing", "add one of above, at_least, below, at_most")
	case n.Measure == kernel.Rate:
		n.Threshold, n.Per = c.rate(strict.Join(path, member), text, unit)
	case n.Measure == kernel.Growth:
		n.Threshold = c.threshold(strict.Join(path, member), text, "ratio")
	default:
		n.Threshold = c.threshold(strict.Join(path, member), text, unit)
	}
}

// window checks what a measure looks at: a window, or another signal.
func (c *compiler) window(path string, w *Condition, n *kernel.Node) {
	relative := n.Measure == kernel.Growth || n.Measure == kernel.Difference
	switch {
	case w.Over != "" && !relative:
		c.Add(path+".over", "only growth and difference are relative to another signal", "add that measure, or leave it out")
	case w.Over != "" && w.Window != "":
		c.Add(path+".window", "over compares two readings of now", "leave window or over out")
	case w.Over != "":
		n.Over = c.Find(path+".over", "signal", w.Over, sorted(c.doc.Signals))
		if have, want := c.doc.Signals[w.Over].Unit, c.doc.Signals[w.Signal].Unit; n.Over >= 0 && have != want {
			c.Add(path+".over", fmt.Sprintf("%q is in %s, %q in %s", w.Over, have, w.Signal, want),
				"compare signals of the same unit")
		}
	case n.Measure == kernel.Value && w.Window != "":
		c.Add(path+".window", "a window needs a measure", "add measure, or leave window out")
	case n.Measure != kernel.Value && w.Window == "":
		c.Add(path+".window", fmt.Sprintf("%s is taken over a window", w.Measure), `add one, for example "1h"`)
	case w.Window != "":
		d := kernel.WindowDecl{Signal: n.Signal, Measure: n.Measure, Width: span(w.Window)}
		if d.Width%12 != 0 {
			c.Add(path+".window", fmt.Sprintf("%s cannot be cut into twelve parts of whole milliseconds", w.Window),
				"take a multiple of 12ms, for example 12s or 1m")
		}
		if n.Window = slices.Index(c.p.Windows, d); n.Window < 0 {
			n.Window = len(c.p.Windows)
			c.p.Windows = append(c.p.Windows, d)
		}
	}
}

// rate is a threshold whose unit names the time, as in USD/h.
func (c *compiler) rate(path, text, unit string) (autonomics.Decimal, autonomics.Duration) {
	if !strings.HasPrefix(text, "$") {
		c.Add(path, "a rate is compared with a parameter, because its unit says per what time",
			fmt.Sprintf("declare a parameter in %s/h or the like", unit))
		return 0, 0
	}
	name, ok := c.parameter(path, text)
	have := c.doc.Parameters[name].Unit
	for _, per := range []string{"s", "m", "h", "d"} {
		if have == unit+"/"+per {
			return c.values[name], span("1" + per)
		}
	}
	if ok {
		c.Add(path, fmt.Sprintf("parameter %q is in %s, the rate in %s by time", name, have, unit),
			fmt.Sprintf("give the parameter the unit %s/s, %s/m, %s/h or %s/d", unit, unit, unit, unit))
	}
	return 0, 0
}

// effects lowers a leaf that counts how often an action was done.
func (c *compiler) effects(path string, w *Condition, n *kernel.Node) {
	n.Kind, n.Op = kernel.EffectsLeaf, kernel.AtLeast
	action := c.Find(path+".effects", "action", w.Effects, sorted(c.doc.Actions))
	if action >= 0 && c.p.Actions[action].Notice {
		c.Add(path+".effects", fmt.Sprintf("%q is a notice", w.Effects), "count an action that changes a target")
	}
	if w.Window == "" {
		c.Add(path+".window", "the member is missing", `add one, for example "24h"`)
	}
	if w.AtLeast == "" {
		c.Add(path+".at_least", "the member is missing", "add how often")
		return
	}
	n.Threshold = c.threshold(path+".at_least", w.AtLeast, "1")
	times := int(n.Threshold / one)
	if n.Threshold%one != 0 || times < 1 || times > maxCount {
		c.Add(path+".at_least", fmt.Sprintf("%s is no number of times", n.Threshold),
			fmt.Sprintf("write a whole number from 1 to %d", maxCount))
	}
	d := kernel.CountDecl{Action: action, Window: span(w.Window)}
	n.Count = slices.IndexFunc(c.p.Counts, func(o kernel.CountDecl) bool {
		return o.Action == d.Action && o.Window == d.Window
	})
	if n.Count < 0 {
		n.Count = len(c.p.Counts)
		c.p.Counts = append(c.p.Counts, d)
	}
	c.p.Counts[n.Count].N = max(c.p.Counts[n.Count].N, times)
}

// one is 1 in millionths.
const one autonomics.Decimal = 1_000_000
