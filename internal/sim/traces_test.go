package sim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics/internal/spec"
)

// level throttles while the mean of a signal is high.
const level = `{"sku": "level_guard", "version": "1.0.0", "code": "LVL-001", "class": "throughput", "title": "Level", "summary": "Slows a queue while a level is high.",
 "signals": {"level": {"unit": "1", "stale_after": "150m", "required": true}},
 "parameters": {"high": {"unit": "1", "help": "throttles"}, "low": {"unit": "1", "help": "releases"}},
 "profiles": {"standard": {"high": "95", "low": "70"}},
 "targets": {"queue": {"kind": "cloudtasks.queue"}},
 "rules": [
  {"id": "busy", "in": ["stable", "warning"], "go": "intervening", "do": ["throttle"], "when": {"signal": "level", "above": "$high", "samples": 3, "within": "4h"}},
  {"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"signal": "level", "below": "$low"}}],
 "actions": {"throttle": {"uses": "cloudtasks.rate", "on": "queue", "with": {"rate": "50%"}, "term": "1h", "max_term": "6h", "after": "undo"}}}`

// TestTraces plays published traces. What is no anomaly leads to no action, and
// holes, repeated stamps and empty cells to nothing worse.
func TestTraces(t *testing.T) {
	shared := os.Getenv("AUTONOMICS_SHARED")
	if shared == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("AUTONOMICS_SHARED is not set: it names the directory that has data/")
		}
		t.Skip("AUTONOMICS_SHARED is not set")
	}
	doc, complaints := spec.Parse("level", []byte(level))
	if complaints != nil {
		t.Fatal(complaints)
	}
	for _, x := range []struct {
		file, names   string
		high          string
		rows, ignored int
		interventions int // -1: some
		degraded      bool
	}{
		{"nab/artificialNoAnomaly/art_daily_small_noise.csv", "time=timestamp,level=value", "95", 4032, 0, 0, false},
		{"nab/realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv", "time=timestamp,level=value", "95", 4032, 0, 0, false},
		{"nab/realKnownCause/ec2_request_latency_system_failure.csv", "time=timestamp,level=value", "95", 4032, 11, 0, false},
		{"nab/realAWSCloudwatch/ec2_network_in_5abac7.csv", "time=timestamp,level=value", "9000000", 4730, 11, 0, false},
		{"nab/realKnownCause/cpu_utilization_asg_misconfiguration.csv", "time=timestamp,level=value", "70", 18050, 0, -1, false},
		{"microsoft-cloud-monitoring/middle-tier-api-dependency-latency/outbound-16.csv", "time=TimeStamp,level=Value", "95", 720, 0, 0, false},
		{"microsoft-cloud-monitoring/application-crash-rate-1/app1-04.csv", "time=TimeStamp,level=Value", "6000", 710, 13, 0, true},
		{"microsoft-cloud-monitoring/ecommerce-api-incoming-rps/api-01.csv", "time=TimeStamp,level=Value", "400", 6192, 1, 0, false},
		{"azure-llm-2023/AzureLLMInferenceTrace_code.csv", "time=TIMESTAMP,level=ContextTokens", "100000", 8819, 0, 0, false},
	} {
		m, err := ParseMap(x.names)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(shared, "data", x.file))
		if err != nil {
			t.Fatal(err)
		}
		inputs, err := ReadCSV(f, m, time.UTC)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", x.file, err)
			continue
		}
		_, card := simulated(t, compiled(t, doc, map[string]string{"high": x.high}), inputs, Faults{})
		c := card.Governors[0]
		ignored := 0
		for _, n := range c.Signals.Ignored {
			ignored += n
		}
		if len(inputs) != x.rows || ignored != x.ignored || c.Signals.Accepted+ignored != x.rows || c.Signals.Refused != nil {
			t.Errorf("%s: %d rows, %+v", x.file, len(inputs), c.Signals)
		}
		if c.Interventions != x.interventions && (x.interventions >= 0 || c.Interventions == 0) {
			t.Errorf("%s: %d interventions, want %d", x.file, c.Interventions, x.interventions)
		}
		if got := c.StatesMs["degraded"] > 0; got != x.degraded {
			t.Errorf("%s: degraded %v: %v", x.file, got, c.StatesMs)
		}
	}
}
