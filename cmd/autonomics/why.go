package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/app/timeline"
	"github.com/autonomics-dev/autonomics/internal/why"
)

func whyCommand(w *world) *cobra.Command {
	cmd := &cobra.Command{Use: "why TENANT SEQ", Short: "explains one decision: why, why not, and what would have changed it", Args: args("TENANT", "SEQ"),
		Long: `Shows what a receipt records of one decision, why each of the other rules did not
fire, and for each reading the nearest values at which the outcome would have
been another, all else unchanged. It decides again to find that out, and says so
if this does not give what is recorded.`,
		Example: "  autonomics why acme 42"}
	return reading(w, cmd, func(ctx context.Context, s *source, args []string) error {
		line, err := s.receipt(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		path := "/v1/tenants/" + url.PathEscape(args[0]) + "/receipts/" + args[1] + "/why"
		if s.asJSON {
			resp, err := s.ask(ctx, http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(w.out, resp.Body)
			return err
		}
		r, err := autonomics.ParseReceipt(line)
		if err != nil {
			return no("tenant %s, receipt %s: %v", args[0], args[1], err)
		}
		var e why.Explanation
		if err := s.get(ctx, path, &e); err != nil {
			return err
		}
		timeline.Explain(w.out, r)
		w.explain(r, &e)
		return nil
	})
}

// explain writes what the receipt does not say.
func (w *world) explain(r *autonomics.Receipt, e *why.Explanation) {
	row := func(what, text string) { fmt.Fprintf(w.out, "%-9s %s\n", what, text) }
	switch e.Again {
	case "": // the directory's own receipts are no decisions of a kernel
	case why.Same:
		row("again", "deciding again gives the same receipt")
	default:
		row("again", e.Again)
	}
	for i := range e.NotFired {
		row("not fired", why.Text(&e.NotFired[i]))
		for j := range e.NotFired[i].Leaves {
			row("", "  "+timeline.Leaf(&e.NotFired[i].Leaves[j]))
		}
	}
	for i := range e.Flips {
		for _, sentence := range e.Flips[i].Sentences(r.Rule) {
			row("flip", sentence)
		}
	}
}
