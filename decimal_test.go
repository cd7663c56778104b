package autonomics

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestParseDecimal(t *testing.T) {
	zeros := strings.Repeat("0", 1<<20)
	for _, x := range []struct {
		in, out string
		err     error
	}{
		{"0", "0", nil},
		{"-0", "0", nil},
		{"-0.000", "0", nil},
		{"1", "1", nil},
		{"1.50", "1.5", nil},
		{"-0.000001", "-0.000001", nil},
		{"0.123456", "0.123456", nil},
		{"0.100000" + zeros, "0.1", nil},
		{"1.000001", "1.000001", nil},
		{"9223372036854.775807", "9223372036854.775807", nil},
		{"-9223372036854.775808", "-9223372036854.775808", nil},
		{"9223372036854.775808", "", ErrRange},
		{"-9223372036854.775809", "", ErrRange},
		{"99999999999999999999", "", ErrRange},
		{"1" + zeros, "", ErrRange},
		{"0.0000001", "", ErrSyntax},
		{"0.00000000000000000000000000001", "", ErrSyntax},
		{"1.0000005", "", ErrSyntax},
		{"0.0000000" + zeros + "1", "", ErrSyntax},
		{"", "", ErrSyntax},
		{"-", "", ErrSyntax},
		{"+1", "", ErrSyntax},
		{"01", "", ErrSyntax},
		{"1.", "", ErrSyntax},
		{".5", "", ErrSyntax},
		{"1e0", "", ErrSyntax},
		{"1.5E3", "", ErrSyntax},
		{" 1", "", ErrSyntax},
		{"1 ", "", ErrSyntax},
		{"1_000", "", ErrSyntax},
		{"0x10", "", ErrSyntax},
		{"NaN", "", ErrSyntax},
		{"١", "", ErrSyntax},
		{"$limit", "", ErrSyntax},
	} {
		d, err := ParseDecimal(x.in)
		if !errors.Is(err, x.err) || err == nil && d.String() != x.out {
			t.Errorf("ParseDecimal(%.40q) = %v, %v; want %v, %v", x.in, d, err, x.out, x.err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("ParseDecimal(%.40q): the error has %d bytes", x.in, len(err.Error()))
		}
	}
}

func TestRoundDecimal(t *testing.T) {
	nines := strings.Repeat("9", 1<<20)
	for _, x := range []struct {
		in, out string
		err     error
	}{
		{"1.01", "1.01", nil},
		{"0.0000005", "0", nil},
		{"0.0000015", "0.000002", nil},
		{"0.0000025", "0.000002", nil},
		{"0.00000250" + strings.Repeat("0", 99) + "1", "0.000003", nil},
		{"-0.0000015", "-0.000002", nil},
		{"-0.0000005", "0", nil},
		{"0.0000009", "0.000001", nil},
		{"0.9999995", "1", nil},
		{"0." + nines, "1", nil},
		{"1e3", "1000", nil},
		{"1E+3", "1000", nil},
		{"15e-1", "1.5", nil},
		{"0.5e-6", "0", nil},
		{"1.5e-6", "0.000002", nil},
		{"6e-7", "0.000001", nil},
		{"1e-8", "0", nil},
		{"9223372036854775807e-6", "9223372036854.775807", nil},
		{"9223372036854.7758074", "9223372036854.775807", nil},
		{"9223372036854.7758075", "", ErrRange},
		{"-9223372036854.7758085", "-9223372036854.775808", nil},
		{"-9223372036854.7758086", "", ErrRange},
		{"1e13", "", ErrRange},
		{"18446744073709.551617", "", ErrRange},
		{"1e18446744073709551616", "", ErrRange},
		{"1e-18446744073709551616", "0", nil},
		{"1e999999999999999999999999", "", ErrRange},
		{"1e-999999999999999999999999", "0", nil},
		{"0e999999999999999999999999", "0", nil},
		{nines, "", ErrRange},
		{"1" + strings.Repeat("0", 1<<20) + "e-1048576", "1", nil},
		{"0." + strings.Repeat("0", 1<<20) + "1e1048577", "1", nil},
		{"1e", "", ErrSyntax},
		{"1e+", "", ErrSyntax},
		{"1e1.5", "", ErrSyntax},
		{"e1", "", ErrSyntax},
		{"-", "", ErrSyntax},
		{"Infinity", "", ErrSyntax},
		{"nan", "", ErrSyntax},
		{"null", "", ErrSyntax},
	} {
		d, err := RoundDecimal(x.in)
		if !errors.Is(err, x.err) || err == nil && d.String() != x.out {
			t.Errorf("RoundDecimal(%.40q) = %v, %v; want %v, %v", x.in, d, err, x.out, x.err)
		}
	}
}

// roundSlowly is RoundDecimal by exact rationals.
func roundSlowly(s string) (Decimal, error) {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, ErrSyntax
	}
	r.Mul(r, big.NewRat(1e6, 1))
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int)) // m is never negative
	if c := m.Lsh(m, 1).Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	if !q.IsInt64() {
		return 0, ErrRange
	}
	return Decimal(q.Int64()), nil
}

func FuzzRoundDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.0000005", "9223372036854.7758075", "1e13", "25e-7", "1e", "0.1e-99", "-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := RoundDecimal(s)
		if errors.Is(err, ErrSyntax) {
			return
		}
		if _, _, exp, _ := splitNumber(s, true); exp > 1e4 || exp < -1e4 {
			return // too much for the oracle
		}
		want, wantErr := roundSlowly(s)
		if d != want || !errors.Is(err, wantErr) {
			t.Fatalf("RoundDecimal(%q) = %v, %v; want %v, %v", s, d, err, want, wantErr)
		}
		if err != nil {
			return
		}
		if back, err := ParseDecimal(d.String()); err != nil || back != d {
			t.Fatalf("ParseDecimal(%q) = %v, %v", d.String(), back, err)
		}
	})
}

func TestDuration(t *testing.T) {
	for _, x := range []struct {
		in   string
		d    Duration
		text string
		err  bool
	}{
		{"1ms", 1, "1ms", false},
		{"90s", 90000, "90s", false},
		{"60s", 60000, "1m", false},
		{"36h", 36 * Hour, "36h", false},
		{"48h", 2 * Day, "2d", false},
		{"1000ms", 1000, "1s", false},
		{"106751991167d", 106751991167 * Day, "106751991167d", false},
		{"106751991168d", 0, "", true},
		{"9223372036854775807ms", math.MaxInt64, "9223372036854775807ms", false},
		{"9223372036854775808ms", 0, "", true},
		{"99999999999999999999s", 0, "", true},
		{"0s", 0, "", true},
		{"01s", 0, "", true},
		{"-1s", 0, "", true},
		{"1.5h", 0, "", true},
		{"1", 0, "", true},
		{"s", 0, "", true},
		{"", 0, "", true},
		{"1h30m", 0, "", true},
		{"1 s", 0, "", true},
		{"1us", 0, "", true},
	} {
		d, err := ParseDuration(x.in)
		if d != x.d || (err != nil) != x.err {
			t.Errorf("ParseDuration(%q) = %d, %v; want %d", x.in, d, err, x.d)
		}
		if err == nil && d.String() != x.text {
			t.Errorf("%q is written %q, want %q", x.in, d, x.text)
		}
	}
}

func TestTime(t *testing.T) {
	for _, x := range []struct{ in, out string }{
		{"2026-11-23T07:44:00.123Z", "2026-11-23T07:44:00.123Z"},
		{"2026-11-23T07:44:00Z", "2026-11-23T07:44:00.000Z"},
		{"2026-11-23T09:44:00.1239999+02:00", "2026-11-23T07:44:00.123Z"},
		{"1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"},
		{"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
		{"0001-01-01T00:00:00+01:00", ""},
		{"9999-12-31T23:59:59-01:00", ""},
		{"0000-01-01T00:00:00Z", ""},
		{"2026-02-30T00:00:00Z", ""},
		{"2026-11-23T07:44:00,123Z", ""},
		{"2026-11-23T7:44:00Z", ""},
		{"2026-11-23T7:44:00.5Z", ""},
		{"2026-11-23 07:44:00Z", ""},
		{"2026-11-23T07:44:00", ""},
		{"2026-11-23", ""},
		{"1764000000", ""},
		{"", ""},
	} {
		at, err := ParseTime(x.in)
		if (err != nil) != (x.out == "") || err == nil && at.String() != x.out {
			t.Errorf("ParseTime(%q) = %v, %v; want %q", x.in, at, err, x.out)
		}
	}
	if got := TimeOf(time.Unix(-1, 999_999)); got != -1000 {
		t.Errorf("TimeOf truncates to %d, want the millisecond before, -1000", got)
	}
}
