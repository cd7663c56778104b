package api

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// handle puts what holds for every request around a route: who may ask, which
// content types are taken, errors as problems, and a panic that is one
// request's own.
func (s *server) handle(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: &response{ResponseWriter: w}, r: r, limit: rt.body}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.Log.Error("request", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				if c.w.status == 0 {
					fail(internal, "the server could not answer; its log says why").answer(c)
					p = nil
				}
			}
			s.Metrics.request(rt.pattern, c.w.status)
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		if r.ContentLength != 0 { // also for a body that is not read: the server drains it
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		err := admit(r)
		if err == nil && rt.media != nil {
			err = accept(r, rt.media)
		}
		if err == nil {
			err = rt.serve(c)
		}
		if err != nil {
			s.explain(c, err)
		}
	})
}

// explain answers with an error.
func (s *server) explain(c *call, err error) {
	var p *problem
	if !errors.As(err, &p) {
		s.Log.Error("request", "method", c.r.Method, "path", c.r.URL.Path, "error", err)
		p = fail(internal, "the server could not answer; its log says why")
	}
	if c.w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look whole
	}
	p.answer(c)
}

// admit refuses what a browser may have been made to send: requests under a
// name that somebody else resolves to this machine, and those of foreign pages.
func admit(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if !strings.EqualFold(host, "localhost") && host != "127.0.0.1" && host != "::1" {
		return fail(foreignHost, "host %.80q: want localhost, 127.0.0.1 or [::1]", r.Host)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return fail(crossOrigin, "Sec-Fetch-Site is %.40q: want same-origin", site)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return fail(crossOrigin, "origin %.80q: want the one of this server", origin)
		}
	}
	return nil
}

// accept checks the type of the body.
func accept(r *http.Request, media []string) error {
	have, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !slices.Contains(media, strings.ToLower(strings.TrimSpace(have))) {
		return fail(mediaType, "content type %.80q: want %s", have, strings.Join(media, " or "))
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fail(mediaType, "content encoding %.80q: send the body as it is", coding)
	}
	return nil
}

// A response remembers the status.
type response struct {
	http.ResponseWriter
	status int
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
