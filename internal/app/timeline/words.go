package timeline

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
)

// Event says in a few words what happened.
func Event(r *autonomics.Receipt) string {
	ev := &r.Event
	switch {
	case ev.Signal != nil:
		return signal(ev.Signal)
	case ev.Timer != nil:
		return timer(ev.Timer)
	case ev.Effect != nil:
		return Outcome(ev.Effect)
	case ev.Entitlement != nil:
		e := ev.Entitlement
		return join("entitlement", e.Entitlement, "is", e.State, "for", strings.Join(e.SKUs, ", "))
	case ev.Program != nil:
		return join("runs", ev.Program.Name, ev.Program.Profile, "in", string(ev.Program.Mode))
	}
	return command(ev.Command)
}

func signal(s *autonomics.Signal) string {
	switch {
	case s.Count != 0:
		return fmt.Sprintf("%d more inputs of binding %s", s.Count, s.Binding)
	case s.Binding != "":
		return "input of binding " + s.Binding
	case s.Episode != "" && s.Open:
		return join(s.Episode, s.Key, "opens")
	case s.Episode != "":
		return join(s.Episode, s.Key, "closes")
	}
	var list []string
	for i := range s.Readings[:min(len(s.Readings), maxReadings)] {
		list = append(list, reading(&s.Readings[i]))
	}
	if more := len(s.Readings) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("+%d", more))
	}
	return strings.Join(list, ", ")
}

// maxReadings is how many readings of one event are named in its line.
const maxReadings = 2

func reading(r *autonomics.Reading) string {
	switch {
	case r.Absent != "":
		return r.Signal + " absent (" + string(r.Absent) + ")"
	case r.Unit == "1" || r.Unit == "ratio":
		return join(r.Signal, r.Value.String())
	}
	return join(r.Signal, r.Value.String(), r.Unit)
}

func timer(t *autonomics.Timer) string {
	words := join("timer", string(t.Timer), t.Signal, t.Action, t.Target, t.Rule)
	switch {
	case t.Timer == autonomics.TimerTerm && t.Until != 0:
		return words + ": renewed until " + t.Until.Std().Format(time.TimeOnly)
	case t.Timer == autonomics.TimerTerm:
		return words + ": not renewed"
	}
	return words
}

// Outcome says what became of an effect.
func Outcome(o *autonomics.Outcome) string {
	words := join(string(o.Stage), o.Action, o.Target)
	switch o.Stage {
	case autonomics.StagePrepared, autonomics.StageWould:
		return join(words, fields(o.Baseline), "→", fields(o.Value))
	case autonomics.StageHeld:
		return join(words, "by", string(o.Cause))
	case autonomics.StageFailed:
		return join(words, o.Error)
	}
	return join(words, fields(o.Value))
}

// Effect says what is requested.
func Effect(e autonomics.Effect) string {
	return join(string(e.Op), e.Action, e.Target, fields(e.With))
}

func command(c *autonomics.Command) string {
	words := []string{"command", c.Command}
	for _, name := range slices.Sorted(maps.Keys(c.Args)) {
		if value := c.Args[name]; len(value) < 40 {
			words = append(words, name+"="+strings.Trim(value, `"`))
		}
	}
	words = append(words, "by", c.Principal)
	if c.Reason != "" {
		words = append(words, "because: "+c.Reason)
	}
	return strings.Join(words, " ")
}

func fields(f autonomics.Fields) string {
	list := make([]string, len(f))
	for i, x := range f {
		list[i] = x.Name + "=" + x.Value
	}
	return strings.Join(list, " ")
}

// Leaf says what a leaf of a rule compared, and what came of it.
func Leaf(l *autonomics.Leaf) string {
	var words []string
	switch {
	case l.Episode != "":
		words = append(words, "episode", l.Episode, map[bool]string{true: "open", false: "closed"}[l.Open])
	case l.Effects != "":
		words = append(words, l.Effects, "done", l.Value.String(), "times in", l.Window.String()+",", l.Op, l.Threshold.String())
	default:
		words = append(words, l.Signal)
		if l.Measure != "" {
			words = append(words, l.Measure)
		}
		if l.Over != "" {
			words = append(words, "over", l.Over)
		}
		if l.Window != 0 {
			words = append(words, "in", l.Window.String())
		}
		if l.HasValue {
			words = append(words, "is", l.Value.String())
		}
		words = append(words, "("+string(l.Quality)+"),", l.Op, l.Threshold.String())
	}
	switch {
	case l.Samples != 0:
		words = append(words, fmt.Sprintf("on %d samples within %s", l.Samples, l.Within))
	case l.For != 0:
		words = append(words, "for "+l.For.String())
	}
	return strings.Join(words, " ") + ": " + string(l.Holds)
}

// Explain writes all that a receipt says about one decision.
func Explain(w io.Writer, r *autonomics.Receipt) {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	row("receipt", "%s %d, %s, at %s", r.Tenant, r.Seq, r.Kind, r.At)
	if r.Governor != "" {
		row("governor", "%s, program %s", r.Governor, r.Program)
	}
	row("event", "%s", Event(r))
	if s := r.Event.Signal; s != nil {
		for i := range s.Readings {
			row("", "%s, of %s", reading(&s.Readings[i]), s.Readings[i].At)
		}
		if s.Source+s.ID != "" {
			row("sender", "%s", join(s.Source, s.ID))
		}
	}
	row("verdict", "%s", join(string(r.Verdict), string(r.Reason)))
	if r.Governor != "" {
		row("state", "%s", states(r))
	}
	if r.Cause != "" {
		row("cause", "%s", r.Cause)
	}
	if r.Rule != "" {
		row("rule", "%s fired:", r.Rule)
	}
	for i := range r.Why {
		row("", "%s", Leaf(&r.Why[i]))
	}
	for n, e := range r.Effects {
		row("effect", "%s, key %s/%d", Effect(e), r.Hash, n)
	}
	if r.System != 0 {
		row("ordered", "by receipt %d of %s", r.System, autonomics.System)
	}
	row("hash", "%s", r.Hash)
}
