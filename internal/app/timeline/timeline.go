// Package timeline writes receipts for people, one line each, in columns:
//
//	TIME  TENANT SEQ  GOVERNOR  WHAT HAPPENED  STATE  RULE OR CAUSE: EFFECTS
//
// It says what the receipts say, and nothing else.
package timeline

import (
	"fmt"
	"io"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// A Printer writes receipts in the order in which it is given them.
type Printer struct {
	Out    io.Writer
	Layout string // of the time, as package time has it
	Brief  bool   // leave out what changed nothing
	Colour bool

	effects map[string]autonomics.Effect // by key: what an outcome is about
}

// Print writes one receipt.
func (p *Printer) Print(r *autonomics.Receipt) {
	what := p.what(r)
	p.remember(r)
	if p.Brief && quiet(r) {
		return
	}
	line := fmt.Sprintf("%s  %-10s %4d  %-14s %-46s %-24s %s", r.At.Std().Format(p.Layout), r.Tenant, r.Seq, r.Governor,
		what, states(r), why(r))
	line = strings.TrimRight(line, " ")
	if c := colour(r); p.Colour && c != "" {
		line = c + line + "\x1b[0m"
	}
	fmt.Fprintln(p.Out, line)
}

// quiet reports whether a receipt changed nothing that a reader looks for.
func quiet(r *autonomics.Receipt) bool {
	if r.Verdict != autonomics.Accepted || r.From != r.To || len(r.Effects) > 0 {
		return false
	}
	if o := r.Event.Effect; o != nil {
		return o.Stage == autonomics.StagePrepared || o.Target == "" && o.Stage == autonomics.StageDone
	}
	return r.Event.Signal != nil && r.Event.Signal.Episode == ""
}

func colour(r *autonomics.Receipt) string {
	o := r.Event.Effect
	switch {
	case r.Verdict != autonomics.Accepted:
		return "\x1b[2m"
	case o != nil && o.Stage == autonomics.StageDone && o.Target != "":
		return "\x1b[32m"
	case o != nil && (o.Stage == autonomics.StageFailed || o.Stage == autonomics.StageYielded):
		return "\x1b[31m"
	case r.From == r.To:
		return ""
	case r.To == autonomics.Intervening || r.To == autonomics.Degraded || r.To == autonomics.Refusing:
		return "\x1b[31m"
	case r.To == autonomics.Warning:
		return "\x1b[33m"
	}
	return "\x1b[32m"
}

// remember notes what the outcomes to come are about.
func (p *Printer) remember(r *autonomics.Receipt) {
	if p.effects == nil {
		p.effects = map[string]autonomics.Effect{}
	}
	for n, e := range r.Effects {
		p.effects[fmt.Sprintf("%s/%d", r.Hash, n)] = e
	}
	if o := r.Event.Effect; o != nil && (o.Stage == autonomics.StageDone || o.Stage == autonomics.StageDropped || o.Stage == autonomics.StageYielded) {
		delete(p.effects, o.Key)
	}
}

func (p *Printer) what(r *autonomics.Receipt) string {
	text := Event(r)
	if o := r.Event.Effect; o != nil {
		text = p.outcome(o)
	}
	if r.Verdict != autonomics.Accepted {
		text += " (" + string(r.Verdict) + ": " + string(r.Reason) + ")"
	}
	return text
}

func (p *Printer) outcome(o *autonomics.Outcome) string {
	e, known := p.effects[o.Key]
	if !known {
		return Outcome(o)
	}
	said := *o
	said.Action, said.Target = e.Action, e.Target
	switch {
	case o.Stage != autonomics.StageDone:
		return Outcome(&said)
	case e.Op == autonomics.OpUndo:
		return join("undone", e.Action, e.Target, fields(o.Value))
	case e.Op == autonomics.OpStep:
		return join("stepped back", e.Action, e.Target, fields(o.Value))
	case e.Op == autonomics.OpNotice:
		return join("told", e.Action)
	}
	return Outcome(&said)
}

func states(r *autonomics.Receipt) string {
	if r.From == r.To {
		return r.To.String()
	}
	return r.From.String() + " → " + r.To.String()
}

func why(r *autonomics.Receipt) string {
	cause := r.Rule
	if cause == "" {
		cause = string(r.Cause)
	}
	effects := make([]string, len(r.Effects))
	for i, e := range r.Effects {
		effects[i] = Effect(e)
	}
	if len(effects) == 0 {
		return cause
	}
	return strings.TrimPrefix(cause+": "+strings.Join(effects, ", "), ": ")
}

// join puts the words that are there behind each other.
func join(words ...string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}
