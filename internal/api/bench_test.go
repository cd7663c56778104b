package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// BenchmarkSignals posts one signal a request over 256 connections that are
// kept alive, to an empty handler, to the surface over a ledger in memory, and
// to the same in batches of a hundred lines. The load shares the processors.
func BenchmarkSignals(b *testing.B) {
	line := func(i int64) string {
		return fmt.Sprintf(`{"tenant":"t%d","signal":"spend","value":"0.%d","at":"%v"}`, i%100, 1+i%4, autonomics.Time(1_795_420_800_000+i/100).String())
	}
	empty := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	})
	surface := func(b *testing.B) http.Handler {
		w := openWorld(b, memstore.New(), time.After)
		for i := range 100 {
			body := fmt.Sprintf(`{"tenant":"t%d","entitle":["purse"],"targets":[{"name":"web","kind":"sim.service","ref":"w"}],"governors":[{"sku":"purse","targets":{"service":"web"}}]}`, i)
			if rec := w.do("POST", "/v1/tenants", body); rec.Code != 201 {
				b.Fatal(rec.Body)
			}
		}
		w.mu.Lock()
		w.now = autonomics.Time(1_795_420_800_000).Add(autonomics.Day)
		w.mu.Unlock()
		return w
	}
	for _, c := range []struct {
		name    string
		handler func(*testing.B) http.Handler
		lines   int64
	}{
		{"empty", func(*testing.B) http.Handler { return empty }, 1},
		{"one", surface, 1},
		{"batch100", surface, 100},
	} {
		b.Run(c.name, func(b *testing.B) {
			url := serve(b, c.handler(b))
			var next atomic.Int64
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			b.SetParallelism(128)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					first := next.Add(c.lines) - c.lines
					var body bytes.Buffer
					for i := range c.lines {
						body.WriteString(line(first+i) + "\n")
					}
					resp, err := client.Post(url, "application/x-ndjson", &body)
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						b.Errorf("status %d", resp.StatusCode)
						return
					}
				}
			})
			b.ReportMetric(float64(int64(b.N)*c.lines)/b.Elapsed().Seconds(), "signals/s")
		})
	}
}

func serve(b *testing.B, h http.Handler) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := http.Server{Handler: h}
	go server.Serve(l)
	b.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String() + "/v1/signals"
}
