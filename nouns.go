package autonomics

import (
	"encoding/hex"
	"fmt"
	"time"
)

// A Tenant is a customer: the unit of isolation, ordering and ownership. It has
// one state and one receipt chain.
type Tenant string

// System is the tenant whose chain holds the directory: tenants, targets,
// programs, bindings, keys, limits and stops.
const System Tenant = "_system"

// A Hash is a SHA-256 sum, written as 64 lower-case hex digits.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// AppendTo appends the 64 digits.
func (h Hash) AppendTo(b []byte) []byte { return hex.AppendEncode(b, h[:]) }

// IsZero reports whether h is the hash before the first receipt.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes h as String does.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHash(string(text))
	return err
}

// ParseHash reads 64 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 64 {
		return h, fmt.Errorf("hash %q: want 64 hex digits, have %d characters", s, len(s))
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return h, fmt.Errorf("hash %q: character %d is not a lower-case hex digit", s, i+1)
		}
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err
}

// A Time is an instant in milliseconds since the Unix epoch. Zero means absent.
type Time int64

// The receipt format has years of four digits.
const (
	minTime Time = -62135596800000 // 0001-01-01T00:00:00.000Z
	maxTime Time = 253402300799999 // 9999-12-31T23:59:59.999Z
)

// TimeOf truncates t to the millisecond before it.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

func (t Time) String() string { return string(t.AppendTo(nil)) }

// AppendTo appends t in UTC with three decimals and a Z.
func (t Time) AppendTo(b []byte) []byte {
	b = t.Std().AppendFormat(b, time.RFC3339)
	ms := ((t % 1000) + 1000) % 1000
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// Std returns t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns the instant d after t.
func (t Time) Add(d Duration) Time { return t + Time(d) }

// ParseTime reads any RFC 3339 instant between the years 1 and 9999 and
// truncates it to the millisecond.
func ParseTime(s string) (Time, error) {
	std, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || len(s) < 20 || s[13] != ':' || s[19] == ',' { // time.Parse is too kind
		return 0, fmt.Errorf("time %.40q: want RFC 3339, for example 2026-11-23T07:44:00.123Z", s)
	}
	t := TimeOf(std)
	if t < minTime || t > maxTime {
		return 0, fmt.Errorf("time %.40q: the year must lie between 1 and 9999", s)
	}
	return t, nil
}

// A State is where a governor is. The zero State is absent.
type State uint8

const (
	Boot State = iota + 1
	Stable
	Warning
	Intervening
	Degraded
	Refusing
)

var stateNames = [...]string{"", "boot", "stable", "warning", "intervening", "degraded", "refusing"}

func (s State) String() string {
	if s > Refusing {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// AppendTo appends the state's name.
func (s State) AppendTo(b []byte) []byte { return append(b, s.String()...) }

// ParseState reads a state's name.
func ParseState(name string) (State, bool) {
	for i := Boot; i <= Refusing; i++ {
		if stateNames[i] == name {
			return i, true
		}
	}
	return 0, false
}

// A Mode says how far a governor's effects go.
type Mode string

const (
	Observe Mode = "observe" // targets are read, nothing is written
	Approve Mode = "approve" // each effect waits for a person, who is asked
	Enforce Mode = "enforce" // effects run
)

// Valid reports whether m is one of the modes.
func (m Mode) Valid() bool { return m == Observe || m == Approve || m == Enforce }

// A Verdict says what became of an event.
type Verdict string

const (
	Accepted Verdict = "accepted"
	Ignored  Verdict = "ignored"
	Refused  Verdict = "refused"
)

// ValidName reports whether s may name a tenant, SKU, governor, target,
// signal, binding or any other thing that a person names:
// [a-z0-9][a-z0-9._-]{0,62}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > 63 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
