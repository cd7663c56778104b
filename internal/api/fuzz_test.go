package api_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBody posts anything to the routes that read it, one server for all: it
// must answer with what it documents, and go on.
func FuzzBody(f *testing.F) {
	posts := []struct{ method, path, media string }{
		{"POST", "/v1/signals", "application/json"}, {"POST", "/v1/signals", "application/x-ndjson"},
		{"POST", "/v1/tenants", "application/json"}, {"PUT", "/v1/tenants/acme/governors/g", "application/json"},
		{"POST", "/v1/commands", "application/json"}, {"POST", "/in/bills", ""}, {"POST", "/in/alerts", "application/json"},
	}
	seeds := []struct {
		post int
		body string
	}{
		{0, spend}, {0, batch(2)}, {1, spend + "\n" + spend}, {2, acme}, {2, `{"tenant":"x","targets":[{"name":"a","kind":"sim.queue","ref":"b"}]}`},
		{3, `{"sku":"purse","mode":"enforce","parameters":{"limit":"0.9"},"targets":{"service":"acme-web"}}`},
		{4, `{"scope":{"tenant":"acme"},"command":"mode","mode":"observe","reason":"r"}`}, {4, `{"scope":{},"command":"stop","for":"1h","claims":"release"}`},
		{4, `{"scope":{"tenant":"acme"},"command":"entitle","entitlement":"e","event":"install_confirmed","skus":["purse"]}`},
		{4, `{"scope":{"tenant":"acme","governor":"web-cost"},"command":"parameters","parameters":{"limit":"0.9"}}`},
		{4, `{"scope":{"tenant":"acme"},"command":"target","target":{"name":"a","kind":"sim.queue","ref":"b"}}`},
		{4, `{"scope":{},"command":"bind","binding":{"name":"c","format":"pubsub","select":[{"tenant":"acme"}]}}`}, {4, `{"scope":{},"command":"unbind","name":"bills"}`},
		{4, `{"scope":{"tenant":"acme"},"command":"remove"}`}, {4, `{"scope":{"tenant":"acme"},"command":"release","action":"throttle"}`}, {4, `{"scope":{},"command":"resume"}`},
		{5, `{"message":{"data":"e30=","messageId":"1","publishTime":"2026-11-23T08:00:00Z"}}`},
		{6, `{"version":"4","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-23T07:50:00Z"}]}`},
	}
	for _, s := range seeds {
		f.Add(uint8(s.post), []byte(s.body))
	}
	w := newWorld(f, never)
	for _, body := range []string{acme,
		`{"scope":{},"command":"bind","binding":{"name":"bills","format":"gcp.budget","select":[{"tenant":"acme"}]}}`,
		`{"scope":{},"command":"bind","binding":{"name":"alerts","format":"alertmanager","select":[{"tenant":"acme"}]}}`} {
		path := "/v1/commands"
		if strings.HasPrefix(body, `{"tenant"`) {
			path = "/v1/tenants"
		}
		if rec := w.do("POST", path, body); rec.Code > 201 {
			f.Fatal(rec.Body)
		}
	}
	f.Fuzz(func(t *testing.T, post uint8, body []byte) {
		p := posts[int(post)%len(posts)]
		r := httptest.NewRequest(p.method, p.path, bytes.NewReader(body))
		r.Host = "127.0.0.1"
		r.Header.Set("Content-Type", p.media)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Fatalf("%s %s: %d %s\n%s", p.method, p.path, rec.Code, rec.Body, w.log.String())
		}
		if rec.Code != 204 && !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%s %s: %d %q", p.method, p.path, rec.Code, rec.Body)
		}
	})
}
