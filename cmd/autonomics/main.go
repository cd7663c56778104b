// Command autonomics runs governors: it serves them, shows and verifies what
// they decided, and lets operators stop them. `autonomics help` lists the
// commands.
//
// It exits with 0 if all is well, with 1 if the answer is no (a spec that is
// wrong, a chain that is broken, a tenant that is not there), and with 2 if it
// was used wrongly or could not find out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], system()))
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, w world) int {
	root := newRoot(&w)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var no *negative
	switch {
	case err == nil:
		return 0
	case errors.As(err, &no):
		if no.error != nil {
			fmt.Fprintln(w.errs, "autonomics:", err)
		}
		return 1
	}
	fmt.Fprintln(w.errs, "autonomics:", err)
	return 2
}

// A negative is a good question's bad answer: exit code 1.
type negative struct{ error }

func (n *negative) Unwrap() error { return n.error }

func no(format string, args ...any) error { return &negative{fmt.Errorf(format, args...)} }
