package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/engine"
)

// command gives a command to the engine and answers with its receipt, also
// when it is refused.
func (s *server) command(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	cmd, err := readCommand(body)
	if err != nil {
		return unreadable(err)
	}
	res, err := s.order(c, cmd)
	if err != nil {
		return uncommitted(err)
	}
	if res.Err != nil {
		return refused(res.Err, "")
	}
	receipt := *res.Receipts[0] // shared with the engine
	line, err := receipt.Seal()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Receipt json.RawMessage `json:"receipt"`
	}{line})
}

func (s *server) order(c *call, cmd *autonomics.Command) (engine.Result, error) {
	ctx, cancel := context.WithTimeout(c.r.Context(), waitTime)
	defer cancel()
	switch cmd.Command {
	case "stop":
		return s.Engine.Stop(ctx, cmd)
	case "resume":
		return s.Engine.Resume(ctx, cmd)
	}
	results, err := s.Engine.Submit(ctx, engine.Event{Command: cmd})
	if err != nil {
		return engine.Result{}, err
	}
	return results[0], nil
}

// A stopBody is a stop in force.
type stopBody struct {
	Scope  scopeBody `json:"scope"`
	Until  string    `json:"until"`
	Claims string    `json:"claims"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Seq    uint64    `json:"seq,omitempty"` // its receipt of _system; none: it could not be recorded
}

type scopeBody struct {
	Tenant   autonomics.Tenant `json:"tenant,omitempty"`
	Governor string            `json:"governor,omitempty"`
	SKU      string            `json:"sku,omitempty"`
}

func (s *server) listStops(c *call) error {
	return c.json(http.StatusOK, struct {
		Stops []stopBody `json:"stops"`
	}{list(s.Engine.Gate.Stops(), func(x directory.Stop) stopBody {
		return stopBody{scopeBody(x.Scope), x.Until.String(), x.Claims, x.By, x.Reason, x.Seq}
	})})
}

func (s *server) listBindings(c *call) error {
	after, limit, err := c.page()
	if err != nil {
		return err
	}
	page := struct {
		Bindings []autonomics.Binding `json:"bindings"`
		Next     string               `json:"next,omitempty"`
	}{Bindings: []autonomics.Binding{}}
	s.View.Directory(func(d *directory.Directory) {
		for _, name := range slices.Sorted(maps.Keys(d.Bindings)) {
			if name <= after {
				continue
			}
			if len(page.Bindings) == limit {
				page.Next = page.Bindings[limit-1].Name
				return
			}
			page.Bindings = append(page.Bindings, d.Bindings[name])
		}
	})
	return c.json(http.StatusOK, page)
}

func (s *server) getBinding(c *call) error {
	b, ok := s.binding(c.r.PathValue("name"))
	if !ok {
		return fail(unknownBinding, "there is no binding %q", c.r.PathValue("name"))
	}
	return c.json(http.StatusOK, b)
}
