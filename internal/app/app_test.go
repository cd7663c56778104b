package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testEnv() Env {
	return Env{Now: time.Now, After: time.After, Random: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}
}

func testConfig(dir string) Config {
	return Config{Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Data: dir}
}

// opened returns an App that serves until the test ends.
func opened(t *testing.T, c Config) *App {
	t.Helper()
	a, err := Open(t.Context(), c, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return a
}

const acme = `{"tenant":"acme","entitle":["cost_guard"],
 "targets":[{"name":"acme-web","kind":"sim.service","ref":"acme/web"}],
 "governors":[{"name":"web-cost","sku":"cost_guard","mode":"enforce","targets":{"service":"acme-web"}}]}`

// send posts JSON and returns status and body; an error means that nobody
// knows what became of it.
func send(c *http.Client, url, body string) (int, string, error) {
	resp, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v\n%s", url, resp.Status, err, text)
	}
	return string(text)
}

func TestWhatIsTakenIsRefused(t *testing.T) {
	dir := t.TempDir()
	a := opened(t, testConfig(filepath.Join(dir, "data")))
	taken := a.api.Addr().String()
	foreign := filepath.Join(dir, "foreign")
	if err := os.MkdirAll(filepath.Join(foreign, "photos"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"the directory", func(c *Config) { c.Data = filepath.Join(dir, "data") }, "in use by another process; end that process or choose another directory"},
		{"a directory of something else", func(c *Config) { c.Data = foreign }, "not a store and not empty: it has photos; choose an empty directory"},
		{"the address", func(c *Config) { c.Listen = taken }, "address already in use; end what holds the address, or choose another with --listen"},
		{"the address of the metrics", func(c *Config) { c.Metrics = taken }, "choose another with --metrics"},
		{"an address for others", func(c *Config) { c.Listen = "[::]:0" }, "not a loopback address"},
		{"a spec twice", func(c *Config) { c.SKUs = []string{"../../skus/cost_guard.json"} }, `another SKU "cost_guard"`},
		{"no spec", func(c *Config) { c.SKUs = []string{"nowhere.json"} }, "read spec"},
	} {
		c := testConfig(filepath.Join(dir, "other"))
		x.change(&c)
		b, err := Open(t.Context(), c, testEnv())
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: error %v, want %q", x.name, err, x.want)
		}
	}
	// What a failed start has taken is free again.
	c := testConfig(filepath.Join(dir, "other"))
	b, err := Open(t.Context(), c, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", b.api.Addr().String()); err == nil {
		t.Error("the address still answers after Close")
	}
}

// TestSurfaces: each listener serves its own, and only that.
func TestSurfaces(t *testing.T) {
	a := opened(t, testConfig(t.TempDir()))
	metrics := "http://" + a.metrics.Addr().String()
	if status, body, err := send(http.DefaultClient, a.URL()+"/v1/tenants", acme); status != http.StatusCreated {
		t.Fatalf("create: %d %s %v", status, body, err)
	}
	if text := fetch(t, metrics+"/metrics"); !strings.Contains(text, "autonomics_tenants 1\n") || !strings.Contains(text, "autonomics_ready 1\n") {
		t.Errorf("metrics:\n%s", text)
	}
	fetch(t, metrics+"/debug/pprof/cmdline")
	fetch(t, a.URL()+"/readyz")
	for _, url := range []string{a.URL() + "/metrics", a.URL() + "/debug/pprof/", metrics + "/v1/tenants"} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s, want 404", url, resp.Status)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{`{"listen":"127.0.0.1:1","skus":["a.json"]}`, ""},
		{`{}`, ""},
		{`{"listen":"127.0.0.1:1","listen":"127.0.0.1:2"}`, "$.listen"},
		{`{"port":8080}`, "$.port"},
		{`{"data":7}`, "$.data"},
		{`[]`, "$: "},
		{`{`, "not JSON"},
	} {
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, []byte(x.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Defaults()
		err := c.ReadConfig(file)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.text, err, x.want)
		}
		if err == nil && c.Metrics != Defaults().Metrics {
			t.Errorf("%s: metrics %q: what the file leaves out keeps its default", x.text, c.Metrics)
		}
	}
	for address, good := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:8080": true, "localhost:80": true, "127.9.9.9:1": true,
		":8080": false, "0.0.0.0:1": false, "10.0.0.1:1": false, "example.com:1": false, "127.0.0.1": false, "localhost.example.com:1": false,
	} {
		if err := loopback("listen", address); (err == nil) != good {
			t.Errorf("%s: %v, want good: %v", address, err, good)
		}
	}
}

// TestLog: the members that Cloud Logging reads, one object a line.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	NewLog(&out).With("tenant", "acme").Warn("two\nlines", "n", 1)
	for _, want := range []string{`"severity":"WARNING"`, `"message":"two\nlines"`, `"time":"`, `"tenant":"acme"`, `"n":1`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: want %s", &out, want)
		}
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%s: want one line", &out)
	}
}
