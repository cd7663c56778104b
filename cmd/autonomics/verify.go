package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/app"
)

// A verification is what the flags ask for.
type verification struct {
	source
	tenant  string
	anchors []string
	prefix  bool
	again   bool
	options autonomics.VerifyOptions
}

func receiptsVerify(w *world) *cobra.Command {
	v := verification{source: source{w: w}}
	cmd := &cobra.Command{
		Use:   "verify [FILE | - | --data DIR | --url URL]",
		Short: "checks that nothing was changed, removed, moved or added",
		Long: `Checks an export (a file, or - for the standard input), a data directory that no
server has open, with its blocks and the chains of all tenants, or what a server
answers. It prints ok for each chain, or names the place that is wrong and exits
with 1.

An export without its head line is a prefix, of which nobody can say how much
followed; --prefix accepts that. --anchor pins a receipt that you know: without
one, a chain that was forged from its first receipt on looks as good as yours.

--replay also decides the chains of tenants again, each from its first receipt,
and names the receipts that this version would have written otherwise.`,
		Example: "  autonomics receipts verify acme.ndjson\n  autonomics receipts verify --data /var/lib/autonomics --tenant acme --anchor 42:9f86d081…",
		Args:    cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&v.url, "url", "http://127.0.0.1:8080", "address of the server to read from")
	f.StringVar(&v.data, "data", "", "data directory to check")
	f.StringVar(&v.tenant, "tenant", "", "only this tenant's chain")
	f.StringArrayVar(&v.anchors, "anchor", nil, "SEQ:HASH of a receipt that you know; may be repeated")
	f.BoolVar(&v.prefix, "prefix", false, "accept an export without its head")
	f.BoolVar(&v.asJSON, "json", false, "write one JSON object for each chain")
	f.BoolVar(&v.again, "replay", false, "decide again, and report what differs")
	cmd.MarkFlagsMutuallyExclusive("url", "data")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && v.again {
			return fmt.Errorf("verify %s with --replay? An export does not have the programs; name a server or a directory", args[0])
		}
		if v.again && v.tenant == string(autonomics.System) {
			return fmt.Errorf("--replay with --tenant %s? No kernel has decided that chain", v.tenant)
		}
		if len(args) == 1 && (v.data != "" || f.Changed("url")) {
			return fmt.Errorf("verify %s and a server or a directory too? Name one of them", args[0])
		}
		if len(args) == 0 && (v.prefix || len(v.anchors) > 0 && v.tenant == "") {
			return errors.New("--prefix is for files; --anchor of a server or a directory needs --tenant")
		}
		v.options.Prefix = v.prefix
		for _, s := range v.anchors {
			a, err := autonomics.ParseAnchor(s)
			if err != nil {
				return err
			}
			v.options.Anchors = append(v.options.Anchors, a)
		}
		verify := v.server
		switch {
		case len(args) == 1:
			return v.file(args[0])
		case v.data != "":
			verify = v.directory
		}
		if err := verify(cmd.Context()); err != nil || !v.again {
			return err
		}
		return v.replay(cmd.Context())
	}
	return cmd
}

func (v *verification) file(name string) error {
	in := v.w.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		defer f.Close()
		in = f
	}
	report, err := autonomics.Verify(in, v.options)
	if err == nil && v.tenant != "" && string(report.Tenant) != v.tenant {
		return no("%s: it is the chain of %s, not of %s", name, report.Tenant, v.tenant)
	}
	return v.tell(name, report, err)
}

// tell prints what came of one chain.
func (v *verification) tell(what string, r autonomics.Report, err error) error {
	at, wrong := errors.AsType[*autonomics.VerifyError](err)
	if err != nil && !wrong {
		return fmt.Errorf("verify %s: %w", what, err)
	}
	if v.asJSON {
		out := struct {
			OK       bool              `json:"ok"`
			Tenant   autonomics.Tenant `json:"tenant,omitempty"`
			First    uint64            `json:"first"`
			Last     uint64            `json:"last"`
			Hash     autonomics.Hash   `json:"hash"`
			Complete bool              `json:"complete"`
			Line     int               `json:"line,omitempty"`
			Error    string            `json:"error,omitempty"`
		}{OK: err == nil, Tenant: r.Tenant, First: r.First, Last: r.Last, Hash: r.Hash, Complete: r.Complete}
		if wrong {
			out.Line, out.Error = at.Line, at.Err.Error()
		}
		if e := v.w.json(out); e != nil {
			return e
		}
	} else if err == nil {
		word := "ok"
		if !r.Complete {
			word = "ok prefix"
		}
		fmt.Fprintf(v.w.out, "%s %s receipts %d to %d hash %s\n", word, r.Tenant, r.First, r.Last, r.Hash)
	}
	if err != nil {
		return no("verify %s: %w", what, err)
	}
	return nil
}

func (v *verification) directory(ctx context.Context) error {
	anchors := map[autonomics.Tenant][]autonomics.Anchor{}
	if len(v.options.Anchors) > 0 {
		anchors[autonomics.Tenant(v.tenant)] = v.options.Anchors
	}
	report, err := app.VerifyDirectory(ctx, v.data, anchors)
	if errors.Is(err, app.ErrDamaged) {
		return no("verify %s: %w", v.data, err)
	} else if err != nil {
		return fmt.Errorf("verify %s: %w", v.data, err)
	}
	found := false
	for _, r := range report.Tenants {
		if v.tenant != "" && string(r.Tenant) != v.tenant {
			continue
		}
		found = true
		if err := v.tell(v.data, r, nil); err != nil {
			return err
		}
	}
	if v.tenant != "" && !found {
		return no("verify %s: it has no receipt of the tenant %s", v.data, v.tenant)
	}
	if !v.asJSON {
		fmt.Fprintf(v.w.out, "ok %s: %d blocks, %d chains\n", v.data, report.Blocks, len(report.Tenants))
	}
	return nil
}

// server verifies what a server answers, as an export of each chain.
func (v *verification) server(ctx context.Context) error {
	v.http.Timeout = askTimeout
	if v.tenant != "" {
		return v.remote(ctx, v.tenant)
	}
	err := v.remote(ctx, string(autonomics.System))
	if err != nil {
		return err
	}
	return v.tenants(ctx, func(raw json.RawMessage) error {
		id, err := tenantOf(raw)
		if err != nil {
			return err
		}
		return v.remote(ctx, id)
	})
}

func (v *verification) remote(ctx context.Context, tenant string) error {
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		_, err := v.export(ctx, tenant, w)
		w.CloseWithError(err)
	}()
	report, err := autonomics.Verify(r, v.options)
	if negative, ok := errors.AsType[*negative](err); ok {
		return negative
	}
	return v.tell(v.url+" "+tenant, report, err)
}
