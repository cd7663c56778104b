package alertmanager

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

const (
	arrival autonomics.Time = 1_774_577_000_000
	began   autonomics.Time = 1_772_532_000_000 // 2026-03-03T10:00:00Z
)

// webhook wraps alerts.
func webhook(alerts string) []byte {
	return fmt.Appendf(nil, `{"version":"4","status":"firing","groupLabels":{},"alerts":[%s],"truncatedAlerts":3,"novelty":{}}`, alerts)
}

func TestAlerts(t *testing.T) {
	have, err := Alerts(webhook(`
		{"status":"firing","labels":{"queue":"q","alertname":"A"},"startsAt":"2026-03-03T11:00:00.0009+01:00","endsAt":"0001-01-01T00:00:00Z","fingerprint":"x"},
		{"status":"resolved","labels":{"alertname":"B"},"startsAt":"2026-03-03T10:00:00Z","endsAt":"2026-03-03T10:01:00Z"}`), nil, arrival)
	if err != nil {
		t.Fatal(err)
	}
	key := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:16])
	}
	want := []Alert{
		{Labels: map[string]string{"alertname": "A", "queue": "q"}, Signal: autonomics.Signal{
			Source: Source, Key: key("9:alertname,1:A,5:queue,1:q,"), Start: began, Open: true, At: arrival, Truncated: 3}},
		{Labels: map[string]string{"alertname": "B"}, Signal: autonomics.Signal{
			Source: Source, Key: key("9:alertname,1:B,"), Start: began, At: arrival, Truncated: 3}},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// TestGoodNeighbours puts every sort of bad alert between two good ones.
func TestGoodNeighbours(t *testing.T) {
	const good = `{"status":"firing","labels":{"a":"1"},"startsAt":"2026-03-03T10:00:00Z"}`
	for _, c := range []struct{ alert, want string }{
		{`{"status":"suppressed","labels":{"a":"1"},"startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/status: want firing or resolved, have "suppressed"`},
		{`{"labels":{"a":"1"},"startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/status: want firing or resolved, have ""`},
		{`{"status":"firing","labels":{"a":"1"}}`, `/alerts/1/startsAt: missing`},
		{`{"status":"firing","labels":{"a":"1"},"startsAt":"now"}`, `/alerts/1/startsAt: time "now"`},
		{`{"status":"firing","startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/labels: missing or empty`},
		{`{"status":"firing","labels":{},"startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/labels: missing or empty`},
		{`{"status":"firing","labels":{"a":1},"startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/labels/a: want a string, have a number`},
		{`{"status":"firing","labels":{"a":"1","a":"2"},"startsAt":"2026-03-03T10:00:00Z"}`, `/alerts/1/labels/a: the member occurs twice`},
		{"{\"status\":\"firing\",\"labels\":{\"a\":\"\xff\"}}", `/alerts/1/labels/a: byte`},
		{`null`, `/alerts/1: want an object, have null`},
	} {
		alerts, err := Alerts(webhook(good+","+c.alert+","+good), nil, arrival)
		if err != nil || len(alerts) != 3 || alerts[0].Err != nil || alerts[2].Err != nil || alerts[2].Signal.Key != alerts[0].Signal.Key {
			t.Errorf("%s: a neighbour suffered: %+v, %v", c.alert, alerts, err)
			continue
		}
		if bad := alerts[1]; bad.Err == nil || !strings.Contains(bad.Err.Error(), c.want) || bad.Signal.Key != "" || bad.Signal.At != 0 {
			t.Errorf("%s:\nhave %+v\nwant %s", c.alert, bad, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		body  string
		other bool
		want  string
	}{
		{`{"text":"QueueBacklogHigh on orders"}`, true, `version is ""`},
		{`{"version":"3","alerts":[]}`, true, `version is "3"`},
		{`{"version":4,"alerts":[]}`, false, `/version: want a string, have a number`},
		{`{"version":"4"}`, false, `no member alerts`},
		{`{"version":"4","alerts":null}`, false, `/alerts: want an array, have null`},
		{`{"version":"4","alerts":[],"status":"firing","status":"resolved"}`, false, `/status: the member occurs twice`},
		{`{"version":"4","alerts":[],"truncatedAlerts":-1}`, false, `/truncatedAlerts: want a whole number of alerts, have "-1"`},
		{`{"version":"4","alerts":[],"truncatedAlerts":1.5}`, false, `/truncatedAlerts: want a whole number`},
		{`{"version":"4","alerts":[],"truncatedAlerts":9007199254740992}`, false, `/truncatedAlerts: want a whole number`},
		{`{"version":"4","alerts":[{}`, false, `/alerts/0: want the end of the item`},
		{`{"version":"4","alerts":[]} {}`, false, `more text after`},
		{`QueueBacklogHigh on orders`, false, `want an object`},
	} {
		alerts, err := Alerts([]byte(c.body), nil, arrival)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrOtherKind) != c.other || alerts != nil {
			t.Errorf("%s: have %v, %v; want %s, other kind %v", c.body, alerts, err, c.want, c.other)
		}
	}
}

func TestMaxAlerts(t *testing.T) {
	alerts, err := Alerts(webhook(strings.TrimSuffix(strings.Repeat("{},", MaxAlerts), ",")), nil, arrival)
	if err != nil || len(alerts) != MaxAlerts {
		t.Errorf("%d alerts, %v", len(alerts), err)
	}
	if alerts, err = Alerts(webhook(strings.TrimSuffix(strings.Repeat("{},", MaxAlerts+1), ",")), nil, arrival); err == nil {
		t.Errorf("%d alerts accepted", len(alerts))
	}
}

func TestKey(t *testing.T) {
	labels := map[string]string{"a": "1", "b": "2", "c": "3"}
	for _, c := range []struct {
		name string
		same bool
		x, y string
	}{
		{"names choose", true, Key(labels, []string{"a", "b"}), Key(map[string]string{"a": "1", "b": "2", "d": "4"}, []string{"a", "b"})},
		{"in any order, once each", true, Key(labels, []string{"a", "b"}), Key(labels, []string{"b", "a", "b"})},
		{"missing labels are left out", true, Key(labels, []string{"a", "z"}), Key(labels, []string{"a"})},
		{"without any, all labels", true, Key(labels, []string{"z"}), Key(labels, nil)},
		{"values count", false, Key(labels, []string{"a"}), Key(map[string]string{"a": "2"}, []string{"a"})},
		{"names count", false, Key(map[string]string{"a": "1"}, nil), Key(map[string]string{"b": "1"}, nil)},
		{"no pair runs into the next", false, Key(map[string]string{"a": "1,1:b,1:2"}, nil), Key(map[string]string{"a": "1", "b": "2"}, nil)},
	} {
		if (c.x == c.y) != c.same || len(c.x) != 32 {
			t.Errorf("%s: %s and %s", c.name, c.x, c.y)
		}
	}
}

func FuzzAlerts(f *testing.F) {
	f.Add([]byte(`{"version":"4","truncatedAlerts":2,"alerts":[{"status":"firing","labels":{"a":"1"},"startsAt":"2026-03-03T10:00:00Z"},{"status":"x"}]}`))
	f.Add([]byte(`{"alerts":[{"labels":{"a":"1","b":"\u00e9"}}],"version":"5"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, err := Alerts(body, []string{"a"}, arrival)
		if err != nil {
			return
		}
		for _, a := range alerts {
			if a.Err == nil && (len(a.Signal.Key) != 32 || a.Signal.Start == 0 || a.Signal.Truncated < 0 || len(a.Labels) == 0) {
				t.Errorf("accepted %+v", a)
			}
		}
	})
}
