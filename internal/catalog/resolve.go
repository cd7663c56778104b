package catalog

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// CheckWith reports what is wrong with what a spec asks of an action: a
// member that it does not take, one that is not there, or a value that it
// cannot have. Parameters must have been replaced by their values.
func CheckWith(uses string, with autonomics.Fields) error {
	a, ok := Lookup(uses)
	if !ok {
		return fmt.Errorf("%q is not an action of the catalog", uses)
	}
	p := a.param()
	for _, f := range with {
		switch {
		case p.Name == "":
			return fmt.Errorf("%s takes no %q: it takes nothing", uses, f.Name)
		case f.Name != p.Name:
			return fmt.Errorf("%s takes no %q: it takes %q", uses, f.Name, p.Name)
		}
		if err := p.check(f.Value); err != nil {
			return fmt.Errorf("%s: %w", uses, err)
		}
	}
	if p.Name != "" && len(with) == 0 {
		return fmt.Errorf("%s needs %q: %s", uses, p.Name, p.Help)
	}
	return nil
}

func (p Param) check(s string) error {
	if p.Unit == "" {
		if autonomics.ValidName(s) {
			return nil // one of the words, or a version
		}
		return fmt.Errorf("%s %.40q: want %s or the name of a revision", p.Name, s, strings.Join(p.Words, ", "))
	}
	if text, ok := strings.CutSuffix(s, "%"); ok {
		share, err := autonomics.ParseDecimal(text)
		if err != nil || share < 0 || share > 100*one {
			return fmt.Errorf("%s %.40q: a share lies between 0%% and 100%%", p.Name, s)
		}
		return nil
	}
	d, err := autonomics.ParseDecimal(s)
	switch {
	case err != nil:
		return fmt.Errorf("%s %.40q: want a number such as 10, or a share of what is there such as 50%%", p.Name, s)
	case d < p.Min:
		return fmt.Errorf("%s %s: the least is %v", p.Name, s, p.Min)
	case p.Unit == "1" && d%one != 0:
		return fmt.Errorf("%s %s: want a whole number", p.Name, s)
	}
	return nil
}

// Resolve narrows what was observed to the field that the action writes, and
// computes the absolute value to write. A share is truncated toward zero, to
// whole units where the unit is 1, but not below the least that the API takes.
// A throttle never loosens: where the target is more restrictive already, the
// value is what it has.
func Resolve(a Action, with, observed autonomics.Fields) (baseline, value autonomics.Fields, err error) {
	if err := CheckWith(a.Uses, with); err != nil {
		return nil, nil, err
	}
	if a.Class == Notice {
		return nil, nil, fmt.Errorf("%s changes nothing", a.Uses)
	}
	has, ok := observed.Get(a.Field)
	if !ok || has == "" {
		return nil, nil, fmt.Errorf("%s: the target told no %q", a.Uses, a.Field)
	}
	want := "true" // an action that takes nothing switches its field on
	if p := a.param(); p.Name != "" {
		asked, _ := with.Get(p.Name)
		if a.Number() {
			want, err = p.number(asked, has)
		} else {
			want, err = version(asked, has, observed)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", a.Uses, err)
		}
	}
	if Stricter(a, has, want) > 0 {
		want = has
	}
	return a.fields(has), a.fields(want), nil
}

// number returns the absolute value of a checked number or share.
func (p Param) number(asked, has string) (string, error) {
	base, err := autonomics.ParseDecimal(has)
	if err != nil || base < 0 {
		return "", fmt.Errorf("the target's %q is %.40q: want a number that is not negative", p.Name, has)
	}
	text, isShare := strings.CutSuffix(asked, "%")
	want, _ := autonomics.ParseDecimal(text)
	if isShare {
		want = max(p.Min, p.truncate(between(0, base, want, 100*one)))
	}
	return want.String(), nil
}

func (p Param) truncate(d autonomics.Decimal) autonomics.Decimal {
	if p.Unit == "1" {
		return d - d%one
	}
	return d
}

// version returns the version that a rollback goes to.
func version(asked, has string, observed autonomics.Fields) (string, error) {
	switch asked {
	case Current:
		return has, nil
	case Previous:
		v, ok := observed.Get(Previous)
		if !ok || v == "" {
			return "", fmt.Errorf("no revision before %q is ready", has)
		}
		return v, nil
	}
	return asked, nil
}

// Stricter compares two values of the action's field: above zero if x is the
// more restrictive, below zero if y is, zero if neither is.
func Stricter(a Action, x, y string) int {
	if a.Order != Lower {
		return 0
	}
	dx, errX := autonomics.ParseDecimal(x)
	dy, errY := autonomics.ParseDecimal(y)
	switch {
	case errX != nil || errY != nil:
		return 0
	case dx < dy:
		return 1
	case dx > dy:
		return -1
	}
	return 0
}

// Step returns the value after a share (0 to 1) of the way back from value to
// the baseline, truncated like a share. What is not a number goes back at the
// last step.
func Step(a Action, baseline, value autonomics.Fields, share autonomics.Decimal) autonomics.Fields {
	if share >= one {
		return baseline
	}
	b, v := a.decimal(baseline), a.decimal(value)
	if share <= 0 || b < 0 || v < 0 {
		return value
	}
	return a.fields(a.param().truncate(between(v, b, share, one)).String())
}

// decimal reads the action's field; -1 where it is no number.
func (a Action) decimal(f autonomics.Fields) autonomics.Decimal {
	s, _ := f.Get(a.Field)
	d, err := autonomics.ParseDecimal(s)
	if err != nil || !a.Number() {
		return -1
	}
	return d
}

func (a Action) fields(value string) autonomics.Fields {
	return autonomics.Fields{{Name: a.Field, Value: value}}
}

// between is x + (y-x)·n/d, truncated, for x and y that are not negative and
// 0 <= n <= d; the products are 128 bits wide.
func between(x, y, n, d autonomics.Decimal) autonomics.Decimal {
	hi, lo := bits.Mul64(uint64(x), uint64(d-n))
	yhi, ylo := bits.Mul64(uint64(y), uint64(n))
	lo, carry := bits.Add64(lo, ylo, 0)
	q, _ := bits.Div64(hi+yhi+carry, lo, uint64(d))
	return autonomics.Decimal(q)
}
