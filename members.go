package autonomics

import (
	"maps"
	"slices"
)

// The members of a receipt and of its parts. Each method describes one type
// to the codec, in canonical order.

func (c *codec) receipt(r *Receipt) {
	version := 1
	c.put("receipt", '{')
	c.time("at", &r.At)
	enum(c, "cause", &r.Cause, causes)
	list(c, "effects", "[]", &r.Effects, (*codec).effect)
	if c.must("event") {
		c.event(r.Kind, &r.Event)
	}
	c.state("from", &r.From)
	name(c, "governor", &r.Governor)
	if c.hashAt = c.pos; !c.decoding {
		c.hashAt = len(c.buf) // Seal inserts it
	} else if c.must("hash") {
		quoted(c, "hash", &r.Hash, ParseHash)
	}
	integer(c, "kernel", &r.Kernel)
	enum(c, "kind", &r.Kind, kinds)
	if c.must("prev") {
		quoted(c, "prev", &r.Prev, ParseHash)
	}
	c.hash("program", &r.Program)
	enum(c, "reason", &r.Reason, reasons)
	name(c, "rule", &r.Rule)
	integer(c, "seq", &r.Seq)
	integer(c, "system", &r.System)
	name(c, "tenant", &r.Tenant)
	c.state("to", &r.To)
	if c.must("v") {
		number(c, "v", &version)
	}
	enum(c, "verdict", &r.Verdict, verdicts)
	list(c, "why", "[]", &r.Why, (*codec).leaf)
	c.end("receipt")
	c.need(r.At != 0, "at", missing)
	c.need(r.Kernel != 0, "kernel", missing)
	c.need(r.Seq != 0, "seq", missing)
	c.need(r.Tenant != "", "tenant", missing)
	c.need(version == 1, "v", "want 1")
	c.need(r.Verdict != "", "verdict", missing)
}

func (c *codec) event(kind Kind, e *Event) {
	if c.decoding {
		switch kind {
		case KindSignal:
			e.Signal = new(Signal)
		case KindTimer:
			e.Timer = new(Timer)
		case KindEffect:
			e.Effect = new(Outcome)
		case KindEntitlement:
			e.Entitlement = new(Entitlement)
		case KindProgram:
			e.Program = new(ProgramEvent)
		case KindCommand:
			e.Command = new(Command)
		}
	}
	switch {
	case kind == KindSignal && e.Signal != nil:
		c.signal(e.Signal)
	case kind == KindTimer && e.Timer != nil:
		c.timer(e.Timer)
	case kind == KindEffect && e.Effect != nil:
		c.outcome(e.Effect)
	case kind == KindEntitlement && e.Entitlement != nil:
		c.entitlement(e.Entitlement)
	case kind == KindProgram && e.Program != nil:
		c.program(e.Program)
	case kind == KindCommand && e.Command != nil:
		c.command(e.Command)
	default:
		c.fault("event", "there is none of the kind %.40q", kind)
	}
}

func (c *codec) signal(s *Signal) {
	c.put("event", '{')
	c.time("at", &s.At)
	name(c, "binding", &s.Binding)
	integer(c, "count", &s.Count)
	c.hash("digest", &s.Digest)
	name(c, "episode", &s.Episode)
	c.words("id", &s.ID)
	c.words("key", &s.Key)
	if s.Episode != "" && c.must("open") {
		c.flag("open", &s.Open)
	}
	list(c, "readings", "[]", &s.Readings, (*codec).reading)
	c.words("source", &s.Source)
	c.time("start", &s.Start)
	integer(c, "truncated", &s.Truncated)
	c.end("event")
	c.need(len(s.ID) <= MaxID, "id", "longer than 256 bytes")
	c.need(len(s.Readings) <= MaxReadings, "readings", "more than 64")
}

func (c *codec) reading(r *Reading, _ int) {
	c.put("readings", '{')
	enum(c, "absent", &r.Absent, absences)
	c.time("at", &r.At)
	name(c, "signal", &r.Signal)
	c.time("start", &r.Start)
	c.words("unit", &r.Unit)
	if r.Absent == "" && c.must("value") {
		quoted(c, "value", &r.Value, ParseDecimal)
	}
	c.end("readings")
	c.need(r.Signal != "", "signal", missing)
}

func (c *codec) timer(t *Timer) {
	c.put("event", '{')
	name(c, "action", &t.Action)
	c.time("due", &t.Due)
	name(c, "rule", &t.Rule)
	name(c, "signal", &t.Signal)
	name(c, "target", &t.Target)
	enum(c, "timer", &t.Timer, timers)
	c.time("until", &t.Until)
	c.end("event")
	c.need(t.Due != 0, "due", missing)
	c.need(t.Timer != "", "timer", missing)
}

func (c *codec) outcome(o *Outcome) {
	c.put("event", '{')
	name(c, "action", &o.Action)
	c.fields("baseline", &o.Baseline)
	enum(c, "cause", &o.Cause, holds)
	c.words("error", &o.Error)
	c.words("key", &o.Key)
	enum(c, "reason", &o.Reason, reasons)
	enum(c, "stage", &o.Stage, stages)
	name(c, "target", &o.Target)
	if o.Unknown = c.member("unknown", o.Unknown); o.Unknown {
		c.flag("unknown", &o.Unknown)
		c.need(o.Unknown, "unknown", notEmpty)
	}
	c.time("until", &o.Until)
	c.fields("value", &o.Value)
	c.end("event")
	c.need(o.Key != "", "key", missing)
	c.need(o.Stage != "", "stage", missing)
	c.need((o.Stage == StageHeld) == (o.Cause != ""), "cause", "exactly when the stage is held")
}

func (c *codec) entitlement(e *Entitlement) {
	c.put("event", '{')
	c.words("entitlement", &e.Entitlement)
	enum(c, "event", &e.Event, grants)
	list(c, "skus", "[]", &e.SKUs, func(c *codec, sku *string, _ int) { ident(c, "skus", sku) })
	enum(c, "state", &e.State, rights)
	c.end("event")
	c.need(e.Entitlement != "", "entitlement", missing)
}

func (c *codec) program(p *ProgramEvent) {
	c.put("event", '{')
	enum(c, "mode", &p.Mode, modes)
	c.words("name", &p.Name)
	name(c, "profile", &p.Profile)
	c.hash("spec", &p.Spec)
	last := ""
	list(c, "targets", "{}", &p.Targets, func(c *codec, t *TargetRef, _ int) {
		c.key("targets", &t.Slot, &last)
		c.put("targets", '{')
		name(c, "kind", &t.Kind)
		name(c, "name", &t.Name)
		c.words("ref", &t.Ref)
		c.end("targets")
		c.need(t.Name != "", "name", missing)
	})
	c.end("event")
	c.need(!p.Spec.IsZero(), "spec", missing)
}

func (c *codec) command(m *Command) {
	c.put("event", '{')
	args := 0
	for _, member := range commandMembers {
		switch member {
		case "command":
			name(c, member, &m.Command)
		case "principal":
			c.words(member, &m.Principal)
		case "reason":
			c.words(member, &m.Reason)
		case "scope":
			c.scope(&m.Scope)
		default:
			if _, ok := m.Args[member]; ok {
				args++
			}
			c.arg(member, m)
		}
	}
	c.end("event")
	c.need(m.Command != "", "command", missing)
	c.need(m.Principal != "", "principal", missing)
	if !c.decoding && args < len(m.Args) {
		c.fault("event", "one of the arguments %q is unknown", slices.Sorted(maps.Keys(m.Args)))
	}
}

// arg is a member of the command itself, any JSON that is not empty.
func (c *codec) arg(member string, m *Command) {
	empty := func(s string) bool { return s == "" || s == "null" || s == `""` || s == "[]" || s == "{}" }
	value := m.Args[member]
	if !c.member(member, !empty(value)) {
		return
	}
	c.json(member, &value)
	c.need(!empty(value), member, notEmpty)
	if c.decoding {
		if m.Args == nil {
			m.Args = make(map[string]string)
		}
		m.Args[member] = value
	}
}

func (c *codec) scope(s *Scope) {
	if !c.member("scope", *s != Scope{}) {
		return
	}
	c.put("scope", '{')
	name(c, "governor", &s.Governor)
	name(c, "sku", &s.SKU)
	name(c, "tenant", &s.Tenant)
	c.end("scope")
	c.need(*s != Scope{}, "scope", notEmpty)
}

func (c *codec) leaf(l *Leaf, _ int) {
	c.put("why", '{')
	name(c, "effects", &l.Effects)
	name(c, "episode", &l.Episode)
	c.duration("for", &l.For)
	enum(c, "holds", &l.Holds, truths)
	enum(c, "measure", &l.Measure, measures)
	enum(c, "op", &l.Op, compares)
	if l.Episode != "" && c.must("open") {
		c.flag("open", &l.Open)
	}
	name(c, "over", &l.Over)
	enum(c, "quality", &l.Quality, qualities)
	integer(c, "samples", &l.Samples)
	name(c, "signal", &l.Signal)
	if l.Op != "" && c.must("threshold") {
		quoted(c, "threshold", &l.Threshold, ParseDecimal)
	}
	if l.HasValue = c.member("value", l.HasValue); l.HasValue {
		quoted(c, "value", &l.Value, ParseDecimal)
	}
	c.duration("window", &l.Window)
	c.duration("within", &l.Within)
	c.end("why")
	c.need(l.Holds != "", "holds", missing)
}

func (c *codec) effect(e *Effect, n int) {
	c.put("effects", '{')
	name(c, "action", &e.Action)
	name(c, "governor", &e.Governor)
	index := n
	if c.must("n") {
		number(c, "n", &index)
		c.need(index == n, "n", "not the index of the effect")
	}
	enum(c, "op", &e.Op, ops)
	name(c, "target", &e.Target)
	c.fields("with", &e.With)
	c.end("effects")
	c.need(e.Action != "", "action", missing)
	c.need(e.Op != "", "op", missing)
}

// fields is a member whose names are those of fields, absent if empty.
func (c *codec) fields(member string, fields *Fields) {
	last := ""
	list(c, member, "{}", (*[]Field)(fields), func(c *codec, f *Field, _ int) {
		c.key(member, &f.Name, &last)
		c.string(member, &f.Value)
	})
}

// key begins a member whose name is data, sorted after the last.
func (c *codec) key(member string, key, last *string) {
	ident(c, member, key)
	c.need(*key > *last, member, "names twice or not sorted")
	c.put(member, ':')
	*last = *key
}
