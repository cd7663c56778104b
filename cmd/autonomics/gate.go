package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

// answerCommand is approve or reject.
func answerCommand(w *world, verb, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: verb + " TENANT EFFECT", Short: short, Args: args("TENANT", "EFFECT"),
		Long: `Answers for an effect that waits for approval. Its key stands in the notice that
asked, and in ` + "`autonomics governors show`" + `. An approved effect looks at its target
again first: if its rule does not hold any more, or another value would be
written than was shown, it is dropped. A rejected action is not asked about
again until its rule was false once.`,
		Example: "  autonomics " + verb + " acme 5f0c…e1/0 --reason 'seen with the team'"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		body := map[string]any{"scope": scope{Tenant: args[0]}, "command": verb, "effect": args[1]}
		if reason != "" {
			body["reason"] = reason
		}
		_, err := s.command(ctx, body)
		return err
	})
	return cmd
}

func resetCommand(w *world) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "reset TENANT NAME", Short: "lets a governor start anew after a failure", Args: args("TENANT", "NAME"),
		Long: `Ends degraded (failed), arms disarmed actions, clears holds and bars, and gives
up releases that cannot end: what they were to restore stays as it is. Limits
are not reset.`,
		Example: "  autonomics governors reset acme web-cost --reason 'the quota is raised'"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		body := map[string]any{"scope": scope{Tenant: args[0], Governor: args[1]}, "command": "reset"}
		if reason != "" {
			body["reason"] = reason
		}
		_, err := s.command(ctx, body)
		return err
	})
	return cmd
}

// A targetView is what the server says of a target.
type targetView struct {
	Name, Kind, Ref string
	Fields          []contestView
	Barred          []struct{ Governor, Action, Until string }
}

type contestView struct {
	Uses, Field, Baseline string
	InForce               string `json:"in_force"`
	Claims                []struct {
		Governor, Class, Action, Value, Stage, Until, Lost string
		InForce                                            bool `json:"in_force"`
	}
	Next *struct{ After, Governor, Value string }
}

func claimsShow(w *world) *cobra.Command {
	cmd := &cobra.Command{Use: "show TENANT TARGET", Short: "shows who claims a target, and which value is in force", Args: args("TENANT", "TARGET"),
		Example: "  autonomics claims show acme web"}
	return reading(w, cmd, func(ctx context.Context, s *source, args []string) error {
		var raw json.RawMessage
		path := "/v1/tenants/" + url.PathEscape(args[0]) + "/targets/" + url.PathEscape(args[1])
		if err := s.get(ctx, path, &raw); err != nil {
			return err
		}
		if s.asJSON {
			return s.raw(raw)
		}
		var v targetView
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("target %s: %w", args[1], err)
		}
		return v.write(w.out)
	})
}

func (v *targetView) write(w io.Writer) error {
	fmt.Fprintf(w, "target    %s, %s %s\n", v.Name, v.Kind, v.Ref)
	for _, f := range v.Fields {
		if err := f.write(w); err != nil {
			return err
		}
	}
	if len(v.Fields) == 0 {
		fmt.Fprintln(w, "nobody claims it")
	}
	for _, b := range v.Barred {
		fmt.Fprintf(w, "barred    %s of %s, until its rule %s was false once\n", b.Action, b.Governor, b.Until)
	}
	return nil
}

func (f *contestView) write(w io.Writer) error {
	fmt.Fprintf(w, "\n%s", f.Field)
	if f.Baseline != "" {
		fmt.Fprintf(w, " is %s, and was %s before", f.InForce, f.Baseline)
	}
	fmt.Fprintf(w, " (%s)\n", f.Uses)
	var rows [][]string
	for _, c := range f.Claims {
		why := "in force"
		if !c.InForce {
			why = lost(c.Lost)
		}
		rows = append(rows, []string{c.Governor, c.Class, c.Action, c.Value, c.Stage, why, c.Until})
	}
	if err := table(w, "GOVERNOR\tCLASS\tACTION\tWANTS\tSTAGE\tSTANDING\tUNTIL", rows); err != nil {
		return err
	}
	switch n := f.Next; {
	case n == nil:
	case n.Governor != "":
		fmt.Fprintf(w, "if the claim of %s ends, %s of %s is applied\n", n.After, n.Value, n.Governor)
	case n.Value != "":
		fmt.Fprintf(w, "if the claim of %s ends, %s is restored\n", n.After, n.Value)
	}
	return nil
}

// lost says why a claim is not in force.
func lost(why string) string {
	switch why {
	case "class":
		return "lost to a higher class"
	case "stricter":
		return "lost to a stricter value"
	case "name":
		return "same value, later name"
	case "released":
		return "released"
	}
	return "waits for " + why
}
