package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/autonomics-dev/autonomics"
)

// read consumes a whole text.
func read(text string) error {
	r := NewReader([]byte(text))
	if err := r.Skip(); err != nil {
		return err
	}
	return r.End()
}

func TestAccepts(t *testing.T) {
	for _, text := range []string{
		`null`, ` true `, "\t\r\n false", `0`, `-0`, `-12.50e+3`, `1E-7`, `""`, `"a\"\\\/\b\f\n\r\tz"`,
		`"\u00e9\ud834\udd1e"`, `"é𝄞"`, `[]`, `[ ]`, `[1, "2", [3], {}]`, `{}`, `{"a": {"a": 1}, "b": {"a": 1}}`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth),
		manyMembers(16, 99), manyMembers(17, 99), manyMembers(40, 99), manyMembers(MaxMembers-1, MaxMembers),
		`[` + strings.Repeat(`{"a":[{}]},`, 2*MaxDepth) + `0]`, // siblings do not add to the depth
		strings.ReplaceAll(manyMembers(2*MaxDepth, 99), `:0`, `:{}`),
	} {
		if err := read(text); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, `want a value, but the text ends`},
		{`  `, `want a value, but the text ends`},
		{"\ufeff{}", `byte 1: want a value, have '\ufeff'`},
		{"\xff", `byte 1: want a value, have the byte 0xff`},
		{`{} {}`, `byte 4: more text after the end of the value`},
		{`[1,]`, `/1: byte 4: want a value, have ']'`},
		{`[1 2]`, `want a comma or ']', have a number`},
		{`[1`, `want a comma or ']', but the text ends`},
		{`{"a" 1}`, `/a: want a colon, have a number`},
		{`{"a":1,}`, `byte 8: want a member name, have '}'`},
		{`{a:1}`, `byte 2: want a member name, have 'a'`},
		{`{"a":1,"b":2,"a":3}`, `/a: the member occurs twice`},
		{`{"a":1,"\u0061":3}`, `/a: the member occurs twice`},
		{`{"x":[0,{"m/n":{"~":1,"~":2}}]}`, `/x/1/m~1n/~0: the member occurs twice`},
		{manyMembers(16, 15), `/m15: the member occurs twice`},
		{manyMembers(17, 3), `/m3: the member occurs twice`},
		{manyMembers(40, 39), `/m39: the member occurs twice`},
		{manyMembers(MaxMembers, MaxMembers), `more than 1024 members in one object`},
		{`01`, `byte 1: "01" is not a JSON number`},
		{`-`, `byte 1: "-" is not a JSON number`},
		{`1.x`, `byte 1: "1." is not a JSON number`},
		{`1e+`, `byte 1: "1e+" is not a JSON number`},
		{`+1`, `byte 1: want a value, have '+'`},
		{`NaN`, `byte 1: want a value, have 'N'`},
		{`nul`, `byte 1: want null`},
		{`truth`, `byte 1: want true`},
		{`"a`, `byte 1: the string does not end`},
		{`"a\`, `byte 3: bad escape or lone surrogate`},
		{`"a\n`, `byte 1: the string does not end`},
		{"\"a\nb\"", `byte 3: control character 0xa in a string; escape it`},
		{"\"\\t\x1f\"", `byte 4: control character 0x1f in a string; escape it`},
		{`"\x"`, `byte 2: bad escape or lone surrogate`},
		{`"\u12g4"`, `byte 2: bad escape or lone surrogate`},
		{`"\ud834"`, `byte 2: bad escape or lone surrogate`},
		{`"\udd1e\ud834"`, `byte 2: bad escape or lone surrogate`},
		{`"\ud834\u0041"`, `byte 2: bad escape or lone surrogate`},
		{"\"\xff\"", `byte 1: the string is not valid UTF-8`},
		{"\"\\n\xc3\"", `byte 1: the string is not valid UTF-8`},
		{"\"\xed\xa0\x80\"", `byte 1: the string is not valid UTF-8`},
		{strings.Repeat("[", MaxDepth+1), strings.Repeat("/0", MaxDepth) + `: byte 33: nested deeper than 32`},
		{`{"` + strings.Repeat("é", 90) + `":x}`, `/` + strings.Repeat("é", 32) + `…: byte 185: want a value, have 'x'`},
	} {
		err := read(c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%.60q:\nhave %v\nwant %s", c.text, err, c.want)
		}
	}
}

// manyMembers returns an object with n members, and another one again.
func manyMembers(n, again int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return fmt.Sprintf(`{%s"m%d":1}`, &b, again)
}

func TestText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`"plain"`, "plain"}, {`"a\tb"`, "a\tb"}, {`"\u00e9\ud834\udd1e\/"`, "é𝄞/"}, {`"é\\"`, `é\`},
	} {
		have, err := NewReader([]byte(c.text)).Text()
		if err != nil || string(have) != c.want {
			t.Errorf("%s: have %q, %v; want %q", c.text, have, err, c.want)
		}
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		text string
		want autonomics.Time // 0: refused
	}{
		{`"2026-11-23T07:44:00.1239Z"`, 1795419840123},
		{`"2026-11-23T08:44:00.1239+01:00"`, 1795419840123},
		{`"1970-01-01T00:00:00Z"`, 0},
		{`"1970-01-01T00:00:00.0009Z"`, 0},
		{`"2026-11-23"`, 0},
		{`""`, 0},
		{`"` + strings.Repeat("2", 65) + `"`, 0},
		{`1795419840`, 0},
		{`null`, 0},
	} {
		have, err := NewReader([]byte(c.text)).Time()
		if have != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: have %d, %v; want %d", c.text, have, err, c.want)
		}
	}
}

// TestPast steps over the second of three items, whatever it holds.
func TestPast(t *testing.T) {
	for _, c := range []struct {
		item string
		ok   bool
	}{
		{`{"a":1,"a":2}`, true},
		{`{"a":"}],\"{["}`, true},
		{`[[1,2],{"b":[3]}]`, true},
		{"\"\xff\"", true},
		{`{"a" 1}`, true},
		{`nonsense`, true},
		{strings.Repeat("[", 99) + strings.Repeat("]", 99), true},
		{``, false},
		{`}`, false},
		{`{`, false},
		{`"open`, false},
		{`"open\`, false},
	} {
		r := NewReader([]byte(`[1, ` + c.item + `, 3]`))
		var seen []string
		err := r.Array(func(i int) error {
			mark := r.Mark()
			if i == 1 {
				if err := r.Skip(); err == nil {
					return nil
				}
				return r.Past(mark)
			}
			text, err := r.Number()
			seen = append(seen, string(text))
			return err
		})
		if (err == nil) != c.ok || c.ok && strings.Join(seen, " ") != "1 3" {
			t.Errorf("%.40s: saw %q, %v; want ok %v", c.item, seen, err, c.ok)
		}
	}
}

func TestAtKeepsTheCause(t *testing.T) {
	err := At("a", At("b", io.ErrUnexpectedEOF))
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "/a/b: unexpected EOF" {
		t.Errorf("have %v", err)
	}
}

// FuzzReader compares what is accepted with a slow reader made of the standard
// library's.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\u00e9",null,true]}`, `{"a":1,"a":2}`, `"\ud834\udd1e"`, "\"\xff\"", `[[[]]]`, `{"":{"":0}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		have := read(string(data)) == nil
		if bytes.Contains(bytes.ToLower(data), []byte(`\ud`)) {
			if have && !json.Valid(data) {
				t.Fatalf("accepted %q", data)
			}
			return // the standard library replaces lone surrogates
		}
		if want := oracle(data); have != want {
			t.Fatalf("%q: accepted %v, want %v", data, have, want)
		}
	})
}

func oracle(data []byte) bool {
	if !json.Valid(data) || !utf8.Valid(data) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return unambiguous(d, 0)
}

// unambiguous reads one value and looks for names that occur twice.
func unambiguous(d *json.Decoder, depth int) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	open, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth == MaxDepth {
		return false
	}
	names := map[string]bool{}
	for d.More() && len(names) <= MaxMembers {
		if open == '{' {
			name, err := d.Token()
			if err != nil || names[name.(string)] {
				return false
			}
			names[name.(string)] = true
		}
		if !unambiguous(d, depth+1) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil && len(names) <= MaxMembers
}
