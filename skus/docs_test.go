package skus_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/catalog"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

var update = flag.Bool("update", false, "write the tables of docs/SKUS.md as the specs are now")

const page = "../docs/SKUS.md"

// TestPage compares the tables of docs/SKUS.md with the specs, and looks up each
// name that the text around them quotes.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	each(t, func(t *testing.T, name string, src []byte) {
		doc, _ := spec.Parse(name, src)
		_, section, _ := strings.Cut(out, "\n## "+doc.SKU+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		before, rest, found := strings.Cut(section, "<!-- from the spec -->\n")
		have, after, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			t.Fatalf("%s has no section %s with a generated part", page, doc.SKU)
		}
		want := tables(doc)
		if have != want && !*update {
			t.Errorf("the tables of %s are not those of the spec; write them with -update. Want:\n%s", doc.SKU, want)
		}
		out = strings.Replace(out, section, before+"<!-- from the spec -->\n"+want+"<!-- end -->\n"+after, 1)
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(before+after, -1) {
			if !slices.Contains(names(doc), quoted[1]) {
				t.Errorf("%s tells of %s, which the spec does not have", doc.SKU, quoted[0])
			}
		}
	})
	if *update {
		if err := os.WriteFile(page, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// names are all that a text about a SKU may quote.
func names(doc *spec.Document) []string {
	list := []string{"boot", "stable", "warning", "intervening", "degraded", "refusing", doc.Class, doc.Code}
	list = append(list, sorted(doc.Signals)...)
	list = append(list, sorted(doc.Episodes)...)
	list = append(list, sorted(doc.Parameters)...)
	list = append(list, sorted(doc.Profiles)...)
	list = append(list, sorted(doc.Actions)...)
	list = append(list, sorted(doc.Targets)...)
	for _, r := range doc.Rules {
		list = append(list, r.ID)
	}
	return list
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// tables says in Markdown what a spec has.
func tables(doc *spec.Document) string {
	var out strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	head := func(cells ...string) {
		out.WriteString("\n")
		row(cells...)
		row(slices.Repeat([]string{"---"}, len(cells))...)
	}
	head("signal", "unit", "stale after", "required", "what it is")
	for _, name := range sorted(doc.Signals) {
		s := doc.Signals[name]
		row("`"+name+"`", s.Unit, s.StaleAfter, required(s.Required), s.Help)
	}
	if len(doc.Episodes) > 0 {
		head("episode", "stale after", "keys", "what it is")
	}
	for _, name := range sorted(doc.Episodes) {
		e := doc.Episodes[name]
		row("`"+name+"`", e.StaleAfter, fmt.Sprint(e.Keys), e.Help)
	}
	head("parameter", "unit", "standard", "premium", "enterprise", "what it is")
	for _, name := range sorted(doc.Parameters) {
		row("`"+name+"`", doc.Parameters[name].Unit, doc.Profiles["standard"][name], doc.Profiles["premium"][name],
			doc.Profiles["enterprise"][name], doc.Parameters[name].Help)
	}
	head("rule, the first that holds", "in", "leads to", "when", "requests")
	for _, r := range doc.Rules {
		to := r.Go
		if r.LockFor != "" {
			to += " for " + r.LockFor
		}
		row("`"+r.ID+"`", strings.Join(r.In, ", "), to, words(&r.When, true), strings.Join(r.Do, ", "))
	}
	head("action", "what it does", "lasts", "afterwards")
	for _, name := range sorted(doc.Actions) {
		a := doc.Actions[name]
		info, _ := catalog.Lookup(a.Uses)
		row("`"+name+"`", strings.TrimSpace(info.Help+with(a.With)), lasts(a), afterwards(a, info))
	}
	fmt.Fprintf(&out, "\nAt most %d effects in %s; %s between them, and after one that failed.\n",
		doc.Limits.Effects.AtMost, doc.Limits.Effects.Within, doc.Limits.Cooldown)
	return out.String()
}

func required(r spec.Requirement) string {
	switch {
	case r.Always:
		return "yes"
	case r.While.Episode != "":
		return "while `" + r.While.Episode + "` is open"
	}
	return "no"
}

func with(values map[string]string) string {
	var list []string
	for _, name := range sorted(values) {
		list = append(list, name+" = "+strings.TrimPrefix(values[name], "$"))
	}
	if list == nil {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}

func lasts(a spec.Action) string {
	if a.Term == "" {
		return ""
	}
	return a.Term + ", renewed up to " + a.MaxTerm
}

func afterwards(a spec.Action, info catalog.Action) string {
	switch {
	case a.On == "":
		return ""
	case a.After == "keep":
		return "`" + info.Field + "` stays; the version before is held off"
	case a.Release == nil:
		return "`" + info.Field + "` is what it was before"
	}
	return fmt.Sprintf("`%s` goes back to what it was before, by %s, every %s", info.Field, strings.Join(a.Release.Steps, ", "), a.Release.Every)
}

// words renders a condition; top ones need no parentheses.
func words(w *spec.Condition, top bool) string {
	text := ""
	switch {
	case w.All != nil:
		text = group(w.All, " and ", top && w.Samples == 0 && w.For == "")
	case w.Any != nil:
		text = group(w.Any, " or ", top && w.Samples == 0 && w.For == "")
	case w.Not != nil:
		text = "not (" + words(w.Not, true) + ")"
	case w.Episode != "" && *w.Open:
		text = "`" + w.Episode + "` is open"
	case w.Episode != "":
		text = "`" + w.Episode + "` is over"
	case w.Effects != "":
		text = fmt.Sprintf("`%s` was done at least %s times in %s", w.Effects, strings.TrimPrefix(w.AtLeast, "$"), w.Window)
	default:
		text = leaf(w)
	}
	plain := len(text)
	switch {
	case w.Samples != 0:
		text += fmt.Sprintf(" on %d samples in a row within %s", w.Samples, w.Within)
	case w.For != "":
		text += " for " + w.For
	}
	if w.OrMissing {
		text += " or was never told"
	}
	if !top && len(text) > plain {
		text = "(" + text + ")"
	}
	return text
}

func group(list []spec.Condition, word string, top bool) string {
	var parts []string
	for i := range list {
		parts = append(parts, words(&list[i], false))
	}
	text := strings.Join(parts, word)
	if !top {
		text = "(" + text + ")"
	}
	return text
}

func leaf(w *spec.Condition) string {
	value := "`" + w.Signal + "`"
	switch {
	case w.Over != "":
		value = w.Measure + " of " + value + " over `" + w.Over + "`"
	case w.Measure != "":
		value = w.Measure + " of " + value + " in " + w.Window
	}
	for _, op := range []struct{ sign, text string }{{">", w.Above}, {"≥", w.AtLeast}, {"<", w.Below}, {"≤", w.AtMost}} {
		if op.text != "" {
			value += " " + op.sign + " " + strings.TrimPrefix(op.text, "$")
		}
	}
	return value
}
