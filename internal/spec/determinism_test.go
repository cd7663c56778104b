package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/skus"
)

// TestDeterminism plays every scenario of every built-in SKU with every profile
// to its end, with the program that Compile made, twice, and with the one that
// Load made of its source. The chains of receipts, and so every byte of them,
// are the same.
func TestDeterminism(t *testing.T) {
	entries, err := skus.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, e := range entries {
		src, err := skus.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, profile := range []string{"standard", "premium", "enterprise"} {
			t.Run(strings.TrimSuffix(e.Name(), ".json")+" "+profile, func(t *testing.T) {
				p := compileAs(t, string(src), profile)
				again := compileAs(t, string(src), profile)
				loaded, err := Load(p.Source)
				if err != nil {
					t.Fatal(err)
				}
				doc := parse(t, string(src))
				for i := range doc.Scenarios {
					s := expectNothing(&doc.Scenarios[i])
					first := perform(p, s)
					for _, c := range first.List {
						t.Error(c)
					}
					for _, other := range []*kernel.Program{again, loaded} {
						if r := perform(other, s); r.Tenant.Head != first.Tenant.Head || r.Tenant.Seq != first.Tenant.Seq {
							t.Errorf("%s: receipt %d is %v, and was receipt %d, %v",
								s.Name, r.Tenant.Seq, r.Tenant.Head, first.Tenant.Seq, first.Tenant.Head)
						}
					}
					played++
				}
			})
		}
	}
	if played < 5*3*8 {
		t.Errorf("only %d scenarios were played", played)
	}
}

// expectNothing lets a scenario run to its end with any profile.
func expectNothing(s *Scenario) *Scenario {
	out := *s
	out.Steps = slices.Clone(s.Steps)
	for i := range out.Steps {
		x := &out.Steps[i]
		x.State, x.Effects, x.Verdict, x.Reason = "", nil, "", ""
	}
	return &out
}

func compileAs(t *testing.T, src, profile string) *kernel.Program {
	t.Helper()
	p, complaints := Compile(parse(t, src), profile, nil)
	for _, c := range complaints {
		t.Fatal(c)
	}
	return p
}
