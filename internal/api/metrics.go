package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// Metrics are what the process tells of itself, in Prometheus' text format.
// No label names a tenant, so that their number is bounded.
type Metrics struct {
	registry *prometheus.Registry
	door     *prometheus.CounterVec
	requests *prometheus.CounterVec
	commits  *prometheus.HistogramVec
}

// NewMetrics returns metrics that know nothing yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		door: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "autonomics_signals_total",
			Help: "Receipts written for signals, by the door they came through and the verdict; error: answered without a receipt."}, []string{"door", "verdict"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "autonomics_http_requests_total",
			Help: "HTTP requests answered, by route and status."}, []string{"route", "code"}),
		commits: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "autonomics_commit_seconds",
			Help:    "How long the ledger took to commit a block, or not to.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)}, []string{"result"}),
	}
	m.registry.MustRegister(m.door, m.requests, m.commits)
	return m
}

// Handler serves the metrics of one engine.
func (m *Metrics) Handler(e *engine.Engine) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{e})
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, r}, promhttp.HandlerOpts{})
}

func (m *Metrics) request(route string, status int) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *Metrics) signals(door string, outcomes []outcome) {
	if m == nil {
		return
	}
	for i := range outcomes {
		if outcomes[i].err != nil {
			m.door.WithLabelValues(door, "error").Inc()
		}
		for _, r := range outcomes[i].receipts {
			m.door.WithLabelValues(door, string(r.Verdict)).Inc()
		}
	}
}

// Log returns log with its appends measured.
func (m *Metrics) Log(log ledger.Log) ledger.Log { return measured{log, m} }

type measured struct {
	ledger.Log
	m *Metrics
}

func (l measured) Append(ctx context.Context, seq uint64, block []byte) error {
	start := time.Now()
	err := l.Log.Append(ctx, seq, block)
	result := "committed"
	if err != nil {
		result = "error"
	}
	l.m.commits.WithLabelValues(result).Observe(time.Since(start).Seconds())
	return err
}

// A collector reads the engine when it is asked.
type collector struct{ e *engine.Engine }

var (
	descTenants   = prometheus.NewDesc("autonomics_tenants", "Tenants that have a chain.", nil, nil)
	descFenced    = prometheus.NewDesc("autonomics_fenced_tenants", "Tenants for which nothing is decided until an operator has looked.", nil, nil)
	descGovernors = prometheus.NewDesc("autonomics_governors", "Governors by SKU and state.", []string{"sku", "state"}, nil)
	descReceipts  = prometheus.NewDesc("autonomics_receipts_total", "Receipts in all chains, those of earlier processes included.", nil, nil)
	descQueued    = prometheus.NewDesc("autonomics_events_queued", "Events that wait for the writer.", nil, nil)
	descStops     = prometheus.NewDesc("autonomics_stops", "Stops in force.", nil, nil)
	descReady     = prometheus.NewDesc("autonomics_ready", "1 if the last commit succeeded.", nil, nil)
)

func (collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTenants, descFenced, descGovernors, descReceipts, descQueued, descStops, descReady} {
		out <- d
	}
}

func (c collector) Collect(out chan<- prometheus.Metric) {
	view := c.e.Core.View()
	tenants := view.Tenants()
	receipts := c.e.History.Head(autonomics.System)
	type group struct{ sku, state string }
	governors := map[group]int{}
	for _, t := range tenants {
		receipts += t.Seq
		for i := range t.Governors {
			if p := t.Governors[i].Prog(); p != nil { // a fenced tenant's may be lost
				governors[group{p.SKU, t.Governors[i].State.String()}]++
			}
		}
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ready := 0.0
	if c.e.Ready() == nil {
		ready = 1
	}
	gauge(descTenants, float64(len(tenants)))
	gauge(descFenced, float64(len(c.e.Core.Fenced())))
	gauge(descQueued, float64(c.e.Queued()))
	gauge(descStops, float64(len(c.e.Gate.Stops())))
	gauge(descReady, ready)
	for g, n := range governors {
		gauge(descGovernors, float64(n), g.sku, g.state)
	}
	out <- prometheus.MustNewConstMetric(descReceipts, prometheus.CounterValue, float64(receipts))
}
