package api

import (
	"net/http"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A contestBody is what governors claim of one field of a target.
type contestBody struct {
	Uses     string         `json:"uses"`
	Field    string         `json:"field"`
	Baseline string         `json:"baseline,omitempty"` // what the last release restores
	InForce  string         `json:"in_force,omitempty"` // what was written last
	Claims   []standingBody `json:"claims"`             // the strongest first
	Next     *nextBody      `json:"next,omitempty"`
}

type standingBody struct {
	Governor string            `json:"governor"`
	Class    string            `json:"class"`
	Action   string            `json:"action"`
	Value    string            `json:"value"`
	Stage    kernel.ClaimStage `json:"stage"`
	Until    string            `json:"until,omitempty"`
	InForce  bool              `json:"in_force"`
	Lost     string            `json:"lost,omitempty"` // class, stricter, name; or what it waits for; or released
}

// A nextBody says what follows when the claim in force ends: another claim's
// value, or the baseline.
type nextBody struct {
	After    string `json:"after"`              // governor of the claim in force
	Governor string `json:"governor,omitempty"` // whose claim comes next; none: the baseline is restored
	Value    string `json:"value"`
}

// A barredBody is an action that is not requested on the target for now.
type barredBody struct {
	Governor string `json:"governor"`
	Action   string `json:"action"`
	Until    string `json:"until"` // the rule that must be false once
}

type targetBody struct {
	Tenant autonomics.Tenant `json:"tenant"`
	directory.Target
	Fields []contestBody `json:"fields"`
	Barred []barredBody  `json:"barred"`
}

// getTarget tells who wants what of a target, which value is in force, why the
// others are not, and what would come next.
func (s *server) getTarget(c *call) error {
	id, name := autonomics.Tenant(c.r.PathValue("tenant")), c.r.PathValue("target")
	row := s.row(id)
	if row == nil {
		return noTenant(string(id))
	}
	target := row.Target(name)
	if target == nil {
		return fail(notFound, "tenant %s has no target %q", id, name)
	}
	body := targetBody{Tenant: id, Target: *target, Fields: []contestBody{}, Barred: []barredBody{}}
	if t := s.View.Tenant(id); t != nil && s.Engine.Core.Fenced()[id] == "" {
		body.Fields = list(t.Contests(name), contest)
		for i := range t.Governors {
			body.Barred = append(body.Barred, barred(&t.Governors[i], name)...)
		}
	}
	return c.json(http.StatusOK, body)
}

func contest(x kernel.Contest) contestBody {
	body := contestBody{Uses: x.Uses, Field: x.Field, Baseline: x.Baseline, InForce: x.Written,
		Claims: list(x.Claims, func(s kernel.Standing) standingBody {
			b := standingBody{Governor: s.Governor, Class: s.Class.String(), Action: s.Claim.Action, Value: s.Value,
				Stage: s.Claim.Stage, InForce: s.Lost == "", Lost: s.Lost}
			if s.Claim.Until != 0 {
				b.Until = s.Claim.Until.String()
			}
			return b
		})}
	if len(x.Claims) == 0 || x.Claims[0].Lost != "" {
		return body
	}
	body.Next = &nextBody{After: x.Claims[0].Governor, Value: x.Baseline}
	if len(x.Claims) > 1 && x.Claims[1].Competes() {
		body.Next.Governor, body.Next.Value = x.Claims[1].Governor, x.Claims[1].Value
	}
	return body
}

func barred(g *kernel.Governor, target string) (out []barredBody) {
	for _, b := range g.Bars {
		if g.Target(b.Action) == target {
			out = append(out, barredBody{g.Name, b.Action, b.Rule})
		}
	}
	return out
}
