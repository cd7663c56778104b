package prove

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// source is a spec with these rules, over two signals, an episode and two
// actions that change the same target.
func source(rules string) string {
	return `{"sku": "guard", "version": "1.0.0", "code": "TST-001", "class": "cost", "title": "t", "summary": "s",
	"signals": {
	  "a": {"unit": "1", "stale_after": "1h", "required": true},
	  "b": {"unit": "1", "stale_after": "1h"}},
	"episodes": {"e": {"stale_after": "1h", "keys": 2}},
	"parameters": {"r": {"unit": "1/s"}},
	"profiles": {"standard": {"r": "10"}},
	"targets": {"service": {"kind": "cloudrun.service"}},
	"rules": [` + rules + `],
	"actions": {
	  "slow": {"uses": "cloudrun.max_instances", "on": "service", "with": {"max": "1"}, "term": "1h", "max_term": "2h", "after": "undo"},
	  "back": {"uses": "cloudrun.traffic", "on": "service", "with": {"to": "previous"}, "after": "keep"},
	  "tell": {"uses": "notify.log"}}}`
}

// program compiles rules; what nothing uses is declared for nothing.
func program(t testing.TB, rules string) (*kernel.Program, *spec.Document) {
	t.Helper()
	src := source(rules)
	if !strings.Contains(rules, "$r") {
		src = strings.Replace(src, `"parameters": {"r": {"unit": "1/s"}},`, "", 1)
		src = strings.Replace(src, `{"r": "10"}`, "{}", 1)
	}
	doc, complaints := spec.Parse("guard.json", []byte(src))
	for _, c := range complaints {
		t.Fatal(c)
	}
	p, complaints := spec.Compile(doc, "standard", nil)
	for _, c := range complaints {
		t.Fatal(c)
	}
	return p, doc
}

const (
	over = `{"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["slow"], "when": {"signal": "a", "at_least": "10"}},`
	high = `{"id": "high", "in": ["stable"], "go": "warning", "do": ["tell"], "when": {"signal": "a", "at_least": "5"}},`
	calm = `{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"signal": "a", "below": "3"}}`
)

// TestComplaints has a bad program for each kind of complaint, and beside each
// one a good one that differs in what the complaint is about.
func TestComplaints(t *testing.T) {
	for _, c := range []struct{ name, good, bad, want string }{
		{
			"two rules undo each other", over + high + calm,
			over + high + `{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"signal": "a", "below": "6"}}`,
			`$.rules[2].when: the rules high and calm fire in turn while no reading changes; let their conditions exclude each other, with a gap between the thresholds
  stable --high[a=5]--> warning --calm[a=5]--> stable`,
		}, {
			"a claim that ends by itself is granted again", `{"id": "bad", "in": ["stable"], "go": "intervening", "do": ["back"], "when": {"signal": "a", "at_least": "10"}},` + calm,
			over + `{"id": "eased", "in": ["intervening"], "go": "warning", "when": {"signal": "b", "below": "1"}},` + calm,
			`$.rules[1].when: the rules over and eased fire in turn while no reading changes; let their conditions exclude each other, with a gap between the thresholds
  warning --over[a=10]--> intervening --eased[b=0]--> warning`,
		}, {
			"what was never told counts as well", over + `{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"all": [{"signal": "a", "below": "3"}, {"signal": "b", "below": "1", "or_missing": true}]}}`,
			over + `{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"any": [{"signal": "a", "below": "3"}, {"signal": "b", "below": "1", "or_missing": true}]}}`,
			`$.rules[1].when: the rules over and calm fire in turn while no reading changes; let their conditions exclude each other, with a gap between the thresholds
  stable --over[a=10]--> intervening --calm[b missing]--> stable`,
		}, {
			"a mean and a value overlap", `{"id": "over", "in": ["stable"], "go": "intervening", "do": ["slow"], "when": {"signal": "a", "measure": "min", "window": "12m", "at_least": "10"}},` + calm,
			`{"id": "over", "in": ["stable"], "go": "intervening", "do": ["slow"], "when": {"signal": "a", "measure": "avg", "window": "12m", "at_least": "10"}},` + calm,
			`$.rules[1].when: the rules over and calm fire in turn while no reading changes; let their conditions exclude each other, with a gap between the thresholds
  stable --over[a avg 12m=10]--> intervening --calm[a=2]--> stable`,
		}, {
			"what rose so fast is not small", strings.Replace(over, `"at_least": "10"`, `"measure": "rate", "window": "12m", "above": "$r"`, 1) + calm,
			strings.Replace(over, `"at_least": "10"`, `"measure": "rate", "window": "12m", "above": "$r"`, 1) + strings.Replace(calm, `"3"`, `"5401"`, 1),
			`$.rules[1].when: the rules over and calm fire in turn while no reading changes; let their conditions exclude each other, with a gap between the thresholds
  stable --over[a rate 12m=11]--> intervening --calm[a=5400]--> stable`,
		}, {
			"an earlier rule takes all", high + over + calm,
			`{"id": "high", "in": ["stable", "warning"], "go": "refusing", "lock_for": "1h", "when": {"any": [{"signal": "a", "at_least": "8"}, {"not": {"signal": "b", "below": "5"}}]}},
			 {"id": "over", "in": ["stable", "warning"], "go": "intervening", "do": ["slow"], "when": {"all": [{"signal": "a", "at_least": "4"}, {"signal": "b", "at_least": "7"}]}},
			 {"id": "ok", "in": ["intervening"], "go": "stable", "when": {"signal": "a", "below": "3"}}`,
			`$.rules[0].in[1]: nothing ever leads to warning; leave the state out, or let a rule lead to it
$.rules[2].in[0]: nothing ever leads to intervening; leave the state out, or let a rule lead to it
$.rules[1]: rule "over" never fires: wherever it could, a rule before it does, such as "high"; put it before that one, or make its condition another
  stable --high[b=7]--> refusing
$.rules[2]: rule "ok" never fires: where its condition holds, it stands in none of the states, or asks for nothing new; let it stand in another state, request another action, or leave it out`,
		}, {
			"a condition contradicts itself", over + high + calm,
			over + high + `{"id": "odd", "in": ["stable"], "go": "warning", "when": {"all": [{"signal": "a", "at_least": "4"}, {"signal": "a", "measure": "max", "window": "1m", "below": "4"}]}},` + calm,
			`$.rules[2].when: rule "odd" never fires: no readings make its condition true; mend the thresholds that contradict each other, or leave the rule out`,
		}, {
			"nothing leads back", high + strings.Replace(calm, `, "intervening"`, "", 1), high + strings.Replace(calm, `"warning", `, "", 1),
			`$.rules[0].go: from warning no rule leads back to stable; write a rule in warning that goes to stable once all is well
  stable --high[a=5]--> warning
$.rules[1].in[0]: nothing ever leads to intervening; leave the state out, or let a rule lead to it
$.rules[1]: rule "calm" never fires: where its condition holds, it stands in none of the states, or asks for nothing new; let it stand in another state, request another action, or leave it out`,
		}, {
			"it acts on nothing but its own past", over + calm,
			`{"id": "over", "in": ["stable"], "go": "intervening", "do": ["slow"], "when": {"not": {"effects": "slow", "window": "1h", "at_least": "1"}}},` + calm,
			`$.rules[0].when: rule "over" changes targets while nothing of what it asks is known; ask for a reading or an episode that is known
  stable --over[slow done 0×]--> intervening`,
		}, {
			"it releases on nothing but silence", strings.Replace(over, `{"signal": "a", "at_least": "10"}`, `{"all": [{"signal": "a", "at_least": "10"}, {"signal": "b", "at_least": "10"}]}`, 1) +
				`{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"signal": "b", "below": "3", "or_missing": true}}`,
			strings.Replace(over, `{"signal": "a", "at_least": "10"}`, `{"all": [{"signal": "a", "at_least": "10"}, {"not": {"effects": "slow", "window": "1h", "at_least": "1"}}]}`, 1) +
				`{"id": "calm", "in": ["warning", "intervening"], "go": "stable", "when": {"all": [{"signal": "b", "below": "3", "or_missing": true}, {"effects": "slow", "window": "1h", "at_least": "1"}]}}`,
			`$.rules[1].when: rule "calm" releases targets while nothing of what it asks is known; ask for a reading or an episode that is known
  stable --over[a=10, slow done 0×]--> intervening --calm[b missing, slow done 1×]--> stable`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var have []string
			p, doc := program(t, c.bad)
			for _, x := range Check(p, doc) {
				have = append(have, strings.TrimPrefix(x.String(), "guard.json: "))
			}
			if d := cmp.Diff(c.want, strings.Join(have, "\n")); d != "" {
				t.Errorf("(-want +have)\n%s", d)
			}
			p, doc = program(t, c.good)
			for _, x := range Check(p, doc) {
				t.Errorf("the good one: %v", x)
			}
		})
	}
}

// TestIrreversible: the catalog has no action of that class, so the test says
// which is one.
func TestIrreversible(t *testing.T) {
	p, doc := program(t, over+high+calm)
	list := check(p, doc, func(uses string) bool { return uses == "cloudrun.max_instances" })
	want := `guard.json: $.actions.slow.uses: cloudrun.max_instances cannot be taken back, and nobody approves it first; use an action that can be taken back, or tell a person by a notice
  stable --over[a=10]--> intervening`
	if len(list) != 1 || list[0].String() != want {
		t.Errorf("%v", list)
	}
}

// TestBuiltIn: the built-in programs are proved, each at a small part of what
// one may cost.
func TestBuiltIn(t *testing.T) {
	names, err := fs.Glob(skus.FS, "*.json")
	if err != nil || len(names) < 3 {
		t.Fatalf("%v: %v", names, err)
	}
	for _, name := range names {
		src, err := skus.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for _, c := range Spec(name, src) {
			t.Error(c)
		}
		doc, _ := spec.Parse(name, src)
		for profile := range doc.Profiles {
			p, _ := spec.Compile(doc, profile, nil)
			work := maxWork
			s := newSpace(p, &work, scope{})
			x := newExplorer(s)
			if !s.enumerate() || !x.explore() || work < maxWork/2 {
				t.Errorf("%s %s: %d of %d work left", name, profile, work, maxWork)
			}
			t.Logf("%s %s: %d classes, %d configs, %d pairs, work %d", name, profile, len(s.classes), len(x.configs), len(x.pairs), maxWork-work)
		}
		t.Logf("%s: %v with its scenarios", name, time.Since(begin))
	}
}

// TestBound: a program that cannot be proved is refused, and soon.
func TestBound(t *testing.T) {
	var signals, leaves []string
	for i := range 40 {
		signals = append(signals, fmt.Sprintf(`"s%d": {"unit": "1", "stale_after": "1h"}`, i))
		leaves = append(leaves, fmt.Sprintf(`{"id": "r%d", "in": ["stable"], "go": "warning", "when": {"all": [{"signal": "s%d", "above": "1"}, {"signal": "s%d", "above": "2"}]}}`, i, i, (i+7)%40))
	}
	src := strings.Replace(source(strings.Join(leaves[:31], ",")+`,{"id": "ok", "in": ["warning"], "go": "stable", "when": {"signal": "s0", "below": "1"}}`), `"signals": {`, `"signals": {`+strings.Join(signals, ",")+",", 1)
	src = strings.Replace(src, `"parameters": {"r": {"unit": "1/s"}},`, "", 1)
	src = strings.Replace(src, `{"r": "10"}`, "{}", 1)
	doc, complaints := spec.Parse("big.json", []byte(src))
	if complaints != nil {
		t.Fatal(complaints)
	}
	p, complaints := spec.Compile(doc, "standard", nil)
	if complaints != nil {
		t.Fatal(complaints)
	}
	list := Check(p, doc)
	want := "big.json: $.rules: the conditions have too many combinations to be proved; use fewer signals, thresholds, samples and counts of effects, or write several SKUs"
	if len(list) != 1 || list[0].String() != want {
		t.Errorf("%v", list)
	}
}
