package autonomics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting, so that no input can exhaust the stack.
const maxDepth = 64

// maxInteger bounds integers: every reader of JSON agrees on those below it.
const maxInteger = 1 << 53

// Canonical returns src, one JSON value, in the canonical form of RFC 8785.
// It refuses what has no single meaning or is not needed here: duplicate
// names, invalid UTF-8, lone surrogates, numbers other than integers below
// 2^53 in magnitude, nesting deeper than 64, anything after the value.
func Canonical(src []byte) ([]byte, error) {
	p := parser{src: string(src)}
	out, err := p.value(make([]byte, 0, len(src)), 0)
	if err == nil {
		if p.space(); p.pos < len(src) {
			err = p.wrong("data after the value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return out, nil
}

// A parser reads JSON from src.
type parser struct {
	src string
	pos int
}

func (p *parser) wrong(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", p.pos+1, fmt.Sprintf(format, args...))
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for c := p.peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = p.peek() {
		p.pos++
	}
}

// value appends the canonical form of the next value to out.
func (p *parser) value(out []byte, depth int) ([]byte, error) {
	p.space()
	switch c := p.peek(); {
	case (c == '{' || c == '[') && depth == maxDepth:
		return nil, p.wrong("nested deeper than %d", maxDepth)
	case c == '{':
		return p.object(out, depth)
	case c == '[':
		return p.array(out, depth)
	case c == '"':
		s, err := p.text()
		return appendString(out, s), err
	case c == '-' || '0' <= c && c <= '9':
		return p.integer(out)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(p.src[p.pos:], word) {
			p.pos += len(word)
			return append(out, word...), nil
		}
	}
	return nil, p.wrong("want a value")
}

// items calls one for each item up to the closing bracket.
func (p *parser) items(closing byte, one func() error) error {
	p.pos++
	if p.space(); p.peek() == closing {
		p.pos++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		p.space()
		c := p.peek()
		if c != ',' && c != closing {
			return p.wrong("want , or %c", closing)
		}
		if p.pos++; c == closing {
			return nil
		}
	}
}

func (p *parser) array(out []byte, depth int) ([]byte, error) {
	out = append(out, '[')
	err := p.items(']', func() (err error) {
		out, err = p.value(separate(out), depth+1)
		return err
	})
	return append(out, ']'), err
}

func (p *parser) object(out []byte, depth int) ([]byte, error) {
	type member struct {
		name string
		text []byte // name, colon, value
	}
	var members []member
	err := p.items('}', func() error {
		if p.space(); p.peek() != '"' {
			return p.wrong("want a name")
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		if p.space(); p.peek() != ':' {
			return p.wrong("want : after the name %.40q", name)
		}
		p.pos++
		text, err := p.value(append(appendString(nil, name), ':'), depth+1)
		members = append(members, member{name, text})
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 && m.name == members[i-1].name {
			return nil, p.wrong("the object that ends here has two members %.40q", m.name)
		}
		out = append(separate(out), m.text...)
	}
	return append(out, '}'), nil
}

// integer reads a number and refuses what is not an integer below 2^53.
func (p *parser) integer(out []byte) ([]byte, error) {
	start := p.pos
	for c := p.peek(); '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; c = p.peek() {
		p.pos++
	}
	text := p.src[start:p.pos]
	n, err := strconv.ParseInt(text[:min(len(text), 20)], 10, 64)
	plain := strconv.FormatInt(n, 10)
	if err != nil || plain != text || n <= -maxInteger || n >= maxInteger {
		p.pos = start
		return nil, p.wrong("number %.40q: want an integer below 2^53 in plain digits; write others as strings", text)
	}
	return append(out, plain...), nil
}

// text reads a string.
func (p *parser) text() (string, error) {
	p.pos++
	start, begin := p.pos, p.pos
	var out []byte // what stands before begin, if that had escapes
	for {
		switch c := p.peek(); {
		case c == '"':
			s := p.src[begin:p.pos]
			if out != nil {
				s = string(append(out, s...))
			}
			p.pos++
			if !utf8.ValidString(s) {
				p.pos = start
				return "", p.wrong("string is not valid UTF-8")
			}
			return s, nil
		case c < ' ':
			return "", p.wrong("string without end, or with a control character")
		case c != '\\':
			p.pos++
		default:
			r, n := unescape(p.src[p.pos:])
			if n == 0 {
				return "", p.wrong("bad escape, or half of a surrogate pair")
			}
			out = utf8.AppendRune(append(out, p.src[begin:p.pos]...), r)
			p.pos += n
			begin = p.pos
		}
	}
}

// unescape reads the escape that s begins with, and returns its length: 0 if
// it is none.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r := hex4(s)
	if utf16.IsSurrogate(r) {
		if r = utf16.DecodeRune(r, hex4(s[6:])); r == utf8.RuneError {
			return 0, 0
		}
		return r, 12
	}
	if r < 0 {
		return 0, 0
	}
	return r, 6
}

// hex4 returns the number of the escape \uXXXX that s begins with, or -1.
func hex4(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// separate appends the comma that an item after the first needs.
func separate(b []byte) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		b = append(b, ',')
	}
	return b
}

// appendString appends s, which is valid UTF-8, with no more escapes than
// JSON demands.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[begin:i]...)
		begin = i + 1
		if j := strings.IndexByte("\"\\\b\f\n\r\t", c); j >= 0 {
			b = append(b, '\\', `"\bfnrt`[j])
		} else {
			b = append(b, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		}
	}
	return append(append(b, s[begin:]...), '"')
}

// compareUTF16 orders valid UTF-8 by its UTF-16 code units. That is the order
// of the bytes, but that surrogates sort below U+E000.
func compareUTF16(a, b string) int {
	for i := 0; i < min(len(a), len(b)); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
			return int(y) - int(x)
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}
