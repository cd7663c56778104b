package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/app/timeline"
)

func receiptsCommand(w *world) *cobra.Command {
	return group("receipts", "reads, exports and verifies receipts", "  autonomics receipts list acme",
		receiptsList(w), receiptsShow(w), receiptsVerify(w), receiptsExport(w))
}

func receiptsList(w *world) *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{Use: "list TENANT", Short: "lists a tenant's receipts, one line each", Args: args("TENANT"),
		Long:    "Lists a tenant's receipts, one line each; --json writes them as they are. The directory's own chain is that of the tenant _system.",
		Example: "  autonomics receipts list acme --after 100 --limit 20"}
	cmd.Flags().Uint64Var(&after, "after", 0, "begin after the receipt of this number")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many, up to 1000")
	return reading(w, cmd, func(ctx context.Context, s *source, args []string) error {
		lines, _, err := s.receipts(ctx, args[0], after, limit)
		if err != nil {
			return err
		}
		p := timeline.Printer{Out: w.out, Layout: "2006-01-02 15:04:05.000", Colour: w.terminal}
		for _, line := range lines {
			if s.asJSON {
				fmt.Fprintf(w.out, "%s\n", line)
				continue
			}
			r, err := autonomics.ParseReceipt(line)
			if err != nil {
				return no("tenant %s: %v", args[0], err)
			}
			p.Print(r)
		}
		return nil
	})
}

func receiptsShow(w *world) *cobra.Command {
	cmd := &cobra.Command{Use: "show TENANT SEQ", Short: "shows one receipt", Args: args("TENANT", "SEQ"),
		Example: "  autonomics receipts show acme 42"}
	return reading(w, cmd, func(ctx context.Context, s *source, args []string) error {
		line, err := s.receipt(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		if s.asJSON {
			_, err = fmt.Fprintf(w.out, "%s\n", line)
			return err
		}
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		out := json.NewEncoder(w.out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(v)
	})
}

// receipt returns one line.
func (s *source) receipt(ctx context.Context, tenant, seq string) ([]byte, error) {
	if _, err := strconv.ParseUint(seq, 10, 53); err != nil {
		return nil, fmt.Errorf("receipt %q: want its number, for example 42", seq)
	}
	resp, err := s.ask(ctx, http.MethodGet, "/v1/tenants/"+url.PathEscape(tenant)+"/receipts/"+seq, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	line, err := io.ReadAll(resp.Body)
	for len(line) > 0 && line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}
	return line, err
}

func receiptsExport(w *world) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "export TENANT", Short: "writes a tenant's whole chain", Args: args("TENANT"),
		Long: `Writes a start line, the receipts, and a line with the head, so that anybody can
verify the chain with nothing else in hand.`,
		Example: "  autonomics receipts export acme -o acme.ndjson"}
	cmd.Flags().StringVarP(&file, "output", "o", "-", "file to write, - for the standard output")
	return reading(w, cmd, func(ctx context.Context, s *source, args []string) (err error) {
		out := io.Writer(w.out)
		if file != "-" {
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("write the export: %w; choose another file with -o", err)
			}
			defer func() {
				if e := f.Close(); err == nil {
					err = e
				}
			}()
			out = f
		}
		buffered := bufio.NewWriter(out)
		h, err := s.export(ctx, args[0], buffered)
		if err == nil {
			err = buffered.Flush()
		}
		if err == nil && file != "-" {
			fmt.Fprintf(w.errs, "wrote %s up to receipt %d; `%s receipts verify %s` checks it\n", file, h.seq, w.program, file)
		}
		return err
	})
}

// export writes a tenant's chain with its frame.
func (s *source) export(ctx context.Context, tenant string, out io.Writer) (head, error) {
	begun := false
	h, err := s.chain(ctx, tenant, func(line []byte) error {
		if !begun {
			begun = true
			r, err := autonomics.ParseReceipt(line)
			if err != nil {
				return no("tenant %s: %v", tenant, err)
			}
			if _, err := fmt.Fprintf(out, "%s\n", autonomics.AppendStart(nil, autonomics.Tenant(tenant), r.Seq, r.Prev)); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(out, "%s\n", line)
		return err
	})
	if err == nil && !begun {
		_, err = fmt.Fprintf(out, "%s\n", autonomics.AppendStart(nil, autonomics.Tenant(tenant), 1, autonomics.Hash{}))
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", autonomics.AppendHead(nil, autonomics.Tenant(tenant), h.seq, h.hash))
	}
	return h, err
}
