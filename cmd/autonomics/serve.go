package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app"
)

func serveCommand(w *world) *cobra.Command {
	defaults := app.Defaults()
	var flags app.Config
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "runs the server",
		Long: `Runs the server until it is told to end (SIGTERM, SIGINT). When it is ready it
prints one line with its addresses. Logs and notices are JSON lines on the
standard error.

The configuration file is JSON with the members listen, metrics, data and skus
(spec files to add to the built-in ones); flags win over it.`,
		Example: "  autonomics serve --data /var/lib/autonomics",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config := defaults
			if file != "" {
				if err := config.ReadConfig(file); err != nil {
					return err
				}
			}
			for name, member := range map[string]struct{ to, from *string }{
				"listen": {&config.Listen, &flags.Listen}, "metrics": {&config.Metrics, &flags.Metrics}, "data": {&config.Data, &flags.Data},
			} {
				if cmd.Flags().Changed(name) {
					*member.to = *member.from
				}
			}
			return w.serve(cmd.Context(), config)
		},
	}
	cmd.Flags().StringVar(&flags.Listen, "listen", defaults.Listen, "loopback address of the API; port 0 takes any")
	cmd.Flags().StringVar(&flags.Metrics, "metrics", defaults.Metrics, "loopback address of /metrics and /debug/pprof/")
	cmd.Flags().StringVar(&flags.Data, "data", defaults.Data, "data directory; created if it is not there")
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	return cmd
}

func (w *world) serve(ctx context.Context, config app.Config) error {
	a, err := app.Open(ctx, config, w.env())
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end before it was ready
	} else if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w.out, a.Ready()); err != nil {
		return err
	}
	return a.Serve(ctx)
}
