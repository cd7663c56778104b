package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/sim"
)

func reportCommand(w *world) *cobra.Command {
	var all bool
	var file string
	cmd := &cobra.Command{Use: "report TENANT | --all | --file EXPORT", Short: "counts what governors did, from their receipts",
		Args: cobra.MaximumNArgs(1),
		Long: `Counts, for each governor of a tenant: interventions, the time in each state and
with something in effect, what became of effects and notices, what operators
said about decisions, and which signals were ignored or refused, and why. It
counts receipts and nothing else: from a server, a data directory or an export
(which it verifies first) come the same numbers.`,
		Example: "  autonomics report acme\n  autonomics report --file acme.ndjson --json"}
	cmd.Flags().BoolVar(&all, "all", false, "all tenants")
	cmd.Flags().StringVar(&file, "file", "", "an export, instead of a server or a directory")
	reading(w, cmd, func(ctx context.Context, s *source, args []string) error {
		switch {
		case len(args) == 1 == (all || file != ""):
			return errors.New("report: name a tenant, or say --all, or --file EXPORT")
		case file != "":
			return s.reportFile(file)
		case all:
			return s.tenants(ctx, func(raw json.RawMessage) error {
				id, err := tenantOf(raw)
				if err != nil {
					return err
				}
				return s.report(ctx, id)
			})
		}
		return s.report(ctx, args[0])
	})
	cmd.MarkFlagsMutuallyExclusive("all", "file")
	cmd.MarkFlagsMutuallyExclusive("url", "data", "file")
	return cmd
}

func (s *source) report(ctx context.Context, tenant string) error {
	card := sim.Scorecard{Tenant: autonomics.Tenant(tenant)}
	if _, err := s.chain(ctx, tenant, card.Line); err != nil {
		return err
	}
	return s.card(&card)
}

func (s *source) reportFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := autonomics.Verify(bytes.NewReader(text), autonomics.VerifyOptions{}); err != nil {
		return no("report: %s: %w", file, err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	var card sim.Scorecard
	for _, line := range lines[1 : len(lines)-1] {
		if err := card.Line(line); err != nil {
			return no("report: %s: %w", file, err)
		}
	}
	return s.card(&card)
}

func (s *source) card(card *sim.Scorecard) error {
	card.Finish()
	if s.asJSON {
		return s.w.json(card)
	}
	card.Write(s.w.out)
	return nil
}

func verdictCommand(w *world) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "verdict TENANT SEQ good|bad", Short: "records what an operator thinks of a decision", Args: args("TENANT", "SEQ", "VERDICT"),
		Long: `Records on the tenant's chain that the decision of a receipt was good or bad.
The report counts these verdicts; of several about one receipt the last counts.`,
		Example: "  autonomics verdict acme 42 bad --reason 'the traffic was expected'"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		line, err := s.receipt(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		r, err := autonomics.ParseReceipt(line)
		switch {
		case err != nil:
			return no("tenant %s, receipt %s: %w", args[0], args[1], err)
		case r.Governor == "":
			return no("receipt %d of %s is no decision of a governor", r.Seq, r.Tenant)
		}
		body := map[string]any{"scope": scope{Tenant: args[0], Governor: r.Governor}, "command": "verdict", "verdict": args[2],
			"receipt": json.RawMessage(strconv.FormatUint(r.Seq, 10))}
		if reason != "" {
			body["reason"] = reason
		}
		_, err = s.command(ctx, body)
		return err
	})
	return cmd
}
