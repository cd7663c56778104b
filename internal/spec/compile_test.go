package spec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/google/go-cmp/cmp"
)

func parse(t testing.TB, src string) *Document {
	t.Helper()
	doc, complaints := Parse("test.json", []byte(src))
	for _, c := range complaints {
		t.Fatal(c)
	}
	return doc
}

func compile(t testing.TB, src string) *kernel.Program {
	t.Helper()
	p, complaints := Compile(parse(t, src), "standard", nil)
	for _, c := range complaints {
		t.Fatal(c)
	}
	return p
}

func TestCompile(t *testing.T) {
	p := compile(t, base(t))
	if p.SKU != "guard" || p.Version != "1.2.3" || p.Class != kernel.Cost || p.Profile != "standard" {
		t.Errorf("identity %s@%s, class %d, profile %s", p.SKU, p.Version, p.Class, p.Profile)
	}
	check := func(what string, have, want any) {
		t.Helper()
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s (-want +have)\n%s", what, d)
		}
	}
	const minute, hour = autonomics.Minute, autonomics.Hour
	check("signals", p.Signals, []kernel.SignalDecl{
		{Name: "cost", Unit: "USD", StaleAfter: 36 * hour, While: -1, Resets: true},
		{Name: "errors", Unit: "1", StaleAfter: 10 * minute, While: -1},
		{Name: "load", Unit: "ratio", StaleAfter: 10 * minute, Required: true, While: -1},
		{Name: "plan", Unit: "USD", StaleAfter: 36 * hour, Required: true, While: 0},
	})
	check("episodes", p.Episodes, []kernel.EpisodeDecl{{Name: "deploy", StaleAfter: 2 * hour, Keys: 4}})
	check("slots", p.Slots, []kernel.Slot{{Name: "queue", Kind: "cloudtasks.queue"}, {Name: "service", Kind: "cloudrun.service"}})
	check("windows", p.Windows, []kernel.WindowDecl{
		{Signal: 1, Measure: kernel.Growth, Width: 2 * minute},
		{Signal: 0, Measure: kernel.Rate, Width: 3 * hour},
		{Signal: 2, Measure: kernel.Avg, Width: 6 * minute},
	})
	check("runs", p.Runs, []kernel.RunDecl{
		{Node: 3, Samples: 3, Within: 5 * minute, Signals: []int{1}},
		{Node: 4, For: 3 * minute, Signals: []int{2}},
	})
	check("counts", p.Counts, []kernel.CountDecl{{Action: 0, Window: 24 * hour, N: 3}})
	check("actions", p.Actions, []kernel.Action{
		{Name: "back", Uses: "cloudrun.traffic", Slot: 1, With: autonomics.Fields{{Name: "to", Value: "previous"}}, Keep: true},
		{Name: "slow", Uses: "cloudrun.max_instances", Slot: 1, With: autonomics.Fields{{Name: "max", Value: "2"}},
			Term: hour, MaxTerm: 6 * hour, Steps: []autonomics.Decimal{500_000, 1_000_000}, Every: minute},
		{Name: "stop", Uses: "cloudtasks.pause", Slot: 0, Term: 10 * minute, MaxTerm: hour},
		{Name: "tell", Uses: "notify.log", Notice: true, Slot: -1},
	})
	calm := p.Rules[5]
	check("rule", calm, kernel.Rule{ID: "calm", In: kernel.States(0).With(autonomics.Warning).With(autonomics.Intervening),
		Go: autonomics.Stable, When: len(p.Nodes) - 1, Leaves: calm.Leaves})
	check("leaves", len(calm.Leaves), 3)
	check("leaf", p.Nodes[calm.Leaves[1]], kernel.Node{Kind: kernel.ReadingLeaf, Run: -1, Signal: 1, Window: -1, Over: -1,
		OrMissing: true, Op: kernel.AtMost, Threshold: 10_000_000, Episode: -1, Count: -1})
	over := p.Rules[2]
	check("rate", p.Nodes[over.Leaves[1]], kernel.Node{Kind: kernel.ReadingLeaf, Run: -1, Signal: 0, Measure: kernel.Rate,
		Window: 1, Over: -1, Per: hour, Op: kernel.Above, Threshold: 50_000_000, Episode: -1, Count: -1})
	check("difference", p.Nodes[over.Leaves[2]].Over, 3)
	check("lock", p.Rules[0].LockFor, hour)
	check("cooldown", p.Cooldown, 2*minute)
	check("limit", p.Limit, kernel.Limit{AtMost: 3, Within: 30 * minute})
	check("boot timeout", p.BootTimeout, 36*hour)
}

func TestLimitsHaveDefaultsThatAreWrittenDown(t *testing.T) {
	src := edit(t, base(t), `"limits": {"effects": {"at_most": 3, "within": "30m"}, "cooldown": "2m"},`, "")
	p := compile(t, src)
	if p.Limit != (kernel.Limit{AtMost: 4, Within: autonomics.Hour}) || p.Cooldown != 10*autonomics.Minute {
		t.Errorf("limit %+v, cooldown %v", p.Limit, p.Cooldown)
	}
	if !bytes.Contains(p.Source, []byte(`"limits":{"cooldown":"10m","effects":{"at_most":4,"within":"1h"}}`)) {
		t.Errorf("the source does not say so: %s", p.Source)
	}
}

func TestSharing(t *testing.T) {
	src := edit(t, base(t), `{"id": "busy"`, `{"id": "twin", "in": ["stable"], "go": "warning",
	  "when": {"any": [
	    {"signal": "load", "above": "$top", "for": "3m"},
	    {"signal": "load", "measure": "avg", "window": "6m", "above": "0.95"},
	    {"signal": "load", "measure": "avg", "window": "6m", "above": "0.5"},
	    {"effects": "back", "window": "24h", "at_least": "5"},
	    {"effects": "back", "window": "12h", "at_least": "1"}]}}, {"id": "busy"`)
	p, q := compile(t, base(t)), compile(t, src)
	if len(q.Windows) != len(p.Windows) || len(q.Runs) != len(p.Runs) {
		t.Errorf("windows %d, runs %d; before %d, %d", len(q.Windows), len(q.Runs), len(p.Windows), len(p.Runs))
	}
	// Four nodes are new: the leaf above 0.5, the two counts, and the any.
	if len(q.Nodes) != len(p.Nodes)+4 {
		t.Errorf("nodes %d, before %d", len(q.Nodes), len(p.Nodes))
	}
	want := []kernel.CountDecl{{Action: 0, Window: autonomics.Day, N: 5}, {Action: 0, Window: 12 * autonomics.Hour, N: 1}}
	if !reflect.DeepEqual(q.Counts, want) {
		t.Errorf("counts %+v", q.Counts)
	}
	for i, n := range q.Nodes {
		for _, k := range n.Kids {
			if k >= i {
				t.Errorf("node %d stands before its kid %d", i, k)
			}
		}
	}
}

func TestOverrides(t *testing.T) {
	doc := parse(t, base(t))
	plain, _ := Compile(doc, "standard", nil)
	changed, complaints := Compile(doc, "standard", map[string]string{"high": "0.75"})
	if complaints != nil || changed.Digest == plain.Digest {
		t.Fatalf("override: %v, digest %v", complaints, changed.Digest)
	}
	leaf := changed.Nodes[changed.Rules[4].Leaves[0]]
	if leaf.Threshold != 750_000 {
		t.Errorf("threshold %v, want 0.75", leaf.Threshold)
	}
	same, _ := Compile(doc, "standard", map[string]string{"high": "0.800000"})
	if same == nil || same.Digest != plain.Digest {
		t.Error("the same value, written otherwise, makes another program")
	}
	other, _ := Compile(doc, "strict", nil)
	if other.Digest == plain.Digest {
		t.Error("two profiles make one program")
	}
	for _, c := range []struct{ name, value, want string }{
		{"height", "1", `test.json: $.parameters.height: there is no parameter "height"; declare it, or use one of: burn, high, instances, low, often, top`},
		{"high", "a lot", `test.json: $.parameters.high: its new value "a lot" does not fit; write an exact number with at most six decimals, for example 0.8`},
		{"often", "0.5", `test.json: $.rules[0].when.at_least: 0.5 is no number of times; write a whole number from 1 to 64`},
		{"instances", "0", `test.json: $.actions.slow.with: cloudrun.max_instances: max 0: the least is 1; change it to that`},
	} {
		p, complaints := Compile(doc, "standard", map[string]string{c.name: c.value})
		if p != nil || len(complaints) != 1 || complaints[0].String() != c.want {
			t.Errorf("%s=%s: %v", c.name, c.value, complaints)
		}
	}
	if p, complaints := Compile(doc, "gold", nil); p != nil || complaints[0].Path != "$.profiles" {
		t.Errorf("unknown profile: %v", complaints)
	}
}

func TestDigestIgnoresOrderAndSpace(t *testing.T) {
	p := compile(t, base(t))
	var tree any
	if err := json.Unmarshal([]byte(base(t)), &tree); err != nil {
		t.Fatal(err)
	}
	delete(tree.(map[string]any), "scenarios")
	other, err := json.MarshalIndent(tree, "\t", "   ") // members sorted, space added
	if err != nil {
		t.Fatal(err)
	}
	if q := compile(t, string(other)); q.Digest != p.Digest {
		t.Errorf("digest %v, want %v", q.Digest, p.Digest)
	}
	q := compile(t, edit(t, base(t), `"cooldown": "2m"`, `"cooldown": "3m"`))
	if q.Digest == p.Digest {
		t.Error("another cooldown has the same digest")
	}
}

func TestLoad(t *testing.T) {
	p, complaints := Compile(parse(t, base(t)), "strict", map[string]string{"low": "0.30"})
	if complaints != nil {
		t.Fatal(complaints)
	}
	q, err := Load(p.Source)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, q); d != "" {
		t.Errorf("what was loaded differs (-compiled +loaded)\n%s", d)
	}
	for name, src := range map[string]string{
		"not canonical": " " + string(p.Source),
		"two profiles":  strings.Replace(string(p.Source), `"profiles":{`, `"profiles":{"more":{"burn":"1","high":"1","instances":"1","low":"1","often":"1","top":"1"},`, 1),
		"no profile":    `{"profiles":{}}`,
		"a scenario":    base(t),
		"nothing":       "",
	} {
		if _, err := Load([]byte(src)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestParseNamesThePlaceOfASyntaxError(t *testing.T) {
	_, complaints := Parse("x.json", []byte("{\n  \"sku\": \"a\",,\n}"))
	want := "x.json: $: the file is not JSON: line 2, column 14: invalid character ',' looking for beginning of object key string; mend it there"
	if len(complaints) != 1 || complaints[0].String() != want {
		t.Errorf("%v", complaints)
	}
}

func TestNothingToRun(t *testing.T) {
	src := `{"sku": "a", "version": "1.0.0", "code": "AB-001", "class": "cost", "title": "t", "summary": "s", "profiles": {}, "rules": []}`
	var have []string
	for _, c := range Check("a.json", []byte(src)) {
		have = append(have, c.String())
	}
	want := []string{
		`a.json: $.profiles: there is no profile; write one, for example "standard"`,
		`a.json: $.rules: there is no rule; write one`,
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}
