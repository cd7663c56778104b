package conform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/directory"
)

// late is how much later than in the clean run something may happen for each
// fault: a copy or a redelivery that decides, a kill with the waits after it.
const late = 60 * time.Second

func (w *world) system() (seq uint64) {
	w.node.view.Directory(func(d *directory.Directory) { seq = d.Seq })
	return seq
}

// duration reads a time of a vector; one that is left out is usual.
func duration(text string, usual time.Duration) (time.Duration, error) {
	if text == "" {
		return usual, nil
	}
	return time.ParseDuration(text)
}

// A fact is something that a check may count: when it was, and what of it can
// be asked for.
type fact struct {
	at      time.Duration // since the start
	members map[string]string
}

// A record is all that a run has left.
type record struct {
	changes  []simcloud.Change
	receipts map[autonomics.Tenant][]*autonomics.Receipt
	facts    map[string][]fact
	start    time.Time
	until    time.Duration
}

// record reads what the run has left, and verifies the ledger on the way.
func (w *world) record() (*record, error) {
	rec := &record{receipts: map[autonomics.Tenant][]*autonomics.Receipt{}, facts: map[string][]fact{}, start: w.start.Std(), until: w.elapsed(w.now)}
	var err error
	if rec.changes, err = simcloud.Changes(w.dir); err != nil {
		return nil, err
	}
	for _, c := range rec.changes {
		rec.add("effects", c.Key != "", fact{c.At.Sub(rec.start), map[string]string{"tenant": string(c.Tenant), "target": c.Target,
			"field": c.Field, "before": c.Before, "after": c.After}})
	}
	told := map[string]bool{} // after a crash one may be told again, under the same key
	for _, n := range w.notices {
		rec.add("notices", !told[n.work.Key], fact{w.elapsed(n.at), map[string]string{"tenant": string(n.work.Tenant),
			"governor": n.work.Governor, "action": n.work.Action}})
		told[n.work.Key] = true
	}
	blocks, err := w.store.Log().Last(context.Background())
	if err != nil {
		return nil, err
	}
	for range blocks - w.blocks {
		rec.add("blocks", true, fact{})
	}
	for _, t := range w.node.view.Tenants() {
		at, timed := t.Due()
		rec.add("timers", timed, fact{w.elapsed(at), map[string]string{"tenant": string(t.ID)}})
	}
	tenants := []autonomics.Tenant{autonomics.System}
	w.node.view.Directory(func(d *directory.Directory) {
		for id := range d.Tenants {
			tenants = append(tenants, id)
		}
	})
	slices.Sort(tenants)
	keys := map[string]bool{}
	for _, id := range tenants {
		if rec.receipts[id], err = w.export(id); err != nil {
			return nil, fmt.Errorf("K3: tenant %s: %w", id, err)
		}
		for _, r := range rec.receipts[id] {
			f := fact{w.elapsed(r.At), members(r)}
			rec.add("receipts", true, f)
			key := f.members["key"]
			rec.add("episodes", r.Kind == autonomics.KindSignal && key != "" && !keys[key], f)
			keys[key] = true
		}
	}
	return rec, nil
}

// add notes a fact of the tenants that the vector names.
func (rec *record) add(what string, is bool, f fact) {
	if is && f.members["tenant"] != bystander {
		rec.facts[what] = append(rec.facts[what], f)
	}
}

// members are what a check may ask of a receipt.
func members(r *autonomics.Receipt) map[string]string {
	m := map[string]string{"tenant": string(r.Tenant), "governor": r.Governor, "kind": string(r.Kind), "verdict": string(r.Verdict),
		"reason": string(r.Reason), "from": r.From.String(), "to": r.To.String(), "cause": string(r.Cause), "rule": r.Rule}
	switch e := &r.Event; {
	case e.Signal != nil:
		m["key"], m["truncated"] = e.Signal.Key, strconv.FormatInt(e.Signal.Truncated, 10)
		for _, rd := range e.Signal.Readings {
			m["absent"] += string(rd.Absent)
			m["signals"] += rd.Signal
		}
	case e.Effect != nil:
		m["stage"], m["action"], m["hold"] = string(e.Effect.Stage), e.Effect.Action, string(e.Effect.Cause)
	case e.Command != nil:
		m["command"] = e.Command.Command
	}
	return m
}

// export reads a tenant's chain as a stranger would, and verifies it.
func (w *world) export(id autonomics.Tenant) ([]*autonomics.Receipt, error) {
	lines, head, err := w.lines(id)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	text := append(autonomics.AppendStart(nil, id, 1, autonomics.Hash{}), '\n')
	var out []*autonomics.Receipt
	for _, line := range lines {
		r, err := autonomics.ParseReceipt(line)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
		text = append(append(text, line...), '\n')
	}
	text = append(autonomics.AppendHead(text, id, head.Seq, head.Hash), '\n')
	_, err = autonomics.Verify(bytes.NewReader(text), autonomics.VerifyOptions{})
	return out, err
}

// lines are a tenant's receipts as the API gives them, and the head it tells.
func (w *world) lines(id autonomics.Tenant) (lines [][]byte, head autonomics.Anchor, err error) {
	for {
		a := w.request("GET", fmt.Sprintf("/v1/tenants/%s/receipts?limit=1000&after=%d", id, len(lines)), nil)
		if a.status != 200 {
			return nil, head, fmt.Errorf("%d: %s", a.status, a.body.String())
		}
		head, err = autonomics.ParseAnchor(strings.Replace(a.header.Get("Autonomics-Head"), " ", ":", 1))
		if err != nil {
			return nil, head, err
		}
		in := bufio.NewScanner(&a.body)
		in.Buffer(nil, autonomics.MaxReceipt+1)
		before := len(lines)
		for in.Scan() {
			lines = append(lines, bytes.Clone(in.Bytes()))
		}
		if uint64(len(lines)) == head.Seq || len(lines) == before {
			return lines, head, in.Err()
		}
	}
}

// check compares what a run has left with what it must.
func (w *world) check(v *Vector, r *Run, rec *record) error {
	errs := slices.Clone(w.errs)
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Clean && w.faulted {
			continue
		}
		if err := holds(c, rec, w.slack(v)); err != nil {
			text, _ := json.Marshal(c)
			errs = append(errs, fmt.Errorf("%s: %w", text, err))
		}
	}
	errs = append(errs, rec.once(), rec.harmless())
	if w.missing > 0 {
		errs = append(errs, fmt.Errorf("K2: %d messages that were answered have left no receipt", w.missing))
	}
	return errors.Join(errs...)
}

// A slack is by how much faults may move what has to happen.
type slack struct{ early, late time.Duration }

func (w *world) slack(v *Vector) (s slack) {
	if !w.faulted {
		return s
	}
	s.late = late
	if strings.Contains(v.Faults, "R") {
		s.early, s.late = reorderWithin, s.late+reorderWithin
	}
	if strings.Contains(v.Faults, "D") {
		s.late += copyWithin
	}
	return s
}

// holds reports what of the check does not hold.
func holds(c *Check, rec *record, s slack) error {
	first, err := duration(c.From, 0)
	if err != nil {
		return err
	}
	last, err := duration(c.To, rec.until)
	if err != nil {
		return err
	}
	strict := count(c, rec, first, last-1)
	if c.To == "" {
		strict = count(c, rec, first, last)
	}
	moved := count(c, rec, first-s.early, last+s.late)
	switch {
	case c.AtMost != nil && strict > *c.AtMost:
		return fmt.Errorf("counted %d", strict)
	case c.Exactly != nil && *c.Exactly == 0 && strict > 0:
		return fmt.Errorf("counted %d", strict)
	case c.Exactly != nil && *c.Exactly > 0 && moved != *c.Exactly:
		return fmt.Errorf("counted %d", moved)
	case c.AtLeast != nil && moved < *c.AtLeast:
		return fmt.Errorf("counted %d", moved)
	}
	return nil
}

// count counts what is asked for between two times, both included; in every
// window of a length, the most there is in one.
func count(c *Check, rec *record, first, last time.Duration) int {
	if c.Count == "served" {
		return int(served(c, rec, first, last).Milliseconds())
	}
	var times []time.Duration
	for _, f := range rec.facts[c.Count] {
		fits := first <= f.at && f.at <= last
		for name, want := range c.Of {
			fits = fits && f.members[name] == want
		}
		if fits {
			times = append(times, f.at)
		}
	}
	window, err := duration(c.InEvery, 0)
	if err != nil || window == 0 {
		return len(times)
	}
	slices.Sort(times)
	most := 0
	for i, j := 0, 0; j < len(times); j++ {
		for times[j]-times[i] >= window {
			i++
		}
		most = max(most, j-i+1)
	}
	return most
}

// served is for how long a target had the value of the check's after.
func served(c *Check, rec *record, first, last time.Duration) (sum time.Duration) {
	since := time.Duration(-1)
	for _, ch := range rec.changes {
		if string(ch.Tenant) != c.Of["tenant"] || ch.Target != c.Of["target"] || ch.Field != c.Of["field"] {
			continue
		}
		at := ch.At.Sub(rec.start)
		if since >= 0 {
			sum += max(0, min(at, last)-max(since, first))
		}
		since = -1
		if ch.After == c.Of["after"] {
			since = at
		}
	}
	if since >= 0 {
		sum += max(0, last-max(since, first))
	}
	return sum
}

// once is K1: each write of ours has one receipt that orders it and one that
// reports it, and is there once; and nothing else is reported as done.
func (rec *record) once() error {
	type report struct{ key, governor string } // an undo may end the claims of several
	ordered, reports := map[string]int{}, map[report]int{}
	done := map[string]*autonomics.Outcome{}
	var keys []string
	for _, receipts := range rec.receipts {
		for _, r := range receipts {
			for n, e := range r.Effects {
				if e.Op != autonomics.OpNotice {
					ordered[fmt.Sprintf("%s/%d", r.Hash, n)]++
				}
			}
			o := r.Event.Effect
			if o == nil || ordered[o.Key] == 0 || r.Verdict != autonomics.Accepted || o.Stage != autonomics.StageDone {
				continue
			}
			if done[o.Key] == nil {
				keys = append(keys, o.Key)
			}
			done[o.Key] = o
			if reports[report{o.Key, r.Governor}]++; reports[report{o.Key, r.Governor}] > 1 {
				return fmt.Errorf("K1: %s of %s on %s is reported twice", o.Action, o.Value, o.Target)
			}
		}
	}
	written := map[string]bool{}
	for _, c := range rec.changes {
		if c.Key != "" && (written[c.Key] || ordered[c.Key] != 1 || done[c.Key] == nil) {
			return fmt.Errorf("K1: %s of %s from %s to %s: written twice, or its receipts are not there", c.Field, c.Target, c.Before, c.After)
		}
		written[c.Key] = true
	}
	for _, key := range keys {
		if o := done[key]; !written[key] && !rec.had(o) {
			return fmt.Errorf("K1: %s of %s on %s is reported, and the cloud has not seen it", o.Action, o.Value, o.Target)
		}
	}
	return nil
}

// had reports whether a target held a value at some time, so that there was
// nothing to write.
func (rec *record) had(o *autonomics.Outcome) bool {
	return len(o.Value) == 1 && slices.ContainsFunc(rec.changes, func(c simcloud.Change) bool {
		return c.Target == o.Target && c.Field == o.Value[0].Name && (c.Before == o.Value[0].Value || c.After == o.Value[0].Value)
	})
}

// harmless is K4 and K5.
func (rec *record) harmless() error {
	reversible := func(c simcloud.Change) bool {
		return slices.ContainsFunc(catalog.All(), func(a catalog.Action) bool {
			return a.Field == c.Field && a.Class == catalog.Reversible && catalog.Fits(a.Kind, c.Kind)
		})
	}
	for _, c := range rec.changes {
		switch {
		case c.Key != "" && !reversible(c):
			return fmt.Errorf("K4: no reversible action changes %s of a %s", c.Field, c.Kind)
		case c.Key != "" && c.Tenant == bystander:
			return fmt.Errorf("K5: %s of a tenant that the vector does not name was changed", c.Target)
		}
	}
	return nil
}
