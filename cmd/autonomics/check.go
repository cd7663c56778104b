package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app"
	"github.com/autonomics-dev/autonomics/internal/prove"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

func checkCommand(w *world) *cobra.Command {
	var asJSON, schema bool
	var graph picture
	cmd := &cobra.Command{
		Use:   "check SPEC…",
		Short: "checks and proves SKU specs, runs their scenarios, and draws them",
		Long: `Checks each spec with each of its profiles, runs its scenarios, and goes through
all that the program can do. A SPEC is a file, or the name of a built-in SKU.
Complaints have the form FILE: PATH: PROBLEM; MEND, and the shortest way to
where the problem shows on a second line.`,
		Example: "  autonomics check cost_guard\n  autonomics check ./my_guard.json --json\n  autonomics check cost_guard --graph svg -o cost_guard.svg\n  autonomics check --schema",
		RunE: func(cmd *cobra.Command, files []string) error {
			switch {
			case schema && len(files) == 0:
				_, err := w.out.Write(spec.Schema())
				return err
			case len(files) == 0 || schema:
				return errors.New("check: name the specs, or --schema alone; for example:\n" + cmd.Example)
			case graph.format != "":
				return w.draw(&graph, files)
			}
			bad := 0
			for _, file := range files {
				src, err := app.ReadSpec(file)
				if err != nil {
					return err
				}
				complaints := prove.Spec(file, src)
				if len(complaints) > 0 {
					bad++
				}
				if err := w.checked(file, src, complaints, asJSON); err != nil {
					return err
				}
			}
			if bad > 0 && !asJSON {
				return no("%d of %d specs are not good", bad, len(files))
			} else if bad > 0 {
				return &negative{}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object for each spec")
	cmd.Flags().BoolVar(&schema, "schema", false, "write the JSON Schema of specs")
	graph.flags(cmd)
	return cmd
}

// checked tells what came of one spec.
func (w *world) checked(file string, src []byte, complaints []spec.Complaint, asJSON bool) error {
	doc, _ := spec.Parse(file, src)
	if asJSON {
		out := struct {
			File       string           `json:"file"`
			OK         bool             `json:"ok"`
			SKU        string           `json:"sku,omitempty"`
			Version    string           `json:"version,omitempty"`
			Scenarios  int              `json:"scenarios,omitempty"`
			Complaints []spec.Complaint `json:"complaints,omitempty"`
		}{File: file, OK: len(complaints) == 0, Complaints: complaints}
		if doc != nil {
			out.SKU, out.Version, out.Scenarios = doc.SKU, doc.Version, len(doc.Scenarios)
		}
		return w.json(out)
	}
	for _, c := range complaints {
		fmt.Fprintln(w.out, c)
	}
	if len(complaints) > 0 {
		return nil
	}
	fmt.Fprintf(w.out, "%s: good: %s %s (%s), class %s: %s\n", file, doc.SKU, doc.Version, doc.Code, doc.Class, doc.Title)
	row := func(what string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(w.out, "  %-10s %s\n", what, strings.Join(list, ", "))
		}
	}
	row("signals", sorted(doc.Signals))
	row("episodes", sorted(doc.Episodes))
	row("targets", sorted(doc.Targets))
	row("actions", sorted(doc.Actions))
	rules := make([]string, len(doc.Rules))
	for i, r := range doc.Rules {
		rules[i] = r.ID
	}
	row("rules", rules)
	row("profiles", sorted(doc.Profiles))
	for _, s := range doc.Scenarios {
		fmt.Fprintf(w.out, "  scenario   ok  %s\n", s.Name)
	}
	return nil
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
