package autonomics

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestCanonical(t *testing.T) {
	for _, x := range []struct{ in, out string }{
		// In the manner of RFC 8785's cases.
		{`[ 7, { "b": false, "20": null, "3": [ ] } ]`, `[7,{"20":null,"3":[],"b":false}]`},
		{`{"cote":"1","coté":"2","côte":"3","z":"4"}`, `{"cote":"1","coté":"2","côte":"3","z":"4"}`},
		{`{"2":{"\t":1,"b":{"x":"","X":0}},"20":{},"":[],"b":{},"B":{}}`, `{"":[],"2":{"\t":1,"b":{"X":0,"x":""}},"20":{},"B":{},"b":{}}`},
		{`{"u":"o\u0308"}`, "{\"u\":\"o\u0308\"}"},
		{`"\u20ac\u0001\u000a\u0041\u0022\u005c\/\u007f\u0080\u2028"`, "\"€\\u0001\\nA\\\"\\\\/\u007f\u0080\u2028\""},
		{`"\b\t\n\f\r\u001f\u001F"`, `"\b\t\n\f\r\u001f\u001f"`},
		{`{"\ud83d\ude00":1,"\ufb01":2,"\u0080":3,"a":4,"\r":5,"</":6}`, "{\"\\r\":5,\"</\":6,\"a\":4,\"\u0080\":3,\"😀\":1,\"ﬁ\":2}"},
		{"\t{\n\"a\" :\r1 }\n", `{"a":1}`},
		{`[true,false,null]`, `[true,false,null]`},
		{`[9007199254740991,-9007199254740991,0]`, `[9007199254740991,-9007199254740991,0]`},
		{`""`, `""`},
		{"\"\x7f\"", "\"\x7f\""},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 64) + strings.Repeat("]", 64)},
		// Refused.
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), "nested deeper than 64"},
		{strings.Repeat("[", 1<<20), "nested deeper than 64"},
		{strings.Repeat(`{"a":`, 1<<20), "nested deeper than 64"},
		{`{"a":1,"b":2,"a":3}`, `two members "a"`},
		{`{"a":1,"\u0061":3}`, `two members "a"`},
		{`9007199254740992`, "below 2^53"},
		{`-9007199254740992`, "below 2^53"},
		{`1.5`, "below 2^53"},
		{`1.0`, "below 2^53"},
		{`1e2`, "below 2^53"},
		{`-0`, "below 2^53"},
		{`01`, "below 2^53"},
		{`1-2`, "below 2^53"},
		{strings.Repeat("9", 1<<20), "below 2^53"},
		{`-`, "below 2^53"},
		{`+1`, "want a value"},
		{`NaN`, "want a value"},
		{``, "want a value"},
		{`tru`, "want a value"},
		{`'a'`, "want a value"},
		{`[1,]`, "want a value"},
		{`[1 2]`, "want , or ]"},
		{`[1`, "want , or ]"},
		{`{"a":1,}`, "want a name"},
		{`{a:1}`, "want a name"},
		{`{"a" 1}`, "want :"},
		{`{"a":}`, "want a value"},
		{`{"a":1]`, "want , or }"},
		{`1 2`, "after the value"},
		{`{}x`, "after the value"},
		{`"a`, "without end"},
		{"\"a\nb\"", "control character"},
		{"\"a\x00b\"", "control character"},
		{`"\x41"`, "bad escape"},
		{`"\x0041"`, "bad escape"},
		{`"\u12"`, "bad escape"},
		{`"\u+123"`, "bad escape"},
		{`"\`, "bad escape"},
		{`"\ud800"`, "surrogate"},
		{`"\ud800x"`, "surrogate"},
		{`"\ud83dxxde02"`, "surrogate"},
		{`"\ud800\u0041"`, "surrogate"},
		{`"\udc00\ud800"`, "surrogate"},
		{"\"\xff\"", "UTF-8"},
		{"\"\xed\xa0\x80\"", "UTF-8"},
		{"\"\xc0\x80\"", "UTF-8"},
		{"{\"\xff\":1}", "UTF-8"},
		{"\ufeff{}", "want a value"},
	} {
		out, err := Canonical([]byte(x.in))
		switch {
		case err == nil && string(out) != x.out:
			t.Errorf("Canonical(%.60q) = %q, want %q", x.in, out, x.out)
		case err != nil && (!strings.Contains(err.Error(), x.out) || len(err.Error()) > 300):
			t.Errorf("Canonical(%.60q): %.300v, want %q", x.in, err, x.out)
		}
	}
}

// TestPublishedCases reads the cases of cyberphone/json-canonicalization
// (Apache-2.0) where they are at hand.
func TestPublishedCases(t *testing.T) {
	shared := os.Getenv("AUTONOMICS_SHARED")
	if shared == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("AUTONOMICS_SHARED is not set")
		}
		t.Skip("AUTONOMICS_SHARED is not set")
	}
	dir := filepath.Join(shared, "data", "jcs-rfc8785")
	read := func(name ...string) []byte {
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, name...)...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// Two of them have numbers that are not plain integers.
	refused := map[string]string{"values": "333333333.33333329", "structures": "56.0"}
	for _, name := range []string{"arrays", "french", "structures", "unicode", "values", "weird"} {
		in := read("input", name+".json")
		want, err := hex.DecodeString(strings.Join(strings.Fields(string(read("outhex", name+".txt"))), ""))
		if err != nil {
			t.Fatal(err)
		}
		if number := refused[name]; number != "" {
			if _, err := Canonical(in); err == nil || !strings.Contains(err.Error(), number) {
				t.Errorf("%s: %v, want an error that names %s", name, err, number)
			}
			// The rest of the case, its numbers taken out.
			in = bytes.ReplaceAll(in, []byte("56.0"), []byte("56"))
			in = bytes.Replace(in, []byte("333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001"), nil, 1)
			want = bytes.Replace(want, []byte("333333333.3333333,1e+30,4.5,0.002,1e-27"), nil, 1)
		}
		if out, err := Canonical(in); err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s: %v\nhave %q\nwant %q", name, err, out, want)
		}
	}
}

func TestCompareUTF16(t *testing.T) {
	words := []string{"", "a", "ab", "b", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\U00010000", "\U0001f602", "\U0010ffff", "\ue000", "\ufb33", "\uffff", "\uffff\U00010000"}
	for _, a := range words {
		for _, b := range words {
			want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
			if got := compareUTF16(a, b); (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("compareUTF16(%+q, %+q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		`{"b":[1,-2,{"a":null}],"a":"\u20ac\ud83d\ude02\n"}`, `[true,false]`, `{"a":1,"a":2}`, `1.5`, "\"\xff\"", `"\ud800"`, `[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := Canonical(in)
		if err != nil {
			return
		}
		if !json.Valid(in) || !json.Valid(out) {
			t.Fatalf("accepted %q as %q", in, out)
		}
		var a, b any
		if json.Unmarshal(in, &a) != nil || json.Unmarshal(out, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q has become %q", in, out)
		}
		if again, err := Canonical(out); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q again: %q, %v", out, again, err)
		}
	})
}
