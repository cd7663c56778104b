// Package strictjson reads JSON (RFC 8259) from senders that are not trusted,
// in one pass and without reflection. It refuses what two readers could
// understand differently: member names that occur twice, invalid UTF-8, lone
// surrogates and text after the value; and what would cost too much: nesting
// deeper than MaxDepth, and objects with more than MaxMembers members. Numbers
// stay text, so that nothing is rounded on the way.
//
// A Reader walks the text: the caller peeks at the kind of the next value and
// consumes it with the method of that kind, or with Skip. Every error is an
// *Error that names the place by a JSON pointer (RFC 6901).
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep objects and arrays may nest. No format that is read
	// here nests deeper than ten; the limit keeps the stack bounded.
	MaxDepth = 32
	// MaxMembers is how many members an object may have: labels of an alert are
	// the most, and rarely fifty. The limit bounds the memory that it takes to
	// find names that occur twice.
	MaxMembers = 1024
)

// An Error says what is wrong with a text, and where.
type Error struct {
	Pointer string // JSON pointer to the value; empty for the whole text
	Detail  string
	err     error
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.err }

// Errorf makes an Error about the value at hand.
func Errorf(format string, args ...any) *Error {
	return &Error{Detail: fmt.Sprintf(format, args...)}
}

// At says that err happened at the member or item with this name.
func At(name string, err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Detail: err.Error(), err: err}
	}
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	return &Error{Pointer: "/" + name + e.Pointer, Detail: e.Detail, err: e.err}
}

// Quote returns text as it may be repeated in an error: quoted, and cut where
// it is long.
func Quote(text []byte) string {
	const most = 48
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}

// A Kind is what a value is, by its first byte.
type Kind uint8

const (
	None Kind = iota // no value begins here
	Object
	Array
	String
	Number
	Bool
	Null
)

var kindNames = [...]string{"nothing", "an object", "an array", "a string", "a number", "a boolean", "null"}

func (k Kind) String() string { return kindNames[k] }

// A Reader walks one JSON text.
type Reader struct {
	data  []byte
	pos   int
	depth int
}

// NewReader returns a Reader at the start of data, which must not change while
// it is read.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Peek returns the kind of the next value.
func (r *Reader) Peek() Kind {
	r.space()
	if r.pos == len(r.data) {
		return None
	}
	switch c := r.data[r.pos]; {
	case c == '"':
		return String
	case c == '-' || c >= '0' && c <= '9':
		return Number
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	}
	return None
}

// Object calls member for each member of the next value, which must be an
// object, with the reader before the member's value; member consumes it. Name
// is valid during the call.
func (r *Reader) Object(member func(name []byte) error) error {
	if empty, err := r.enter(Object, '}'); empty || err != nil {
		return err
	}
	depth := r.depth
	var names nameSet
	for {
		if r.Peek() != String {
			return r.unexpected("a member name")
		}
		name, err := r.Text()
		if err != nil {
			return err
		}
		if !names.add(name) {
			return At(string(name), Errorf("the member occurs twice"))
		}
		if names.n+len(names.many) > MaxMembers {
			return Errorf("more than %d members in one object", MaxMembers)
		}
		r.space()
		if !r.accept(':') {
			return At(string(name), r.unexpected("a colon"))
		}
		if err := member(name); err != nil {
			return At(string(name), err)
		}
		r.depth = depth
		if done, err := r.next('}'); done || err != nil {
			return err
		}
	}
}

// Array calls item for each item of the next value, which must be an array,
// with the reader before the item; item consumes it.
func (r *Reader) Array(item func(i int) error) error {
	if empty, err := r.enter(Array, ']'); empty || err != nil {
		return err
	}
	depth := r.depth
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return At(strconv.Itoa(i), err)
		}
		r.depth = depth
		if done, err := r.next(']'); done || err != nil {
			return err
		}
	}
}

// Number returns the text of the next value, which must be a number.
func (r *Reader) Number() ([]byte, error) {
	if k := r.Peek(); k != Number {
		return nil, r.unexpected("a number")
	}
	start := r.pos
	r.accept('-')
	whole := r.digits()
	if whole == 0 || whole > 1 && r.data[r.pos-whole] == '0' {
		return nil, r.badNumber(start)
	}
	if r.accept('.') && r.digits() == 0 {
		return nil, r.badNumber(start)
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		if r.digits() == 0 {
			return nil, r.badNumber(start)
		}
	}
	return r.data[start:r.pos], nil
}

// Bool returns the next value, which must be a boolean.
func (r *Reader) Bool() (bool, error) {
	if r.Peek() != Bool {
		return false, r.unexpected("a boolean")
	}
	yes := r.data[r.pos] == 't'
	return yes, r.literal(strconv.FormatBool(yes))
}

// Skip consumes the next value, whatever it is, as strictly as the others.
func (r *Reader) Skip() error {
	var err error
	switch r.Peek() {
	case Object:
		err = r.Object(func([]byte) error { return r.Skip() })
	case Array:
		err = r.Array(func(int) error { return r.Skip() })
	case String:
		_, err = r.Text()
	case Number:
		_, err = r.Number()
	case Bool:
		_, err = r.Bool()
	case Null:
		err = r.literal("null")
	default:
		err = r.unexpected("a value")
	}
	return err
}

// End checks that nothing follows the value.
func (r *Reader) End() error {
	r.space()
	if r.pos < len(r.data) {
		return Errorf("byte %d: more text after the end of the value", r.pos+1)
	}
	return nil
}

// Mark returns the place of the next value, for Past.
func (r *Reader) Mark() int {
	r.space()
	return r.pos
}

// Past goes back to mark, where an item of an array begins, and steps over the
// item by its brackets and quotes alone, so that a bad item need not spoil
// those that follow it.
func (r *Reader) Past(mark int) error {
	r.pos = mark
	for open := 0; r.pos < len(r.data); r.pos++ {
		switch r.data[r.pos] {
		case '"':
			for r.pos++; r.pos < len(r.data) && r.data[r.pos] != '"'; r.pos++ {
				if r.data[r.pos] == '\\' {
					r.pos++
				}
			}
		case '{', '[':
			open++
		case '}':
			if open--; open < 0 {
				return r.unexpected("a value")
			}
		case ']':
			if open--; open < 0 {
				return r.stop(mark)
			}
		case ',':
			if open == 0 {
				return r.stop(mark)
			}
		}
	}
	r.pos = len(r.data)
	return r.unexpected("the end of the item")
}

// stop ends Past before a separator; an item of no length is none.
func (r *Reader) stop(mark int) error {
	if r.pos == mark {
		return r.unexpected("a value")
	}
	return nil
}

// enter consumes an opening bracket, and the closing one if nothing is inside.
func (r *Reader) enter(k Kind, end byte) (empty bool, err error) {
	if r.Peek() != k {
		return false, r.unexpected(k.String())
	}
	if r.depth++; r.depth > MaxDepth {
		return false, Errorf("byte %d: nested deeper than %d", r.pos+1, MaxDepth)
	}
	r.pos++
	r.space()
	return r.accept(end), nil
}

// next consumes the comma before another item, or the end.
func (r *Reader) next(end byte) (done bool, err error) {
	r.space()
	if r.accept(',') {
		return false, nil
	}
	if r.accept(end) {
		return true, nil
	}
	return false, r.unexpected(fmt.Sprintf("a comma or %q", end))
}

func (r *Reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\n', '\t', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *Reader) accept(c byte) bool {
	if r.pos < len(r.data) && r.data[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *Reader) digits() (n int) {
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
		n++
	}
	return n
}

func (r *Reader) literal(word string) error {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(word)) {
		return Errorf("byte %d: want %s", r.pos+1, word)
	}
	r.pos += len(word)
	return nil
}

func (r *Reader) badNumber(start int) error {
	return Errorf("byte %d: %s is not a JSON number", start+1, Quote(r.data[start:r.pos]))
}

// unexpected says what is there instead of want.
func (r *Reader) unexpected(want string) error {
	if k := r.Peek(); k != None {
		return Errorf("want %s, have %v", want, k)
	}
	if r.pos == len(r.data) {
		return Errorf("want %s, but the text ends", want)
	}
	c, size := utf8.DecodeRune(r.data[r.pos:])
	if c == utf8.RuneError && size == 1 {
		return Errorf("byte %d: want %s, have the byte %#x", r.pos+1, want, r.data[r.pos])
	}
	return Errorf("byte %d: want %s, have %q", r.pos+1, want, c)
}

// A nameSet holds the names of one object's members. Few of them stay in the
// array, which needs no memory of its own and is quicker than a map.
type nameSet struct {
	few  [16][]byte
	n    int // how many are in few
	many map[string]struct{}
}

// add reports whether name is new.
func (s *nameSet) add(name []byte) bool {
	for _, n := range s.few[:s.n] {
		if string(n) == string(name) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if _, ok := s.many[string(name)]; ok {
		return false
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	s.many[string(name)] = struct{}{}
	return true
}
