package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// Check reads a spec, compiles it with each of its profiles, and runs its
// scenarios if all that is well. A scenario that names no profile runs with
// standard.
func Check(file string, src []byte) []Complaint {
	doc, list := Parse(file, src)
	if list != nil {
		return list
	}
	all := strict.Complaints{File: file}
	programs := map[string]*kernel.Program{}
	profiles := sorted(doc.Profiles)
	for _, profile := range profiles {
		p, complaints := Compile(doc, profile, nil)
		programs[profile] = p
		for _, c := range complaints {
			if !slices.Contains(all.List, c) {
				all.List = append(all.List, c)
			}
		}
	}
	if len(profiles) == 0 {
		_, all.List = Compile(doc, "standard", nil)
	}
	if all.List != nil {
		return all.List
	}
	for i := range doc.Scenarios {
		path, s := fmt.Sprintf("$.scenarios[%d]", i), &doc.Scenarios[i]
		profile := s.Profile
		if profile == "" {
			profile = "standard"
		}
		if all.Find(path+".profile", "profile", profile, profiles) < 0 {
			continue
		}
		for _, c := range RunScenario(programs[profile], s) {
			all.Add(path+strings.TrimPrefix(c.Path, "$"), c.Problem, c.Mend)
		}
	}
	return all.List
}
