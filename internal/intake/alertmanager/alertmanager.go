// Package alertmanager reads the webhook of Prometheus Alertmanager, version 4:
//
//	{"version": "4", "truncatedAlerts": 0,
//	 "alerts": [{"status": "firing", "labels": {"alertname": "QueueBacklogHigh"},
//	             "startsAt": "2026-03-03T10:00:00Z"}]}
//
// Source of the format: prometheus.io/docs/alerting/latest/configuration/#webhook_config.
//
// Each alert is an episode of its own. Its status decides, not the group's and
// not endsAt, which firing alerts send too. Its start is startsAt. Its key is
// computed from its labels: the first 16 bytes of the SHA-256 over the pairs,
// sorted by name, each name and value written as its length in decimal, a
// colon, its bytes and a comma, all as 32 lower-case hex digits. A fingerprint
// that is sent is not looked at. Where the caller names labels, those alone
// make the key, so that many symptoms of one cause are one episode; labels
// that the alert lacks are left out, and if it has none of them all its labels
// are taken, so that nothing is merged by accident. Alerts that share a key in
// one message tell the same: the episode is open while one of them fires, and
// starts when the latest of them did. Let group_by keep those that share a key
// in one group: a group knows nothing of the alerts of another.
//
// An alert that cannot be read, or with another status, carries its error, and
// its neighbours stay. Other members are ignored. A JSON object of another
// version, or of none, is a message of another kind. The package is pure:
// bytes in, values out.
package alertmanager

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

const (
	// Source is the source of all episodes.
	Source = "alertmanager"
	// MaxAlerts is how many alerts one message may hold; max_alerts of the
	// sender's configuration keeps it below.
	MaxAlerts = 10_000
)

// ErrOtherKind says that the message is not a webhook of version 4.
var ErrOtherKind = errors.New("not an Alertmanager webhook of version 4")

// An Alert is one alert of a message. The name of the episode is the
// receiver's to choose: Signal.Episode is empty.
type Alert struct {
	Labels map[string]string
	Signal autonomics.Signal
	Err    error // why the alert cannot be used; Signal is empty then
}

// Alerts reads one message that arrived at the given time. Errors other than
// ErrOtherKind mean that it is malformed as a whole.
func Alerts(body []byte, key []string, at autonomics.Time) ([]Alert, error) {
	var (
		alerts    []Alert
		version   string
		truncated int64
		listed    bool
	)
	r := strictjson.NewReader(body)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "version":
			version, err = readString(r)
		case "truncatedAlerts":
			truncated, err = readCount(r)
		case "alerts":
			listed = true
			alerts, err = readAlerts(r, key)
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	switch {
	case err != nil:
		return nil, err
	case version != "4":
		return nil, fmt.Errorf("%w: version is %s", ErrOtherKind, strictjson.Quote([]byte(version)))
	case !listed:
		return nil, strictjson.Errorf("no member alerts")
	}
	for i := range alerts {
		if alerts[i].Err == nil {
			alerts[i].Signal.At, alerts[i].Signal.Truncated = at, truncated
		}
	}
	merge(alerts)
	return alerts, nil
}

// merge lets the alerts of one key tell the same: the episode is open while one
// of them fires, and starts when the latest of them did.
func merge(alerts []Alert) {
	type episode struct {
		start autonomics.Time
		open  bool
	}
	episodes := map[string]episode{}
	for _, a := range alerts {
		if a.Err == nil {
			e, known := episodes[a.Signal.Key]
			if !known || e.start < a.Signal.Start {
				e.start = a.Signal.Start
			}
			e.open = e.open || a.Signal.Open
			episodes[a.Signal.Key] = e
		}
	}
	for i := range alerts {
		if s := &alerts[i].Signal; alerts[i].Err == nil {
			s.Start, s.Open = episodes[s.Key].start, episodes[s.Key].open
		}
	}
}

func readAlerts(r *strictjson.Reader, key []string) ([]Alert, error) {
	var alerts []Alert
	err := r.Array(func(i int) error {
		if i == MaxAlerts {
			return strictjson.Errorf("more than %d alerts", MaxAlerts)
		}
		mark := r.Mark()
		alert, err := readAlert(r, key)
		if err != nil {
			alert.Err = strictjson.At("alerts", strictjson.At(strconv.Itoa(i), err))
			err = r.Past(mark)
		}
		alerts = append(alerts, alert)
		return err
	})
	return alerts, err
}

func readAlert(r *strictjson.Reader, key []string) (Alert, error) {
	var (
		status string
		start  autonomics.Time
		labels map[string]string
	)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			status, err = readString(r)
		case "startsAt":
			start, err = r.Time()
		case "labels":
			labels, err = readLabels(r)
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
	case status != "firing" && status != "resolved":
		err = strictjson.At("status", strictjson.Errorf("want firing or resolved, have %s", strictjson.Quote([]byte(status))))
	case start == 0:
		err = strictjson.At("startsAt", strictjson.Errorf("missing"))
	case len(labels) == 0:
		err = strictjson.At("labels", strictjson.Errorf("missing or empty: nothing tells this alert from others"))
	}
	if err != nil {
		return Alert{Labels: labels}, err
	}
	episode := autonomics.Signal{Source: Source, Key: Key(labels, key), Start: start, Open: status == "firing"}
	return Alert{Labels: labels, Signal: episode}, nil
}

// Key computes the key of an episode from the labels with these names, or from
// all labels if there are no names or no such labels.
func Key(labels map[string]string, names []string) string {
	var chosen []string
	for _, name := range names {
		if _, ok := labels[name]; ok {
			chosen = append(chosen, name)
		}
	}
	if chosen == nil {
		chosen = slices.Collect(maps.Keys(labels))
	}
	slices.Sort(chosen)
	var text []byte
	for _, name := range slices.Compact(chosen) {
		for _, s := range [...]string{name, labels[name]} {
			text = strconv.AppendInt(text, int64(len(s)), 10)
			text = append(text, ':')
			text = append(text, s...)
			text = append(text, ',')
		}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func readLabels(r *strictjson.Reader) (map[string]string, error) {
	labels := make(map[string]string)
	err := r.Object(func(name []byte) (err error) {
		labels[string(name)], err = readString(r)
		return err
	})
	return labels, err
}

func readString(r *strictjson.Reader) (string, error) {
	text, err := r.Text()
	return string(text), err
}

// readCount reads a whole number from 0 to the greatest that a receipt holds.
func readCount(r *strictjson.Reader) (int64, error) {
	text, err := r.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 || n >= 1<<53 {
		return 0, strictjson.Errorf("want a whole number of alerts, have %s", strictjson.Quote(text))
	}
	return n, nil
}
