package spec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// TestLimits builds for each limit a spec that just keeps it and one that is
// one over. Both may have other faults; only complaints about this limit count.
func TestLimits(t *testing.T) {
	leaf := func(i int) Condition { return Condition{Signal: "load", Above: fmt.Sprintf("0.%06d", i+1)} }
	leaves := func(n int) (list []Condition) {
		for i := range n {
			list = append(list, leaf(i))
		}
		return list
	}
	rule := func(d *Document, i int, w Condition) {
		d.Rules = append(d.Rules, Rule{ID: fmt.Sprintf("r%d", i), In: []string{"stable"}, Go: "warning", When: w})
	}
	none := func(d *Document) { d.Rules = nil }
	for _, c := range []struct {
		name, path, what string
		limit            int
		build            func(d *Document, n int)
	}{
		{"signals", "$.signals", "signals", maxSignals, func(d *Document, n int) {
			for i := len(d.Signals); i < n; i++ {
				d.Signals[fmt.Sprintf("s%d", i)] = Signal{Unit: "1", StaleAfter: "1m"}
			}
		}},
		{"episodes", "$.episodes", "episodes", maxEpisodes, func(d *Document, n int) {
			for i := len(d.Episodes); i < n; i++ {
				d.Episodes[fmt.Sprintf("e%d", i)] = Episode{StaleAfter: "1m", Keys: 1}
			}
		}},
		{"keys", "$.episodes.deploy.keys", "keys", maxKeys, func(d *Document, n int) {
			d.Episodes["deploy"] = Episode{StaleAfter: "1m", Keys: n}
		}},
		{"parameters", "$.parameters", "parameters", maxParameters, func(d *Document, n int) {
			for i := len(d.Parameters); i < n; i++ {
				d.Parameters[fmt.Sprintf("p%d", i)] = Parameter{Unit: "1"}
			}
		}},
		{"profiles", "$.profiles", "profiles", maxProfiles, func(d *Document, n int) {
			for i := len(d.Profiles); i < n; i++ {
				d.Profiles[fmt.Sprintf("p%d", i)] = d.Profiles["standard"]
			}
		}},
		{"targets", "$.targets", "targets", maxTargets, func(d *Document, n int) {
			for i := len(d.Targets); i < n; i++ {
				d.Targets[fmt.Sprintf("t%d", i)] = Target{Kind: "cloudtasks.queue"}
			}
		}},
		{"actions", "$.actions", "actions", maxActions, func(d *Document, n int) {
			for i := len(d.Actions); i < n; i++ {
				d.Actions[fmt.Sprintf("a%d", i)] = Action{Uses: "notify.log"}
			}
		}},
		{"rules", "$.rules", "rules", maxRules, func(d *Document, n int) {
			for i := len(d.Rules); i < n; i++ {
				rule(d, i, leaf(i))
			}
		}},
		{"leaves", "$.rules[0].when", "leaves", maxLeaves, func(d *Document, n int) {
			none(d)
			rule(d, 0, Condition{Any: leaves(n)})
		}},
		{"nodes", "$.rules", "different conditions", maxNodes, func(d *Document, n int) {
			none(d)
			for i, left := 0, n; left > 0; i++ {
				take := min(left, maxLeaves)
				list := leaves(maxLeaves * (i + 1))[maxLeaves*i:]
				rule(d, i, Condition{Any: list[:take-1]}) // the group is one more
				left -= take
			}
		}},
		{"windows", "$.rules", "different windows", maxWindows, func(d *Document, n int) {
			none(d)
			for i := range n {
				rule(d, i, Condition{Signal: "load", Measure: "avg", Window: fmt.Sprintf("%dm", i+1), Above: "1"})
			}
		}},
		{"runs", "$.rules", "different samples or for", maxRuns, func(d *Document, n int) {
			none(d)
			list := leaves(n)
			for i := range list {
				list[i].For = "1m"
			}
			rule(d, 0, Condition{Any: list})
		}},
		{"counts", "$.rules", "different counts of effects", maxCounts, func(d *Document, n int) {
			none(d)
			for i := range n {
				rule(d, i, Condition{Effects: "back", Window: fmt.Sprintf("%dm", i+1), AtLeast: "1"})
			}
		}},
		{"samples", "$.rules[1].when.samples", "samples", maxSamples, func(d *Document, n int) {
			d.Rules[1].When.Samples = n
		}},
		{"count", "$.rules[0].when.at_least", "is no number of times", maxCount, func(d *Document, n int) {
			d.Rules[0].When.AtLeast = fmt.Sprint(n)
		}},
		{"effects", "$.limits.effects.at_most", "effects", maxEffects, func(d *Document, n int) {
			d.Limits.Effects.AtMost = n
		}},
		{"steps", "$.actions.slow.release.steps", "steps", maxSteps, func(d *Document, n int) {
			r := d.Actions["slow"].Release
			r.Steps = nil
			for i := range n {
				r.Steps = append(r.Steps, fmt.Sprintf("0.%03d", i+1))
			}
		}},
		{"scenarios", "$.scenarios", "scenarios", maxScenarios, func(d *Document, n int) {
			d.Scenarios = make([]Scenario, n)
		}},
	} {
		for over := range 2 {
			doc := parse(t, base(t))
			c.build(doc, c.limit+over)
			_, complaints := Compile(doc, "standard", nil)
			found := 0
			for _, x := range complaints {
				if x.Path == c.path && strings.Contains(x.Problem, c.what) {
					found++
				}
			}
			if found != over {
				t.Errorf("%s: with %d there are %d complaints about it: %v", c.name, c.limit+over, found, complaints)
			}
		}
	}
}

func TestProgramSize(t *testing.T) {
	doc := parse(t, base(t))
	p, _ := Compile(doc, "standard", nil)
	doc.Summary = strings.Repeat("x", len(doc.Summary)+maxProgram-len(p.Source))
	if q, complaints := Compile(doc, "standard", nil); complaints != nil || len(q.Source) != maxProgram {
		t.Fatalf("at the limit: %v", complaints)
	}
	doc.Summary += "x"
	if _, complaints := Compile(doc, "standard", nil); len(complaints) != 1 || complaints[0].Path != "$" {
		t.Errorf("one over: %v", complaints)
	}
}

func TestPlayedSteps(t *testing.T) {
	p := compile(t, base(t))
	steps := make([]Play, maxPlay+1)
	for i := range steps {
		steps[i].At = "0s"
	}
	if c := RunScenario(p, &Scenario{Steps: steps[1:]}); c != nil {
		t.Errorf("%d steps: %v", maxPlay, c)
	}
	if c := RunScenario(p, &Scenario{Steps: steps}); len(c) != 1 || c[0].Path != "$.steps" {
		t.Errorf("%d steps: %v", len(steps), c)
	}
}

// A term of a second is renewed every second: a scenario over a year would keep
// the checker busy for very long.
func TestTimers(t *testing.T) {
	src := edit(t, base(t), `"load": {"unit": "ratio", "stale_after": "10m"`, `"load": {"unit": "ratio", "stale_after": "400d"`)
	src = edit(t, src, `"in": ["stable"], "go": "warning", "do": ["tell"]`, `"in": ["stable"], "go": "intervening", "do": ["stop"]`)
	src = edit(t, src, `"term": "10m", "max_term": "1h"`, `"term": "1s", "max_term": "400d"`)
	p := compile(t, src)
	for over := range 2 {
		s := Scenario{Steps: []Play{
			{At: "0s", Reading: Reading{Signal: "load", Value: "0.85"}, State: "intervening"},
			{At: "1000s", State: "intervening"},
			{At: fmt.Sprintf("%ds", maxTimers+over), State: "intervening"},
		}}
		if c := RunScenario(p, &s); len(c) != over || over == 1 && c[0].Path != "$.steps[2].at" {
			t.Errorf("%d timers: %v", maxTimers+over, c)
		}
	}
}

func TestSourceFitsTheReader(t *testing.T) {
	// What Load reads back is never longer or deeper than what Parse accepts.
	if maxProgram > strict.MaxSource {
		t.Error("a program may be longer than a file")
	}
}
