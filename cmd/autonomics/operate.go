package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/app/timeline"
)

// A scope is whom a command concerns.
type scope struct {
	Tenant   string `json:"tenant,omitempty"`
	Governor string `json:"governor,omitempty"`
	SKU      string `json:"sku,omitempty"`
}

func (s *scope) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.Tenant, "tenant", "", "only this tenant")
	cmd.Flags().StringVar(&s.Governor, "governor", "", "only this governor of the tenant")
	cmd.Flags().StringVar(&s.SKU, "sku", "", "only governors of this SKU")
}

func (s *scope) String() string {
	switch {
	case s.Governor != "":
		return "governor " + s.Governor + " of " + s.Tenant
	case s.SKU != "" && s.Tenant != "":
		return "governors of the SKU " + s.SKU + " of " + s.Tenant
	case s.SKU != "":
		return "governors of the SKU " + s.SKU
	case s.Tenant != "":
		return "tenant " + s.Tenant
	}
	return "everybody"
}

// command gives the server a command and tells its receipt. One that was
// refused is a no.
func (s *source) command(ctx context.Context, body map[string]any) (*autonomics.Receipt, error) {
	var answer struct{ Receipt json.RawMessage }
	if err := s.call(ctx, http.MethodPost, "/v1/commands", body, &answer); err != nil {
		return nil, err
	}
	r, err := autonomics.ParseReceipt(answer.Receipt)
	if err != nil {
		return nil, fmt.Errorf("the receipt of the command: %w", err)
	}
	if s.asJSON {
		if err := s.raw(answer.Receipt); err != nil {
			return nil, err
		}
	} else {
		p := timeline.Printer{Out: s.w.out, Layout: "2006-01-02 15:04:05", Colour: s.w.terminal}
		p.Print(r)
	}
	if r.Verdict == autonomics.Refused {
		return r, no("the command was refused: %s", r.Reason)
	}
	return r, nil
}

func stopCommand(w *world) *cobra.Command {
	var in scope
	var lasts, claims, reason string
	cmd := &cobra.Command{Use: "stop --for DURATION --reason TEXT", Short: "stops effects, at once and for a time", Args: args(),
		Long: `Stops effects from now on: of everybody, or of a tenant, a governor, a SKU. With
--claims keep (the default) nothing at all is sent to targets until the stop
ends or is resumed; with release, claims are taken back first. Governors go on
deciding, and say so in their receipts.`,
		Example: "  autonomics stop --tenant acme --for 30m --reason 'migration of the database'"}
	in.flags(cmd)
	cmd.Flags().StringVar(&lasts, "for", "", "how long, for example 30m (required)")
	cmd.Flags().StringVar(&claims, "claims", "keep", "keep or release")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt (required)")
	asking(w, cmd, func(ctx context.Context, s *source, _ []string) error {
		if _, err := autonomics.ParseDuration(lasts); err != nil {
			return fmt.Errorf("--for: a stop needs an end: %w", err)
		}
		if reason == "" {
			return errors.New("--reason: whoever finds the stop will want to know why")
		}
		_, err := s.command(ctx, map[string]any{"scope": in, "command": "stop", "for": lasts, "claims": claims, "reason": reason})
		if err == nil && !s.asJSON {
			fmt.Fprintf(w.out, "stopped: %s, for %s; `%s resume` with the same scope ends it before\n", &in, lasts, w.program)
		}
		return err
	})
	return cmd
}

func resumeCommand(w *world) *cobra.Command {
	var in scope
	var reason string
	cmd := &cobra.Command{Use: "resume", Short: "ends a stop before its time", Args: args(),
		Example: "  autonomics resume --tenant acme"}
	in.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, _ []string) error {
		body := map[string]any{"scope": in, "command": "resume"}
		if reason != "" {
			body["reason"] = reason
		}
		_, err := s.command(ctx, body)
		return err
	})
	return cmd
}

func modeCommand(w *world) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "mode TENANT NAME observe|approve|enforce", Short: "sets how far a governor's effects go", Args: args("TENANT", "NAME", "MODE"),
		Example: "  autonomics governors mode acme web-cost enforce --reason 'a week of observing was good'"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		body := map[string]any{"scope": scope{Tenant: args[0], Governor: args[1]}, "command": "mode", "mode": args[2]}
		if reason != "" {
			body["reason"] = reason
		}
		_, err := s.command(ctx, body)
		return err
	})
	return cmd
}

func bindingsCommand(w *world) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "lists the bindings", Args: args(), Example: "  autonomics bindings list"}
	reading(w, list, func(ctx context.Context, s *source, _ []string) error {
		var rows [][]string
		for after, more := "", true; more; {
			var page struct {
				Bindings []json.RawMessage
				Next     string
			}
			if err := s.get(ctx, "/v1/bindings?limit=1000&after="+url.QueryEscape(after), &page); err != nil {
				return err
			}
			for _, raw := range page.Bindings {
				if s.asJSON {
					if err := s.raw(raw); err != nil {
						return err
					}
				}
				var b autonomics.Binding
				if err := json.Unmarshal(raw, &b); err != nil {
					return err
				}
				rows = append(rows, []string{b.Name, b.Format, b.Carries, tenantsOf(&b), "/in/" + b.Name})
			}
			after, more = page.Next, page.Next != ""
		}
		if s.asJSON {
			return nil
		}
		return table(w.out, "BINDING\tFORMAT\tCARRIES\tTENANTS\tPATH", rows)
	})
	show := &cobra.Command{Use: "show NAME", Short: "shows one binding as JSON", Args: args("NAME"), Example: "  autonomics bindings show budgets"}
	reading(w, show, func(ctx context.Context, s *source, args []string) error {
		var raw json.RawMessage
		if err := s.get(ctx, "/v1/bindings/"+url.PathEscape(args[0]), &raw); err != nil {
			return err
		}
		return s.raw(raw)
	})
	return group("bindings", "shows and changes who may send what to whom", "  autonomics bindings list",
		list, show, bindingsAdd(w), bindingsRemove(w))
}

// tenantsOf names each tenant of a binding once, in order.
func tenantsOf(b *autonomics.Binding) string {
	seen := map[string]bool{}
	for _, row := range b.Select {
		seen[string(row.Tenant)] = true
	}
	return strings.Join(sorted(seen), ", ")
}

func bindingsAdd(w *world) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "add FILE", Short: "adds a binding, or replaces one of the same name", Args: args("FILE"),
		Long: `Adds the binding in a JSON file, for example
  {"name":"budgets","format":"gcp.budget","auth":"none",
   "select":[{"match":{"budgetId":"0b7e…"},"tenant":"acme","governor":"web-cost"}]}`,
		Example: "  autonomics bindings add budgets.json"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		text, err := os.ReadFile(args[0])
		if err != nil {
			return fmt.Errorf("read the binding: %w", err)
		}
		if !json.Valid(text) {
			return fmt.Errorf("%s: not JSON; `%s help bindings add` shows a binding", args[0], w.program)
		}
		body := map[string]any{"scope": scope{}, "command": "bind", "binding": json.RawMessage(text)}
		if reason != "" {
			body["reason"] = reason
		}
		_, err = s.command(ctx, body)
		return err
	})
	return cmd
}

func bindingsRemove(w *world) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "remove NAME", Short: "removes a binding: what it sends is refused from then on", Args: args("NAME"),
		Example: "  autonomics bindings remove budgets"}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the receipt")
	asking(w, cmd, func(ctx context.Context, s *source, args []string) error {
		body := map[string]any{"scope": scope{}, "command": "unbind", "name": args[0]}
		if reason != "" {
			body["reason"] = reason
		}
		_, err := s.command(ctx, body)
		return err
	})
	return cmd
}
