package kernel

import (
	"cmp"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// absorb takes an accepted event into the state, as the receipt records it.
func (t *Tenant) absorb(g *Governor, r *autonomics.Receipt, p *Program) {
	ev := &r.Event
	switch {
	case ev.Signal != nil:
		g.hear(ev.Signal, r.At)
	case ev.Timer != nil:
		g.absorbTimer(ev.Timer, r.At)
	case ev.Effect != nil:
		t.absorbOutcome(ev.Effect, r.At)
	case ev.Entitlement != nil && !t.Entitled(g.prog.SKU):
		g.release(nil)
	case ev.Program != nil:
		g.absorbProgram(ev.Program, p)
	case ev.Command != nil:
		g.absorbCommand(ev.Command)
	}
	if ev.Timer == nil { // most timers leave no receipt, and so must change nothing
		g.unbar(r.At)
	}
	t.tidy(r.At)
}

// hear takes a signal, which may show that an action helped.
func (g *Governor) hear(ev *autonomics.Signal, now autonomics.Time) {
	if ev.Episode != "" {
		g.absorbEpisode(ev)
	} else {
		g.absorbReadings(ev, now)
	}
	g.helped(now, "")
}

func (g *Governor) absorbReadings(ev *autonomics.Signal, now autonomics.Time) {
	held := g.holding(now)
	g.follow(g.store(ev), held, now)
}

// store takes the readings into signals and windows, and returns the set of
// signals that have another value.
func (g *Governor) store(ev *autonomics.Signal) (touched uint64) {
	for i := range ev.Readings {
		rd := &ev.Readings[i]
		s := g.prog.signal(rd.Signal)
		before := g.Signals[s]
		newest := g.Signals[s].take(ev, rd)
		if rd.Absent == "" {
			g.fill(s, rd, newest && before.resets(rd))
			if newest {
				touched |= 1 << s
			}
		}
	}
	return touched
}

// take stores a reading and reports whether it is the newest of all sources:
// the signal's value, or its absence.
func (s *Signal) take(ev *autonomics.Signal, rd *autonomics.Reading) bool {
	i := slices.IndexFunc(s.Sources, func(x Source) bool { return x.Name == ev.Source })
	switch {
	case i < 0 && len(s.Sources) == MaxSources:
		i = s.silent()
		s.Sources[i] = Source{}
	case i < 0:
		s.Sources = append(s.Sources, Source{})
		i = len(s.Sources) - 1
	}
	start := max(rd.Start, s.Sources[i].Start)
	s.Sources[i] = Source{Name: ev.Source, ID: ev.ID, At: rd.At, Start: start}
	older := rd.At < s.At || rd.At == s.At && ev.Source < s.From
	if rd.Start != 0 && start != s.Start {
		older = start < s.Start
	}
	if older && (s.Has || s.Missing) {
		return false
	}
	s.At, s.Start, s.From, s.Missing = rd.At, max(start, s.Start), ev.Source, rd.Absent != ""
	if !s.Missing {
		s.Has, s.Value = true, rd.Value
	}
	return true
}

// silent is the source that was heard of the longest ago.
func (s *Signal) silent() int {
	oldest := 0
	for i := range s.Sources {
		if s.Sources[i].At < s.Sources[oldest].At {
			oldest = i
		}
	}
	return oldest
}

// resets reports whether a newer reading begins a new interval of a signal
// that resets. Where the sender names no interval, a lower value is the only
// sign of one.
func (s *Signal) resets(rd *autonomics.Reading) bool {
	if rd.Start != 0 {
		return rd.Start > s.Start
	}
	return s.Has && rd.Value < s.Value
}

// fill takes a reading into the signal's windows.
func (g *Governor) fill(signal int, rd *autonomics.Reading, reset bool) {
	for i := range g.prog.Windows {
		d, w := &g.prog.Windows[i], &g.Windows[i]
		if d.Signal != signal {
			continue
		}
		if g.prog.Signals[signal].Resets {
			if reset {
				*w = Window{Since: rd.At}
			}
			if rd.At < w.Since || rd.Start != 0 && rd.Start < g.Signals[signal].Start {
				continue // of an interval before
			}
		}
		w.add(d, rd.At, rd.Value)
	}
}

func (g *Governor) absorbEpisode(ev *autonomics.Signal) {
	i := g.prog.episode(ev.Episode)
	e := &g.Episodes[i]
	k := slices.IndexFunc(e.Keys, func(k EpisodeKey) bool { return k.Key == ev.Key })
	if k < 0 {
		if len(e.Keys) >= g.prog.Episodes[i].Keys {
			e.evict()
		}
		e.Keys = append(e.Keys, EpisodeKey{Key: ev.Key, Start: ev.Start, Heard: ev.At, Open: ev.Open})
		return
	}
	known := &e.Keys[k]
	known.Heard = max(known.Heard, ev.At)
	known.Start, known.Open = ev.Start, ev.Open
}

// evict forgets the closed key that was not heard of for the longest time.
func (e *Episode) evict() {
	oldest := -1
	for i, k := range e.Keys {
		if !k.Open && (oldest < 0 || k.Heard < e.Keys[oldest].Heard) {
			oldest = i
		}
	}
	e.Keys = slices.Delete(e.Keys, oldest, oldest+1)
}

func (g *Governor) absorbTimer(ev *autonomics.Timer, now autonomics.Time) {
	switch ev.Timer {
	case autonomics.TimerRetry:
		if c := g.live(ev.Action); c != nil {
			c.WaitUntil = 0
		}
	case autonomics.TimerApproval:
		if c := g.live(ev.Action); c != nil {
			c.Stage = Releasing
		}
	case autonomics.TimerHelps:
		g.helped(now, ev.Action)
	case autonomics.TimerCooldown:
		g.FailedUntil = 0
	case autonomics.TimerLock:
		g.unlock()
	case autonomics.TimerTerm:
		c := g.live(ev.Action)
		switch {
		case c == nil:
		case ev.Until != 0:
			c.Until = ev.Until
		default:
			if c.Until >= c.Max {
				g.bar(c.Action, c.Rule)
			}
			c.Stage = Releasing
		}
	}
}

// unlock ends the lock, and starts the effect counts of its rule anew.
func (g *Governor) unlock() {
	if i := g.prog.rule(g.LockRule); i >= 0 {
		for _, l := range g.prog.Rules[i].Leaves {
			if n := &g.prog.Nodes[l]; n.Kind == EffectsLeaf {
				g.Counts[n.Count].Times = nil
			}
		}
	}
	g.LockUntil, g.LockRule = 0, ""
}

func (t *Tenant) entitle(ev *autonomics.Entitlement) {
	e := Entitlement{ID: ev.Entitlement, State: ev.State, SKUs: ev.SKUs}
	i, found := slices.BinarySearchFunc(t.Entitlements, e.ID, func(e Entitlement, id string) int { return cmp.Compare(e.ID, id) })
	if !found {
		t.Entitlements = slices.Insert(t.Entitlements, i, e)
	}
	t.Entitlements[i] = e
}

// absorbProgram gives g its program. A claim whose action the program does not
// have, or means otherwise, is released.
func (g *Governor) absorbProgram(ev *autonomics.ProgramEvent, p *Program) {
	g.adopt(p)
	g.Targets, g.Removed = ev.Targets, false
	if g.Mode != ev.Mode {
		g.setMode(ev.Mode)
	}
	for i := range g.Claims {
		c := &g.Claims[i]
		if a := p.action(c.Action); a == nil || a.Uses != c.Uses {
			c.Stage = Releasing
		}
	}
}

func (g *Governor) absorbCommand(ev *autonomics.Command) {
	switch ev.Command {
	case "mode":
		g.setMode(autonomics.Mode(Arg(ev, "mode")))
	case "reset":
		g.reset()
	case "release":
		c := g.live(Arg(ev, "action"))
		c.Stage = Releasing
		g.bar(c.Action, c.Rule)
	case "approve":
		c, h := g.asked(Arg(ev, "effect"))
		c.Approved, c.WaitUntil = h.Value, 0
	case "reject":
		c, _ := g.asked(Arg(ev, "effect"))
		c.Stage = Releasing
		g.bar(c.Action, c.Rule)
	case "stop":
		if Arg(ev, "claims") == "release" {
			g.release(nil)
		}
	case "remove":
		g.Removed, g.Holds = true, nil
		g.release(nil)
	}
}

// setMode ends what the old mode left: virtual claims and holds vanish, real
// claims are released.
func (g *Governor) setMode(mode autonomics.Mode) {
	g.Mode = mode
	g.release(nil)
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Virtual() {
			c.Stage, c.Op = ended, ""
		}
	}
	g.Holds = slices.DeleteFunc(g.Holds, func(h Hold) bool { return h.Virtual })
}

// reset is the operator's way out: failure, bars, holds, disarmed actions and
// releases that cannot end are forgotten; nothing more is written for them.
// Limits stay: they protect from operators too.
func (g *Governor) reset() {
	g.FailedUntil, g.Bars, g.Holds, g.Tries = 0, nil, nil, nil
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Stage == Releasing {
			c.Stage, c.Op = ended, ""
		}
	}
}

// release lets all claims go but those of the actions in keep.
func (g *Governor) release(keep []int) {
	for i := range g.Claims {
		c := &g.Claims[i]
		if !slices.ContainsFunc(keep, func(a int) bool { return g.prog.Actions[a].Name == c.Action }) {
			c.Stage = Releasing
		}
	}
}

func (g *Governor) bar(action, rule string) {
	b := Bar{Action: action, Rule: rule}
	if !slices.Contains(g.Bars, b) {
		g.Bars = append(g.Bars, b)
	}
}
