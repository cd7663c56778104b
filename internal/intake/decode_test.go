package intake

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

// push wraps data as Pub/Sub does.
func push(attributes, data string) []byte {
	return fmt.Appendf(nil, `{"message":{"attributes":{%s},"data":"%s","messageId":"m1","publishTime":"2026-11-23T12:00:00.5Z"}}`,
		attributes, base64.StdEncoding.EncodeToString([]byte(data)))
}

func TestDecodeSignals(t *testing.T) {
	b := binding(t, bindings["pubsub"])
	published, own := at(t, "2026-11-23T12:00:00.5Z"), at(t, "2026-11-23T11:00:00Z")
	attributes := map[string]string{"tenant_key": "acme"}
	reading := func(source, id string, r autonomics.Reading) autonomics.Signal {
		return autonomics.Signal{Source: source, ID: id, Readings: []autonomics.Reading{r}}
	}
	for _, c := range []struct {
		name, data string
		want       []Event
	}{
		{"time and id of the message", `{"signal":"depth","value":131072}`, []Event{
			{Attributes: attributes, Signal: reading("pubsub", "m1", autonomics.Reading{Signal: "depth", Value: 131_072_000_000, At: published})}}},
		{"its own", `{"tenant":"acme","governor":"orders","signal":"depth","value":null,"at":"2026-11-23T11:00:00Z","source":"s","id":"i"}`, []Event{
			{Attributes: attributes, Tenant: "acme", Governor: "orders",
				Signal: reading("s", "i", autonomics.Reading{Signal: "depth", Absent: autonomics.AbsentNull, At: own})}}},
		{"a bad neighbour", `[{"signal":"depth","value":"NaN"},{"signal":"depth","value":1}]`, []Event{
			{Attributes: attributes, Refused: &Refusal{autonomics.ReasonMalformed,
				`in the data: /0/value: "NaN" is not a decimal; where there is no value, send null`}},
			{Attributes: attributes, Signal: reading("pubsub", "m1/00001", autonomics.Reading{Signal: "depth", Value: 1_000_000, At: published})}}},
		{"an episode", `{"episode":"deploy","key":"k","start":"2026-11-23T11:00:00Z","open":true}`, []Event{
			{Attributes: attributes, Signal: autonomics.Signal{Source: "pubsub", ID: "m1", Episode: "deploy", Key: "k", Start: own, Open: true, At: published}}}},
		{"nothing", `[]`, []Event{}},
	} {
		events, refusal := Decode(b, push(`"tenant_key":"acme"`, c.data), arrival)
		if refusal != nil {
			t.Errorf("%s: %+v", c.name, refusal)
		}
		if diff := cmp.Diff(c.want, events); diff != "" {
			t.Errorf("%s (-want +have):\n%s", c.name, diff)
		}
	}
	if _, refusal := Decode(b, push(``, `[{`), arrival); refusal == nil || refusal.Reason != autonomics.ReasonMalformed {
		t.Errorf("half an array: %+v", refusal)
	}
}

// TestDeadLettered makes sure that a message that was forwarded after an hour
// is an hour old.
func TestDeadLettered(t *testing.T) {
	b := binding(t, bindings["pubsub"])
	events, refusal := Decode(b, push(`"CloudPubSubDeadLetterSourceTopicPublishTime":"2026-11-23T11:00:00.25+00:00"`,
		`{"signal":"depth","value":1}`), arrival)
	if refusal != nil {
		t.Fatal(refusal.Detail)
	}
	if have, want := events[0].Signal.Readings[0].At, at(t, "2026-11-23T11:00:00.25Z"); have != want {
		t.Errorf("have %v, want %v", have, want)
	}
}

func TestCarries(t *testing.T) {
	body := push(``, `{"costAmount":5,"budgetAmount":10,"currencyCode":"EUR","costIntervalStart":"2026-11-01T08:00:00Z"}`)
	for _, format := range []string{`"format":"gcp.budget"`, `"format":"pubsub","carries":"gcp.budget"`} {
		b := binding(t, `{"name":"b",`+format+`,"select":[{"tenant":"acme"}]}`)
		events, refusal := Decode(b, body, arrival)
		if refusal != nil || len(events) != 1 || events[0].Signal.Source != "gcp.budget" || len(events[0].Signal.Readings) != 2 {
			t.Errorf("%s: %+v, %+v", format, events, refusal)
		}
	}
	b := binding(t, `{"name":"b","format":"pubsub","carries":"signals","select":[{"tenant":"acme"}]}`)
	if events, _ := Decode(b, body, arrival); len(events) != 1 || events[0].Refused == nil {
		t.Errorf("a budget as signals: %+v", events)
	}
}

// keys decodes a file of alerts and returns how often each key occurs.
func keys(t *testing.T, file string, names ...string) map[string]int {
	t.Helper()
	b := autonomics.Binding{Format: FormatAlertmanager, Key: names}
	count := map[string]int{}
	for _, body := range payloads(t, filepath.Join("testdata", "alertmanager", file)) {
		events, refusal := Decode(b, body, arrival)
		if refusal != nil {
			t.Fatalf("%s: %s", file, refusal.Detail)
		}
		for _, e := range events {
			count[e.Signal.Key]++
		}
	}
	return count
}

// TestStorms: sixty symptoms of one cause are one episode where the binding
// says so, and sixty causes stay sixty.
func TestStorms(t *testing.T) {
	for _, c := range []struct {
		file  string
		names []string
		want  int
	}{
		{"B33-storm-60-common-cause.ndjson", nil, 60},
		{"B33-storm-60-common-cause.ndjson", []string{"registry"}, 1},
		{"B33-storm-60-common-cause.ndjson", []string{"no_such_label"}, 60},
		{"B33-storm-60-independent.ndjson", nil, 60},
		{"B33-storm-60-independent.ndjson", []string{"registry"}, 60},
		{"B33-storm-60-independent.ndjson", []string{"reason"}, 10},
		{"B32-burst-11.ndjson", []string{"queue"}, 11},
	} {
		if have := len(keys(t, c.file, c.names...)); have != c.want {
			t.Errorf("%s by %q: %d episodes, want %d", c.file, c.names, have, c.want)
		}
	}
}

// TestSameEpisode: what is left out or written otherwise does not change who
// an alert is.
func TestSameEpisode(t *testing.T) {
	b := autonomics.Binding{Format: FormatAlertmanager}
	decode := func(file string) autonomics.Signal {
		events, refusal := Decode(b, payloads(t, filepath.Join("testdata", "alertmanager", file))[0], arrival)
		if refusal != nil || len(events) != 1 {
			t.Fatalf("%s: %d events, %+v", file, len(events), refusal)
		}
		return events[0].Signal
	}
	want := decode("B30-firing.json")
	for _, file := range []string{"v-02-head-fields.json", "v-05-endsat-in-future.json", "v-06-no-fingerprint.json", "v-09-offset-equal-instant.json"} {
		if diff := cmp.Diff(want, decode(file)); diff != "" {
			t.Errorf("%s (-want +have):\n%s", file, diff)
		}
	}
}

func TestSelect(t *testing.T) {
	row := func(tenant, governor string, match ...string) autonomics.Select {
		s := autonomics.Select{Tenant: autonomics.Tenant(tenant), Governor: governor, Match: map[string]string{}}
		for i := 0; i < len(match); i += 2 {
			s.Match[match[i]] = match[i+1]
		}
		return s
	}
	episode := func(s autonomics.Select, name string) autonomics.Select {
		s.Episode = name
		return s
	}
	for _, c := range []struct {
		name string
		rows []autonomics.Select
		e    Event
		want string
	}{
		{"all of a match", []autonomics.Select{row("a", "", "x", "1", "y", "2"), row("b", "", "x", "1", "y", "3")}, Event{}, "a/"},
		{"an absent attribute is not an empty one", []autonomics.Select{row("a", "", "z", ""), row("b", "", "e", "")}, Event{}, "b/"},
		{"an empty match fits everything", []autonomics.Select{row("a", "")}, Event{}, "a/"},
		{"none", []autonomics.Select{row("a", "", "x", "2")}, Event{}, ""},
		{"the order of the rows", []autonomics.Select{row("b", "h"), row("a", "g"), row("b", "g")}, Event{}, "b/h a/g b/g"},
		{"duplicates", []autonomics.Select{row("a", "g"), row("b", ""), row("a", "g"), row("b", "")}, Event{}, "a/g b/"},
		{"covered by all governors", []autonomics.Select{row("a", "g"), row("b", "g"), row("a", "")}, Event{}, "b/g a/"},
		{"the tenant that the data names", []autonomics.Select{row("a", ""), row("b", "g"), row("b", "h")}, Event{Tenant: "b"}, "b/g b/h"},
		{"a tenant that is not bound", []autonomics.Select{row("a", "")}, Event{Tenant: "b"}, ""},
		{"the governor that the data names", []autonomics.Select{row("a", ""), row("b", "g"), row("b", "h")}, Event{Governor: "g"}, "a/g b/g"},
		{"the episode of the row", []autonomics.Select{episode(row("a", ""), "down"), row("a", ""), row("a", "g")},
			Event{Signal: autonomics.Signal{Episode: "alert"}}, "a/:down a/:alert"},
		{"the same episode twice", []autonomics.Select{episode(row("a", ""), "alert"), row("a", "")},
			Event{Signal: autonomics.Signal{Episode: "alert"}}, "a/:alert"},
	} {
		c.e.Attributes = map[string]string{"x": "1", "y": "2", "e": ""}
		var have []string
		for _, r := range Select(autonomics.Binding{Select: c.rows}, c.e) {
			have = append(have, strings.TrimSuffix(fmt.Sprintf("%s/%s:%s", r.Tenant, r.Governor, r.Episode), ":"))
		}
		if strings.Join(have, " ") != c.want {
			t.Errorf("%s: have %q, want %q", c.name, have, c.want)
		}
	}
}

func TestParseBinding(t *testing.T) {
	have := binding(t, `{"name":"alerts","format":"alertmanager","auth":"none","key":["a","b"],
		"select":[{"match":{"x":"1"},"tenant":"acme","governor":"g","episode":"down"},{"tenant":"globex"}]}`)
	want := autonomics.Binding{Name: "alerts", Format: "alertmanager", Auth: "none", Key: []string{"a", "b"}, Select: []autonomics.Select{
		{Match: map[string]string{"x": "1"}, Tenant: "acme", Governor: "g", Episode: "down"}, {Tenant: "globex"}}}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	const rows = `"select":[{"tenant":"acme"}]`
	for _, c := range []struct{ text, want string }{
		{`[]`, `want an object, have an array`},
		{`{"name":"b","format":"pubsub",` + rows + `} x`, `more text after`},
		{`{"name":"b","format":"pubsub","secret":"x",` + rows + `}`, `/secret: unknown member of a binding`},
		{`{"name":"b","name":"b","format":"pubsub",` + rows + `}`, `/name: the member occurs twice`},
		{`{"name":"B","format":"pubsub",` + rows + `}`, `/name: "B" is not a name`},
		{`{"name":"b",` + rows + `}`, `/format: "" is not a format: want one of`},
		{`{"name":"b","format":"carrier.pigeon",` + rows + `}`, `/format: "carrier.pigeon" is not a format`},
		{`{"name":"b","format":"gcp.budget","carries":"gcp.budget",` + rows + `}`, `/carries: only pubsub carries`},
		{`{"name":"b","format":"pubsub","carries":"carrier.pigeon",` + rows + `}`, `/carries: "carrier.pigeon" cannot be carried`},
		{`{"name":"b","format":"pubsub","auth":"basic",` + rows + `}`, `/auth: "basic" is not known`},
		{`{"name":"b","format":"pubsub","key":["x"],` + rows + `}`, `/key: only alertmanager has labels`},
		{`{"name":"b","format":"alertmanager","key":[""],` + rows + `}`, `/key: a label without a name`},
		{`{"name":"b","format":"pubsub"}`, `/select: want at least one row`},
		{`{"name":"b","format":"pubsub","select":[]}`, `/select: want at least one row`},
		{`{"name":"b","format":"pubsub","select":[{"tenant":"acme"},{"tenant":"_system"}]}`, `/select/1/tenant: "_system" is not a name`},
		{`{"name":"b","format":"pubsub","select":[{"tenant":"acme","governor":"G"}]}`, `/select/0/governor: "G" is not a name`},
		{`{"name":"b","format":"pubsub","select":[{"tenant":"acme","episode":"e"}]}`, `/select/0/episode: only alertmanager opens`},
		{`{"name":"b","format":"alertmanager","select":[{"tenant":"acme","episode":"E"}]}`, `/select/0/episode: "E" is not a name`},
		{`{"name":"b","format":"pubsub","select":[{"tenant":"acme","match":{"x":1}}]}`, `/select/0/match/x: want a string, have a number`},
		{`{"name":"b","format":"pubsub","select":[{"tenant":"acme","colour":"red"}]}`, `/select/0/colour: unknown member of a select row`},
		{strings.Repeat(" ", MaxBinding+1), `want at most 32768 bytes, have 32769`},
	} {
		if _, err := ParseBinding([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s:\nhave %v\nwant %s", c.text, err, c.want)
		}
	}
}

// FuzzDecode feeds every format and checks that what comes out is sound.
func FuzzDecode(f *testing.F) {
	formats := slices.Sorted(maps.Keys(bindings))
	for i, dir := range formats {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
		if err != nil || len(files) == 0 {
			f.Fatalf("payloads: %v, %d files", err, len(files))
		}
		for _, file := range files {
			f.Add(i, payloads(f, file)[0])
		}
	}
	f.Add(slices.Index(formats, "pubsub"), push(`"tenant_key":"acme"`, `[{"signal":"depth","value":1e-3},{"episode":"e"}]`))
	f.Fuzz(func(t *testing.T, format int, body []byte) {
		if format < 0 || format >= len(formats) {
			return
		}
		b := binding(t, bindings[formats[format]])
		events, refusal := Decode(b, body, arrival)
		if refusal != nil && len(events) > 0 {
			t.Errorf("%d events and %+v", len(events), refusal)
		}
		for _, e := range events {
			if e.Refused == nil {
				sound(t, e.Signal)
			}
			for _, r := range Select(b, e) {
				if !slices.ContainsFunc(b.Select, func(row autonomics.Select) bool { return row.Tenant == r.Tenant }) {
					t.Errorf("a route to %s, which is not bound", r.Tenant)
				}
			}
		}
	})
}
