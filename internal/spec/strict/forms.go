package strict

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/autonomics-dev/autonomics"
)

const (
	// MaxText bounds the bytes of a text; a console shows it on a line or two.
	MaxText = 500
	// MaxDuration keeps the sum of any time and a few durations far from
	// overflow.
	MaxDuration = 400 * autonomics.Day
)

// A Form is what a text has to look like.
type Form struct {
	Fits func(string) bool
	Mend string // tells a person what to write
}

// FormOf returns the form that a tag names: text, name, version, code, unit,
// duration, offset, decimal, threshold or effect. Any other tag lists the words
// that the text may be, separated by |.
func FormOf(want string) Form {
	switch want {
	case "text":
		return Form{isText, "write some words, at most 500 bytes, on one line"}
	case "name":
		return Form{autonomics.ValidName, "use [a-z0-9][a-z0-9._-]{0,62}"}
	case "version":
		return Form{version.MatchString, "write a semantic version, for example 1.0.0"}
	case "code":
		return Form{code.MatchString, "write two to four capitals, a hyphen and three digits, for example CCB-001"}
	case "unit":
		return Form{unit.MatchString, "write a unit, for example 1, ratio, USD or USD/h"}
	case "duration":
		return Form{isDuration, "write a whole number and ms, s, m, h or d, for example 90s; at most 400d"}
	case "offset":
		return Form{isOffset, "write the time since the beginning, for example 0s or 30m"}
	case "decimal":
		return Form{isDecimal, "write an exact number with at most six decimals, for example 0.8"}
	case "threshold":
		return Form{isThreshold, "write $ and a parameter's name, or an exact number with at most six decimals"}
	case "effect":
		return Form{effect.MatchString, "write apply, step, undo or notice, and the action's name"}
	}
	words := strings.Split(want, "|")
	return Form{func(s string) bool { return slices.Contains(words, s) }, "use one of: " + strings.Join(words, ", ")}
}

var (
	version = regexp.MustCompile(`^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}(-[0-9A-Za-z.-]{1,16})?$`)
	code    = regexp.MustCompile(`^[A-Z]{2,4}-\d{3}$`)
	unit    = regexp.MustCompile(`^[A-Za-z0-9%]{1,16}(/[A-Za-z0-9%]{1,16})?$`)
	effect  = regexp.MustCompile(`^(apply|step|undo|notice) [a-z0-9][a-z0-9._-]{0,62}$`)
)

func isText(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= MaxText && strings.IndexFunc(s, unicode.IsControl) < 0
}

func isDuration(s string) bool {
	d, err := autonomics.ParseDuration(s)
	return err == nil && d <= MaxDuration
}

func isOffset(s string) bool { return s == "0s" || isDuration(s) }

func isDecimal(s string) bool {
	_, err := autonomics.ParseDecimal(s)
	return err == nil
}

func isThreshold(s string) bool {
	name, parameter := strings.CutPrefix(s, "$")
	return parameter && autonomics.ValidName(name) || !parameter && isDecimal(s)
}
