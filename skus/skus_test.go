package skus_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// each calls fn for every built-in SKU.
func each(t *testing.T, fn func(t *testing.T, name string, src []byte)) {
	names, err := fs.Glob(skus.FS, "*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("built-in SKUs %v: %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			src, err := fs.ReadFile(skus.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			fn(t, name, src)
		})
	}
}

func TestCheck(t *testing.T) {
	each(t, func(t *testing.T, name string, src []byte) {
		for _, c := range spec.Check(name, src) {
			t.Error(c)
		}
		doc, _ := spec.Parse(name, src)
		if doc.SKU+".json" != name {
			t.Errorf("%s describes %s", name, doc.SKU)
		}
		if len(doc.Scenarios) < 8 {
			t.Errorf("%d scenarios", len(doc.Scenarios))
		}
	})
}

// TestEveryConditionCounts makes one condition at a time always false, then
// always true. Some scenario must then fail, or nobody would have checked what
// the condition is there for.
func TestEveryConditionCounts(t *testing.T) {
	each(t, func(t *testing.T, name string, src []byte) {
		doc, _ := spec.Parse(name, src)
		if !passes(t, doc) {
			t.Fatal("it fails as it is")
		}
		for i := range doc.Rules {
			for path, w := range conditions(&doc.Rules[i].When) {
				was := *w
				never := spec.Condition{Effects: claim(doc), Window: "1m", AtLeast: "64"}
				*w = spec.Condition{All: []spec.Condition{was, never}}
				if passes(t, doc) {
					t.Errorf("rule %s%s: always false, and all scenarios pass", doc.Rules[i].ID, path)
				}
				*w = spec.Condition{Any: []spec.Condition{was, {Not: &never}}}
				if passes(t, doc) {
					t.Errorf("rule %s%s: always true, and all scenarios pass", doc.Rules[i].ID, path)
				}
				*w = was
			}
		}
	})
}

// TestEveryProfileCounts gives one parameter of a profile at a time the value
// that it has in standard. Some scenario must then fail, or nobody would have
// checked what the profile is there for.
func TestEveryProfileCounts(t *testing.T) {
	each(t, func(t *testing.T, name string, src []byte) {
		doc, _ := spec.Parse(name, src)
		for _, profile := range []string{"premium", "enterprise"} {
			values, same := doc.Profiles[profile], 0
			for parameter, standard := range doc.Profiles["standard"] {
				was := values[parameter]
				if was == standard {
					same++
					continue
				}
				values[parameter] = standard
				if passes(t, doc) {
					t.Errorf("%s: %s is %s as in standard, and all scenarios pass", profile, parameter, standard)
				}
				values[parameter] = was
			}
			if len(values) == 0 || same == len(values) {
				t.Errorf("%s says nothing that standard does not", profile)
			}
		}
	})
}

// claim names an action that changes a target.
func claim(doc *spec.Document) string {
	for name, a := range doc.Actions {
		if a.On != "" {
			return name
		}
	}
	return ""
}

// conditions calls yield for w and all below it.
func conditions(w *spec.Condition) iter.Seq2[string, *spec.Condition] {
	return func(yield func(string, *spec.Condition) bool) { walk("", w, yield) }
}

func walk(path string, w *spec.Condition, yield func(string, *spec.Condition) bool) bool {
	if !yield(path, w) {
		return false
	}
	for _, kids := range [][]spec.Condition{w.All, w.Any} {
		for i := range kids {
			if !walk(fmt.Sprintf("%s.%d", path, i), &kids[i], yield) {
				return false
			}
		}
	}
	return w.Not == nil || walk(path+".not", w.Not, yield)
}

// passes reports whether all scenarios do what they expect. A change that makes
// a rule one that never fires fails too.
func passes(t *testing.T, doc *spec.Document) bool {
	programs := map[string]*kernel.Program{}
	for profile := range doc.Profiles {
		p, complaints := spec.Compile(doc, profile, nil)
		if len(complaints) > 0 {
			if c := complaints[0]; !strings.Contains(c.Problem, "never fires") {
				t.Fatal(c)
			}
			return false
		}
		programs[profile] = p
	}
	for i := range doc.Scenarios {
		s := &doc.Scenarios[i]
		if spec.RunScenario(programs[cmp.Or(s.Profile, "standard")], s) != nil {
			return false
		}
	}
	return true
}
