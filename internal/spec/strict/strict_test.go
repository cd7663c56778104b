package strict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
)

type thing struct {
	Name string            `json:"name" want:"name"`
	Size int               `json:"size,omitempty"`
	On   toggle            `json:"on,omitempty"`
	Tags []string          `json:"tags,omitempty" want:"red|blue"`
	Text map[string]string `json:"text,omitempty" want:"text"`
	Kids []thing           `json:"kids,omitempty"`
	Flag *bool             `json:"flag,omitempty"`
	Old  string            `json:"old,omitempty" refuse:"it went away"`
	part
	hidden int
}

type part struct {
	Extra string `json:"extra,omitempty" want:"decimal"`
}

type toggle struct {
	always bool
	While  string `json:"while" want:"text"`
}

func (t *toggle) Switch(on bool) { t.always = on }

func TestDecode(t *testing.T) {
	var x thing
	list := Decode("f", []byte(` {"name": "a", "size": 3, "on": true, "tags": ["red", "blue"], "text": {"k": "v"},
	  "kids": [{"name": "b", "on": {"while": "x"}}], "flag": false, "extra": "1.5"} `), &x)
	if list != nil {
		t.Fatal(list)
	}
	if x.Name != "a" || x.Size != 3 || !x.On.always || len(x.Tags) != 2 || x.Text["k"] != "v" ||
		x.Kids[0].On.While != "x" || x.Flag == nil || *x.Flag || x.Extra != "1.5" || x.hidden != 0 {
		t.Errorf("%+v", x)
	}
}

func TestComplaints(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{``, "$: the file is not JSON: line 1, column 1: unexpected end of JSON input; mend it there"},
		{`{} {}`, "$: the file is not JSON: line 1, column 4: invalid character '{' after top-level value; mend it there"},
		{"{\n\n  \"name\" 1}", "$: the file is not JSON: line 3, column 10: invalid character '1' after object key; mend it there"},
		{"{\"name\": \"\xff\"}", "$: the file is not valid UTF-8; save it as UTF-8"},
		{`[]`, "$: it is an array; write an object"},
		{`null`, "$: null stands for nothing here; write a value, or leave the member out"},
		{`{}`, "$.name: the member is missing; add it"},
		{`{"name": "a", "name": "b"}`, "$.name: the member is there twice; keep one of them"},
		{`{"name": "a", "text": {"k": "1", "k": "2"}}`, "$.text.k: the member is there twice; keep one of them"},
		{`{"name": "a", "x y": 1}`, `$["x y"]: there is no such member; use one of: name, size, on, tags, text, kids, flag, old, extra`},
		{`{"name": "a", "hidden": 1}`, `$.hidden: there is no such member; use one of: name, size, on, tags, text, kids, flag, old, extra`},
		{`{"name": "a", "old": 1}`, "$.old: it went away; leave the member out"},
		{`{"name": "a", "size": 0}`, "$.size: 0 is no count; write a whole number from 1 on"},
		{`{"name": "a", "size": 1e2}`, "$.size: 1e2 is no count; write a whole number from 1 on"},
		{`{"name": "a", "size": 99999999999999999999}`, "$.size: 99999999999999999999 is no count; write a whole number from 1 on"},
		{`{"name": "a", "on": "yes"}`, "$.on: it is a string; write true, false or an object"},
		{`{"name": "a", "flag": 1}`, "$.flag: it is a number; write true or false"},
		{`{"name": "a", "text": {"K": "v"}}`, `$.text.K: "K" is no name; use [a-z0-9][a-z0-9._-]{0,62}`},
		{`{"name": "a", "text": {"a.b": "\n"}}`, `$.text["a.b"]: "\n" does not fit; write some words, at most 500 bytes, on one line`},
		{`{"name": "a", "tags": ["red", "green"]}`, `$.tags[1]: "green" does not fit; use one of: red, blue`},
		{`{"name": "a", "kids": [{"name": "b", "kids": [{"name": "C"}]}]}`, `$.kids[0].kids[0].name: "C" does not fit; use [a-z0-9][a-z0-9._-]{0,62}`},
		{`{"name": 1, "size": "1"}`, "$.name: it is a number; write a string (exact numbers stand in quotes too)\n$.size: it is a string; write a number without quotes"},
	} {
		var have []string
		for _, x := range Decode("f", []byte(c.src), new(thing)) {
			have = append(have, strings.TrimPrefix(x.String(), "f: "))
		}
		if got := strings.Join(have, "\n"); got != c.want {
			t.Errorf("%s\nhave %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	complaints := func(src string) int { return len(Decode("f", []byte(src), new(thing))) }
	fill := func(n int) string { return `{"name": "a"` + strings.Repeat(" ", n-13) + `}` }
	if n := complaints(fill(MaxSource)); n != 0 {
		t.Errorf("a file of the greatest size: %d complaints", n)
	}
	if n := complaints(fill(MaxSource + 1)); n != 1 {
		t.Errorf("a file one byte larger: %d complaints", n)
	}
	// Each kid lies two levels below its parent, its name one more.
	nest := func(n int) string {
		return strings.Repeat(`{"name": "a", "kids": [`, n) + `{"name": "a"}` + strings.Repeat(`]}`, n)
	}
	if n := complaints(nest(MaxDepth/2 - 1)); n != 0 {
		t.Errorf("the deepest that is read: %d complaints", n)
	}
	if n := complaints(nest(MaxDepth / 2)); n == 0 {
		t.Error("one deeper is read too")
	}
	if n := complaints(nest(5000)); n == 0 {
		t.Error("5,000 levels are read")
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct{ form, good, bad string }{
		{"text", "a b|" + strings.Repeat("x", MaxText), "| |a\tb|" + strings.Repeat("x", MaxText+1)},
		{"name", "a|a-b_c.d|0", "|A|-a|a b|" + strings.Repeat("a", 64)},
		{"version", "0.0.0|1.20.3|1.0.0-rc.1", "|1|1.0|01.0.0|1.0.0+x|v1.0.0|1.0.0-"},
		{"code", "AB-001|ABCD-999", "|A-001|ABCDE-001|AB-01|ab-001"},
		{"unit", "1|ratio|USD/h|%", "|a b|/h|USD/|" + strings.Repeat("x", 17)},
		{"duration", "1ms|90s|400d", "|0s|1|1.5h|401d|-1s"},
		{"offset", "0s|1ms|400d", "|0ms|401d"},
		{"decimal", "0|-1.5|0.000001|9223372036854.775807", "|.5|1e3|0.0000001|9223372036854.775808|$x"},
		{"threshold", "$a|$max.x|0.5", "|$|$A|$$a|half"},
		{"effect", "apply a|undo a.b|notice x", "|apply|apply  a|do a|apply A"},
		{"red|blue", "red|blue", "|green|red,blue"},
	} {
		f := FormOf(c.form)
		for _, s := range strings.Split(c.good, "|") {
			if !f.Fits(s) {
				t.Errorf("%s: %q does not fit", c.form, s)
			}
		}
		for _, s := range strings.Split(c.bad, "|") {
			if f.Fits(s) {
				t.Errorf("%s: %q fits", c.form, s)
			}
		}
	}
	if d := MaxDuration; d != 400*autonomics.Day {
		t.Errorf("the texts say 400d, the limit is %v", d)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name": "a", "on": {"while": ""}, "kids": [{}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, c := range Decode("f", src, new(thing)) {
			if c.Path == "" || c.Problem == "" || c.Mend == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

func Example() {
	var x struct {
		Color string `json:"color" want:"red|blue"`
	}
	for _, c := range Decode("x.json", []byte(`{"color": "green", "size": 1}`), &x) {
		fmt.Println(c)
	}
	// Output:
	// x.json: $.color: "green" does not fit; use one of: red, blue
	// x.json: $.size: there is no such member; use one of: color
}
