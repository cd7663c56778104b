package demo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/autonomics-dev/autonomics"
)

// length is how long the story lasts by its own clock.
const length = 4 * time.Hour

// An item is one native signal or episode.
type item struct {
	Tenant   string     `json:"tenant"`
	Signal   string     `json:"signal,omitempty"`
	Value    string     `json:"value,omitempty"`
	Readings []reading  `json:"readings,omitempty"`
	Episode  string     `json:"episode,omitempty"`
	Key      string     `json:"key,omitempty"`
	Start    *time.Time `json:"start,omitempty"`
	Open     *bool      `json:"open,omitempty"`
	At       time.Time  `json:"at"`
	Source   string     `json:"source,omitempty"`
	ID       string     `json:"id,omitempty"`
}

type reading struct {
	Signal string  `json:"signal"`
	Value  *string `json:"value"` // nil: there was none
}

// A moment is what happens at one time.
type moment struct {
	at     time.Time
	items  []item
	deploy string // a revision that somebody brings out
}

// A story makes up what three customers go through.
type story struct {
	start   time.Time
	rand    *rand.Rand
	moments []moment
}

// tell returns the moments in order.
func tell(start time.Time, seed uint64) []moment {
	s := &story{start: start, rand: rand.New(rand.NewPCG(seed, 0))}
	s.bill()
	s.release()
	s.backlog()
	slices.SortStableFunc(s.moments, func(a, b moment) int { return a.at.Compare(b.at) })
	return s.moments
}

func (s *story) add(after time.Duration, items ...item) {
	at := s.start.Add(after)
	for i := range items {
		if items[i].At.IsZero() {
			items[i].At = at
		}
	}
	s.moments = append(s.moments, moment{at: at, items: items})
}

// noise is a factor near 1.
func (s *story) noise() float64 { return 1 + (s.rand.Float64()-0.5)/10 }

// sometimes is true about once in n times.
func (s *story) sometimes(n int) bool { return s.rand.IntN(n) == 0 }

func decimal(v float64, digits int) string {
	return strconv.FormatFloat(math.Round(v*math.Pow10(digits))/math.Pow10(digits), 'f', -1, 64)
}

// bill: a daily budget is told about every twenty minutes or so, some
// notifications twice, some late. After an hour the service runs away; at the
// end of the third hour a new day begins.
func (s *story) bill() {
	const budget, usual, runaway = 600.0, 14.0, 420.0 // USD; USD an hour
	cost, last := 90.0, time.Duration(0)
	for at := time.Duration(0); at < length-time.Minute; at += 18*time.Minute + s.jitter(5*time.Minute) {
		rate := usual
		if at > time.Hour && at <= 150*time.Minute {
			rate = runaway
		}
		cost += rate * (at - last).Hours() * s.noise()
		if at > 3*time.Hour && last <= 3*time.Hour {
			cost = 3
		}
		last = at
		left := max(0, (3*time.Hour - at).Hours())
		one := item{Tenant: bills.tenant, Source: "billing", ID: fmt.Sprintf("bill-%d", at/time.Minute), At: s.start.Add(at), Readings: []reading{
			{"spend", ptr(decimal(cost/budget, 3))},
			{"forecast", ptr(decimal((cost+rate*left)/budget, 3))},
		}}
		s.add(at, one)
		if s.sometimes(3) {
			s.add(at+s.jitter(40*time.Second), one)
		}
	}
}

func (s *story) jitter(most time.Duration) time.Duration {
	return time.Duration(s.rand.Int64N(int64(most))).Truncate(time.Second)
}

// release: a release goes wrong in its third minute. After the rollback all is
// well, but for a while nobody can see it: the metrics stay away.
func (s *story) release() {
	const begin, gap, back, end = 50, 64, 74, 90 // minutes
	start, deploy, alert := s.minute(begin), "r3", s.minute(begin+6)
	s.moments = append(s.moments, moment{at: start.Add(-time.Second), deploy: deploy})
	for m := 0; m < int(length/time.Minute); m++ {
		if m >= gap && m < back {
			if m == gap {
				s.add(minutes(m), s.metrics(m, nil, nil))
			}
			continue
		}
		errors, p99 := 0.01*s.noise(), 400*s.noise()
		if m >= begin+2 && m <= begin+6 {
			errors, p99 = 0.11*s.noise(), 930*s.noise()
		}
		s.add(minutes(m), s.metrics(m, ptr(decimal(errors, 4)), ptr(decimal(p99, 0))))
		if m == begin+3 {
			s.add(minutes(m), s.metrics(m, ptr(decimal(errors, 4)), ptr(decimal(p99, 0)))) // told twice
		}
	}
	s.episode(begin, "deploy", "web-"+deploy, start, true)
	s.episode(begin+6, "alert", "checkout fails", alert, true)
	s.episode(back+4, "alert", "checkout fails", alert, false)
	s.episode(end, "deploy", "web-"+deploy, start, false)
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func (s *story) minute(m int) time.Time { return s.start.Add(minutes(m)) }

func (s *story) episode(minute int, name, key string, start time.Time, open bool) {
	s.add(minutes(minute), item{Tenant: releases.tenant, Episode: name, Key: key, Start: &start, Open: &open, Source: "ci"})
}

func (s *story) metrics(minute int, errors, p99 *string) item {
	return item{Tenant: releases.tenant, Source: "metrics", ID: fmt.Sprintf("m-%d", minute), Readings: []reading{
		{"error_rate", errors}, {"p99", p99}, {"error_rate_base", ptr("0.01")}, {"p99_base", ptr("400")},
	}}
}

// backlog: what a queue feeds slows down, and messages pile up by the million
// until it works again.
func (s *story) backlog() {
	const swell, peak, ebb, drained = 30, 75, 105, 150 // minutes
	for m := 0; m < int(length/time.Minute); m++ {
		depth := 18_000.0
		switch {
		case m >= swell && m < peak:
			depth = 18_000 * math.Pow(650, float64(m-swell)/(peak-swell))
		case m >= peak && m < ebb:
			depth = 11_600_000
		case m >= ebb && m < drained:
			depth = 11_600_000 * math.Pow(1.0/650, float64(m-ebb)/(drained-ebb))
		}
		one := item{Tenant: backlogs.tenant, Source: "queue-exporter", ID: fmt.Sprintf("d-%d", m), Readings: []reading{{"depth", ptr(decimal(depth*s.noise(), 0))}}}
		s.add(minutes(m), one)
		if s.sometimes(60) {
			one.At = s.minute(m)
			s.add(minutes(m)+7*time.Second, one)
		}
	}
}

// calm is what all three tell when the story is over.
func calm(at time.Time) []item {
	quiet := []item{
		{Tenant: backlogs.tenant, Source: "queue-exporter", Readings: []reading{{"depth", ptr("18000")}}},
		{Tenant: releases.tenant, Source: "metrics", Readings: []reading{
			{"error_rate", ptr("0.01")}, {"p99", ptr("400")}, {"error_rate_base", ptr("0.01")}, {"p99_base", ptr("400")}}},
	}
	for i := range quiet {
		quiet[i].At, quiet[i].ID = at, fmt.Sprintf("calm-%d", at.UnixMilli())
	}
	return quiet
}

func ptr(s string) *string { return &s }

// A cast is one of the three customers.
type cast struct{ tenant, governor, sku, slot, target, kind, ref string }

var (
	bills    = cast{"harbor", "web-cost", "cost_guard", "service", "harbor-web", "sim.service", "harbor/web"}
	releases = cast{"lumen", "web-release", "rollback_guard", "service", "lumen-web", "sim.service", "lumen/web"}
	backlogs = cast{"quarry", "mail-backlog", "backlog_valve", "queue", "quarry-mail", "sim.queue", "quarry/mail"}
	all      = [...]cast{bills, releases, backlogs}
)

// provision is the body that creates the tenant.
func (c cast) provision() map[string]any {
	return map[string]any{
		"tenant": c.tenant, "entitle": []string{c.sku},
		"targets": []map[string]string{{"name": c.target, "kind": c.kind, "ref": c.ref}},
		"governors": []map[string]any{{"name": c.governor, "sku": c.sku, "profile": "standard", "mode": "enforce",
			"targets": map[string]string{c.slot: c.target}}},
	}
}

func byTime(a, b *autonomics.Receipt) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Seq, b.Seq))
}
