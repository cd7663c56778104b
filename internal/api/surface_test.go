package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/api"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

const (
	acme = `{"tenant":"acme","entitle":["purse","siren"],"targets":[{"name":"acme-web","kind":"sim.service","ref":"acme/web"}],
		"governors":[{"name":"web-cost","sku":"purse","mode":"enforce","targets":{"service":"acme-web"}},{"sku":"siren"}]}`
	spend = `{"tenant":"acme","signal":"spend","value":"0.5"}`
)

// pushed is a Pub/Sub message that carries {"signal":"spend","value":"0.5"}.
const pushed = `{"message":{"data":"eyJzaWduYWwiOiJzcGVuZCIsInZhbHVlIjoiMC41In0=","messageId":"1","publishTime":"2026-11-23T07:59:00Z"}}`

// expect checks the status of an answer and, where it is a problem, its type.
func expect(t *testing.T, w *world, status int, code, method, path, body string, headers ...string) string {
	t.Helper()
	rec := w.do(method, path, body, headers...)
	have := rec.Body.String()
	if rec.Code != status || code != "" && !strings.Contains(have, `"urn:autonomics:`+code+`"`) {
		t.Fatalf("%s %s: %d %.300s, want %d %s\n%s", method, path, rec.Code, have, status, code, w.log.String())
	}
	return have
}

// batch is an array of n signals.
func batch(n int) string {
	return "[" + strings.Repeat(spend+",", n-1) + spend + "]"
}

// TestSizes sends bodies at a limit and beyond it.
func TestSizes(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/commands",
		`{"scope":{},"command":"bind","binding":{"name":"bills","format":"gcp.budget","select":[{"tenant":"acme"}]}}`)
	fill := func(n int) string { return spend + strings.Repeat(" ", n-len(spend)) }
	expect(t, w, 200, "", "POST", "/v1/signals", fill(1<<20))
	expect(t, w, 413, "too_large", "POST", "/v1/signals", fill(1<<20+1))
	expect(t, w, 413, "too_large", "POST", "/v1/commands", fill(1<<20+1))
	expect(t, w, 204, "", "POST", "/in/bills", fill(15<<20))
	expect(t, w, 413, "too_large", "POST", "/in/bills", fill(15<<20+1))
	expect(t, w, 200, "", "POST", "/v1/signals", batch(10_000))
	expect(t, w, 413, "too_many_items", "POST", "/v1/signals", batch(10_001))

	// A body whose length is not announced is cut off all the same.
	r, err := http.NewRequest("POST", "/v1/signals", io.MultiReader(strings.NewReader(fill(1<<20)), strings.NewReader(" ")))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	rec := &answered{header: http.Header{}}
	w.ServeHTTP(rec, r)
	if rec.status != 413 {
		t.Errorf("without a length: %d %s", rec.status, &rec.Buffer)
	}
}

// An answered is a response that is only kept.
type answered struct {
	bytes.Buffer
	header http.Header
	status int
}

func (a *answered) Header() http.Header    { return a.header }
func (a *answered) WriteHeader(status int) { a.status = status }

// TestNotText sends what is not UTF-8.
func TestNotText(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	for _, path := range []string{"/v1/signals", "/v1/commands", "/v1/tenants"} {
		for _, body := range []string{"\xff\xfe", "{\"tenant\":\"a\xffb\"}", "{\"scope\":{},\"reason\":\"\xc3\"}", "\x00", "{\"tenant\":\"\\ud800\"}"} {
			expect(t, w, 400, "malformed", "POST", path, body)
		}
	}
	have := expect(t, w, 200, "", "POST", "/v1/signals", "["+spend+",{\"tenant\":\"\xff\"},"+spend+"]")
	if strings.Count(have, `"receipts":[{`) != 2 || strings.Count(have, `"/1/tenant"`) != 1 {
		t.Errorf("a bad neighbour: %s", have)
	}
}

// TestChain reads a tenant's chain over HTTP and verifies it as a stranger
// would.
func TestChain(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/signals", batch(150))
	for _, tenant := range []autonomics.Tenant{"acme", autonomics.System} {
		export := autonomics.AppendStart(nil, tenant, 1, autonomics.Hash{})
		export = append(export, '\n')
		var head autonomics.Hash
		after, last := 0, -1
		for after != last {
			rec := w.do("GET", fmt.Sprintf("/v1/tenants/%s/receipts?after=%d&limit=40", tenant, after), "")
			var hash string
			if _, err := fmt.Sscan(rec.Header().Get("Autonomics-Head"), &last, &hash); err != nil {
				t.Fatal(err)
			}
			head, _ = autonomics.ParseHash(hash)
			export = append(export, rec.Body.Bytes()...)
			after += bytes.Count(rec.Body.Bytes(), []byte{'\n'})
		}
		export = append(autonomics.AppendHead(export, tenant, uint64(last), head), '\n')
		report, err := autonomics.Verify(bytes.NewReader(export), autonomics.VerifyOptions{})
		if err != nil {
			t.Errorf("%s: %+v, %v", tenant, report, err)
		}
	}
}

// TestTrimmed asks for receipts that the log no longer has.
func TestTrimmed(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/signals", spend)
	if err := w.store.Log().Trim(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	expect(t, w, 410, "trimmed", "GET", "/v1/tenants/acme/receipts", "")
	expect(t, w, 410, "trimmed", "GET", "/v1/tenants/acme/receipts/1", "")
	expect(t, w, 410, "trimmed", "GET", "/v1/tenants/acme/receipts/1/why", "")
	expect(t, w, 200, "", "GET", "/v1/tenants/acme/receipts?after=3", "")
}

// TestFenced opens a log in which one tenant's chain is broken: that tenant
// takes nothing, the other does.
func TestFenced(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 201, "", "POST", "/v1/tenants", `{"tenant":"globex","entitle":["siren"],"governors":[{"sku":"siren"}]}`)
	expect(t, w, 200, "", "POST", "/v1/commands",
		`{"scope":{},"command":"bind","binding":{"name":"alerts","format":"alertmanager","select":[{"tenant":"acme"},{"tenant":"globex"}]}}`)
	expect(t, w, 200, "", "POST", "/v1/commands",
		`{"scope":{},"command":"bind","binding":{"name":"pushed","format":"pubsub","select":[{"tenant":"acme"}]}}`)
	expect(t, w, 204, "", "POST", "/in/pushed", pushed)
	w.engine.Close()
	ctx := context.Background()
	var forged ledger.Block
	err := ledger.Walk(ctx, w.store.Log(), 0, autonomics.Hash{}, func(b *ledger.Block, hash autonomics.Hash) error {
		forged = ledger.Block{Partition: b.Partition, Epoch: b.Epoch, Seq: b.Seq + 1, Prev: hash, Node: b.Node,
			Lines: []ledger.Line{{Tenant: "acme", Seq: w.engine.History.Head("acme") + 1, Bytes: []byte(`{"forged":true}`)}}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := ledger.Encode(&forged)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Log().Append(ctx, forged.Seq, data); err != nil {
		t.Fatal(err)
	}

	w = openWorld(t, w.store, never)
	episode := `{"tenant":"globex","episode":"alert","key":"k","start":"2026-11-23T07:59:30Z","open":true}`
	expect(t, w, 503, "fenced", "POST", "/v1/signals", spend)
	expect(t, w, 200, "", "POST", "/v1/signals", episode)
	have := expect(t, w, 503, "fenced", "POST", "/v1/signals", "["+spend+","+strings.Replace(episode, "true", "false", 1)+"]")
	if !strings.Contains(have, `"receipts":[{"tenant":"globex"`) {
		t.Errorf("a good neighbour of a fenced tenant: %s", have)
	}
	alert := `{"version":"4","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-23T07:50:00Z"}]}`
	expect(t, w, 503, "fenced", "POST", "/in/alerts", alert)
	expect(t, w, 503, "fenced", "POST", "/in/pushed", pushed)
	if have := expect(t, w, 200, "", "GET", "/v1/tenants/acme", ""); !strings.Contains(have, `"fenced":"receipt 5`) {
		t.Errorf("a fenced tenant is shown as %s", have)
	}
}

// TestDigest makes sure that what was refused can be told from its receipt.
func TestDigest(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/commands",
		`{"scope":{},"command":"bind","binding":{"name":"pushed","format":"pubsub","select":[{"tenant":"acme"}]}}`)
	body := "poison"
	expect(t, w, 204, "", "POST", "/in/pushed", body)
	head := w.engine.History.Head(autonomics.System)
	r, err := autonomics.ParseReceipt([]byte(expect(t, w, 200, "", "GET", fmt.Sprintf("/v1/tenants/_system/receipts/%d", head), "")))
	if err != nil {
		t.Fatal(err)
	}
	if want := autonomics.Hash(sha256.Sum256([]byte(body))); r.Event.Signal.Digest != want || r.Event.Signal.Binding != "pushed" {
		t.Errorf("have %+v, want the digest %v", r.Event.Signal, want)
	}
}

// TestPayloads posts every vendor payload that intake is tested with: each is
// answered as its sender needs, and none goes without a receipt.
func TestPayloads(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	posted := 0
	for dir, format := range map[string]string{"pubsub": "pubsub", "gcp-budget": "gcp.budget", "alertmanager": "alertmanager"} {
		expect(t, w, 200, "", "POST", "/v1/commands", `{"scope":{},"command":"bind","binding":{"name":"`+dir+`","format":"`+format+`","select":[{"tenant":"acme"}]}}`)
		files, err := filepath.Glob("../intake/testdata/" + dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			bodies := []string{string(text)}
			if filepath.Ext(file) == ".ndjson" {
				bodies = strings.Split(strings.TrimSpace(bodies[0]), "\n")
			}
			for _, body := range bodies {
				if err := w.order([]string{"clock", "1m"}); err != nil { // so that every refusal is recorded
					t.Fatal(err)
				}
				before := w.engine.History.Head("acme") + w.engine.History.Head(autonomics.System)
				status := w.do("POST", "/in/"+dir, body).Code
				after := w.engine.History.Head("acme") + w.engine.History.Head(autonomics.System)
				if dir != "alertmanager" && status != 204 || dir == "alertmanager" && status != 200 && status != 400 || after == before {
					t.Errorf("%s: status %d, %d receipts", file, status, after-before)
				}
				posted++
			}
		}
	}
	if posted < 50 {
		t.Errorf("only %d payloads", posted)
	}
}

// blocks returns how many receipts of a tenant each block has.
func blocks(t *testing.T, w *world, tenant autonomics.Tenant) (lines []int) {
	t.Helper()
	err := ledger.Walk(context.Background(), w.store.Log(), 0, autonomics.Hash{}, func(b *ledger.Block, _ autonomics.Hash) error {
		n := 0
		for _, l := range b.Lines {
			if l.Tenant == tenant {
				n++
			}
		}
		lines = append(lines, n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestWhole creates a tenant when a block has no room for what its kernel is
// to be told: the answer waits for the next one.
func TestWhole(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/signals", spend)
	expect(t, w, 200, "", "POST", "/v1/signals", batch(4_000))
	full := slices.Max(blocks(t, w, "acme"))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		expect(t, w, 201, "", "POST", "/v1/tenants", acme)
		release := make(chan struct{})
		w.store.AppendFault = func(uint64) memstore.Fault {
			<-release
			return memstore.None
		}
		post := func(path, body string, then func(*httptest.ResponseRecorder)) {
			go func() { then(w.do("POST", path, body)) }()
			synctest.Wait()
		}
		ignore := func(*httptest.ResponseRecorder) {}
		post("/v1/signals", spend, ignore)
		post("/v1/signals", batch(full-1), ignore)
		globex := make(chan *httptest.ResponseRecorder, 1)
		post("/v1/tenants", strings.ReplaceAll(acme, "acme", "globex"), func(rec *httptest.ResponseRecorder) { globex <- rec })
		close(release)
		if rec := <-globex; rec.Code != 201 || strings.Count(rec.Body.String(), `"state":`) != 3 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		system, told := blocks(t, w, autonomics.System), blocks(t, w, "globex")
		if n := len(system); told[n-1] == 0 || system[n-1] != 0 || system[n-2] == 0 {
			t.Errorf("receipts of _system %v, of globex %v: the test misses the end of a block", system, told)
		}
	})
}

// TestPanic makes sure that a mistake costs one request, and is told.
func TestPanic(t *testing.T) {
	w := newWorld(t, never)
	w.Handler = api.New(api.Config{Engine: w.engine, Now: w.clock, Log: w.slog()})
	expect(t, w, 500, "internal", "GET", "/v1/tenants", "")
	if log := w.log.String(); !strings.Contains(log, "panic=") || !strings.Contains(log, "listTenants") {
		t.Errorf("the log says %q", log)
	}
	expect(t, w, 200, "", "GET", "/healthz", "")
}

// TestHold lets nothing be committed: a request is answered after ten seconds,
// and where too much waits, at once.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		expect(t, w, 201, "", "POST", "/v1/tenants", acme)
		release := make(chan struct{})
		w.store.AppendFault = func(uint64) memstore.Fault {
			<-release
			return memstore.None
		}
		start := time.Now()
		have := expect(t, w, 503, "unavailable", "POST", "/v1/signals", spend)
		if waited := time.Since(start); waited != 10*time.Second || !strings.Contains(have, "within 10s") {
			t.Errorf("answered after %v: %s", waited, have)
		}
		statuses := make(chan int, 8)
		for range cap(statuses) {
			go func() { statuses <- w.do("POST", "/v1/signals", batch(9_000)).Code }()
		}
		synctest.Wait()
		if len(statuses) != 1 || <-statuses != 503 {
			t.Errorf("72,000 waiting: %d requests were answered", len(statuses))
		}
		expect(t, w, 503, "overloaded", "POST", "/v1/signals", batch(9_000))
		close(release)
		for range cap(statuses) - 1 {
			if status := <-statuses; status != 200 {
				t.Errorf("a request that had waited: %d", status)
			}
		}
	})
}

// TestStopped answers what comes too late.
func TestStopped(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	w.engine.Close()
	expect(t, w, 503, "unavailable", "POST", "/v1/signals", spend)
	expect(t, w, 200, "", "GET", "/v1/tenants/acme", "")
}

// TestHalfBatch commits the first block of a long batch and not the second:
// the answer says which items were recorded.
func TestHalfBatch(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	blocks := 0
	w.store.AppendFault = func(uint64) memstore.Fault {
		if blocks++; blocks == 2 {
			return memstore.Fail
		}
		return memstore.None
	}
	var body struct {
		Results []struct {
			Receipts []struct{ Seq int }
			Error    struct{ Type string }
		}
	}
	have := expect(t, w, 503, "unavailable", "POST", "/v1/signals", batch(5_000))
	if err := json.Unmarshal([]byte(have), &body); err != nil {
		t.Fatal(err)
	}
	done := 0
	for i, r := range body.Results {
		switch {
		case len(r.Receipts) == 1 && r.Error.Type == "" && done == i:
			done++
		case len(r.Receipts) != 0 || r.Error.Type != "urn:autonomics:unavailable":
			t.Fatalf("item %d: %+v", i, r)
		}
	}
	if head := w.engine.History.Head("acme"); len(body.Results) != 5_000 || done == 0 || done == 5_000 || uint64(done)+3 != head {
		t.Errorf("%d results, %d recorded, %d receipts", len(body.Results), done, head)
	}
}

// TestSlowBody sends bodies that stop in the middle, to a route that reads it
// and to one that does not: neither holds its connection for long.
func TestSlowBody(t *testing.T) {
	for path, want := range map[string][2]string{
		"/v1/signals": {"HTTP/1.1 408 ", `"urn:autonomics:slow_body"`},
		"/nothing":    {"HTTP/1.1 404 ", `"urn:autonomics:not_found"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, never)
			client, remote := net.Pipe()
			server := http.Server{Handler: w}
			go server.Serve(&one{conn: remote, done: make(chan struct{})})
			defer server.Close()
			fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", path)
			start := time.Now()
			answer, err := io.ReadAll(client)
			if err != nil || !strings.HasPrefix(string(answer), want[0]) || !strings.Contains(string(answer), want[1]) {
				t.Errorf("%s: %s %v", path, answer, err)
			}
			if waited := time.Since(start); waited < 10*time.Second || waited > 11*time.Second {
				t.Errorf("%s: the connection ended after %v", path, waited)
			}
		})
	}
}

// A one is a listener with one connection.
type one struct {
	conn net.Conn
	done chan struct{}
}

func (l *one) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *one) Close() error {
	close(l.done)
	return nil
}

func (l *one) Addr() net.Addr { return &net.UnixAddr{Name: "one", Net: "unix"} }

// TestMetrics counts what was done.
func TestMetrics(t *testing.T) {
	w := newWorld(t, never)
	expect(t, w, 201, "", "POST", "/v1/tenants", acme)
	expect(t, w, 200, "", "POST", "/v1/signals", `[{"tenant":"acme","signal":"spend","value":"0.5","id":"1"},{"tenant":"acme","signal":"spend","value":"0.5","id":"1"},{}]`)
	expect(t, w, 400, "", "POST", "/v1/signals", `{}`)
	expect(t, w, 200, "", "POST", "/v1/commands", `{"scope":{},"command":"stop","for":"1h"}`)
	expect(t, w, 404, "", "GET", "/x", "")
	w.Handler = w.metrics.Handler(w.engine)
	have := expect(t, w, 200, "", "GET", "/metrics", "")
	for _, line := range []string{
		`autonomics_signals_total{door="native",verdict="accepted"} 1`,
		`autonomics_signals_total{door="native",verdict="ignored"} 1`,
		`autonomics_signals_total{door="native",verdict="error"} 2`,
		`autonomics_http_requests_total{code="200",route="/v1/signals"} 1`,
		`autonomics_http_requests_total{code="404",route="other"} 1`,
		`autonomics_commit_seconds_count{result="committed"} 4`,
		`autonomics_governors{sku="purse",state="stable"} 1`,
		`autonomics_governors{sku="siren",state="stable"} 1`,
		`autonomics_receipts_total 13`,
		`autonomics_tenants 1`, `autonomics_stops 1`, `autonomics_fenced_tenants 0`, `autonomics_events_queued 0`, `autonomics_ready 1`,
	} {
		if !strings.Contains(have, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, have)
		}
	}
	if strings.Contains(have, "acme") {
		t.Error("a metric names a tenant")
	}
}

// TestEveryCode makes sure that each error is provoked by some test.
func TestEveryCode(t *testing.T) {
	doc, err := os.ReadFile("../../docs/ERRORS.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, pattern := range []string{"testdata/*.txt", "surface_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, text...)
		}
	}
	n := 0
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "`"); strings.HasPrefix(line, "| `") {
			n++
			if !bytes.Contains(tests, []byte(`"urn:autonomics:`+cells[1]+`"`)) && !bytes.Contains(tests, []byte(`, "`+cells[1]+`", "`)) {
				t.Errorf("no test provokes %s", cells[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("docs/ERRORS.md has %d codes", n)
	}
}
