// Package intake turns what senders post into events for the engine. It is
// pure: bytes in, values out; the time of arrival is an argument.
//
// There are two doors. ParseNative reads our own format, in which every item
// names its tenant. Decode reads what a sender posts to a binding, in the
// format of the binding; Select then says which tenants' governors an event
// concerns. What a sender writes never chooses a tenant that its binding does
// not list.
//
// # Native format
//
// A signal is one JSON object:
//
//	{"tenant": "acme", "signal": "spend", "value": "1.01", "unit": "ratio",
//	 "at": "2026-11-23T07:44:00.123Z", "start": "2026-11-01T08:00:00Z",
//	 "source": "meter", "id": "m-17", "governor": "web-cost"}
//
// Only tenant, signal and value are required. value is a decimal, as a string
// or as a JSON number, whose text is taken and rounded half to even to
// millionths; null is an absence (null), and so is a number that does not fit
// (range). start is where the value counts from, for signals that reset.
// Several readings that are one event stand in "readings": [{"signal",
// "value", "unit", "at", "start"}], 1 to 64; an outer at is for those that have
// none. An episode has the members tenant, episode, key, start and open, all
// required, and may have at, source, id and governor.
//
// Tenant, governor, signal and episode are names (autonomics.ValidName). id,
// source and key are texts of at most 256 bytes and unit of at most 32, without
// control characters; an empty id, source or unit is none. Times are RFC 3339,
// truncated to milliseconds. Unknown members, and those of another form, are
// malformed. Whether the names exist is not known here.
package intake

import (
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/alertmanager"
	"github.com/autonomics-dev/autonomics/internal/intake/budget"
	"github.com/autonomics-dev/autonomics/internal/intake/pubsub"
)

// Formats of a binding, and what a pubsub message may carry.
const (
	FormatPubsub       = "pubsub"
	FormatBudget       = "gcp.budget" // short for pubsub that carries gcp.budget
	FormatAlertmanager = "alertmanager"
	CarriesSignals     = "signals"
)

// DefaultEpisode is the episode that alerts open where the binding names none.
const DefaultEpisode = "alert"

// An Event is one thing that a message told.
type Event struct {
	Attributes map[string]string // by which Select chooses: attributes of the message, labels of the alert
	Tenant     autonomics.Tenant // named by the data itself; must be among the binding's
	Governor   string            // likewise
	Signal     autonomics.Signal
	Refused    *Refusal // this event alone cannot be used; Signal is empty then
}

// A Refusal says why input cannot be used.
type Refusal struct {
	Reason autonomics.Reason // ReasonMalformed or ReasonUnknownKind
	Detail string
}

// Decode reads a message that arrived at the given time through b, which
// CheckBinding accepts. A message may tell nothing (no events). A refusal
// concerns the whole message; an event that carries one leaves its neighbours
// as they are.
func Decode(b autonomics.Binding, body []byte, at autonomics.Time) ([]Event, *Refusal) {
	if b.Format == FormatAlertmanager {
		return decodeAlerts(b.Key, body, at)
	}
	m, err := pubsub.Open(body)
	if err != nil {
		return nil, refuse(err)
	}
	switch {
	case b.Format == FormatBudget || b.Carries == FormatBudget:
		return decodeBudget(m)
	case b.Carries == FormatAlertmanager:
		return decodeAlerts(b.Key, m.Data, m.At)
	}
	return decodeSignals(m)
}

// decodeSignals reads native items. Those that have no time, id or source of
// their own get the message's.
func decodeSignals(m pubsub.Message) ([]Event, *Refusal) {
	var p parser
	items, _, err := p.json(m.Data)
	if err != nil {
		return nil, refuse(inData(err))
	}
	events := make([]Event, len(items))
	for i, item := range items {
		events[i] = Event{Attributes: m.Attributes, Tenant: item.Tenant, Governor: item.Governor, Signal: item.Signal}
		if item.Err != nil {
			events[i].Refused = refuse(inData(item.Err))
			continue
		}
		s := &events[i].Signal
		setIfEmpty(&s.ID, itemID(m.ID, i, len(items)))
		setIfEmpty(&s.Source, pubsub.Source)
		if s.Episode != "" {
			setIfEmpty(&s.At, m.At)
		}
		for j := range s.Readings {
			setIfEmpty(&s.Readings[j].At, m.At)
		}
	}
	return events, nil
}

// itemID is the id of one of the items of a message: its place keeps items of
// one signal apart, and in order.
func itemID(id string, i, n int) string {
	if n == 1 {
		return id
	}
	return fmt.Sprintf("%s/%05d", id[:min(len(id), autonomics.MaxID-6)], i)
}

func decodeBudget(m pubsub.Message) ([]Event, *Refusal) {
	readings, err := budget.Readings(m.Data, m.Attributes, m.At)
	if err != nil {
		return nil, refuse(inData(err))
	}
	signal := autonomics.Signal{Source: budget.Source, ID: m.ID, Readings: readings}
	return []Event{{Attributes: m.Attributes, Signal: signal}}, nil
}

func decodeAlerts(key []string, body []byte, at autonomics.Time) ([]Event, *Refusal) {
	alerts, err := alertmanager.Alerts(body, key, at)
	if err != nil {
		return nil, refuse(err)
	}
	events := make([]Event, len(alerts))
	for i, alert := range alerts {
		events[i] = Event{Attributes: alert.Labels, Signal: alert.Signal}
		if alert.Err != nil {
			events[i].Refused = refuse(alert.Err)
			continue
		}
		events[i].Signal.Episode = DefaultEpisode
	}
	return events, nil
}

// inData says that err is about what the envelope carries.
func inData(err error) error { return fmt.Errorf("in the data: %w", err) }

func refuse(err error) *Refusal {
	reason := autonomics.ReasonMalformed
	if errors.Is(err, budget.ErrOtherKind) || errors.Is(err, alertmanager.ErrOtherKind) {
		reason = autonomics.ReasonUnknownKind
	}
	return &Refusal{Reason: reason, Detail: err.Error()}
}

func setIfEmpty[T comparable](have *T, value T) {
	var none T
	if *have == none {
		*have = value
	}
}
