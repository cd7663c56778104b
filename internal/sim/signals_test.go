package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
)

// told writes inputs in short.
func told(list []Input) string {
	var b strings.Builder
	for _, in := range list {
		fmt.Fprint(&b, in.At)
		for _, r := range in.Signal.Readings {
			value := r.Value.String()
			if r.Absent != "" {
				value = string(r.Absent)
			}
			fmt.Fprintf(&b, " %s=%s", r.Signal, value)
			if r.At != in.At {
				fmt.Fprintf(&b, "@%s", r.At)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestReadCSV(t *testing.T) {
	for _, x := range []struct{ name, text, names, zone, want, err string }{
		{name: "two signals, an empty cell, CRLF and no last newline",
			text:  "when,name,c,s\r\n2026-11-23 07:00:00,x,1.5,\r\n2026-11-23 07:05:00,y,2.25e1,0.1",
			names: "time=when,cost=c,spend=s", zone: "UTC",
			want: "2026-11-23T07:00:00.000Z cost=1.5 spend=null\n2026-11-23T07:05:00.000Z cost=22.5 spend=0.1\n"},
		{name: "a zone for times that name none; a repeated stamp stays",
			text:  "t,v\n2026-07-01 12:00:00,1\n2026-07-01 12:00:00,2\n2026-07-01T12:00:00Z,3\n",
			names: "time=t,v=v", zone: "Europe/Berlin",
			want: "2026-07-01T10:00:00.000Z v=1\n2026-07-01T10:00:00.000Z v=2\n2026-07-01T12:00:00.000Z v=3\n"},
		{name: "forms of a time",
			text: "\xef\xbb\xbft,v\n1767225600,1\n1767225600.5,1\n1767225600123,1\n2026-01-01T00:00:00.1234567,1\n2026-01-01T01:00:00+01:00,1\n2026-01-01 00:00:00 +0000 UTC,1\n" +
				"2026-01-01 00:00,1\n2026-01-01,1\n2026/01/01 00:00:00,1\n",
			names: "time=t,v=v", zone: "UTC",
			want: "2026-01-01T00:00:00.000Z v=1\n2026-01-01T00:00:00.500Z v=1\n2026-01-01T00:00:00.123Z v=1\n2026-01-01T00:00:00.123Z v=1\n" + strings.Repeat("2026-01-01T00:00:00.000Z v=1\n", 5)},
		{name: "what is no number",
			text:  "t,v\n2026-01-01,NaN\n2026-01-01,-Inf\n2026-01-01,NULL\n2026-01-01,n/a\n2026-01-01,1e30\n2026-01-01, 7 \n",
			names: "time=t,v=v", zone: "UTC",
			want: "2026-01-01T00:00:00.000Z v=nan\n2026-01-01T00:00:00.000Z v=nan\n2026-01-01T00:00:00.000Z v=null\n2026-01-01T00:00:00.000Z v=unreadable\n" +
				"2026-01-01T00:00:00.000Z v=range\n2026-01-01T00:00:00.000Z v=7\n"},
		{name: "a column of texts", text: "t,v\n2026-01-01,web\n2026-01-01,mail\n", names: "time=t,v=v", err: "line 2: the column of v holds no number"},
		{name: "a bad time", text: "t,v\n2026-01-01,1\nyesterday,1\n", names: "time=t,v=v", err: `line 3: time "yesterday": want 2026`},
		{name: "no such column", text: "t,v\n", names: "time=t,v=w", err: "map v=w: the table has no such column; it has t, v"},
		{name: "no time", text: "t,v\n", names: "v=v", err: "which column is the time? Name it: --map time=COLUMN; the table has t, v"},
		{name: "no signal", text: "t,v\n", names: "time=t", err: "which column holds which signal"},
		{name: "no rows", text: "t,v\n", names: "time=t,v=v", err: "there is none"},
		{name: "nothing", text: "", names: "time=t,v=v", err: "there is none"},
		{name: "a row that is too short", text: "t,v\n2026-01-01\n", names: "time=t,v=v", err: "line 2: wrong number of fields"},
	} {
		m, err := ParseMap(x.names)
		if err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation(x.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadCSV(strings.NewReader(x.text), m, zone)
		if x.err == "" && err != nil || x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)) {
			t.Errorf("%s: error %v, want %q", x.name, err, x.err)
		} else if err == nil && told(got) != x.want {
			t.Errorf("%s:\n%swant\n%s", x.name, told(got), x.want)
		}
	}
}

const answered = `{"status":"success","data":{"resultType":"matrix","result":[
 {"metric":{"__name__":"jobs","queue":"mail"},"values":[[1767225600,"5"],[1767225660.5,"NaN"],[1767225720,"7.25"]]},
 {"metric":{"__name__":"jobs","queue":"push"},"values":[[1767225600,"1"]]},
 {"metric":{"__name__":"age"},"values":[[1767225600,"9"],[1767225720,"+Inf"]]}]}}`

func TestReadPrometheus(t *testing.T) {
	for _, x := range []struct{ name, text, names, want, err string }{
		{name: "by name and label, joined by time", text: answered, names: `depth=jobs{queue="mail"},oldest=age`,
			want: "2026-01-01T00:00:00.000Z depth=5 oldest=9\n2026-01-01T00:01:00.500Z depth=nan\n2026-01-01T00:02:00.000Z depth=7.25 oldest=nan\n"},
		{name: "by label alone", text: answered, names: "depth={queue=push}", want: "2026-01-01T00:00:00.000Z depth=1\n"},
		{name: "without a map", text: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"age"},"values":[[1767225600.0004,"1"]]}]}}`,
			want: "2026-01-01T00:00:00.000Z age=1\n"},
		{name: "two series", text: answered, names: "depth=jobs", err: `fits several series, among them jobs{queue="mail"} and jobs{queue="push"}; add labels`},
		{name: "no series", text: answered, names: "depth=queue", err: `no series fits; there are [jobs{queue="mail"}`},
		{name: "a name that is no signal's", text: `{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"job:Rate"},"values":[]}]}}`, err: `--map SIGNAL='job:Rate'`},
		{name: "an instant query", text: `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`, err: "want a matrix: ask /api/v1/query_range"},
		{name: "a scalar", text: `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`, err: "want a matrix"},
		{name: "an error", text: `{"status":"error","errorType":"bad_data","error":"parse error"}`, err: "answered with an error: parse error"},
		{name: "no JSON", text: "<html>", err: "not the answer of a Prometheus server"},
		{name: "no point", text: `{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"age"},"values":[["now","1"]]}]}}`, names: "age=age", err: "point 0: want [SECONDS"},
		{name: "empty", text: `{"data":{"resultType":"matrix","result":[]}}`, err: "there is none"},
	} {
		var m Map
		if x.names != "" {
			var err error
			if m, err = ParseMap(x.names); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ReadPrometheus(strings.NewReader(x.text), m)
		if x.err == "" && err != nil || x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)) {
			t.Errorf("%s: error %v, want %q", x.name, err, x.err)
		} else if err == nil && told(got) != x.want {
			t.Errorf("%s:\n%swant\n%s", x.name, told(got), x.want)
		}
	}
}

func TestParseMap(t *testing.T) {
	m, err := ParseMap(`time=t,depth=jobs{queue="mail",zone=b},age=a=b`)
	if want := `[[time t] [depth jobs{queue="mail",zone=b}] [age a=b]]`; err != nil || fmt.Sprint(m) != want {
		t.Errorf("%v, %v; want %s", m, err, want)
	}
	for _, bad := range []string{"", "depth", "depth=", "=x", "Depth=x", "a=b,"} {
		if m, err := ParseMap(bad); err == nil {
			t.Errorf("%q: %v", bad, m)
		}
	}
}

func TestReadNDJSON(t *testing.T) {
	got, err := ReadNDJSON(strings.NewReader(`{"signal":"depth","value":1,"at":"2026-01-01T00:00:00Z"}

{"readings":[{"signal":"depth","value":null},{"signal":"age","value":"3","at":"2026-01-01T00:02:00Z"}],"at":"2026-01-01T00:01:00Z"}`))
	want := "2026-01-01T00:00:00.000Z depth=1\n2026-01-01T00:02:00.000Z depth=null@2026-01-01T00:01:00.000Z age=3\n"
	if err != nil || told(got) != want {
		t.Errorf("%v\n%swant\n%s", err, told(got), want)
	}
	for text, want := range map[string]string{
		"{\"signal\":\"depth\",\"value\":1,\"at\":\"2026-01-01T00:00:00Z\"}\n{\"signal\":\"depth\",\"value\":1}": "line 2: at is missing, or before 1970",
		"{}": "line 1: ", "": "there is none",
	} {
		if _, err := ReadNDJSON(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzRead holds that the readers of all formats take anything, and give
// readings that the kernel may be given.
func FuzzRead(f *testing.F) {
	f.Add("t,v\n2026-01-01,1\n", "time=t,v=v")
	f.Add("t,v\r\n1767225600.25,NaN\r\n", "time=t,v=v")
	f.Add(answered, `depth=jobs{queue="mail"},age=age`)
	f.Add(`{"signal":"depth","value":1,"at":"2026-01-01T00:00:00Z"}`, "")
	f.Fuzz(func(t *testing.T, text, names string) {
		m, err := ParseMap(names)
		if err != nil {
			m = nil
		}
		for _, read := range []func() ([]Input, error){
			func() ([]Input, error) { return ReadCSV(strings.NewReader(text), m, time.UTC) },
			func() ([]Input, error) { return ReadPrometheus(strings.NewReader(text), m) },
			func() ([]Input, error) { return ReadNDJSON(strings.NewReader(text)) },
		} {
			list, err := read()
			for _, in := range list {
				for _, r := range in.Signal.Readings {
					if err == nil && (r.At <= 0 && in.At <= 0 || in.At > latest || !autonomics.ValidName(r.Signal) || r.Absent != "" && r.Value != 0) {
						t.Errorf("%+v", r)
					}
				}
				if n := len(in.Signal.Readings); err == nil && n > autonomics.MaxReadings {
					t.Errorf("%d readings", n)
				}
			}
		}
	})
}
