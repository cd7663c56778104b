package why_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/why"
)

// TestCases explains the last message of each case. Messages come a minute
// after each other, a reading may be of so many minutes @ before; the two rules are high (stable to warning, when) and ok
// (warning to stable, when c is below 0).
func TestCases(t *testing.T) {
	for _, c := range []struct{ name, when, messages, want string }{
		{"a threshold from below", `{"signal": "a", "at_least": "1"}`, "a=0.5", `
			high did not hold: a is 0.5, at_least 1: no
			ok is not for the state stable
			high would have fired at 1 or more (a): state warning`},
		{"a threshold from above", `{"signal": "a", "at_least": "0.9"}`, "a=1.01", `
			ok is not for the state stable
			would not have fired below 0.9 (a): state stable`},
		{"a strict threshold", `{"signal": "a", "above": "0.9"}`, "a=1.01", `
			ok is not for the state stable
			would not have fired at 0.9 or less (a): state stable`},
		{"a rule that leads back", `{"signal": "a", "above": "1"}`, "a=2; c=0.5", `
			high is not for the state warning
			ok did not hold: c is 0.5, below 0: no
			ok would have fired below 0 (c): state stable`},
		{"what is not known", `{"all": [{"signal": "a", "above": "1"}, {"signal": "b", "above": "1"}]}`, "a=5", `
			high was unknown, which fires nothing: a is 5, above 1: yes; b missing, above 1: unknown
			ok is not for the state stable
			no single reading: whatever a had been, the outcome would have been this`},
		{"either of two", `{"any": [{"signal": "a", "above": "1"}, {"signal": "b", "above": "1"}]}`, "a=0 b=0", `
			high did not hold: a is 0, above 1: no; b is 0, above 1: no
			ok is not for the state stable
			high would have fired above 1 (a): state warning
			high would have fired above 1 (b): state warning`},
		{"one reading of two is not enough", `{"all": [{"signal": "a", "above": "1"}, {"signal": "b", "above": "1"}]}`, "a=0 b=0", `
			high did not hold: a is 0, above 1: no; b is 0, above 1: no
			ok is not for the state stable
			no single reading: whatever a had been, the outcome would have been this
			no single reading: whatever b had been, the outcome would have been this`},
		{"a run that is too short", `{"signal": "a", "above": "1", "samples": 3, "within": "9m"}`, "a=2; a=2", `
			high held, but not yet on as many readings or for as long as it must: a is 2, above 1: no
			ok is not for the state stable
			no single reading: whatever a had been, the outcome would have been this`},
		{"a run that is long enough", `{"signal": "a", "above": "1", "samples": 2, "within": "9m"}`, "a=2; a=2", `
			ok is not for the state stable
			would not have fired at 1 or less (a): state stable`},
		{"an average", `{"signal": "a", "measure": "avg", "window": "4m", "at_least": "2"}`, "a=1; a=1; a=1; a=1", `
			high did not hold: a is 1, at_least 2: no
			ok is not for the state stable
			high would have fired at 5 or more (a): state warning`},
		{"a least that has been", `{"signal": "a", "measure": "min", "window": "4m", "above": "5"}`, "a=1; a=1; a=1; a=9", `
			high did not hold: a is 1, above 5: no
			ok is not for the state stable
			no single reading: whatever a had been, the outcome would have been this`},
		{"a cost that begins anew", `{"signal": "r", "measure": "difference", "window": "4m", "at_most": "4"}`, "r=1; r=3; r=5; r=9", `
			high did not hold: r is 8, at_most 4: no
			ok is not for the state stable
			high would have fired at 5 or less (r): state warning`},
		{"growth over what overflows on both sides", `{"signal": "a", "measure": "growth", "over": "b", "below": "3"}`, "b=0.000001; a=8000000000000; a=9000000000000", `
			high was unknown, which fires nothing: a partial, below 3: unknown
			ok is not for the state stable
			high would have fired at 0.000003 or less (a): state warning`},
		{"the same in one message", `{"signal": "a", "measure": "growth", "over": "b", "below": "3"}`, "a=9000000000000 b=0.000001", `
			high was unknown, which fires nothing: a partial, below 3: unknown
			ok is not for the state stable
			high would have fired at 0.000003 or less (a): state warning
			high would have fired above 2250000000000 (b): state warning`},
		{"what began anew and overflows at the other end", `{"signal": "r", "measure": "growth", "window": "4m", "at_least": "2"}`,
			"r=0.000001; r=0.000002; r=0.000003; r=0.000001", `
			high was unknown, which fires nothing: r partial, at_least 2: unknown
			ok is not for the state stable
			high would have fired at 0.000003 or more (r): state warning`},
		{"what begins anew within a message", `{"signal": "r", "measure": "rate", "window": "4m", "at_least": "$burn"}`, "r=-4@3 r=-5", `
			high was unknown, which fires nothing: r partial, at_least 20: unknown
			ok is not for the state stable
			high would have fired at -6 or less (r): state warning
			high would have fired at -3 or more (r): state warning`},
		{"a rate that overflows on both sides", `{"signal": "a", "measure": "rate", "window": "4m", "at_least": "$burn"}`, "a=2000000000000; a=1; a=8000000000000; a=9000000000000", `
			high was unknown, which fires nothing: a partial, at_least 20: unknown
			ok is not for the state stable
			high would have fired at 2461168601842.73879 or less (a): state warning`},
		{"an absence has no other value", `{"signal": "a", "above": "1"}`, "a=null b=2", `
			high was unknown, which fires nothing: a missing, above 1: unknown
			ok is not for the state stable
			no single reading: whatever b had been, the outcome would have been this`},
	} {
		t.Run(c.name, func(t *testing.T) {
			have := lastly(t, c.when, c.messages)
			if diff := gocmp.Diff(strings.ReplaceAll(c.want, "\n\t\t\t", "\n"), have); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// lastly explains the last of some messages.
func lastly(t *testing.T, when, messages string) string {
	var text string
	w := newWorld(t, 0, func(w *world, r *autonomics.Receipt) {
		e := why.Explain(w.folded, r, w.program)
		if e.Again != why.Same {
			t.Errorf("receipt %d: %s", r.Seq, e.Again)
		}
		text = ""
		for i := range e.NotFired {
			text += "\n" + why.Text(&e.NotFired[i])
			for j, l := range e.NotFired[i].Leaves {
				text += map[bool]string{true: " ", false: "; "}[j == 0] + leaf(&l)
			}
		}
		for _, f := range e.Flips {
			text += "\n" + strings.Join(f.Sentences(r.Rule), "\n")
		}
	})
	w.entitle("active", "one")
	w.run("one", high(when))
	for message := range strings.SplitSeq(messages, "; ") {
		ev := &autonomics.Signal{}
		for word := range strings.FieldsSeq(message) {
			name, value, _ := strings.Cut(word, "=")
			value, ago, _ := strings.Cut(value, "@")
			minutes, err := strconv.Atoi(cmp.Or(ago, "0"))
			if err != nil {
				t.Fatal(err)
			}
			rd := autonomics.Reading{Signal: name, At: w.now.Add(-autonomics.Duration(minutes) * autonomics.Minute)}
			if rd.Value, err = autonomics.ParseDecimal(value); err != nil {
				rd.Absent = autonomics.AbsentNull
			}
			ev.Readings = append(ev.Readings, rd)
		}
		w.step(kernel.Input{Event: autonomics.Event{Signal: ev}})
		w.now = w.now.Add(autonomics.Minute)
	}
	return text
}

// high is the spec of the cases.
func high(when string) string {
	parameters := `"profiles": {"standard": {}}`
	if strings.Contains(when, "$burn") {
		parameters = `"parameters": {"burn": {"unit": "u/h", "help": "burn"}}, "profiles": {"standard": {"burn": "20"}}`
	}
	return fmt.Sprintf(`{"sku": "one", "version": "1.0.0", "code": "AB-001", "class": "cost", "title": "T", "summary": "S",
		"signals": {"a": {"unit": "u", "stale_after": "1h", "help": "a"}, "b": {"unit": "u", "stale_after": "1h", "help": "b"},
			"c": {"unit": "u", "stale_after": "1h", "help": "c"}, "r": {"unit": "u", "stale_after": "1h", "resets": true, "help": "r"}},
		%s,
		"rules": [{"id": "high", "in": ["stable"], "go": "warning", "when": %s},
			{"id": "ok", "in": ["warning"], "go": "stable", "when": {"signal": "c", "below": "0"}}]}`, parameters, when)
}

func leaf(l *autonomics.Leaf) string {
	value := string(l.Quality)
	if l.HasValue {
		value = "is " + l.Value.String()
	}
	return fmt.Sprintf("%s %s, %s %v: %s", l.Signal, value, l.Op, l.Threshold, l.Holds)
}
