package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

const ndjson = "application/x-ndjson"

func at(t testing.TB, s string) autonomics.Time {
	t.Helper()
	v, err := autonomics.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// one parses a body that is a single object.
func one(t testing.TB, body string) Item {
	t.Helper()
	items, single, err := ParseNative("application/json", []byte(body))
	if err != nil || !single || len(items) != 1 {
		t.Fatalf("%s: %d items, single %v, %v", body, len(items), single, err)
	}
	return items[0]
}

func TestSingle(t *testing.T) {
	noon, month := at(t, "2026-11-23T12:00:00.123Z"), at(t, "2026-11-01T08:00:00Z")
	reading := func(r autonomics.Reading) autonomics.Signal {
		return autonomics.Signal{Readings: []autonomics.Reading{r}}
	}
	for _, c := range []struct {
		name, body string
		want       Item
	}{
		{"the least", `{"tenant":"acme","signal":"spend","value":"1.01"}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Value: 1_010_000})}},
		{"everything", `{"id":"m-17","source":"meter 1","governor":"web-cost","start":"2026-11-01T09:00:00+01:00",
			"at":"2026-11-23T12:00:00.123999Z","unit":"USD/h","value":-2.5e-1,"signal":"spend","tenant":"acme"}`,
			Item{Tenant: "acme", Governor: "web-cost", Signal: autonomics.Signal{Source: "meter 1", ID: "m-17", Readings: []autonomics.Reading{
				{Signal: "spend", Value: -250_000, Unit: "USD/h", At: noon, Start: month}}}}},
		{"no value", `{"tenant":"acme","signal":"spend","value":null,"unit":""}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Absent: autonomics.AbsentNull})}},
		{"too large", `{"tenant":"acme","signal":"spend","value":1e13}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Absent: autonomics.AbsentRange})}},
		{"too large, a string", `{"tenant":"acme","signal":"spend","value":"-9223372036854.775809"}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Absent: autonomics.AbsentRange})}},
		{"an immense exponent", `{"tenant":"acme","signal":"spend","value":1e999999999999}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Absent: autonomics.AbsentRange})}},
		{"half to even", `{"tenant":"acme","signal":"spend","value":"0.0000025"}`,
			Item{Tenant: "acme", Signal: reading(autonomics.Reading{Signal: "spend", Value: 2})}},
		{"readings", `{"tenant":"acme","at":"2026-11-23T12:00:00.123Z","readings":[{"signal":"depth","value":7},
			{"value":"8","signal":"oldest_age","unit":"s","at":"2026-11-01T08:00:00Z","start":"2026-11-01T08:00:00Z"}]}`,
			Item{Tenant: "acme", Signal: autonomics.Signal{Readings: []autonomics.Reading{
				{Signal: "depth", Value: 7_000_000, At: noon},
				{Signal: "oldest_age", Value: 8_000_000, Unit: "s", At: month, Start: month}}}}},
		{"an episode", `{"tenant":"acme","episode":"deploy","key":"web 42","start":"2026-11-01T08:00:00Z","open":true,
			"at":"2026-11-23T12:00:00.123Z","source":"ci","id":"7","governor":"web"}`,
			Item{Tenant: "acme", Governor: "web", Signal: autonomics.Signal{Source: "ci", ID: "7", Episode: "deploy", Key: "web 42",
				Start: month, Open: true, At: noon}}},
		{"an episode that closes", `{"tenant":"acme","episode":"deploy","key":"é","start":"2026-11-01T08:00:00Z","open":false}`,
			Item{Tenant: "acme", Signal: autonomics.Signal{Episode: "deploy", Key: "é", Start: month}}},
	} {
		if diff := cmp.Diff(c.want, one(t, c.body)); diff != "" {
			t.Errorf("%s (-want +have):\n%s", c.name, diff)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"signal":"spend","value":1}`, `/tenant: missing: a signal needs it`},
		{`{"tenant":"acme","value":1}`, `/signal: missing: a signal needs it`},
		{`{"tenant":"acme","signal":"spend"}`, `/value: missing: a signal needs it`},
		{`{}`, `/tenant: missing: a signal needs it`},
		{`{"tenant":"acme","signal":"spend","value":1,"colour":"red"}`, `/colour: unknown member`},
		{`{"tenant":"acme","signal":"spend","value":1,"value":2}`, `/value: the member occurs twice`},
		{`{"tenant":"acme","signal":"spend","value":"NaN"}`, `/value: "NaN" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":"1e3"}`, `/value: "1e3" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":""}`, `/value: "" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":"+1"}`, `/value: "+1" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":" 1"}`, `/value: " 1" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":"01"}`, `/value: "01" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":".5"}`, `/value: ".5" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":"0x1p3"}`, `/value: "0x1p3" is not a decimal; where there is no value, send null`},
		{`{"tenant":"acme","signal":"spend","value":true}`, `/value: want a decimal, as a string or a number, or null; have a boolean`},
		{`{"tenant":"acme","signal":"spend","value":[1]}`, `/value: want a decimal, as a string or a number, or null; have an array`},
		{`{"tenant":"acme","signal":"spend","value":NaN}`, `/value: want a decimal, as a string or a number, or null; have nothing`},
		{`{"tenant":"_system","signal":"spend","value":1}`, `/tenant: "_system" is not a name: want 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first`},
		{`{"tenant":7,"signal":"spend","value":1}`, `/tenant: want a string, have a number`},
		{`{"tenant":"","signal":"spend","value":1}`, `/tenant: "" is not a name: want 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first`},
		{`{"tenant":"acme","governor":"","signal":"spend","value":1}`, `/governor: "" is not a name: want 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first`},
		{`{"tenant":"acme","signal":"spend","value":1,"unit":null}`, `/unit: want a string, have null`},
		{`{"tenant":"acme","signal":"spend","value":1,"at":"yesterday"}`, `/at: time "yesterday": want RFC 3339, for example 2026-11-23T07:44:00.123Z`},
		{`{"tenant":"acme","signal":"spend","value":1,"at":1795419840}`, `/at: want a string, have a number`},
		{`{"tenant":"acme","signal":"spend","value":1,"id":"a\u0000b"}`, `/id: "a\x00b" holds a control character`},
		{`{"tenant":"acme","signal":"spend","value":1,"source":"a\u0085b"}`, `/source: "a\u0085b" holds a control character`},
		{`{"tenant":"acme","signal":"spend","value":1,"readings":[{"signal":"spend","value":1}]}`, `/signal: an item with readings does not have this member`},
		{`{"tenant":"acme","start":"2026-11-01T08:00:00Z","readings":[{"signal":"spend","value":1}]}`, `/start: an item with readings does not have this member`},
		{`{"tenant":"acme","readings":[]}`, `/readings: empty`},
		{`{"tenant":"acme","readings":{}}`, `/readings: want an array, have an object`},
		{`{"tenant":"acme","readings":[{"signal":"spend","value":1},{"signal":"spend"}]}`, `/readings/1/value: missing: a reading needs it`},
		{`{"tenant":"acme","readings":[{"signal":"spend","value":1},{"signal":"spend","value":2}]}`, `/readings/1/signal: twice at one time in one item: send the second as an item of its own, or give it its own time`},
		{`{"tenant":"acme","readings":[{"signal":"spend","value":1,"tenant":"acme"}]}`, `/readings/0/tenant: unknown member of a reading`},
		{`{"tenant":"acme","readings":[{"signal":"spend","value":1,"value":1}]}`, `/readings/0/value: the member occurs twice`},
		{`{"tenant":"acme","episode":"deploy","key":"k","open":true}`, `/start: missing: an episode needs it`},
		{`{"tenant":"acme","episode":"deploy","start":"2026-11-01T08:00:00Z","open":true}`, `/key: missing: an episode needs it`},
		{`{"tenant":"acme","episode":"deploy","key":"","start":"2026-11-01T08:00:00Z","open":true}`, `/key: empty`},
		{`{"tenant":"acme","episode":"deploy","key":"k","start":"2026-11-01T08:00:00Z"}`, `/open: missing: an episode needs it`},
		{`{"tenant":"acme","episode":"deploy","key":"k","start":"2026-11-01T08:00:00Z","open":"true"}`, `/open: want a boolean, have a string`},
		{`{"tenant":"acme","episode":"deploy","key":"k","start":"2026-11-01T08:00:00Z","open":true,"value":1}`, `/value: an episode does not have this member`},
		{`{"tenant":"acme","episode":"deploy","key":"k","start":"2026-11-01T08:00:00Z","open":true,"readings":[{"signal":"a","value":1}]}`, `/readings: an episode does not have this member`},
		{`{"tenant":"acme","signal":"spend","value":1,"key":"k"}`, `/key: a signal does not have this member`},
		{`{"tenant":"acme","signal":"spend","value":1} x`, `byte 46: more text after the end of the value`},
		{"{\"tenant\":\"acme\",\"signal\":\"spend\",\"value\":1,\"id\":\"\xff\"}", `/id: byte 50: the string is not valid UTF-8`},
		{`{"tenant":"acme","signal":"spend","value":1`, `want a comma or '}', but the text ends`},
	} {
		item := one(t, c.body)
		if item.Err == nil || item.Err.Error() != c.want || item.Err.Type != TypeMalformed {
			t.Errorf("%s:\nhave %v\nwant %s", c.body, item.Err, c.want)
		}
		item.Err = nil
		if diff := cmp.Diff(Item{}, item); diff != "" {
			t.Errorf("%s: something is left of a bad item:\n%s", c.body, diff)
		}
	}
}

func TestBodyThatCannotBeSplit(t *testing.T) {
	for _, c := range []struct{ contentType, body, kind, want string }{
		{"text/plain", `{}`, TypeMediaType, `content type "text/plain": want application/json or application/x-ndjson`},
		{"", `{}`, TypeMediaType, `content type "": want application/json or application/x-ndjson`},
		{"application/json", ``, TypeMalformed, `want a JSON object or an array of objects`},
		{"application/json", `"text"`, TypeMalformed, `want a JSON object or an array of objects`},
		{"application/json", `[{"tenant":"acme"}`, TypeMalformed, `/0: want the end of the item, but the text ends`},
		{"application/json", `[{"tenant":"acme"},]`, TypeMalformed, `/1: byte 20: want a value, have ']'`},
		{"application/json", `[] []`, TypeMalformed, `byte 4: more text after the end of the value`},
		{ndjson, " \r\n\n", TypeMalformed, `the body holds no item`},
	} {
		items, _, err := ParseNative(c.contentType, []byte(c.body))
		var e *ItemError
		if !errors.As(err, &e) || e.Type != c.kind || e.Error() != c.want || items != nil {
			t.Errorf("%s %s: have %v, %v; want %s, %s", c.contentType, c.body, items, err, c.kind, c.want)
		}
	}
}

// TestGoodNeighbours puts every sort of bad item between two good ones.
func TestGoodNeighbours(t *testing.T) {
	good := func(n int) string {
		return fmt.Sprintf(`{"tenant":"acme","signal":"depth","value":%d,"id":"n%d"}`, n, n)
	}
	for _, bad := range []string{
		`{"tenant":"acme"}`, `{"tenant":"acme","signal":"depth","value":"NaN"}`, `{"tenant":"BAD","signal":"depth","value":1}`,
		`7`, `null`, `"text"`, `[]`, `[{"tenant":"acme"}]`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a" 1}`, `nonsense`,
		strings.Repeat(`{"a":`, 50) + `1` + strings.Repeat(`}`, 50),
	} {
		array := `[` + good(1) + `,` + bad + `, ` + good(3) + `]`
		lines := good(1) + "\r\n\n" + bad + "\n  " + good(3)
		for contentType, body := range map[string]string{
			"application/json":                array,
			"Application/JSON; charset=utf-8": " \n" + array,
			ndjson:                            lines,
			"application/ndjson":              lines + "\n",
		} {
			items, single, err := ParseNative(contentType, []byte(body))
			if err != nil || single || len(items) != 3 {
				t.Errorf("%s %s: %d items, single %v, %v", contentType, body, len(items), single, err)
				continue
			}
			if items[0].Err != nil || items[0].Signal.ID != "n1" || items[2].Err != nil || items[2].Signal.ID != "n3" {
				t.Errorf("%s: a neighbour suffered: %+v", body, items)
			}
			if e := items[1].Err; e == nil || e.Type != TypeMalformed || !strings.HasPrefix(e.Pointer, "/1") {
				t.Errorf("%s: have %v; want an error at /1", body, e)
			}
		}
	}
}

// TestNoLeaks makes sure that an item gets nothing from the one before it.
func TestNoLeaks(t *testing.T) {
	full := `{"tenant":"acme","governor":"g","source":"s","id":"i","signal":"depth","unit":"1","value":1}`
	items, _, err := ParseNative(ndjson, []byte(full+"\n"+`{"tenant":"acme","signal":"depth","value":1}`+"\n"+full))
	if err != nil {
		t.Fatal(err)
	}
	want := Item{Tenant: "acme", Signal: autonomics.Signal{Readings: []autonomics.Reading{{Signal: "depth", Value: 1_000_000}}}}
	if diff := cmp.Diff(want, items[1]); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	items, _, err = ParseNative(ndjson, []byte(strings.Repeat(`{"tenant":"BAD","signal":"depth","value":1}`+"\n", 2)))
	if err != nil || items[0].Err == nil || items[1].Err == nil {
		t.Errorf("a bad name that is repeated: %+v, %v", items, err)
	}
}

func TestParseLine(t *testing.T) {
	item, err := ParseLine([]byte(` {"signal":"depth","value":1}`))
	want := Item{Signal: autonomics.Signal{Readings: []autonomics.Reading{{Signal: "depth", Value: 1_000_000}}}}
	if diff := cmp.Diff(want, item); diff != "" || err != nil {
		t.Errorf("%v (-want +have):\n%s", err, diff)
	}
	for _, line := range []string{``, `[]`, `{"signal":"depth"}`, `{"signal":"depth","value":1} {}`} {
		var e *ItemError
		if item, err := ParseLine([]byte(line)); !errors.As(err, &e) || item.Signal.Readings != nil {
			t.Errorf("%s: %+v, %v", line, item, err)
		}
	}
}

// TestLimits tries each limit and one more.
func TestLimits(t *testing.T) {
	item := func(member string, n int) string {
		return fmt.Sprintf(`{"tenant":"acme","signal":"depth","value":1,%q:%q}`, member, strings.Repeat("x", n))
	}
	episode := func(n int) string {
		return fmt.Sprintf(`{"tenant":"acme","episode":"e","key":%q,"start":"2026-11-01T08:00:00Z","open":true}`, strings.Repeat("x", n))
	}
	readings := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"signal":"a%d","value":1}`, i))
		}
		return `{"tenant":"acme","readings":[` + strings.Join(list, ",") + `]}`
	}
	for _, c := range []struct {
		name string
		make func(int) string
		most int
	}{
		{"id", func(n int) string { return item("id", n) }, autonomics.MaxID},
		{"source", func(n int) string { return item("source", n) }, autonomics.MaxID},
		{"unit", func(n int) string { return item("unit", n) }, MaxUnit},
		{"key", episode, autonomics.MaxID},
		{"readings", readings, autonomics.MaxReadings},
	} {
		if e := one(t, c.make(c.most)).Err; e != nil {
			t.Errorf("%s, %d: %v", c.name, c.most, e)
		}
		if e := one(t, c.make(c.most+1)).Err; e == nil {
			t.Errorf("%s, %d: accepted", c.name, c.most+1)
		}
	}
	array := func(n int) (string, string) {
		return "application/json", "[" + strings.TrimSuffix(strings.Repeat("0,", n), ",") + "]"
	}
	lines := func(n int) (string, string) { return ndjson, strings.Repeat("0\n", n) }
	for _, batch := range []func(int) (string, string){array, lines} {
		contentType, body := batch(MaxItems)
		if items, _, err := ParseNative(contentType, []byte(body)); err != nil || len(items) != MaxItems {
			t.Errorf("%s: %d items, %v", contentType, len(items), err)
		}
		contentType, body = batch(MaxItems + 1)
		var e *ItemError
		if _, _, err := ParseNative(contentType, []byte(body)); !errors.As(err, &e) || e.Type != TypeTooManyItems {
			t.Errorf("%s: %v", contentType, err)
		}
	}
}

// TestLargestSignal: what is accepted fits a receipt, and leaves half of it to
// what is decided.
func TestLargestSignal(t *testing.T) {
	text := func(n int) string { return strings.Repeat(`\"`, n) }
	var readings []string
	for i := range autonomics.MaxReadings {
		readings = append(readings, fmt.Sprintf(`{"signal":"%s%02d","value":-9223372036854.775808,"unit":"%s","at":"2026-11-23T12:00:00Z","start":"2026-11-23T12:00:00Z"}`,
			strings.Repeat("a", 61), i, text(MaxUnit)))
	}
	item := one(t, fmt.Sprintf(`{"tenant":"acme","source":"%s","id":"%s","readings":[%s]}`, text(autonomics.MaxID), text(autonomics.MaxID),
		strings.Join(readings, ",")))
	if item.Err != nil {
		t.Fatal(item.Err)
	}
	if line := seal(t, item.Signal); len(line) > autonomics.MaxReceipt/2 {
		t.Errorf("a receipt of %d bytes", len(line))
	}
}

// seal makes a receipt of a signal.
func seal(t testing.TB, s autonomics.Signal) []byte {
	t.Helper()
	r := autonomics.Receipt{Tenant: "acme", Seq: 1, At: arrival, Kind: autonomics.KindSignal, Kernel: 1, Governor: "g",
		Event: autonomics.Event{Signal: &s}, Verdict: autonomics.Accepted, From: autonomics.Stable, To: autonomics.Stable}
	line, err := r.Seal()
	if err != nil {
		t.Errorf("%+v has no receipt: %v", s, err)
	}
	return line
}

// sound checks what every signal promises that leaves this package: among the
// rest, that a receipt can be written of it.
func sound(t testing.TB, s autonomics.Signal) {
	t.Helper()
	seal(t, s)
	for _, text := range []string{s.Source, s.ID, s.Key} {
		if len(text) > autonomics.MaxID || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("text %q", text)
		}
	}
	if (s.Episode != "") == (len(s.Readings) > 0) || s.Episode != "" && (s.Key == "" || s.Start == 0) {
		t.Errorf("signal %+v", s)
	}
	for _, r := range s.Readings {
		if len(r.Unit) > MaxUnit || r.Absent != "" && r.Value != 0 {
			t.Errorf("reading %+v", r)
		}
	}
}

func FuzzParseNative(f *testing.F) {
	for _, seed := range []string{
		`{"tenant":"acme","signal":"spend","value":"1.01","unit":"ratio","at":"2026-11-23T07:44:00Z","source":"s","id":"i"}`,
		`[{"tenant":"acme","readings":[{"signal":"a","value":null},{"signal":"b","value":1e-3}]},7,{"tenant":"b"}]`,
		`{"tenant":"acme","episode":"deploy","key":"k","start":"2026-11-01T08:00:00Z","open":true}` + "\n\n{}",
	} {
		f.Add(true, []byte(seed))
		f.Add(false, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, lines bool, body []byte) {
		contentType := "application/json"
		if lines {
			contentType = ndjson
		}
		items, single, err := ParseNative(contentType, body)
		if err != nil {
			if len(items) > 0 {
				t.Errorf("%d items and %v", len(items), err)
			}
			return
		}
		if single && len(items) != 1 || len(items) > MaxItems {
			t.Errorf("single %v with %d items", single, len(items))
		}
		for _, item := range items {
			if item.Err != nil {
				continue
			}
			sound(t, item.Signal)
			if !autonomics.ValidName(string(item.Tenant)) || item.Governor != "" && !autonomics.ValidName(item.Governor) {
				t.Errorf("item %+v", item)
			}
		}
	})
}
