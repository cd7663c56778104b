package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/conform"
)

func conformCommand(w *world) *cobra.Command {
	var only string
	var seeds, seed uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "runs the cases in which other systems went wrong",
		Long: `Runs every vector: a case in which another system went wrong, with what was sent
there. Each is played once as it was, and then with the faults that the vector
names, once for each seed: messages twice, messages in another order, and
crashes between answer, act and receipt. What counts is what changes in the
in-process cloud, and who is told. One row for each vector: its id, the issue,
what happened there, what is required, and whether it holds.

pending: the vector needs a part that does not exist yet, and was not run.
Exit code 1: a vector failed. The line below it replays it.`,
		Example: "  autonomics conform --vector B30\n  autonomics conform --vector B25 --seed 17",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			first, last := uint64(0), seeds
			if cmd.Flags().Changed("seed") {
				first, last = seed, seed
			}
			r := conformReport{world: w, asJSON: asJSON, vectors: map[conform.Verdict]int{}}
			return r.run(cmd.Context(), only, first, last)
		},
	}
	cmd.Flags().StringVar(&only, "vector", "", "id of the one vector to run")
	cmd.Flags().Uint64Var(&seeds, "seeds", 100, "how many seeds to run with faults")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "the one seed to run; 0 is the run without faults")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object for each vector, and the counts as the last line")
	return cmd
}

// A conformReport is what is written while vectors run.
type conformReport struct {
	*world
	asJSON  bool
	vectors map[conform.Verdict]int
	runs    int
}

func (r *conformReport) run(ctx context.Context, only string, first, last uint64) error {
	suite, err := conform.NewSuite()
	if err != nil {
		return err
	}
	list, err := conform.Select(only)
	if err != nil {
		return err
	}
	if err := suite.RunAll(ctx, list, first, last, r.row); err != nil {
		return err
	}
	pass, fail, pending := r.vectors[conform.Pass], r.vectors[conform.Fail], r.vectors[conform.Pending]
	if r.asJSON {
		err = r.json(map[string]any{"summary": map[string]int{"vectors": len(list), "pass": pass, "fail": fail, "pending": pending, "runs": r.runs}})
	} else {
		_, err = fmt.Fprintf(r.out, "\n%d vectors: %d pass, %d fail, %d pending; %d runs\n", len(list), pass, fail, pending, r.runs)
	}
	if err == nil && fail > 0 {
		err = &negative{}
	}
	return err
}

// row writes what came of one vector.
func (r *conformReport) row(x *conform.Result) error {
	r.vectors[x.Verdict]++
	r.runs += x.Runs
	if r.asJSON {
		return r.json(x)
	}
	issue := strings.NewReplacer("https://github.com/", "", "/issues/", "#", "/pull/", "#").Replace(x.Upstream[0])
	fmt.Fprintf(r.out, "%-5s %-7s %4d runs  %s: %s → %s\n", x.ID, x.Verdict, x.Runs, issue, x.Happened, x.Require)
	if x.Pending != "" {
		fmt.Fprintf(r.out, "      needs %s\n", x.Pending)
	}
	if x.Lacks != "" {
		fmt.Fprintf(r.out, "      not checked: %s\n", x.Lacks)
	}
	for _, f := range x.Failures {
		fmt.Fprintf(r.out, "      %s: %s\n", f.Run, strings.ReplaceAll(f.Why, "\n", "\n      "))
		fmt.Fprintf(r.out, "      replay: %s conform --vector %s --seed %d\n", r.program, x.ID, f.Seed)
	}
	return nil
}
