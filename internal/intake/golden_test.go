package intake

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// arrival is when the payloads arrive.
const arrival autonomics.Time = 1_775_000_000_000

// bindings are those through which the payloads of each directory arrive.
var bindings = map[string]string{
	"pubsub": `{"name": "queues", "format": "pubsub", "select": [{"match": {"tenant_key": "acme"}, "tenant": "acme"}]}`,
	"gcp-budget": `{"name": "bills", "format": "gcp.budget", "select": [
		{"match": {"billingAccountId": "01AB23-4C5D6E-7F8091", "budgetId": "7b1f0c52-3d54-4c1e-9a86-2f0b6d1c9e10"}, "tenant": "acme", "governor": "web-cost"},
		{"match": {"billingAccountId": "01AB23-4C5D6E-7F8091", "budgetId": "aaaaaaaa-0000-4000-8000-000000000037"}, "tenant": "acme", "governor": "fire-cost"}]}`,
	"alertmanager": `{"name": "alerts", "format": "alertmanager", "select": [
		{"match": {"tenant": "acme"}, "tenant": "acme"},
		{"match": {"alertname": "ServerStop", "env": "prod"}, "tenant": "acme", "governor": "servers"},
		{"match": {"tenant": "globex"}, "tenant": "globex", "episode": "downstream_down"}]}`,
}

// TestGolden decodes every payload and compares what it becomes with
// testdata/<format>.golden.
func TestGolden(t *testing.T) {
	for dir := range bindings {
		t.Run(dir, func(t *testing.T) {
			b := binding(t, bindings[dir])
			var got strings.Builder
			files, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("payloads: %v, %d files", err, len(files))
			}
			for _, file := range files {
				fmt.Fprintf(&got, "# %s\n", filepath.Base(file))
				for _, body := range payloads(t, file) {
					events, refusal := Decode(b, body, arrival)
					describe(&got, b, events, refusal)
				}
			}
			golden := filepath.Join("testdata", dir+".golden")
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// TestSharedPayloads reads messages that are not ours to keep: real Pub/Sub
// test data, none of which carries JSON.
func TestSharedPayloads(t *testing.T) {
	shared := os.Getenv("AUTONOMICS_SHARED")
	files, err := filepath.Glob(filepath.Join(shared, "peer-bugs", "payloads", "pubsub", "upstream-*.json"))
	if shared == "" || len(files) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("AUTONOMICS_SHARED=%q: no payloads there (%v)", shared, err)
		}
		t.Skip("AUTONOMICS_SHARED does not name a directory with the payloads")
	}
	b := binding(t, bindings["pubsub"])
	for _, file := range files {
		for _, body := range payloads(t, file) {
			if events, refusal := Decode(b, body, arrival); refusal == nil || refusal.Reason != autonomics.ReasonMalformed {
				t.Errorf("%s: have %v, %v; want refused as malformed", file, events, refusal)
			}
		}
	}
}

func binding(t testing.TB, text string) autonomics.Binding {
	t.Helper()
	b, err := ParseBinding([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// payloads returns the bodies of a file: its lines if it is NDJSON.
func payloads(t testing.TB, file string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(file, ".ndjson") {
		return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	}
	return [][]byte{data}
}

// describe writes what became of one message.
func describe(w *strings.Builder, b autonomics.Binding, events []Event, refusal *Refusal) {
	if refusal != nil {
		fmt.Fprintf(w, "message refused, %s: %s\n", refusal.Reason, refusal.Detail)
		return
	}
	if len(events) == 0 {
		fmt.Fprintln(w, "no events")
	}
	for _, e := range events {
		if e.Refused != nil {
			fmt.Fprintf(w, "event refused, %s: %s\n", e.Refused.Reason, e.Refused.Detail)
			continue
		}
		s := e.Signal
		fmt.Fprintf(w, "event %s", s.Source)
		if s.ID != "" {
			fmt.Fprintf(w, " id %s", s.ID)
		}
		if s.Episode != "" {
			fmt.Fprintf(w, " key %s start %v open %v at %v", s.Key, s.Start, s.Open, s.At)
		}
		if s.Truncated != 0 {
			fmt.Fprintf(w, " truncated %d", s.Truncated)
		}
		routes := Select(b, e)
		for _, r := range routes {
			fmt.Fprintf(w, " → %s", strings.Trim(fmt.Sprintf("%s/%s %s", r.Tenant, r.Governor, r.Episode), "/ "))
		}
		if len(routes) == 0 {
			fmt.Fprint(w, " → unbound")
		}
		fmt.Fprintln(w)
		for _, r := range s.Readings {
			value := r.Value.String()
			if r.Absent != "" {
				value = "absent (" + string(r.Absent) + ")"
			}
			fmt.Fprintf(w, "  %s %s %s at %v since %v\n", r.Signal, value, r.Unit, r.At, r.Start)
		}
	}
}
