package kernel

import (
	"cmp"

	"github.com/autonomics-dev/autonomics"
)

// A deadline is a timer of one governor.
type deadline struct {
	due      autonomics.Time
	governor string
	timer    autonomics.Timer
}

func (d *deadline) compare(e *deadline) int {
	return cmp.Or(cmp.Compare(d.due, e.due), cmp.Compare(d.governor, e.governor),
		cmp.Compare(d.timer.Timer, e.timer.Timer), cmp.Compare(d.timer.Signal, e.timer.Signal),
		cmp.Compare(d.timer.Action, e.timer.Action), cmp.Compare(d.timer.Rule, e.timer.Rule))
}

// Due returns when the next timer is due; ok is false if there is none.
func (t *Tenant) Due() (at autonomics.Time, ok bool) {
	for i := range t.Governors {
		t.Governors[i].deadlines(func(d deadline) {
			if d.due > t.stepped() && (!ok || d.due < at) {
				at, ok = d.due, true
			}
		})
	}
	return at, ok
}

// stepped is the time until which timers have been stepped: each receipt
// follows those that were due.
func (t *Tenant) stepped() autonomics.Time { return max(t.checked, t.Last) }

// Tick steps the timers that are due by now, in the order of (due, governor,
// name). A timer that changes nothing leaves no receipt.
func (t *Tenant) Tick(now autonomics.Time) []Sealed {
	now = max(now, t.Last)
	from := t.stepped()
	var out []Sealed
	for last := t.nextDeadline(nil, from, now); last != nil; last = t.nextDeadline(last, from, now) {
		timer := last.timer
		timer.Due = last.due
		if timer.Timer == autonomics.TimerTerm {
			timer.Until = t.Governor(last.governor).renewed(timer.Action, now)
		}
		in := Input{Governor: last.governor, Event: autonomics.Event{Timer: &timer}}
		out = t.step(out, now, last.governor, &in)
	}
	t.checked = now
	return out
}

// nextDeadline is the first one due after from and by now that comes after
// last.
func (t *Tenant) nextDeadline(last *deadline, from, now autonomics.Time) *deadline {
	var best *deadline
	for i := range t.Governors {
		t.Governors[i].deadlines(func(d deadline) {
			if d.due > from && d.due <= now && (last == nil || d.compare(last) > 0) && (best == nil || d.compare(best) < 0) {
				best = &d
			}
		})
	}
	return best
}

// deadlines calls fn for each timer that the governor's state has.
func (g *Governor) deadlines(fn func(deadline)) {
	timer := func(due autonomics.Time, e autonomics.Timer) { fn(deadline{due, g.Name, e}) }
	if g.State == autonomics.Boot && g.prog.BootTimeout > 0 {
		timer(g.Born.Add(g.prog.BootTimeout), autonomics.Timer{Timer: autonomics.TimerBoot})
	}
	if g.State != autonomics.Refusing {
		g.freshness(timer)
		g.runs(timer)
	}
	if g.FailedUntil != 0 {
		timer(g.FailedUntil, autonomics.Timer{Timer: autonomics.TimerCooldown})
	}
	if g.LockUntil != 0 {
		timer(g.LockUntil, autonomics.Timer{Timer: autonomics.TimerLock, Rule: g.LockRule})
	}
	for i := range g.Claims {
		c := &g.Claims[i]
		switch {
		case c.waiting() && c.Waits == autonomics.HeldApproval:
			timer(c.WaitUntil, autonomics.Timer{Timer: autonomics.TimerApproval, Action: c.Action, Target: c.Target})
		case c.waiting():
			timer(c.WaitUntil, autonomics.Timer{Timer: autonomics.TimerRetry, Action: c.Action, Target: c.Target})
		case c.Stage == Active:
			timer(c.Until, autonomics.Timer{Timer: autonomics.TimerTerm, Action: c.Action, Target: c.Target})
		case c.Stage == Releasing && c.Op == "" && c.NextStep != 0:
			timer(c.NextStep, autonomics.Timer{Timer: autonomics.TimerReleaseStep, Action: c.Action, Target: c.Target})
		}
	}
	for _, x := range g.Tries {
		if x.By != 0 {
			timer(x.By, autonomics.Timer{Timer: autonomics.TimerHelps, Action: x.Action})
		}
	}
}

// freshness: a required signal goes stale, or the episode does that makes it
// required.
func (g *Governor) freshness(timer func(autonomics.Time, autonomics.Timer)) {
	for i := range g.prog.Signals {
		d := &g.prog.Signals[i]
		if !d.Required {
			continue
		}
		if s := &g.Signals[i]; s.Has && !s.Missing {
			timer(s.At.Add(d.StaleAfter), autonomics.Timer{Timer: autonomics.TimerFreshness, Signal: d.Name})
		}
		if d.While >= 0 {
			for _, k := range g.Episodes[d.While].Keys {
				timer(k.Heard.Add(g.prog.Episodes[d.While].StaleAfter), autonomics.Timer{Timer: autonomics.TimerFreshness, Signal: d.Name})
			}
		}
	}
}

// runs: a condition may have been true for long enough.
func (g *Governor) runs(timer func(autonomics.Time, autonomics.Timer)) {
	for i := range g.prog.Rules {
		if r := &g.prog.Rules[i]; r.In.Has(g.State) {
			g.ripe(r.When, r.ID, timer)
		}
	}
}

func (g *Governor) ripe(node int, rule string, timer func(autonomics.Time, autonomics.Timer)) {
	n := &g.prog.Nodes[node]
	if n.Run >= 0 && g.prog.Runs[n.Run].For > 0 && g.Runs[n.Run].Since != 0 {
		due := g.Runs[n.Run].Since.Add(g.prog.Runs[n.Run].For)
		timer(due, autonomics.Timer{Timer: autonomics.TimerFor, Rule: rule})
	}
	for _, k := range n.Kids {
		g.ripe(k, rule, timer)
	}
}

// renewed is the new end of the term of the action's claim, or 0 if it is to be
// released: it goes on while the granting rule is not unknown and no rule leads
// out of intervening, and never beyond its longest time.
func (g *Governor) renewed(action string, now autonomics.Time) autonomics.Time {
	c := g.live(action)
	r := g.prog.rule(c.Rule)
	if now >= c.Max || r < 0 || g.eval(g.prog.Rules[r].When, now, true) == unknown {
		return 0
	}
	for i := range g.prog.Rules {
		out := &g.prog.Rules[i]
		if out.In.Has(autonomics.Intervening) && out.Go != autonomics.Intervening && g.eval(out.When, now, true) == yes {
			return 0
		}
	}
	term, _ := g.terms(c)
	return min(now.Add(term), c.Max)
}
