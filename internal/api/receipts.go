package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// chain returns the head of the chain that the path names, which may be that
// of _system.
func (s *server) chain(c *call) (id autonomics.Tenant, head headBody, err error) {
	id = autonomics.Tenant(c.r.PathValue("tenant"))
	known := id == autonomics.System
	s.View.Directory(func(d *directory.Directory) {
		if id == autonomics.System {
			head = headBody{d.Seq, d.Head}
		} else {
			known = d.Tenants[id] != nil
		}
	})
	if !known {
		return id, head, noTenant(string(id))
	}
	if t := s.View.Tenant(id); t != nil {
		head = headBody{t.Seq, t.Head}
	}
	return id, head, nil
}

// listReceipts answers with receipts as they were recorded, a line each.
func (s *server) listReceipts(c *call) error {
	id, head, err := s.chain(c)
	if err != nil {
		return err
	}
	text, limit, err := c.page()
	if err != nil {
		return err
	}
	after, err := strconv.ParseUint(cmp.Or(text, "0"), 10, 64)
	if err != nil {
		return fail(invalid, "after=%.40s: want the number of a receipt", text)
	}
	c.w.Header().Set("Autonomics-Head", fmt.Sprintf("%d %v", head.Seq, head.Hash))
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	if after >= head.Seq {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	// Not beyond the head that was told, which may have moved on.
	limit = int(min(uint64(limit), head.Seq-after))
	return s.lines(c, id, after, limit, func(line []byte) error {
		_, err := c.w.Write(append(line, '\n'))
		return err
	})
}

// getReceipt answers with one receipt as it was recorded.
func (s *server) getReceipt(c *call) error {
	line, err := s.receipt(c)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, "application/json", line)
	return nil
}

// receipt reads the receipt that the path names.
func (s *server) receipt(c *call) (line []byte, err error) {
	id, head, err := s.chain(c)
	if err != nil {
		return nil, err
	}
	seq, err := strconv.ParseUint(c.r.PathValue("seq"), 10, 64)
	if err != nil || seq == 0 || seq > head.Seq {
		return nil, fail(unknownReceipt, "tenant %s has no receipt %.40q: its last one is %d", id, c.r.PathValue("seq"), head.Seq)
	}
	err = s.lines(c, id, seq-1, 1, func(l []byte) error {
		line = l
		return nil
	})
	return line, err
}

func (s *server) lines(c *call, id autonomics.Tenant, after uint64, limit int, fn func([]byte) error) error {
	err := s.Engine.History.Receipts(c.r.Context(), id, after, limit, fn)
	if errors.Is(err, ledger.ErrNotFound) {
		first, _ := s.Engine.History.Index.Span(id)
		return fail(trimmed, "receipt %d of tenant %s is no longer kept: the first one is %d", after+1, id, first)
	}
	return err
}

// explain says in a sentence or three what a receipt records.
func explain(r *autonomics.Receipt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", eventText(r))
	switch {
	case r.Verdict != autonomics.Accepted:
		fmt.Fprintf(&b, "%s (%s).", r.Verdict, r.Reason)
	case r.Governor == "":
		fmt.Fprintf(&b, "%s.", r.Verdict)
	case r.From == r.To:
		fmt.Fprintf(&b, "%s stayed %v.", r.Governor, r.To)
	default:
		fmt.Fprintf(&b, "%s went from %v to %v.", r.Governor, r.From, r.To)
	}
	if r.Cause != "" {
		fmt.Fprintf(&b, " Cause: %s.", r.Cause)
	}
	if r.Rule != "" {
		fmt.Fprintf(&b, " Rule %s held: %s.", r.Rule, join(r.Why, leafText))
	}
	if len(r.Effects) > 0 {
		fmt.Fprintf(&b, " Requested: %s.", join(r.Effects, effectText))
	}
	return b.String()
}

// eventText says what happened.
func eventText(r *autonomics.Receipt) string {
	e := &r.Event
	switch {
	case e.Timer != nil:
		return "timer " + words(string(e.Timer.Timer), e.Timer.Signal, e.Timer.Action, e.Timer.Rule)
	case e.Effect != nil:
		return words(e.Effect.Action, "on", cmp.Or(e.Effect.Target, "people"), string(e.Effect.Stage), string(e.Effect.Cause), e.Effect.Error)
	case e.Entitlement != nil:
		return words("entitlement", e.Entitlement.Entitlement, e.Entitlement.State)
	case e.Program != nil:
		return words("program", e.Program.Name, e.Program.Profile, string(e.Program.Mode))
	case e.Command != nil:
		return words("command", e.Command.Command, "by", e.Command.Principal)
	case e.Signal.Episode != "" && e.Signal.Open:
		return words("episode", e.Signal.Episode, e.Signal.Key, "open")
	case e.Signal.Episode != "":
		return words("episode", e.Signal.Episode, e.Signal.Key, "closed")
	case len(e.Signal.Readings) == 0:
		return words("message through binding", e.Signal.Binding)
	}
	return join(e.Signal.Readings, func(x *autonomics.Reading) string {
		if x.Absent != "" {
			return words(x.Signal, "absent,", string(x.Absent))
		}
		return words(x.Signal, x.Value.String(), x.Unit)
	})
}

// words joins those that are not empty.
func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

func join[T any](items []T, text func(*T) string) string {
	parts := make([]string, len(items))
	for i := range items {
		parts[i] = text(&items[i])
	}
	return strings.Join(parts, "; ")
}

func leafText(l *autonomics.Leaf) string {
	var b strings.Builder
	switch {
	case l.Episode != "" && l.Open:
		fmt.Fprintf(&b, "episode %s open", l.Episode)
	case l.Episode != "":
		fmt.Fprintf(&b, "episode %s closed", l.Episode)
	case l.Effects != "":
		fmt.Fprintf(&b, "%s done", l.Effects)
	default:
		b.WriteString(l.Signal)
	}
	if l.Measure != "" {
		fmt.Fprintf(&b, " (%s)", l.Measure)
	}
	if l.Window != 0 {
		fmt.Fprintf(&b, " over %v", l.Window)
	}
	if l.Over != "" {
		fmt.Fprintf(&b, " relative to %s", l.Over)
	}
	if l.HasValue {
		fmt.Fprintf(&b, " was %v,", l.Value)
	}
	if l.Op != "" {
		fmt.Fprintf(&b, " %s %v", strings.ReplaceAll(l.Op, "_", " "), l.Threshold)
	}
	if l.Quality != "" {
		fmt.Fprintf(&b, ", %s", l.Quality)
	}
	fmt.Fprintf(&b, ": %s", l.Holds)
	return b.String()
}

func effectText(e *autonomics.Effect) string {
	text := string(e.Op) + " " + e.Action
	if e.Target != "" {
		text += " on " + e.Target
	}
	for _, f := range e.With {
		text += " " + f.Name + "=" + f.Value
	}
	return text
}
