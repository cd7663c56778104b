package sim

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Scorecard counts what the receipts of one chain say. Nothing else goes
// into it, so that everybody who has the receipts gets the same numbers.
type Scorecard struct {
	Tenant    autonomics.Tenant `json:"tenant"`
	First     uint64            `json:"first"` // receipts
	Last      uint64            `json:"last"`
	From      string            `json:"from,omitempty"`
	To        string            `json:"to,omitempty"`
	Signals   Verdicts          `json:"signals"` // that concerned no governor
	Governors []*Card           `json:"governors"`

	ops   map[string]*op // in flight, by key
	ended struct {       // the last one that was in flight
		key string
		op  *op
	}
	at autonomics.Time
}

// A Card is the part of one governor.
type Card struct {
	Governor      string            `json:"governor"`
	Program       string            `json:"program"`
	Profile       string            `json:"profile,omitempty"`
	Mode          autonomics.Mode   `json:"mode"`
	State         string            `json:"state"` // at the end
	Interventions int               `json:"interventions"`
	InEffectMs    int64             `json:"in_effect_ms"` // something that it applied was in force
	WouldMs       int64             `json:"would_ms"`     // the same of observe mode, where nothing was written
	Claims        []string          `json:"claims,omitempty"`
	StatesMs      map[string]int64  `json:"states_ms"`
	Rules         map[string]int    `json:"rules"`
	Effects       map[string]*Tally `json:"effects"` // by operation and action
	Signals       Verdicts          `json:"signals"`
	Good          int               `json:"good"` // decisions that operators found good, or bad
	Bad           int               `json:"bad"`

	verdicts    map[string]string // by receipt; the last one counts
	state       autonomics.State
	since       autonomics.Time
	real, would inForce
}

// Verdicts are how many signals were accepted, and why others were not.
type Verdicts struct {
	Accepted int                       `json:"accepted"`
	Ignored  map[autonomics.Reason]int `json:"ignored,omitempty"`
	Refused  map[autonomics.Reason]int `json:"refused,omitempty"`
}

// A Tally says what became of operations.
type Tally struct {
	Requested int `json:"requested"`
	Done      int `json:"done,omitempty"`
	Would     int `json:"would,omitempty"`
	Failed    int `json:"failed,omitempty"`
	Yielded   int `json:"yielded,omitempty"`
	Dropped   int `json:"dropped,omitempty"`
	Held      int `json:"held,omitempty"` // times that one was held
}

// An op is an operation in flight.
type op struct {
	card           *Card
	op             autonomics.Op
	action, target string
}

// Line takes the next line of the chain.
func (s *Scorecard) Line(line []byte) error {
	r, err := autonomics.ParseReceipt(line)
	if err == nil {
		s.Add(r)
	}
	return err
}

// Add takes the next receipt of the chain.
func (s *Scorecard) Add(r *autonomics.Receipt) {
	if s.First == 0 {
		s.Tenant, s.First, s.From, s.ops = r.Tenant, r.Seq, r.At.String(), map[string]*op{}
	}
	s.Last, s.at = r.Seq, r.At
	if r.Governor == "" {
		s.Signals.count(r)
		return
	}
	c := s.card(r)
	c.Signals.count(r)
	if r.Verdict != autonomics.Accepted {
		return
	}
	if p := r.Event.Program; p != nil {
		c.Program, c.Profile, c.Mode = cmp.Or(p.Name, p.Spec.String()), p.Profile, p.Mode
	}
	if cmd := r.Event.Command; cmd != nil {
		c.command(cmd, r.At)
	}
	if r.Event.Effect != nil {
		s.outcome(c, r)
	}
	c.change(r)
	for n, e := range r.Effects {
		owner := c
		if e.Governor != "" {
			owner = s.find(e.Governor, r.At)
		}
		owner.tally(e.Op, e.Action).Requested++
		s.ops[fmt.Sprintf("%s/%d", r.Hash, n)] = &op{owner, e.Op, e.Action, e.Target}
		if e.Op == autonomics.OpStep || e.Op == autonomics.OpUndo {
			owner.real.back(e.Action)
			owner.would.back(e.Action)
		}
	}
	c.claims(r)
}

// claims notes what a change of state means for the claims.
func (c *Card) claims(r *autonomics.Receipt) {
	for _, f := range []*inForce{&c.real, &c.would} {
		switch {
		case r.Cause == autonomics.CauseClaimsEnded:
			f.end(r.At, all)
		case r.From == r.To:
		case r.To == autonomics.Intervening:
			f.enter()
		case r.To == autonomics.Stable || r.To == autonomics.Warning || r.To == autonomics.Refusing:
			f.leave(r.At)
		}
	}
}

func (v *Verdicts) count(r *autonomics.Receipt) {
	if r.Event.Signal == nil {
		return
	}
	m := &v.Ignored
	switch r.Verdict {
	case autonomics.Accepted:
		v.Accepted++
		return
	case autonomics.Refused:
		m = &v.Refused
	}
	if *m == nil {
		*m = map[autonomics.Reason]int{}
	}
	(*m)[r.Reason]++
}

func (s *Scorecard) card(r *autonomics.Receipt) *Card {
	c := s.find(r.Governor, r.At)
	if c.state == 0 {
		c.state = r.From
	}
	return c
}

func (s *Scorecard) find(name string, at autonomics.Time) *Card {
	i, found := slices.BinarySearchFunc(s.Governors, name, func(c *Card, name string) int { return cmp.Compare(c.Governor, name) })
	if !found {
		s.Governors = slices.Insert(s.Governors, i, &Card{Governor: name, since: at, verdicts: map[string]string{},
			StatesMs: map[string]int64{}, Rules: map[string]int{}, Effects: map[string]*Tally{}})
	}
	return s.Governors[i]
}

func (c *Card) tally(o autonomics.Op, action string) *Tally {
	name := string(o) + " " + action
	if c.Effects[name] == nil {
		c.Effects[name] = &Tally{}
	}
	return c.Effects[name]
}

func (c *Card) command(cmd *autonomics.Command, at autonomics.Time) {
	switch cmd.Command {
	case "mode":
		c.Mode = autonomics.Mode(kernel.Arg(cmd, "mode"))
		c.would.end(at, all)
	case "reset":
		c.real.end(at, func(_ string, x *span) bool { return x.back })
	case "verdict":
		c.verdicts[cmd.Args["receipt"]] = kernel.Arg(cmd, "verdict")
	}
}

func (c *Card) change(r *autonomics.Receipt) {
	if r.Rule != "" {
		c.Rules[r.Rule]++
	}
	if r.To == c.state {
		return
	}
	if r.To == autonomics.Intervening {
		c.Interventions++
	}
	c.lasted(r.At)
	c.state, c.since = r.To, r.At
}

// lasted adds the time that the present state has had.
func (c *Card) lasted(at autonomics.Time) {
	if ms := int64(at - c.since); ms > 0 {
		c.StatesMs[c.state.String()] += ms
	}
}

// outcome counts what became of an operation. Where several governors share
// the target each has a receipt of it: it is counted once, and what it ends, it
// ends for all of them.
func (s *Scorecard) outcome(c *Card, r *autonomics.Receipt) {
	o := r.Event.Effect
	x, first := s.ops[o.Key]
	if !first && s.ended.key == o.Key {
		x = s.ended.op
	}
	if x == nil {
		return
	}
	stage := o.Stage
	if stage == autonomics.StageYielded || stage == autonomics.StageDone && x.op == autonomics.OpUndo {
		c.real.end(r.At, func(action string, y *span) bool { return y.target == x.target && (c != x.card || action == x.action) })
	}
	if n := x.card.tally(x.op, x.action).of(stage); n != nil && first {
		*n++
	}
	if !first || stage == autonomics.StageHeld || stage == autonomics.StagePrepared {
		return
	}
	delete(s.ops, o.Key)
	s.ended.key, s.ended.op = o.Key, x
	switch {
	case stage == autonomics.StageDone && x.op == autonomics.OpApply:
		c.real.begin(x.action, x.target, r.At)
	case stage == autonomics.StageWould && x.op == autonomics.OpApply:
		c.would.begin(x.action, x.target, r.At)
	case stage == autonomics.StageWould && x.op == autonomics.OpUndo:
		c.would.end(r.At, func(action string, _ *span) bool { return action == x.action })
	}
}

// of is where a stage is counted; nil where it is not.
func (t *Tally) of(stage autonomics.Stage) *int {
	switch stage {
	case autonomics.StageDone:
		return &t.Done
	case autonomics.StageWould:
		return &t.Would
	case autonomics.StageFailed:
		return &t.Failed
	case autonomics.StageYielded:
		return &t.Yielded
	case autonomics.StageDropped:
		return &t.Dropped
	case autonomics.StageHeld:
		return &t.Held
	}
	return nil
}

// Finish closes what is still open at the time of the last receipt. Nothing may
// be added afterwards.
func (s *Scorecard) Finish() {
	if s.First == 0 {
		s.Governors = []*Card{}
		return
	}
	s.To = s.at.String()
	for _, c := range s.Governors {
		c.State = c.state.String()
		c.lasted(s.at)
		c.InEffectMs, c.WouldMs = c.real.until(s.at), c.would.until(s.at)
		c.Claims = sorted(c.real.open)
		for _, v := range c.verdicts {
			if v == "good" {
				c.Good++
			} else {
				c.Bad++
			}
		}
	}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// Write writes the card for people.
func (s *Scorecard) Write(w io.Writer) {
	if s.First == 0 {
		fmt.Fprintf(w, "%s: no receipts\n", s.Tenant)
		return
	}
	fmt.Fprintf(w, "%s: receipts %d to %d, %s to %s\n", s.Tenant, s.First, s.Last, s.From, s.To)
	if text := s.Signals.String(); text != "" {
		fmt.Fprintf(w, "  %-14s %s\n", "no governor", text)
	}
	for _, c := range s.Governors {
		c.write(w)
	}
}

func (c *Card) write(w io.Writer) {
	row := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-14s %s\n", what, text)
		}
	}
	fmt.Fprintf(w, "%s  %s %s in %s, %s at the end\n", c.Governor, c.Program, c.Profile, c.Mode, c.State)
	row("interventions", fmt.Sprintf("%d, in effect for %s", c.Interventions, lasting(c.InEffectMs)))
	if c.WouldMs > 0 {
		row("observed", "would have been in effect for "+lasting(c.WouldMs))
	}
	row("in force", strings.Join(c.Claims, ", "))
	var states, rules []string
	for i := autonomics.Boot; i <= autonomics.Refusing; i++ {
		if ms := c.StatesMs[i.String()]; ms > 0 {
			states = append(states, i.String()+" "+lasting(ms))
		}
	}
	for _, rule := range sorted(c.Rules) {
		rules = append(rules, fmt.Sprintf("%s %d", rule, c.Rules[rule]))
	}
	row("states", strings.Join(states, ", "))
	row("rules", strings.Join(rules, ", "))
	for i, name := range sorted(c.Effects) {
		row(map[bool]string{true: "effects"}[i == 0], name+": "+c.Effects[name].String())
	}
	row("signals", c.Signals.String())
	if c.Good+c.Bad > 0 {
		row("verdicts", fmt.Sprintf("%d good, %d bad", c.Good, c.Bad))
	}
}

func (t *Tally) String() string {
	text := fmt.Sprintf("%d requested", t.Requested)
	for _, x := range []struct {
		n    int
		what string
	}{{t.Done, "done"}, {t.Would, "would have been done"}, {t.Failed, "failed"}, {t.Yielded, "yielded"}, {t.Dropped, "dropped"}, {t.Held, "times held"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.what)
		}
	}
	return text
}

func (v *Verdicts) String() string {
	var list []string
	if v.Accepted > 0 {
		list = append(list, fmt.Sprintf("%d accepted", v.Accepted))
	}
	for _, x := range []struct {
		what    string
		reasons map[autonomics.Reason]int
	}{{"ignored", v.Ignored}, {"refused", v.Refused}} {
		for _, why := range sorted(x.reasons) {
			list = append(list, fmt.Sprintf("%d %s as %s", x.reasons[why], x.what, why))
		}
	}
	return strings.Join(list, ", ")
}

// lasting writes a time as 1d2h3m4s.
func lasting(ms int64) string {
	var text strings.Builder
	for _, u := range []struct {
		size autonomics.Duration
		name string
	}{{autonomics.Day, "d"}, {autonomics.Hour, "h"}, {autonomics.Minute, "m"}, {autonomics.Second, "s"}} {
		if n := ms / int64(u.size); n > 0 {
			fmt.Fprintf(&text, "%d%s", n, u.name)
			ms -= n * int64(u.size)
		}
	}
	if ms > 0 || text.Len() == 0 {
		fmt.Fprintf(&text, "%dms", ms)
	}
	return text.String()
}
