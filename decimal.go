package autonomics

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

var (
	// ErrSyntax: the text is not a number at all.
	ErrSyntax = errors.New("not a decimal number")
	// ErrRange: the number does not fit 64 bits of millionths, or of milliseconds.
	ErrRange = errors.New("out of range")
)

// A Decimal is an exact number of millionths of its unit.
type Decimal int64

// ParseDecimal reads a decimal, for example a threshold, that must be exact:
// -?(0|[1-9][0-9]*)(\.[0-9]+)? with nothing but zeros after the sixth place.
// Errors wrap ErrRange where the number does not fit, and ErrSyntax otherwise.
func ParseDecimal(s string) (Decimal, error) {
	d, exact, err := decimal(s, false)
	if err == nil && !exact {
		err = fmt.Errorf("decimal %.40q: finer than a millionth: %w", s, ErrSyntax)
	}
	if err != nil {
		return 0, err
	}
	return d, nil
}

// RoundDecimal reads a reading: the text of any JSON number, exponents
// included, rounded half to even to millionths. Errors wrap ErrRange or
// ErrSyntax. Its cost is linear in len(s), whatever the exponent says.
func RoundDecimal(s string) (Decimal, error) {
	d, _, err := decimal(s, true)
	return d, err
}

// decimal reads a JSON number and reports whether no digit was rounded away.
func decimal(s string, exponent bool) (d Decimal, exact bool, err error) {
	whole, fraction, exp, ok := splitNumber(s, exponent)
	if !ok {
		return 0, false, fmt.Errorf("decimal %.40q: %w", s, ErrSyntax)
	}
	neg := whole[0] == '-'
	if neg {
		whole = whole[1:]
	}
	digit := func(i int) byte {
		if i < len(whole) {
			return whole[i] - '0'
		}
		return fraction[i-len(whole)] - '0'
	}
	// The value is 0.d0d1d2… times 10 to the power of units, in millionths.
	n, first := len(whole)+len(fraction), 0
	for first < n && digit(first) == 0 {
		first++
	}
	units := int64(len(whole)) + exp + 6 - int64(first)
	switch {
	case first == n:
		return 0, true, nil
	case units > 19: // at least 10^19, and int64 ends before
		return 0, false, fmt.Errorf("decimal %.40q: %w", s, ErrRange)
	case units < 0: // less than a tenth of a millionth
		return 0, false, nil
	}
	var u uint64
	next := first + int(units)
	for i := first; i < next; i++ {
		u *= 10
		if i < n {
			u += uint64(digit(i))
		}
	}
	half, rest := byte(0), false
	for i := next; i < n; i++ {
		if i == next {
			half = digit(i)
		} else if digit(i) != 0 {
			rest = true
			break
		}
	}
	if half > 5 || half == 5 && (rest || u%2 == 1) {
		u++
	}
	if limit := uint64(math.MaxInt64); u > limit+1 || u > limit && !neg {
		return 0, false, fmt.Errorf("decimal %.40q: %w", s, ErrRange)
	}
	if neg {
		u = -u
	}
	return Decimal(u), half == 0 && !rest, nil
}

// splitNumber takes a JSON number apart. whole keeps the sign; exp stops
// growing where no text could bring the number back into range.
func splitNumber(s string, exponent bool) (whole, fraction string, exp int64, ok bool) {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	start := 0
	if len(s) > 0 && s[0] == '-' {
		start = 1
	}
	end := digits(start)
	if end == start || s[start] == '0' && end > start+1 {
		return "", "", 0, false
	}
	whole = s[:end]
	if end < len(s) && s[end] == '.' {
		from := end + 1
		if end = digits(from); end == from {
			return "", "", 0, false
		}
		fraction = s[from:end]
	}
	if exponent && end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		from := end + 1
		neg := from < len(s) && s[from] == '-'
		if neg || from < len(s) && s[from] == '+' {
			from++
		}
		if end = digits(from); end == from {
			return "", "", 0, false
		}
		for _, c := range s[from:end] {
			exp = min(exp*10+int64(c-'0'), math.MaxInt32<<16)
		}
		if neg {
			exp = -exp
		}
	}
	return whole, fraction, exp, end == len(s)
}

// AppendTo appends the canonical form, -?(0|[1-9][0-9]*)(\.[0-9]{0,5}[1-9])?,
// never -0.
func (d Decimal) AppendTo(b []byte) []byte {
	u := uint64(d)
	if d < 0 {
		b, u = append(b, '-'), -u
	}
	b = strconv.AppendUint(b, u/1e6, 10)
	fraction := u % 1e6
	if fraction == 0 {
		return b
	}
	b = append(b, '.')
	for unit := uint64(1e5); fraction > 0; unit /= 10 {
		b = append(b, byte('0'+fraction/unit))
		fraction %= unit
	}
	return b
}

func (d Decimal) String() string { return string(d.AppendTo(nil)) }

// A Duration is a whole number of milliseconds, written [1-9][0-9]*(ms|s|m|h|d).
type Duration int64

const (
	Millisecond Duration = 1
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
)

var durationUnits = [...]struct {
	name string
	size Duration
}{{"d", Day}, {"h", Hour}, {"m", Minute}, {"s", Second}, {"ms", Millisecond}}

// ParseDuration reads a duration. There is none of zero length: what may be
// instant is left out.
func ParseDuration(s string) (Duration, error) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	if i > 0 && s[0] != '0' {
		for _, unit := range durationUnits {
			if s[i:] != unit.name {
				continue
			}
			n, err := strconv.ParseInt(s[:i], 10, 64)
			if err != nil || n > math.MaxInt64/int64(unit.size) {
				return 0, fmt.Errorf("duration %.40q: %w", s, ErrRange)
			}
			return Duration(n) * unit.size, nil
		}
	}
	return 0, fmt.Errorf("duration %.40q: want a whole number, not 0, and a unit: ms, s, m, h or d", s)
}

// AppendTo appends d in the largest unit that divides it; zero is 0ms.
func (d Duration) AppendTo(b []byte) []byte {
	for _, unit := range durationUnits {
		if d != 0 && d%unit.size == 0 {
			return append(strconv.AppendInt(b, int64(d/unit.size), 10), unit.name...)
		}
	}
	return append(b, "0ms"...)
}

func (d Duration) String() string { return string(d.AppendTo(nil)) }
