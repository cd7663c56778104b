package api

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/intake"
)

// doorNative is the door of POST /v1/signals in the metrics; the others are
// the formats of bindings.
const doorNative = "native"

// An outcome is what became of one item: receipts, or an error.
type outcome struct {
	receipts []*autonomics.Receipt
	err      *problem
}

// signals takes native input: one object, an array, or NDJSON.
func (s *server) signals(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	items, single, err := intake.ParseNative(c.r.Header.Get("Content-Type"), body)
	if err != nil {
		return unreadable(err)
	}
	outcomes := make([]outcome, len(items))
	events := make([]engine.Event, 0, len(items))
	index := make([]int, 0, len(items)) // item of each event
	for i := range items {
		item := &items[i]
		if item.Err != nil {
			outcomes[i].err = unreadable(item.Err)
			continue
		}
		index = append(index, i)
		events = append(events, engine.Event{Signal: &engine.Signal{
			Tenant: item.Tenant, Governor: item.Governor, Signal: item.Signal, Strict: true}})
	}
	results, short := s.submit(c, events...)
	for j, i := range index {
		prefix := ""
		if !single {
			prefix = "/" + strconv.Itoa(i)
		}
		switch {
		case j >= len(results):
			outcomes[i].err = short
		case results[j].Err != nil:
			outcomes[i].err = refused(results[j].Err, prefix)
		default:
			outcomes[i].receipts = results[j].Receipts
		}
	}
	s.Metrics.signals(doorNative, outcomes)
	if single && outcomes[0].err != nil {
		return outcomes[0].err
	}
	return c.outcomes(outcomes)
}

// in takes what the sender of a binding posts, in the binding's format.
func (s *server) in(c *call) error {
	b, ok := s.binding(c.r.PathValue("binding"))
	if !ok {
		return fail(unknownBinding, "there is no binding %q", c.r.PathValue("binding"))
	}
	alertmanager := b.Format == intake.FormatAlertmanager
	if alertmanager { // what Pub/Sub names as the type of its JSON varies
		if err := accept(c.r, jsonMedia); err != nil {
			return err
		}
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	events, bad := s.decode(b, body)
	results, short := s.submit(c, events...)
	outcomes := make([]outcome, len(results))
	for i, res := range results {
		outcomes[i].receipts = res.Receipts
		if res.Err != nil {
			outcomes[i].err = refused(res.Err, "")
		}
		if res.Err != nil && res.Err.Code == engine.Fenced {
			short = outcomes[i].err
		}
	}
	s.Metrics.signals(b.Format, outcomes)
	switch {
	case short != nil:
		return short
	case !alertmanager:
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	case bad != nil:
		return fail(malformed, "%s", bad.Detail)
	}
	return c.outcomes(outcomes)
}

// decode turns a message into events for the engine; what fits no tenant is to
// be recorded as such. The refusal concerns the message as a whole.
func (s *server) decode(b autonomics.Binding, body []byte) ([]engine.Event, *intake.Refusal) {
	digest := autonomics.Hash(sha256.Sum256(body))
	turnAway := func(v autonomics.Verdict, why autonomics.Reason) engine.Event {
		return engine.Event{Refusal: &engine.Refusal{Binding: b.Name, Source: b.Format, Verdict: v, Reason: why, Digest: digest}}
	}
	told, bad := intake.Decode(b, body, s.Now())
	if bad != nil {
		return []engine.Event{turnAway(autonomics.Refused, bad.Reason)}, bad
	}
	if len(told) == 0 {
		return []engine.Event{turnAway(autonomics.Ignored, autonomics.ReasonEmpty)}, nil
	}
	var events []engine.Event
	for _, e := range told {
		if e.Refused != nil {
			events = append(events, turnAway(autonomics.Refused, e.Refused.Reason))
			continue
		}
		routes := intake.Select(b, e)
		for _, to := range routes {
			signal := e.Signal
			signal.Episode = to.Episode
			events = append(events, engine.Event{Signal: &engine.Signal{Tenant: to.Tenant, Governor: to.Governor, Signal: signal}})
		}
		if len(routes) == 0 {
			events = append(events, turnAway(autonomics.Refused, autonomics.ReasonUnbound))
		}
	}
	return events, nil
}

// outcomes answers with the results of items, in their order.
func (c *call) outcomes(list []outcome) error {
	var short *problem
	body := append(make([]byte, 0, 64+320*len(list)), '[')
	for i := range list {
		if i > 0 {
			body = append(body, ',')
		}
		if p := list[i].err; p != nil {
			p.Instance = c.r.URL.EscapedPath()
			text, err := json.Marshal(p)
			if err != nil {
				return err
			}
			body = append(append(append(body, `{"error":`...), text...), '}')
			if p.Status == http.StatusServiceUnavailable {
				short = p
			}
			continue
		}
		body = append(body, `{"receipts":[`...)
		for j, r := range list[i].receipts {
			if j > 0 {
				body = append(body, ',')
			}
			body = appendReceipt(body, r)
		}
		body = append(body, "]}"...)
	}
	body = append(body, ']')
	if short != nil {
		p := *short
		p.Results, p.Errors = body, nil
		return &p
	}
	c.send(http.StatusOK, "application/json", append(append([]byte(`{"results":`), body...), "}\n"...))
	return nil
}

// appendReceipt appends what the sender of an event is told of a receipt. All
// of it is names and digits, which need no escapes.
func appendReceipt(b []byte, r *autonomics.Receipt) []byte {
	member := func(name, value string) {
		if value != "" {
			b = append(append(append(append(append(b, '"'), name...), `":"`...), value...), `",`...)
		}
	}
	b = append(b, '{')
	member("tenant", string(r.Tenant))
	member("governor", r.Governor)
	b = append(strconv.AppendUint(append(b, `"seq":`...), r.Seq, 10), ',')
	member("verdict", string(r.Verdict))
	member("reason", string(r.Reason))
	member("state", r.To.String())
	return append(r.Hash.AppendTo(append(b, `"hash":"`...)), `"}`...)
}

// binding returns the binding of that name.
func (s *server) binding(name string) (b autonomics.Binding, ok bool) {
	s.View.Directory(func(d *directory.Directory) { b, ok = d.Bindings[name] })
	return b, ok
}
