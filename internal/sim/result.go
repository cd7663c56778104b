package sim

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// A Result says what a backtest found for one tenant.
type Result struct {
	Tenant          autonomics.Tenant `json:"tenant"`
	Receipts        int               `json:"receipts"`                   // replayed
	Reproduced      int               `json:"reproduced"`                 // of them, to the byte
	FirstDifference uint64            `json:"first_difference,omitempty"` // receipt that was not
	Changed         bool              `json:"changed"`                    // a governor had another program than recorded
	Unchanged       int               `json:"unchanged"`                  // decisions that are the same
	Assumed         int               `json:"assumed"`                    // effects that the model answered
	Differences     []Difference      `json:"differences,omitempty"`
	Recorded        Scorecard         `json:"recorded"`
	Replayed        Scorecard         `json:"replayed"`
}

// A Difference is one decision that the spec adds, removes, moves to another
// time, or changes in its effects.
type Difference struct {
	Kind     string    `json:"kind"` // added, removed, moved, changed
	Recorded *Decision `json:"recorded,omitempty"`
	Replayed *Decision `json:"replayed,omitempty"`
}

// A Decision is a receipt that fired a rule, changed the state or requested
// effects.
type Decision struct {
	Governor string    `json:"governor"`
	At       string    `json:"at"`
	Event    string    `json:"event"` // kind of what happened
	From     string    `json:"from"`
	To       string    `json:"to"`
	Rule     string    `json:"rule,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	Effects  []string  `json:"effects,omitempty"`
	Receipt  Concerned `json:"receipt"`           // recorded: of the decision; replayed: of what led to it, or of what came before the timer that did
	Assumed  bool      `json:"assumed,omitempty"` // led to by an outcome that the model gave

	slot int
	at   autonomics.Time
}

// Concerned names a recorded receipt.
type Concerned struct {
	Tenant autonomics.Tenant `json:"tenant"`
	Seq    uint64            `json:"seq"`
	Hash   autonomics.Hash   `json:"hash"`
}

func decides(r *autonomics.Receipt) bool {
	return r.From != r.To || r.Rule != "" || len(r.Effects) > 0
}

func (x *Replay) decision(r, by *autonomics.Receipt) Decision {
	d := Decision{Governor: r.Governor, At: r.At.String(), Event: string(r.Kind), From: r.From.String(), To: r.To.String(), Rule: r.Rule, Cause: string(r.Cause),
		Receipt: Concerned{by.Tenant, by.Seq, by.Hash}, slot: x.slot, at: r.At}
	for i := range r.Effects {
		d.Effects = append(d.Effects, text(&r.Effects[i]))
	}
	d.Assumed = r != by && r.Event.Effect != nil && by.Event.Effect == nil
	return d
}

// text says what an effect does.
func text(e *autonomics.Effect) string {
	words := string(e.Op) + " " + e.Action
	if e.Target != "" {
		words += " " + e.Target
	}
	for _, f := range e.With {
		words += " " + f.Name + "=" + f.Value
	}
	return words
}

// same is equal for decisions that are the same rule and state change.
func (d *Decision) same() string {
	return strings.Join([]string{d.Governor, d.From, d.To, d.Rule, d.Cause}, " ")
}

// A match says when a recorded and a replayed decision belong together. The
// first one that finds a partner says what became of the decision.
type match struct {
	kind string
	key  func(*Decision) string
}

func matches() []match {
	return []match{
		{"", func(d *Decision) string { return fmt.Sprint(d.slot, d.same(), d.Effects) }},
		{"changed", func(d *Decision) string { return fmt.Sprint(d.slot, d.same()) }},
		{"moved", (*Decision).same},
	}
}

// Result ends the backtest of the tenant.
func (x *Replay) Result() *Result {
	x.by = x.last
	x.close()
	if x.inStep && len(x.out) > 0 {
		x.diverge(x.last)
	}
	out := &x.result
	out.Recorded.Finish()
	out.Replayed.Finish()
	before, after := pointers(x.before), pointers(x.after)
	for _, m := range matches() {
		partners := map[string][]*Decision{}
		for _, e := range after {
			partners[m.key(e)] = append(partners[m.key(e)], e)
		}
		found := map[*Decision]bool{}
		before = slices.DeleteFunc(before, func(d *Decision) bool {
			list := partners[m.key(d)]
			if len(list) == 0 {
				return false
			}
			e := list[0]
			partners[m.key(d)], found[e] = list[1:], true
			x.found(m.kind, d, e)
			return true
		})
		after = slices.DeleteFunc(after, func(e *Decision) bool { return found[e] })
	}
	for _, d := range before {
		x.found("removed", d, nil)
	}
	for _, e := range after {
		x.found("added", nil, e)
	}
	slices.SortStableFunc(out.Differences, func(a, b Difference) int { return cmp.Compare(a.first(), b.first()) })
	return out
}

func pointers(list []Decision) []*Decision {
	out := make([]*Decision, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// found counts a decision that is the same, or keeps a difference, if it is one
// to compare.
func (x *Replay) found(kind string, d, e *Decision) {
	if !(d != nil && x.b.compares(d.at, d.Governor) || e != nil && x.b.compares(e.at, e.Governor)) {
		return
	}
	if kind == "" {
		x.result.Unchanged++
		return
	}
	x.result.Differences = append(x.result.Differences, Difference{kind, d, e})
}

// first is the earlier of its times.
func (d *Difference) first() autonomics.Time {
	switch {
	case d.Recorded == nil:
		return d.Replayed.at
	case d.Replayed == nil:
		return d.Recorded.at
	}
	return min(d.Recorded.at, d.Replayed.at)
}

// Write writes the result for people.
func (r *Result) Write(w io.Writer) {
	fmt.Fprintf(w, "%s: %d receipts replayed, %d decisions unchanged\n", r.Tenant, r.Receipts, r.Unchanged)
	switch {
	case r.FirstDifference == 0 && r.Receipts > 0:
		fmt.Fprintf(w, "  every receipt is reproduced, byte for byte\n")
	case r.FirstDifference != 0 && !r.Changed:
		fmt.Fprintf(w, "  the spec is unchanged, but receipt %d is not reproduced\n", r.FirstDifference)
	}
	for _, d := range r.Differences {
		switch {
		case d.Recorded == nil:
			fmt.Fprintf(w, "  %-8s %s\n", d.Kind, d.Replayed.line("at or after"))
		case d.Replayed == nil:
			fmt.Fprintf(w, "  %-8s %s\n", d.Kind, d.Recorded.line(""))
		default:
			fmt.Fprintf(w, "  %-8s %s\n  %-8s %s\n", d.Kind, d.Recorded.line(""), "     to", d.Replayed.line("at or after"))
		}
	}
	for _, c := range r.Recorded.Governors {
		e := r.Replayed.find(c.Governor, 0)
		if r.FirstDifference != 0 {
			fmt.Fprintf(w, "  %s: interventions %d → %d, in effect %s → %s\n", c.Governor, c.Interventions, e.Interventions, lasting(c.InEffectMs), lasting(e.InEffectMs))
		}
	}
	if r.Assumed > 0 {
		fmt.Fprintf(w, "  %d effects were answered by the model: they never happened like this\n", r.Assumed)
	}
}

func (d *Decision) line(relation string) string {
	text := fmt.Sprintf("%s  %s  %s → %s  %s", d.At, d.Governor, d.From, d.To, cmp.Or(d.Rule, d.Cause, d.Event))
	if len(d.Effects) > 0 {
		text += ": " + strings.Join(d.Effects, ", ")
	}
	if d.Assumed {
		text += " (assumed)"
	}
	return strings.TrimRight(text, " ") + fmt.Sprintf("  [%s %s/%d %.12s]", strings.TrimSpace(relation+" receipt"), d.Receipt.Tenant, d.Receipt.Seq, d.Receipt.Hash)
}
