package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A world is what a command line has around it.
type world struct {
	in        io.Reader
	out, errs io.Writer
	terminal  bool   // out is one
	program   string // how a person runs this program again
}

func system() world {
	w := world{in: os.Stdin, out: os.Stdout, errs: os.Stderr, program: "autonomics"}
	if info, err := os.Stdout.Stat(); err == nil {
		w.terminal = info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	if strings.Contains(os.Args[0], "go-build") {
		w.program = "go run ./cmd/autonomics"
	} else if strings.ContainsAny(os.Args[0], `/\`) {
		w.program = os.Args[0]
	}
	return w
}

// env is the world of a server at its usual speed.
func (w *world) env() app.Env {
	return app.Env{Now: time.Now, After: time.After, Random: rand.Float64, Log: app.NewLog(w.errs)}
}

// json writes one value as a line.
func (w *world) json(v any) error { return json.NewEncoder(w.out).Encode(v) }

func newRoot(w *world) *cobra.Command {
	root := &cobra.Command{
		Use:   "autonomics",
		Short: "turns operational signals into safe, reversible, provable actions",
		Long: `Autonomics runs governors: specs in JSON that read signals, act on the cloud when
their rules say so, take the action back when they no longer do, and leave a
hash-chained receipt for every decision.

Exit codes: 0 good, 1 the answer is no, 2 wrong usage or no answer.`,
		Example:           "  autonomics demo",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(w.in)
	root.SetOut(w.out)
	root.SetErr(w.errs)
	root.AddCommand(demoCommand(w), serveCommand(w), checkCommand(w), simulateCommand(w), backtestCommand(w), reportCommand(w), verdictCommand(w), receiptsCommand(w), whyCommand(w),
		tenantsCommand(w), governorsCommand(w), claimsCommand(w), bindingsCommand(w), stopCommand(w), resumeCommand(w),
		answerCommand(w, "approve", "lets an effect run that waits for approval"),
		answerCommand(w, "reject", "drops an effect that waits for approval"), conformCommand(w), versionCommand(w))
	return root
}

// group is a command that has others.
func group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return errors.New(cmd.CommandPath() + ": which one? There are " + names(cmd))
		}}
	cmd.AddCommand(commands...)
	return cmd
}

func unknown(cmd *cobra.Command, name string) error {
	return fmt.Errorf("unknown command %q; %s has %s", name, cmd.CommandPath(), names(cmd))
}

func names(cmd *cobra.Command) string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return strings.Join(out, ", ")
}

// args wants exactly the named arguments.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) == len(names) {
			return nil
		}
		return fmt.Errorf("%s: want %d arguments (%s), have %d; for example:\n%s",
			cmd.CommandPath(), len(names), strings.Join(names, " "), len(given), cmd.Example)
	}
}

func versionCommand(w *world) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "tells the version of this program", Example: "  autonomics version", Args: args(),
		RunE: func(*cobra.Command, []string) error {
			version := "(devel)"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				version = info.Main.Version
			}
			if asJSON {
				return w.json(map[string]any{"version": version, "kernel": kernel.Number, "go": runtime.Version()})
			}
			_, err := fmt.Fprintf(w.out, "autonomics %s, kernel %d, %s\n", version, kernel.Number, runtime.Version())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
