package strictjson

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/autonomics-dev/autonomics"
)

// Text returns the next value, which must be a string, without its escapes.
// The bytes may be part of the reader's text: they must not be changed.
func (r *Reader) Text() ([]byte, error) {
	if r.Peek() != String {
		return nil, r.unexpected("a string")
	}
	start := r.pos + 1
	ascii := true
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			text := r.data[start:i]
			if !ascii && !utf8.Valid(text) {
				return nil, badUTF8(start)
			}
			return text, nil
		case c == '\\':
			return r.unescape(start, i)
		case c < ' ':
			return nil, controlCharacter(i, c)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, Errorf("byte %d: the string does not end", start)
}

// Line is Text for what people read in lists: at most so many bytes, and no
// control characters.
func (r *Reader) Line(most int) ([]byte, error) {
	text, err := r.Text()
	switch {
	case err != nil:
		return nil, err
	case len(text) > most:
		return nil, Errorf("want at most %d bytes, have %d", most, len(text))
	case bytes.ContainsFunc(text, unicode.IsControl):
		return nil, Errorf("%s holds a control character", Quote(text))
	}
	return text, nil
}

// Time returns the next value, which must be a string that holds an RFC 3339
// instant, truncated to milliseconds. The instant 1970-01-01T00:00:00Z is
// refused: it is how an absent time is kept.
func (r *Reader) Time() (autonomics.Time, error) {
	text, err := r.Line(64)
	if err != nil {
		return 0, err
	}
	t, err := autonomics.ParseTime(string(text))
	if err == nil && t == 0 {
		err = Errorf("time %s: this instant means that there is none", Quote(text))
	}
	return t, err
}

// unescape reads the string that begins at start and has its first backslash
// at i.
func (r *Reader) unescape(start, i int) ([]byte, error) {
	text := append([]byte(nil), r.data[start:i]...)
	for i < len(r.data) {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			if !utf8.Valid(text) {
				return nil, badUTF8(start)
			}
			return text, nil
		case c < ' ':
			return nil, controlCharacter(i, c)
		case c != '\\':
			text = append(text, c)
			i++
		default:
			char, size := escape(r.data[i:])
			if size == 0 {
				return nil, Errorf("byte %d: bad escape or lone surrogate", i+1)
			}
			text = utf8.AppendRune(text, char)
			i += size
		}
	}
	return nil, Errorf("byte %d: the string does not end", start)
}

// escape reads the escape at the start of b; size is 0 where there is none.
func escape(b []byte) (char rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	high, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	low, ok := hex4(b[6:])
	if char = utf16.DecodeRune(high, low); !ok || char == utf8.RuneError {
		return 0, 0
	}
	return char, 12
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

func badUTF8(start int) error {
	return Errorf("byte %d: the string is not valid UTF-8", start)
}

func controlCharacter(i int, c byte) error {
	return Errorf("byte %d: control character %#x in a string; escape it", i+1, c)
}
