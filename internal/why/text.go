package why

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// Text says why a rule did not fire.
func Text(u *kernel.Unfired) string {
	by := strings.Join(u.By, ", ")
	switch u.Because {
	case kernel.WrongState:
		return fmt.Sprintf("%s is not for the state %s", u.Rule, by)
	case kernel.IsNo:
		return fmt.Sprintf("%s did not hold:", u.Rule)
	case kernel.IsUnknown:
		return fmt.Sprintf("%s was unknown, which fires nothing:", u.Rule)
	case kernel.NotYet:
		return fmt.Sprintf("%s held, but not yet on as many readings or for as long as it must:", u.Rule)
	case kernel.IsBarred:
		return fmt.Sprintf("%s held, but is barred: %s:", u.Rule, by)
	case kernel.NothingNew:
		return fmt.Sprintf("%s held, and had nothing to ask that is not asked already:", u.Rule)
	}
	return fmt.Sprintf("%s held, but %s comes first:", u.Rule, by)
}

// Sentences says in words what would have changed the outcome, where the rule
// that did fire is fired. A value is the nearest one of its kind; farther off
// the outcome may be yet another.
func (f *Flip) Sentences(fired string) []string {
	var out []string
	for _, t := range []*Turn{f.Below, f.Above} {
		if t == nil {
			continue
		}
		what := "would not have fired"
		switch {
		case t.Rule != "":
			what = t.Rule + " would have fired"
		case fired == "":
			what = "would have been otherwise"
		}
		out = append(out, fmt.Sprintf("%s %s (%s): state %s", what, bound(t.Value, t == f.Below), f.Signal, t.State))
	}
	if out == nil {
		out = append(out, "no single reading: whatever "+f.Signal+" had been, the outcome would have been this")
	}
	return out
}

// bound says from where on, in the shorter of the two ways in which that can be
// said of a whole number of millionths.
func bound(value string, below bool) string {
	v, err := autonomics.ParseDecimal(value)
	next, word, other := v-1, "above", "at %s or more"
	if below {
		next, word, other = v+1, "below", "at %s or less"
	}
	if s := next.String(); err == nil && len(s) < len(value) {
		return word + " " + s
	}
	return fmt.Sprintf(other, value)
}

// words joins those that are not empty.
func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}
