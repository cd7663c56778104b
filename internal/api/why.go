package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/why"
)

// whyTime is how long the chain before a receipt may take to fold.
const whyTime = 30 * time.Second

// why answers with a receipt and more members: what follows from the tenant as
// it was before, of what a kernel has decided, and a sentence or three.
func (s *server) why(c *call) error {
	line, err := s.receipt(c)
	if err != nil {
		return err
	}
	r, err := autonomics.ParseReceipt(line)
	if err != nil {
		return err
	}
	more := struct {
		*why.Explanation
		Text string `json:"text"`
	}{Text: explain(r)}
	if r.Tenant != autonomics.System {
		more.Explanation = s.recompute(c.r.Context(), r)
	}
	members, err := json.Marshal(more)
	if err != nil {
		return err
	}
	members[0] = ','
	c.send(http.StatusOK, "application/json", slices.Concat(line[:len(line)-1], members))
	return nil
}

// recompute explains a receipt from the tenant before it. Where that cannot be
// had, what the receipt holds is answered all the same.
func (s *server) recompute(ctx context.Context, r *autonomics.Receipt) *why.Explanation {
	ctx, cancel := context.WithTimeout(ctx, whyTime)
	defer cancel()
	before, err := s.Engine.Before(ctx, r.Tenant, r.Seq)
	if err != nil {
		return &why.Explanation{Again: "not known: " + err.Error()}
	}
	e := why.Explain(before, r, s.View.Programs())
	return &e
}
