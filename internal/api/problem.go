package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/intake"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// A problem is an error as the caller sees it (RFC 9457).
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Instance string          `json:"instance,omitempty"` // path of the request
	Errors   []fault         `json:"errors,omitempty"`
	Results  json.RawMessage `json:"results,omitempty"` // of a batch that could not be committed whole
}

// A fault says which member is wrong.
type fault struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

func (p *problem) Error() string { return p.Type + ": " + p.Detail }

func fail(c code, format string, args ...any) *problem {
	e := &codes[c]
	return &problem{Type: "urn:autonomics:" + e.name, Title: e.title, Status: e.status, Detail: fmt.Sprintf(format, args...)}
}

// at names the member that the problem is about.
func (p *problem) at(pointer string) *problem {
	if pointer != "" {
		p.Errors = []fault{{pointer, p.Detail}}
	}
	return p
}

// noTenant is the answer where the path names the tenant.
func noTenant(name string) *problem {
	p := fail(unknownTenant, "tenant %q does not exist or is not yours", name)
	p.Status = http.StatusNotFound
	return p
}

// unreadable is the problem of a body or an item that intake cannot read.
func unreadable(err error) *problem {
	var item *intake.ItemError
	if errors.As(err, &item) {
		return fail(codeNamed(item.Type), "%s", item.Detail).at(item.Pointer)
	}
	var at *strictjson.Error
	if errors.As(err, &at) {
		return fail(malformed, "%s", at.Detail).at(at.Pointer)
	}
	return fail(malformed, "%v", err)
}

// refused is the problem of an event that the engine refused; prefix leads to
// the event in the body.
func refused(e *engine.Error, prefix string) *problem {
	return fail(codeNamed(string(e.Code)), "%s", e.Detail).at(prefix + e.Where)
}

// answer writes the problem.
func (p *problem) answer(c *call) {
	if p.Status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "1")
	}
	p.Instance = c.r.URL.EscapedPath()
	body, err := json.Marshal(p)
	if err != nil {
		panic("unreachable: a value of our own: " + err.Error())
	}
	c.send(p.Status, "application/problem+json", append(body, '\n'))
}
