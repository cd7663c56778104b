package alertmanager

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
)

// Symptoms of one cause are one episode: it is open while one of them fires,
// whichever of them is resolved, and the start never goes back while the latest
// of them is told.
func TestAlertsOfOneKeyTellTheSame(t *testing.T) {
	alert := func(pod, status, start string) string {
		return fmt.Sprintf(`{"status":%q,"labels":{"service":"api","pod":%q},"startsAt":"2026-03-03T10:00:%sZ"}`, status, pod, start)
	}
	for _, c := range []struct {
		alerts []string
		start  string
		open   bool
	}{
		{[]string{alert("1", "firing", "10"), alert("2", "firing", "12")}, "12", true},
		{[]string{alert("1", "firing", "10"), alert("2", "resolved", "12")}, "12", true},
		{[]string{alert("1", "resolved", "10"), alert("2", "firing", "12")}, "12", true},
		{[]string{alert("1", "firing", "10"), alert("2", "resolved", "10")}, "10", true},
		{[]string{alert("1", "resolved", "10"), alert("2", "resolved", "12")}, "12", false},
	} {
		body := `{"version":"4","alerts":[` + strings.Join(c.alerts, ",") + `]}`
		alerts, err := Alerts([]byte(body), []string{"service"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		start, err := autonomics.ParseTime("2026-03-03T10:00:" + c.start + "Z")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			if a.Err != nil || a.Signal.Start != start || a.Signal.Open != c.open {
				t.Errorf("%s:\nstart %v, open %v, %v; want %v, %v", body, a.Signal.Start, a.Signal.Open, a.Err, start, c.open)
			}
		}
	}
}
