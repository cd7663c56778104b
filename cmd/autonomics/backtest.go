package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/sim"
)

func backtestCommand(w *world) *cobra.Command {
	var name, tenant, governor, from, to, assume string
	var code bool
	cmd := &cobra.Command{Use: "backtest --spec SPEC", Short: "replays what was received through a changed spec", Args: args(),
		Long: `Replays what tenants really received, at its recorded times, through SPEC (a
file, or the name of a built-in SKU), for the governors whose SKU has its name;
they keep their profiles and parameters. It prints the decisions that SPEC adds,
removes, moves to another time or changes in their effects, with the receipts
concerned.

With the spec that was in force it reproduces every receipt, byte for byte, and
says so. Signals are as they were: they are not corrected for what an effect
that did not happen would have changed, or one that did not happen now had.`,
		Example: "  autonomics backtest --spec stricter.json --data /var/lib/autonomics --tenant acme"}
	f := cmd.Flags()
	f.StringVar(&name, "spec", "", "the changed spec (required)")
	f.StringVar(&tenant, "tenant", "", "only this tenant")
	f.StringVar(&governor, "governor", "", "compare decisions of this governor only")
	f.StringVar(&from, "from", "", "compare decisions from this time on; what was before is replayed all the same")
	f.StringVar(&to, "to", "", "replay until before this time")
	f.StringVar(&assume, "assume", "recorded", "what becomes of effects: recorded (those that also happened end as recorded, the model answers the others) or ok (the model answers all)")
	f.BoolVar(&code, "exit-code", false, "exit with 1 if there are differences")
	return reading(w, cmd, func(ctx context.Context, s *source, _ []string) error {
		b := sim.Backtest{Governor: governor, AssumeOK: assume == "ok"}
		if assume != "ok" && assume != "recorded" {
			return fmt.Errorf("--assume %q: want recorded or ok", assume)
		}
		var err error
		for text, at := range map[string]*autonomics.Time{from: &b.From, to: &b.To} {
			if text != "" && err == nil {
				*at, err = autonomics.ParseTime(text)
			}
		}
		if err != nil {
			return err
		}
		if b.Spec, err = document(name); err != nil {
			return fmt.Errorf("--spec: %w", err)
		}
		different, err := s.backtest(ctx, &b, tenant)
		if err == nil && different && code {
			return &negative{}
		}
		return err
	})
}

// backtest replays the tenants and tells what is different.
func (s *source) backtest(ctx context.Context, b *sim.Backtest, only string) (different bool, err error) {
	if _, err := s.chain(ctx, string(autonomics.System), b.System); err != nil {
		return false, err
	}
	found := false
	err = s.tenants(ctx, func(raw json.RawMessage) error {
		id, err := tenantOf(raw)
		if err != nil || only != "" && id != only || !b.Concerns(autonomics.Tenant(id)) {
			return err
		}
		found = true
		replay := b.Tenant(autonomics.Tenant(id))
		if _, err := s.chain(ctx, id, replay.Next); err != nil {
			return no("tenant %s: %w", id, err)
		}
		result := replay.Result()
		different = different || len(result.Differences) > 0 || !result.Changed && result.FirstDifference != 0
		if s.asJSON {
			return s.w.json(result)
		}
		result.Write(s.w.out)
		return nil
	})
	if err == nil && !found {
		err = no("there is no tenant that ever had a governor of the SKU %s", b.Spec.SKU)
	}
	if err == nil && !s.asJSON {
		fmt.Fprintln(s.w.out, "Signals are as they were received, not corrected for what an effect would have changed.")
	}
	return different, err
}
