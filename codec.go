package autonomics

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A codec writes or reads canonical JSON. Each type is described once, in the
// order of its members' names: writing appends the members, reading demands
// exactly the bytes that writing would append. The first fault ends either.
type codec struct {
	decoding bool
	parser          // decoding: the line
	keep     bool   // decoding: copy strings out of the line
	buf      []byte // encoding: the line; decoding: scratch
	err      error
	hashAt   int // where the receipt's hash stands, with the comma before it
}

// fault records what is wrong with a member.
func (c *codec) fault(member, format string, args ...any) {
	if c.err != nil {
		return
	}
	c.err = fmt.Errorf("member %.70q: %s", member, fmt.Sprintf(format, args...))
	if c.decoding {
		c.err = fmt.Errorf("%w (byte %d)", c.err, c.pos+1)
	}
}

// need records a fault unless ok.
func (c *codec) need(ok bool, member, want string) {
	if !ok {
		c.fault(member, "%s", want)
	}
}

const (
	missing  = "missing"
	notEmpty = "empty members are left out"
)

// member begins a member of an object. Writing, present says whether there is
// one; reading, the result does.
func (c *codec) member(name string, present bool) bool {
	if c.err != nil {
		return false
	}
	if !c.decoding {
		if present {
			c.buf = append(append(append(separate(c.buf), '"'), name...), '"', ':')
		}
		return present
	}
	rest, ok := c.src[c.pos:], true
	if c.src[c.pos-1] != '{' {
		rest, ok = strings.CutPrefix(rest, ",")
	}
	if end := len(name) + 3; ok && len(rest) >= end && rest[0] == '"' && rest[1:end-2] == name && rest[end-2:end] == `":` {
		c.pos = len(c.src) - len(rest) + end
		return true
	}
	return false
}

// must begins a member that is always there.
func (c *codec) must(name string) bool {
	ok := c.member(name, true)
	c.need(ok, name, missing)
	return ok
}

// put writes b, or reads it.
func (c *codec) put(member string, b byte) {
	switch {
	case c.err != nil:
	case !c.decoding:
		c.buf = append(c.buf, b)
	case c.peek() == b:
		c.pos++
	default:
		c.fault(member, "want %q here, and no spaces: the line must be in canonical form", b)
	}
}

// end closes an object. What stands there instead does not belong.
func (c *codec) end(member string) {
	if c.decoding && c.err == nil && c.peek() != '}' {
		p := c.parser
		if p.peek() == ',' {
			p.pos++
		}
		if p.peek() == '"' {
			if name, err := p.text(); err == nil {
				c.fault(name, "unknown, repeated, out of order, or not a member of this kind")
			}
		}
	}
	c.put(member, '}')
}

// list is a member that is an array, or an object whose names are data: item
// writes or reads both. It is absent if empty.
func list[T any](c *codec, name, brackets string, items *[]T, item func(c *codec, v *T, i int)) {
	if !c.member(name, len(*items) > 0) {
		return
	}
	c.put(name, brackets[0])
	i := 0
	for ; c.err == nil; i++ {
		if !c.decoding && i == len(*items) || c.decoding && c.peek() == brackets[1] {
			break
		}
		if i > 0 {
			c.put(name, ',')
		}
		if c.decoding {
			*items = append(*items, *new(T))
		}
		item(c, &(*items)[i], i)
	}
	c.put(name, brackets[1])
	c.need(i > 0, name, notEmpty)
}

// quote reads a string. The result may be part of the line.
func (c *codec) quote(member string) string {
	start := c.pos
	if c.peek() != '"' {
		c.fault(member, "want a string")
		return ""
	}
	s, err := c.text()
	if err != nil {
		c.fault(member, "%v", err)
		return ""
	}
	if len(s)+2 != c.pos-start {
		if c.buf = appendString(c.buf[:0], s); string(c.buf) != c.src[start:c.pos] {
			c.fault(member, "needless escapes: the line must be in canonical form")
		}
	}
	return s
}

// copy returns a string that does not keep the whole line in memory, unless
// the receipt will be gone before the line.
func (c *codec) copy(s string) string {
	if c.keep {
		s = strings.Clone(s)
	}
	return s
}

// string is any string.
func (c *codec) string(member string, s *string) {
	switch {
	case c.decoding:
		*s = c.copy(c.quote(member))
	case !utf8.ValidString(*s):
		c.fault(member, "string is not valid UTF-8")
	default:
		c.buf = appendString(c.buf, *s)
	}
}

// text is a member that is any string, absent if empty.
func (c *codec) words(name string, s *string) {
	if c.member(name, *s != "") {
		c.string(name, s)
		c.need(*s != "", name, notEmpty)
	}
}

// ident is a ValidName; a tenant may also be System.
func ident[T ~string](c *codec, member string, s *T) {
	if c.decoding {
		*s = T(c.copy(c.quote(member)))
	}
	if !ValidName(string(*s)) && (member != "tenant" || string(*s) != string(System)) {
		c.fault(member, "%.70q is no name: want [a-z0-9][a-z0-9._-]{0,62}", *s)
	}
	if !c.decoding {
		c.buf = append(append(append(c.buf, '"'), *s...), '"')
	}
}

// name is a member that is a ValidName, absent if empty.
func name[T ~string](c *codec, member string, s *T) {
	if c.member(member, *s != "") {
		ident(c, member, s)
	}
}

// enum is a member with a value of a closed list, absent if empty.
func enum[T ~string](c *codec, name string, v *T, list []T) {
	if !c.member(name, *v != "") {
		return
	}
	s := string(*v)
	if c.decoding {
		s = c.quote(name)
	}
	for _, x := range list {
		if s == string(x) {
			if *v = x; !c.decoding {
				c.buf = append(append(append(c.buf, '"'), x...), '"')
			}
			return
		}
	}
	c.fault(name, "%.40q is none of %v", s, list)
}

// A form is a value that has one canonical form, written as a string.
type form interface {
	comparable
	AppendTo([]byte) []byte
}

// quoted is a form.
func quoted[T form](c *codec, member string, v *T, parse func(string) (T, error)) {
	if !c.decoding {
		c.buf = append((*v).AppendTo(append(c.buf, '"')), '"')
		return
	}
	s := c.quote(member)
	if c.err != nil {
		return
	}
	x, err := parse(s)
	if err != nil {
		c.fault(member, "%v", err)
		return
	}
	if c.buf = x.AppendTo(c.buf[:0]); string(c.buf) != s {
		c.fault(member, "%.80q is not canonical, want %q", s, c.buf)
	}
	*v = x
}

// optional is a member that is a form, absent if zero.
func optional[T form](c *codec, name string, v *T, parse func(string) (T, error)) {
	var zero T
	if c.member(name, *v != zero) {
		quoted(c, name, v, parse)
		c.need(*v != zero, name, notEmpty)
	}
}

func (c *codec) hash(name string, v *Hash) { optional(c, name, v, ParseHash) }

func (c *codec) time(name string, v *Time) {
	optional(c, name, v, ParseTime)
	c.need(minTime <= *v && *v <= maxTime, name, "the year must lie between 1 and 9999")
}

func (c *codec) duration(name string, v *Duration) {
	optional(c, name, v, ParseDuration)
	c.need(*v >= 0, name, "a duration is positive")
}

func (c *codec) state(name string, v *State) {
	optional(c, name, v, func(s string) (State, error) {
		if state, ok := ParseState(s); ok {
			return state, nil
		}
		return 0, fmt.Errorf("%.40q is no state", s)
	})
	c.need(*v <= Refusing, name, "no such state")
}

// integer is a member from 0 to below 2^53, absent if 0.
func integer[T int | int64 | uint64](c *codec, name string, v *T) {
	if c.member(name, *v != 0) {
		number(c, name, v)
		c.need(*v != 0, name, notEmpty)
	}
}

// number is an integer from 0 to below 2^53.
func number[T int | int64 | uint64](c *codec, member string, v *T) {
	n := uint64(*v)
	if c.decoding {
		start := c.pos
		for n = 0; '0' <= c.peek() && c.peek() <= '9' && n < maxInteger; c.pos++ {
			n = n*10 + uint64(c.peek()-'0')
		}
		plain := c.pos == start+1 || c.pos > start && c.src[start] != '0'
		c.need(plain, member, "want a whole number in plain digits")
		*v = T(n)
	} else {
		c.buf = strconv.AppendUint(c.buf, n, 10)
	}
	c.need(n < maxInteger, member, "want a whole number below 2^53")
}

// flag is true or false.
func (c *codec) flag(member string, v *bool) {
	if !c.decoding {
		c.buf = strconv.AppendBool(c.buf, *v)
		return
	}
	for _, b := range [...]bool{false, true} {
		if word := strconv.FormatBool(b); strings.HasPrefix(c.src[c.pos:], word) {
			c.pos += len(word)
			*v = b
			return
		}
	}
	c.fault(member, "want true or false")
}

// json is any value in canonical form.
func (c *codec) json(member string, v *string) {
	p := parser{src: *v}
	if c.decoding {
		p = c.parser
	}
	start := p.pos
	out, err := p.value(nil, 2)
	switch {
	case err != nil:
		c.fault(member, "%v", err)
	case string(out) != p.src[start:p.pos] || !c.decoding && p.pos < len(p.src):
		c.fault(member, "not in canonical form: see Canonical")
	case c.decoding:
		*v, c.pos = string(out), p.pos
	default:
		c.buf = append(c.buf, out...)
	}
}
