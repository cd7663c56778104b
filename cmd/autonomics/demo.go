package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app/demo"
)

func demoCommand(w *world) *cobra.Command {
	o := demo.Options{Out: w.out, Colour: w.terminal, Program: w.program}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "shows governors at work, with no account and no configuration",
		Long: `Starts a server with three tenants, whose targets are in this process, and plays
four hours of signals to it in about twenty seconds: a runaway bill, a bad
release, a backlog. Then it goes on serving until interrupted.`,
		Example: "  autonomics demo\n  autonomics demo --once --data ./demo-data",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Speed < 1 || o.Speed > 1e6 {
				return fmt.Errorf("--speed %g: want 1 to 1000000 seconds of the story in one", o.Speed)
			}
			o.Log = w.env().Log.Handler()
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:0", "loopback address of the API; port 0 takes any")
	cmd.Flags().StringVar(&o.Data, "data", "", "data directory, which must be empty; a temporary one if not given")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "what the story is made up from")
	cmd.Flags().Float64Var(&o.Speed, "speed", 720, "seconds of the story in one second")
	cmd.Flags().BoolVar(&o.Once, "once", false, "end when the story is told")
	return cmd
}
