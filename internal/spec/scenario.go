package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// Scenarios begin with the year 2026.
const epoch autonomics.Time = 1_767_225_600_000

// RunScenario plays s on p and returns what differs from what s expects in the
// first step where anything does. Paths begin at the scenario.
func RunScenario(p *kernel.Program, s *Scenario) []Complaint { return perform(p, s).List }

func perform(p *kernel.Program, s *Scenario) *runner {
	mode := autonomics.Mode(cmp.Or(s.Mode, string(autonomics.Enforce)))
	r := &runner{p: p, Model: NewModel("scenario", p, epoch, mode, s.Entitled == nil || *s.Entitled)}
	r.Fails = func(w *kernel.Work) bool { return slices.Contains(r.fail, w.Action) }
	r.AtMost("$.steps", "steps", len(s.Steps), maxPlay)
	now := epoch
	for i := range s.Steps {
		play, path := &s.Steps[i], fmt.Sprintf("$.steps[%d]", i)
		at := instant(play.At)
		if at < now {
			r.Add(path+".at", fmt.Sprintf("%s lies before the step before", play.At), "put the steps in order of time")
		}
		now = at
		in, ok := r.input(path, play)
		if r.List == nil {
			r.play(path, play, now, in, ok)
		}
		if r.List != nil {
			break
		}
	}
	return r
}

func instant(offset string) autonomics.Time { return epoch.Add(span(offset)) }

// A runner plays a scenario on a model.
type runner struct {
	strict.Complaints
	*Model
	p      *kernel.Program
	fail   []string // actions that fail in this step
	timers int      // times at which timers were due
}

// play lets time pass, gives the input and compares.
func (r *runner) play(path string, play *Play, now autonomics.Time, in kernel.Input, ok bool) {
	r.Sealed, r.fail = nil, play.Fail
	r.timers += r.Pass(now, maxTimers+1-r.timers)
	r.AtMost(path+".at", "times at which timers were due", r.timers, maxTimers)
	for _, slot := range sorted(play.Change) {
		maps.Copy(r.Target(slot), play.Change[slot])
	}
	var answer autonomics.Receipt
	if ok {
		answer = *r.Take(now, in)
	}
	if !r.Settle(now) {
		r.Add(path, "the governor and its targets do not come to rest", "look for rules that undo each other")
	}
	if r.List == nil {
		r.compare(path, play, answer)
	}
}

func (r *runner) compare(path string, play *Play, answer autonomics.Receipt) {
	state := r.Tenant.Governor(r.p.SKU).State.String()
	var effects, reasons []string
	for _, sealed := range r.Sealed {
		receipt := sealed.Receipt
		for _, e := range receipt.Effects {
			effects = append(effects, string(e.Op)+" "+e.Action)
		}
		if receipt.Rule != "" {
			reasons = append(reasons, "rule "+receipt.Rule)
		} else if receipt.Cause != "" {
			reasons = append(reasons, "cause "+string(receipt.Cause))
		}
	}
	if reasons == nil {
		reasons = []string{"no rule fired"}
	}
	why := "; " + strings.Join(reasons, ", ")
	for _, m := range []struct{ member, want, have string }{
		{"state", play.State, state},
		{"effects", strings.Join(play.Effects, ", "), strings.Join(effects, ", ")},
		{"verdict", play.Verdict, string(answer.Verdict)},
		{"reason", play.Reason, string(answer.Reason)},
	} {
		expected := m.want != "" || m.member == "effects" && play.Effects != nil
		if expected && m.want != m.have {
			r.Add(path+"."+m.member, fmt.Sprintf("at %s it is %q, expected was %q%s", play.At, m.have, m.want, why),
				"change the rules or what is expected")
		}
	}
}
