package kernel

import (
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
)

// Ahead is how far in the future a reading may be dated: clocks differ.
const Ahead = autonomics.Minute

// MaxSources bounds the sources of one signal of one governor, so that a sender
// cannot grow the state without end. One more is taken in when the one that was
// silent for the longest has gone stale, and refused while none has.
const MaxSources = 16

// admit checks an event against the governor's state and completes the
// receipt: the verdict, and in the event what absorb will take. It changes no
// state.
func (t *Tenant) admit(g *Governor, r *autonomics.Receipt) {
	r.Verdict = autonomics.Accepted
	ev := &r.Event
	switch {
	case ev.Signal != nil && ev.Signal.Episode != "":
		r.Verdict, r.Reason = g.admitEpisode(ev, r.At)
	case ev.Signal != nil:
		r.Verdict, r.Reason = g.admitReadings(ev, r.At)
	case ev.Command != nil:
		r.Verdict, r.Reason = g.admitCommand(ev.Command)
	}
}

func (g *Governor) admitReadings(ev *autonomics.Event, now autonomics.Time) (autonomics.Verdict, autonomics.Reason) {
	in := *ev.Signal
	all := g.declared(in.Readings)
	if len(all) == 0 {
		return autonomics.Ignored, autonomics.ReasonUndeclared
	}
	taken := make([]autonomics.Reading, 0, len(all))
	var verdict autonomics.Verdict
	var reason autonomics.Reason
	for i := range all {
		rd := &all[i]
		last, room := g.last(rd.Signal, &in, taken, now)
		v, why := fits(rd, in.ID, last, now)
		switch {
		case v == autonomics.Accepted && last == nil && !room:
			verdict, reason = autonomics.Refused, autonomics.ReasonFull
		case v == autonomics.Accepted:
			taken = append(taken, *rd)
		default:
			verdict, reason = v, why
		}
	}
	in.Readings = all
	if len(taken) > 0 {
		in.Readings, verdict, reason = taken, autonomics.Accepted, ""
	}
	ev.Signal = &in
	return verdict, reason
}

// declared are the readings of declared signals. If one of them is in another
// unit than its signal, none of the message can be compared.
func (g *Governor) declared(readings []autonomics.Reading) []autonomics.Reading {
	out, foreign := make([]autonomics.Reading, 0, len(readings)), false
	for _, rd := range readings {
		if s := g.prog.signal(rd.Signal); s >= 0 {
			unit := g.prog.Signals[s].Unit
			foreign = foreign || rd.Unit != "" && rd.Unit != unit
			if rd.Unit == "" {
				rd.Unit = unit
			}
			out = append(out, rd)
		}
	}
	for i := range out {
		if foreign {
			out[i].Absent, out[i].Value = autonomics.AbsentUnit, 0
		}
	}
	return out
}

// last is what the source said last of the signal, counting the readings of
// this event that are taken already; room reports whether a new source fits.
func (g *Governor) last(signal string, in *autonomics.Signal, taken []autonomics.Reading, now autonomics.Time) (last *Source, room bool) {
	n := g.prog.signal(signal)
	s, stale := &g.Signals[n], g.prog.Signals[n].StaleAfter
	for i := range s.Sources {
		if s.Sources[i].Name == in.Source {
			last = &s.Sources[i]
		}
	}
	for i := range taken {
		if taken[i].Signal == signal {
			last = &Source{Name: in.Source, ID: in.ID, At: taken[i].At, Start: taken[i].Start}
		}
	}
	return last, len(s.Sources) < MaxSources || s.Sources[s.silent()].At.Add(stale) <= now
}

// fits decides whether a reading is newer than the last of its source, and
// dates it when the sender did not.
func fits(rd *autonomics.Reading, id string, last *Source, now autonomics.Time) (autonomics.Verdict, autonomics.Reason) {
	said := rd.At != 0
	if !said && last != nil {
		rd.At = last.At
	}
	if !said {
		rd.At = max(rd.At, now)
	}
	switch {
	case rd.At > now.Add(Ahead) || rd.Start > now.Add(Ahead):
		return autonomics.Refused, autonomics.ReasonFuture
	case last == nil:
		return autonomics.Accepted, ""
	case rd.Start != 0 && rd.Start > last.Start:
		return autonomics.Accepted, ""
	case rd.Start != 0 && rd.Start < last.Start, rd.At < last.At:
		return autonomics.Ignored, autonomics.ReasonLate
	case said && rd.At == last.At && id <= last.ID, !said && id != "" && id == last.ID:
		return autonomics.Ignored, autonomics.ReasonDuplicate
	}
	return autonomics.Accepted, ""
}

func (g *Governor) admitEpisode(ev *autonomics.Event, now autonomics.Time) (autonomics.Verdict, autonomics.Reason) {
	in := *ev.Signal
	ev.Signal = &in
	said := in.At != 0
	if !said {
		in.At = now
	}
	i := g.prog.episode(in.Episode)
	switch {
	case i < 0:
		return autonomics.Ignored, autonomics.ReasonUndeclared
	case in.Start > now.Add(Ahead) || in.At > now.Add(Ahead):
		return autonomics.Refused, autonomics.ReasonFuture
	}
	keys := g.Episodes[i].Keys
	k := slices.IndexFunc(keys, func(k EpisodeKey) bool { return k.Key == in.Key })
	if k < 0 {
		full := len(keys) >= g.prog.Episodes[i].Keys
		if full && !slices.ContainsFunc(keys, func(k EpisodeKey) bool { return !k.Open }) {
			return autonomics.Refused, autonomics.ReasonFull
		}
		return autonomics.Accepted, ""
	}
	known := keys[k]
	switch {
	case in.Start > known.Start:
		return autonomics.Accepted, ""
	case in.Start < known.Start:
		return autonomics.Ignored, autonomics.ReasonLate
	case !known.Open && in.Open:
		return autonomics.Ignored, autonomics.ReasonClosed
	case known.Open == in.Open && said && in.At <= known.Heard:
		return autonomics.Ignored, autonomics.ReasonDuplicate
	}
	return autonomics.Accepted, ""
}

// admitOutcome checks an answer of the outbox. What was observed becomes the
// baseline and the absolute value, or the end of an effect that is no longer
// wanted.
func (t *Tenant) admitOutcome(g *Governor, ev *autonomics.Event, now, fleet autonomics.Time) (autonomics.Verdict, autonomics.Reason) {
	out := *ev.Effect
	ev.Effect = &out
	if i := g.notice(out.Key); i >= 0 {
		out.Action = g.Notices[i].Action
		return autonomics.Accepted, ""
	}
	if h := g.hold(out.Key); h != nil {
		return t.admitHold(g, h, &out, now, fleet)
	}
	c := g.claim(out.Key)
	if c == nil {
		return autonomics.Ignored, autonomics.ReasonStale
	}
	out.Action, out.Target = c.Action, c.Target
	switch {
	case out.Stage == autonomics.StageHeld && slices.ContainsFunc(g.Held, func(h Held) bool { return h.Key == out.Key && h.Cause == out.Cause }):
		return autonomics.Ignored, autonomics.ReasonDuplicate
	case out.Stage != autonomics.StagePrepared:
		return autonomics.Accepted, ""
	case c.Virtual() && c.Op != autonomics.OpApply:
		l := t.lane(c.Place)
		out.Stage, out.Baseline, out.Value = autonomics.StageWould, l.Written, l.restored()
		if c.Op == autonomics.OpStep {
			out.Value = c.To
		}
	case !c.Virtual() && c.Value != nil:
		return autonomics.Ignored, autonomics.ReasonDuplicate
	case c.Stage == Releasing:
		out.Stage, out.Baseline = autonomics.StageDropped, nil
	default:
		if t.prepare(g, c, &out); out.Stage == autonomics.StagePrepared {
			t.pass(g, c, &out, now, fleet)
		}
	}
	return autonomics.Accepted, ""
}

// prepare turns what was observed into the baseline and the absolute value to
// write. The baseline of a place is the first one observed there.
func (t *Tenant) prepare(g *Governor, c *Claim, out *autonomics.Outcome) {
	a, _ := catalog.Lookup(c.Uses)
	out.Baseline = slices.DeleteFunc(slices.Clone(out.Baseline), func(f autonomics.Field) bool {
		return f.Name != a.Field && (f.Name != catalog.Previous || a.Number())
	})
	if l := t.lane(c.Place); l != nil {
		out.Baseline = l.Baseline
	}
	_, value, err := catalog.Resolve(a, g.prog.action(c.Action).With, out.Baseline)
	switch {
	case err != nil:
		out.Stage, out.Baseline, out.Error = autonomics.StageFailed, nil, err.Error()
	case c.Virtual():
		out.Stage, out.Value = autonomics.StageWould, value
	default:
		out.Value = value
	}
}

// admitHold checks what was seen of a held target, and the answer to a second
// write. A rejected version that is put back is written once more, where the
// governor may write without asking; over a limit, when it is seen again later.
func (t *Tenant) admitHold(g *Governor, h *Hold, out *autonomics.Outcome, now, fleet autonomics.Time) (autonomics.Verdict, autonomics.Reason) {
	out.Action, out.Target = h.Action, h.Target
	if out.Stage != autonomics.StagePrepared {
		return autonomics.Accepted, ""
	}
	a, _ := catalog.Lookup(h.Uses)
	seen, _ := out.Baseline.Get(a.Field)
	expected, _ := h.Value.Get(a.Field)
	if h.Virtual {
		expected = h.Rejected
	}
	switch {
	case seen == expected || t.busy(h.Target):
		return autonomics.Ignored, autonomics.ReasonUnchanged
	case seen != h.Rejected:
		out.Stage = autonomics.StageCleared
	case h.Again || g.Mode != autonomics.Enforce || g.State == autonomics.Refusing:
		out.Stage = autonomics.StageYielded
	default:
		if why, _ := t.limited(g, 0, now, fleet); why != "" {
			return autonomics.Ignored, why
		}
	}
	out.Baseline, out.Value = autonomics.Fields{{Name: a.Field, Value: seen}}, h.Value
	return autonomics.Accepted, ""
}

func (g *Governor) admitCommand(c *autonomics.Command) (autonomics.Verdict, autonomics.Reason) {
	switch c.Command {
	case "mode":
		switch mode := autonomics.Mode(Arg(c, "mode")); {
		case mode == g.Mode:
			return autonomics.Ignored, autonomics.ReasonUnchanged
		case !mode.Valid():
			return autonomics.Refused, autonomics.ReasonInvalid
		}
	case "approve", "reject":
		if x, _ := g.asked(Arg(c, "effect")); x == nil {
			return autonomics.Refused, autonomics.ReasonNotFound
		}
	case "release":
		if x := g.live(Arg(c, "action")); x == nil || x.Stage == Releasing {
			return autonomics.Refused, autonomics.ReasonNotFound
		}
	}
	return autonomics.Accepted, ""
}
