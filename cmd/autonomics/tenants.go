package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// A tenantView is what the server says of a tenant.
type tenantView struct {
	Tenant       string `json:"tenant"`
	Entitlements []struct {
		ID    string   `json:"id"`
		State string   `json:"state"`
		SKUs  []string `json:"skus"`
	} `json:"entitlements"`
	First uint64 `json:"first"`
	Head  struct {
		Seq  uint64 `json:"seq"`
		Hash string `json:"hash"`
	} `json:"head"`
	Governors []json.RawMessage `json:"governors"`
}

// A governorView is what it says of a governor.
type governorView struct {
	Name    string      `json:"name"`
	SKU     string      `json:"sku"`
	Program string      `json:"program"`
	Profile string      `json:"profile"`
	Mode    string      `json:"mode"`
	State   string      `json:"state"`
	Causes  []string    `json:"causes"`
	Since   string      `json:"since"`
	Claims  []claimView `json:"claims"`
	Holds   []struct {
		Target   string `json:"target"`
		Rejected string `json:"rejected"`
	} `json:"holds"`
	Held []struct {
		Effect string            `json:"effect"`
		Action string            `json:"action"`
		Cause  string            `json:"cause"`
		Since  string            `json:"since"`
		Reason string            `json:"reason"`
		Until  string            `json:"until"`
		Value  map[string]string `json:"value"`
	} `json:"held"`
	Disarmed []string `json:"disarmed"`
}

type claimView struct {
	Action string            `json:"action"`
	Target string            `json:"target"`
	With   map[string]string `json:"with"`
	Until  string            `json:"until"`
	Stage  string            `json:"stage"`
}

// table writes rows in columns.
func table(w io.Writer, head string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// tenantOf returns the id in an entry of the list of tenants.
func tenantOf(raw json.RawMessage) (string, error) {
	var v tenantView
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", fmt.Errorf("list of tenants: %w", err)
	}
	return v.Tenant, nil
}

// raw writes JSON as it came, on one line.
func (s *source) raw(v json.RawMessage) error {
	_, err := fmt.Fprintf(s.w.out, "%s\n", strings.TrimSpace(string(v)))
	return err
}

// tenant asks for one tenant.
func (s *source) tenant(ctx context.Context, id string) (raw json.RawMessage, v tenantView, err error) {
	if err = s.get(ctx, "/v1/tenants/"+url.PathEscape(id), &raw); err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return raw, v, err
}

// governors calls fn for those of a tenant.
func (s *source) governors(ctx context.Context, tenant string, fn func(raw json.RawMessage, g *governorView) error) error {
	_, v, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	for _, raw := range v.Governors {
		var g governorView
		if err := json.Unmarshal(raw, &g); err != nil {
			return fmt.Errorf("governors of %s: %w", tenant, err)
		}
		if err := fn(raw, &g); err != nil {
			return err
		}
	}
	return nil
}

func tenantsCommand(w *world) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "lists the tenants", Args: args(), Example: "  autonomics tenants list"}
	reading(w, list, func(ctx context.Context, s *source, _ []string) error {
		var rows [][]string
		err := s.tenants(ctx, func(raw json.RawMessage) error {
			if s.asJSON {
				return s.raw(raw)
			}
			id, err := tenantOf(raw)
			rows = append(rows, []string{id})
			return err
		})
		if err != nil || s.asJSON {
			return err
		}
		return table(w.out, "TENANT", rows)
	})
	show := &cobra.Command{Use: "show TENANT", Short: "shows a tenant's entitlements, chain and governors", Args: args("TENANT"),
		Example: "  autonomics tenants show acme"}
	reading(w, show, func(ctx context.Context, s *source, args []string) error {
		raw, v, err := s.tenant(ctx, args[0])
		if err != nil {
			return err
		}
		if s.asJSON {
			return s.raw(raw)
		}
		fmt.Fprintf(w.out, "tenant       %s\nreceipts     %d to %d, hash %s\n", v.Tenant, v.First, v.Head.Seq, v.Head.Hash)
		for _, e := range v.Entitlements {
			fmt.Fprintf(w.out, "entitlement  %s is %s for %s\n", e.ID, e.State, strings.Join(e.SKUs, ", "))
		}
		return s.listGovernors(ctx, args[0])
	})
	return group("tenants", "shows tenants", "  autonomics tenants list", list, show)
}

// listGovernors writes the table of a tenant's governors.
func (s *source) listGovernors(ctx context.Context, tenant string) error {
	var rows [][]string
	err := s.governors(ctx, tenant, func(raw json.RawMessage, g *governorView) error {
		if s.asJSON {
			return s.raw(raw)
		}
		state := g.State
		if len(g.Causes) > 0 {
			state += " (" + strings.Join(g.Causes, ", ") + ")"
		}
		rows = append(rows, []string{g.Name, g.SKU, g.Profile, g.Mode, state, g.Since, fmt.Sprint(len(g.Claims)), fmt.Sprint(len(g.Holds))})
		return nil
	})
	if err != nil || s.asJSON {
		return err
	}
	return table(s.w.out, "GOVERNOR\tSKU\tPROFILE\tMODE\tSTATE\tSINCE\tCLAIMS\tHOLDS", rows)
}

func governorsCommand(w *world) *cobra.Command {
	list := &cobra.Command{Use: "list TENANT", Short: "lists a tenant's governors", Args: args("TENANT"),
		Example: "  autonomics governors list acme"}
	reading(w, list, func(ctx context.Context, s *source, args []string) error { return s.listGovernors(ctx, args[0]) })
	show := &cobra.Command{Use: "show TENANT NAME", Short: "shows one governor with its claims and holds", Args: args("TENANT", "NAME"),
		Example: "  autonomics governors show acme web-cost"}
	reading(w, show, func(ctx context.Context, s *source, args []string) error {
		found := false
		err := s.governors(ctx, args[0], func(raw json.RawMessage, g *governorView) error {
			if g.Name != args[1] {
				return nil
			}
			found = true
			if s.asJSON {
				return s.raw(raw)
			}
			g.write(w.out)
			return nil
		})
		if err == nil && !found {
			return no("tenant %s has no governor %q; `%s governors list %s` lists them", args[0], args[1], w.program, args[0])
		}
		return err
	})
	return group("governors", "shows governors and sets their mode", "  autonomics governors list acme", list, show, modeCommand(w), resetCommand(w))
}

func (g *governorView) write(w io.Writer) {
	fmt.Fprintf(w, "governor  %s\nprogram   %s, profile %s, %s\nmode      %s\nstate     %s since %s\n",
		g.Name, g.SKU, g.Profile, g.Program, g.Mode, g.State, g.Since)
	if len(g.Causes) > 0 {
		fmt.Fprintf(w, "causes    %s\n", strings.Join(g.Causes, ", "))
	}
	for _, c := range g.Claims {
		fmt.Fprintf(w, "claim     %s\n", strings.Join(c.row(), " "))
	}
	for _, h := range g.Holds {
		fmt.Fprintf(w, "hold      %s: %s stays rejected\n", h.Target, h.Rejected)
	}
	for _, h := range g.Held {
		fmt.Fprintf(w, "held      %s by %s since %s: %s\n", h.Action, strings.TrimSpace(h.Cause+" "+h.Reason), h.Since, h.Effect)
		for _, name := range sorted(h.Value) {
			fmt.Fprintf(w, "          would set %s to %s\n", name, h.Value[name])
		}
		if h.Until != "" {
			fmt.Fprintf(w, "          until %s\n", h.Until)
		}
	}
	for _, action := range g.Disarmed {
		fmt.Fprintf(w, "disarmed  %s did not help; a reset arms it again\n", action)
	}
}

func (c *claimView) row() []string {
	with := make([]string, 0, len(c.With))
	for _, name := range sorted(c.With) {
		with = append(with, name+"="+c.With[name])
	}
	return []string{c.Action, c.Target, strings.Join(with, " "), c.Stage, c.Until}
}

func claimsCommand(w *world) *cobra.Command {
	list := &cobra.Command{Use: "list TENANT", Short: "lists the claims of a tenant's governors", Args: args("TENANT"),
		Example: "  autonomics claims list acme"}
	reading(w, list, func(ctx context.Context, s *source, args []string) error {
		var rows [][]string
		err := s.governors(ctx, args[0], func(_ json.RawMessage, g *governorView) error {
			for _, c := range g.Claims {
				if s.asJSON {
					if err := w.json(struct {
						Governor string `json:"governor"`
						claimView
					}{g.Name, c}); err != nil {
						return err
					}
				}
				rows = append(rows, append([]string{g.Name}, c.row()...))
			}
			return nil
		})
		if err != nil || s.asJSON {
			return err
		}
		return table(w.out, "GOVERNOR\tACTION\tTARGET\tWITH\tSTAGE\tUNTIL", rows)
	})
	return group("claims", "shows what governors want of targets", "  autonomics claims list acme", list, claimsShow(w))
}
