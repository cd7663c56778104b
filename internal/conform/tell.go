package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
)

// What faults cost: messages wait in windows of reorderWithin, copies come up
// to copyWithin later, and whoever was not answered asks again after retryIn.
const (
	reorderWithin = 60 * time.Second
	copyWithin    = 120 * time.Second
	retryIn       = autonomics.Second
)

// A message is a request whose sender repeats it until it is answered.
type message struct {
	at     time.Duration // since the start
	method string
	path   string
	body   []byte
}

// on is a time of the clock.
func (w *world) on(elapsed time.Duration) autonomics.Time {
	return w.start.Add(autonomics.Duration(elapsed.Milliseconds()))
}

func (w *world) elapsed(t autonomics.Time) time.Duration {
	return time.Duration(t-w.start) * time.Millisecond
}

// tell schedules a run's steps: messages with the vector's faults, and the rest
// as it stands there.
func (w *world) tell(v *Vector, r *Run) error {
	var sent []message
	for i := range r.Steps {
		s := &r.Steps[i]
		at, err := duration(s.At, 0)
		if err != nil {
			return err
		}
		every, err := duration(s.Every, 0)
		if err != nil {
			return err
		}
		told, err := w.messages(s, at, every)
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if s.Post != "" || s.Series != nil {
			sent = append(sent, told...)
			continue
		}
		for _, m := range told { // an operator's, who gives each once and in order
			w.first(w.on(m.at), func() { w.send(m) })
		}
		w.first(w.on(at), func() { w.act(s) })
	}
	if w.faulted && strings.Contains(v.Faults, "R") {
		reorder(sent, w.random, r.AnyOrder)
	}
	for _, m := range sent {
		copies := 1
		if w.faulted && strings.Contains(v.Faults, "D") {
			copies += w.random.IntN(3)
		}
		for n := range copies {
			at := m.at
			if n > 0 {
				at += time.Duration(w.random.Int64N(int64(copyWithin)))
			}
			w.at(w.on(at), func() { w.send(m) })
		}
	}
	return nil
}

// reorder permutes the times of messages within windows, or of all.
func reorder(sent []message, random *rand.Rand, all bool) {
	windows := map[time.Duration][]int{}
	var order []time.Duration
	for i, m := range sent {
		window := m.at / reorderWithin
		if all {
			window = 0
		}
		if windows[window] == nil {
			order = append(order, window)
		}
		windows[window] = append(windows[window], i)
	}
	for _, window := range order {
		list := windows[window]
		random.Shuffle(len(list), func(i, j int) {
			a, b := &sent[list[i]], &sent[list[j]]
			a.at, b.at = b.at, a.at
		})
	}
}

// messages are those of a step.
func (w *world) messages(s *Step, at, every time.Duration) ([]message, error) {
	var bodies [][]byte
	var err error
	path := s.Post
	times := max(s.Times, 1)
	switch {
	case s.Series != nil:
		path = "/v1/signals"
		bodies, err = w.series(s.Series, at, every)
		times = 1
	case s.Body != "":
		bodies, err = messages(s.Body)
	case s.Post != "":
		bodies = [][]byte{s.JSON}
	case s.Command != nil:
		path, bodies = "/v1/commands", [][]byte{s.Command}
	case s.Tenants != nil:
		return tenants(s.Tenants, at)
	}
	if err != nil {
		return nil, err
	}
	var out []message
	for n := range times {
		for _, body := range bodies {
			t := at + time.Duration(len(out))*every
			if s.Series == nil && s.Body == "" {
				body = fill(bytes.ReplaceAll(body, []byte("{at}"), []byte(w.on(t).String())), n)
			}
			out = append(out, message{t, "POST", path, body})
		}
	}
	return out, nil
}

// series makes native readings of values. Their times are what keeps copies
// apart from news.
func (w *world) series(s *Series, at, every time.Duration) ([][]byte, error) {
	list, err := values(s)
	if err != nil {
		return nil, err
	}
	if s.Shuffle && w.faulted {
		list = slices.Clone(list)
		w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	bodies := make([][]byte, len(list))
	for i, value := range list {
		taken := w.on(at + time.Duration(i)*every)
		bodies[i] = fmt.Appendf(nil, `{"tenant":"%s","signal":"%s","value":%s,"at":"%s"}`, s.Tenant, s.Signal, value, taken)
	}
	return bodies, nil
}

// tenants are the requests that create tenants: first each by itself, then
// those of its governors that do not fit one request.
func tenants(list []Tenant, at time.Duration) ([]message, error) {
	const most = 100 // governors of one request
	var out []message
	for _, t := range list {
		n := 1
		if numbered([]byte(t.Tenant)) {
			n = t.Copies
		}
		for i := range n {
			governors := copied(t.Governors, t.Copies)
			name := string(fill([]byte(t.Tenant), i))
			body, err := json.Marshal(Tenant{Tenant: name, Entitle: t.Entitle,
				Targets: copied(t.Targets, t.Copies), Governors: governors[:min(most, len(governors))]})
			if err != nil {
				return nil, err
			}
			out = append(out, message{at, "POST", "/v1/tenants", body})
			for _, g := range governors[min(most, len(governors)):] {
				var named struct{ Name string }
				if err := json.Unmarshal(g, &named); err != nil {
					return nil, err
				}
				out = append(out, message{at, "PUT", "/v1/tenants/" + name + "/governors/" + named.Name, g})
			}
		}
	}
	return out, nil
}

// send delivers a message, and again until it is answered: an answer that
// redelivery can better is none.
func (w *world) send(m message) {
	again := func() { w.at(w.now.Add(retryIn), func() { w.send(m) }) }
	if w.node == nil {
		again()
		return
	}
	w.tick() // so that what it leaves is its own
	if w.point() {
		again()
		return
	}
	before := w.receipts()
	a := w.request(m.method, m.path, m.body)
	switch {
	case w.point() || a.status >= 500:
		again()
	case strings.HasPrefix(m.path, "/in/") || m.path == "/v1/signals":
		if refused := a.status >= 300 && m.path == "/v1/signals"; w.receipts() == before && !refused {
			w.missing++
		}
	case a.status >= 300:
		w.fail("%s %s: %d: %s", m.method, m.path, a.status, a.body.String())
	}
}

// receipts is how many there are.
func (w *world) receipts() (n uint64) {
	for _, t := range w.node.view.Tenants() {
		n += t.Seq
	}
	return n + w.system()
}

// act does what is no message.
func (w *world) act(s *Step) {
	switch {
	case s.Restart:
		w.end()
		w.at(w.now.Add(autonomics.Second), w.open)
	case s.Get != "" && w.node == nil:
		w.at(w.now.Add(retryIn), func() { w.act(s) })
	case s.Get != "":
		if a := w.request("GET", s.Get, nil); !strings.Contains(a.body.String(), s.Want) {
			w.fail("at %v GET %s: %s: want %s", w.elapsed(w.now), s.Get, a.body.String(), s.Want)
		}
	case s.Set != nil:
		w.meddle(s.Set, func(t actuate.Target) error { return w.cloud.Set(t, s.Set.Field, s.Set.Value) })
	case s.Deploy != nil:
		w.insists = slices.DeleteFunc(w.insists, func(p *Place) bool { return p.Tenant == s.Deploy.Tenant && p.Target == s.Deploy.Target })
		w.meddle(s.Deploy, func(t actuate.Target) error { return w.cloud.Deploy(t, s.Deploy.Value) })
	case s.Fail != nil:
		fault := simcloud.Fault{On: "apply", Times: s.Fail.Times, Err: errors.New("503 from the target")}
		w.meddle(s.Fail, func(t actuate.Target) error { return w.cloud.Inject(t, fault) })
	case s.Insist != nil:
		w.insist(s.Insist)
	}
}

// meddle does something to a target, as others would.
func (w *world) meddle(p *Place, do func(actuate.Target) error) {
	t := actuate.Target{Tenant: p.Tenant, Name: p.Target, Kind: p.Kind, Ref: p.Target}
	err := w.cloud.Register(t)
	if err == nil {
		err = do(t)
	}
	if err != nil {
		w.fail("at %v: %w", w.elapsed(w.now), err)
	}
}

// An insistent controller puts its value back healAfter it was changed, and every
// syncEvery, until it is told another value.
const (
	healAfter = 5 * autonomics.Second
	syncEvery = 3 * autonomics.Minute
)

func (w *world) insist(p *Place) {
	w.insists = append(w.insists, p)
	w.sync(p, syncEvery)
}

func (w *world) sync(p *Place, every autonomics.Duration) {
	if !slices.Contains(w.insists, p) {
		return
	}
	w.meddle(p, func(t actuate.Target) error { return w.cloud.Set(t, p.Field, p.Value) })
	if every > 0 {
		w.at(w.now.Add(every), func() { w.sync(p, every) })
	}
}

// wrote tells controllers that a target was changed.
func (w *world) wrote(t actuate.Target) {
	for _, p := range w.insists {
		if p.Tenant == t.Tenant && p.Target == t.Ref {
			w.at(w.now.Add(healAfter), func() { w.sync(p, 0) })
		}
	}
}
