// Package api is the HTTP surface of one process: signals come in, commands
// and provisions are given, states and receipts are read.
//
// Its contract:
//
//   - An answer 200, 201 or 204 to a request that changes something says that
//     all of it is committed. 503 says that some of it is not; repeating the
//     whole is safe.
//   - Every error is application/problem+json (RFC 9457) with a type of the
//     table in codes.go. A batch has an error for each bad item, and its good
//     items are carried out.
//   - Reading answers from what is committed, and never waits for the writer.
//   - No credentials are known yet: whoever reaches the listener is the
//     principal "local". So only requests that name a loopback host, and that
//     no page of another origin has sent, are answered; the listener must be a
//     loopback one.
//
// The whole surface is the list in routes.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
)

// A Config is what the surface works with.
type Config struct {
	Engine  *engine.Engine
	View    *engine.View
	Now     func() autonomics.Time
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted
}

// Limits of a request.
const (
	maxSmall  = 1 << 20  // bytes of a body
	maxVendor = 15 << 20 // Pub/Sub messages have up to 10 MB, which base64 makes a third longer
	bodyTime  = 10 * time.Second
	waitTime  = 10 * time.Second // for the commit; senders give up then
)

// principal is who gives a command where there are no credentials.
const principal = "local"

type server struct{ Config }

// A route is one method of one path.
type route struct {
	method, pattern string
	serve           func(*call) error
	body            int64    // the most bytes of a body
	media           []string // content types that are taken; the handler decides if there are none
}

var (
	jsonMedia   = []string{"application/json"}
	signalMedia = []string{"application/json", "application/x-ndjson", "application/ndjson"}
)

// routes is the whole surface.
func (s *server) routes() []route {
	return []route{
		{"GET", "/healthz", s.alive, 0, nil},
		{"GET", "/startupz", s.alive, 0, nil},
		{"GET", "/readyz", s.ready, 0, nil},
		{"POST", "/v1/signals", s.signals, maxSmall, signalMedia},
		{"POST", "/in/{binding}", s.in, maxVendor, nil},
		{"GET", "/v1/tenants", s.listTenants, 0, nil},
		{"POST", "/v1/tenants", s.createTenant, maxSmall, jsonMedia},
		{"GET", "/v1/tenants/{tenant}", s.getTenant, 0, nil},
		{"PUT", "/v1/tenants/{tenant}/governors/{name}", s.putGovernor, maxSmall, jsonMedia},
		{"GET", "/v1/tenants/{tenant}/targets/{target}", s.getTarget, 0, nil},
		{"GET", "/v1/tenants/{tenant}/receipts", s.listReceipts, 0, nil},
		{"GET", "/v1/tenants/{tenant}/receipts/{seq}", s.getReceipt, 0, nil},
		{"GET", "/v1/tenants/{tenant}/receipts/{seq}/why", s.why, 0, nil},
		{"POST", "/v1/commands", s.command, maxSmall, jsonMedia},
		{"GET", "/v1/stop", s.listStops, 0, nil},
		{"GET", "/v1/bindings", s.listBindings, 0, nil},
		{"GET", "/v1/bindings/{name}", s.getBinding, 0, nil},
	}
}

// New returns the surface.
func New(c Config) http.Handler {
	s := &server{c}
	mux := http.NewServeMux()
	allowed := map[string]string{}
	for _, rt := range s.routes() {
		mux.Handle(rt.method+" "+rt.pattern, s.handle(rt))
		allow := rt.method
		if rt.method == "GET" {
			allow = "GET, HEAD"
		}
		if allowed[rt.pattern] != "" {
			allow = allowed[rt.pattern] + ", " + allow
		}
		allowed[rt.pattern] = allow
	}
	for pattern, allow := range allowed {
		mux.Handle(pattern, s.handle(route{pattern: pattern, serve: func(c *call) error {
			c.w.Header().Set("Allow", allow)
			return fail(methodNotAllowed, "%s takes %s, not %s", c.r.URL.Path, allow, c.r.Method)
		}}))
	}
	mux.Handle("/", s.handle(route{pattern: "other", serve: func(c *call) error {
		return fail(notFound, "there is nothing at %s", c.r.URL.Path)
	}}))
	return mux
}

// A call is one request being answered.
type call struct {
	w     *response
	r     *http.Request
	limit int64
}

// body reads the request's body.
func (c *call) body() ([]byte, error) {
	// A sender is not believed how much it will send.
	buf := bytes.NewBuffer(make([]byte, 0, min(max(c.r.ContentLength, 0), 64<<10)+bytes.MinRead))
	_, err := buf.ReadFrom(http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, c.limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, fail(tooLarge, "a body of this route has at most %d bytes: send less at once", c.limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return nil, fail(slowBody, "the body did not arrive within %v", bodyTime)
	case err != nil:
		return nil, fail(malformed, "the body ended early: %v", err)
	}
	http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	return buf.Bytes(), nil
}

// json answers with v.
func (c *call) json(status int, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	c.send(status, "application/json", buf.Bytes())
	return nil
}

func (c *call) send(status int, media string, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	c.w.Write(body) // an error means that nobody reads the answer
}

// submit hands events to the engine. Its problem is that not all of them could
// be committed; the results are those of the events that were.
func (s *server) submit(c *call, events ...engine.Event) ([]engine.Result, *problem) {
	ctx, cancel := context.WithTimeout(c.r.Context(), waitTime)
	defer cancel()
	results, err := s.Engine.Submit(ctx, events...)
	return results, uncommitted(err)
}

// uncommitted is the problem that an error of the engine's is, or nil.
func uncommitted(err error) *problem {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, engine.ErrOverloaded):
		return fail(overloaded, "more is waiting to be committed than is taken in: send it again")
	case errors.Is(err, context.DeadlineExceeded):
		return fail(unavailable, "not committed within %v, and it may still be: send it again: %v", waitTime, err)
	}
	return fail(unavailable, "not committed: send it again: %v", err)
}

func (s *server) alive(c *call) error {
	c.w.WriteHeader(http.StatusOK)
	_, err := io.WriteString(c.w, "ok\n")
	return err
}

func (s *server) ready(c *call) error {
	if err := s.Engine.Ready(); err != nil {
		return fail(unavailable, "not ready: %v", err)
	}
	return s.alive(c)
}
