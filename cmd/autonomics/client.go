package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/app"
)

// A source is where a command asks: a server, or a data directory without one.
type source struct {
	w      *world
	url    string
	data   string
	asJSON bool

	http  http.Client
	close func() error
}

// reading adds the flags of a command that reads, and opens its source around
// what it does.
func reading(w *world, cmd *cobra.Command, run func(ctx context.Context, s *source, args []string) error) *cobra.Command {
	s := asking(w, cmd, run)
	cmd.Flags().StringVar(&s.data, "data", "", "data directory to read instead, while no server runs on it")
	cmd.MarkFlagsMutuallyExclusive("url", "data")
	return cmd
}

// asking is for commands that only a server can carry out.
func asking(w *world, cmd *cobra.Command, run func(ctx context.Context, s *source, args []string) error) *source {
	s := &source{w: w, close: func() error { return nil }}
	cmd.Flags().StringVar(&s.url, "url", "http://127.0.0.1:8080", "address of the server")
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "write JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := s.open(cmd.Context()); err != nil {
			return err
		}
		err := run(cmd.Context(), s, args)
		if e := s.close(); err == nil {
			err = e
		}
		return err
	}
	return s
}

// askTimeout bounds one request.
const askTimeout = time.Minute

func (s *source) open(ctx context.Context) error {
	s.http.Timeout = askTimeout
	if s.data == "" {
		return nil
	}
	offline, err := app.OpenOffline(ctx, s.data, s.w.env())
	if err != nil {
		return fmt.Errorf("%w; a running server answers with --url", err)
	}
	s.url, s.http.Transport, s.close = "http://127.0.0.1", offline, offline.Close
	return nil
}

// ask sends a request and returns a good answer's body.
func (s *source) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.url, "/")+path, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w; want --url http://127.0.0.1:8080", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w; start one with `%s serve`, name another with --url, or read a directory with --data", err, s.w.program)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp, nil
}

// problem reads the server's refusal.
func problem(resp *http.Response) error {
	var p struct {
		Title, Detail string
		Errors        []struct{ Pointer, Detail string }
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(text, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answers %s; is it autonomics?", resp.Status)
	}
	words := strings.TrimSuffix(strings.ToLower(p.Title[:1])+p.Title[1:]+": "+p.Detail, ": ")
	for _, e := range p.Errors {
		if e.Detail != p.Detail {
			words += "; " + strings.TrimPrefix(e.Pointer+": "+e.Detail, ": ")
		}
	}
	switch {
	case resp.StatusCode >= 500:
		return fmt.Errorf("the server cannot answer: %s", words)
	case resp.StatusCode == http.StatusBadRequest:
		return errors.New(words)
	}
	return no("%s", words)
}

// get decodes an answer into v.
func (s *source) get(ctx context.Context, path string, v any) error {
	return s.call(ctx, http.MethodGet, path, nil, v)
}

func (s *source) call(ctx context.Context, method, path string, body, v any) error {
	resp, err := s.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("%s %s: the answer is not what this version reads: %w", method, path, err)
	}
	return nil
}

// tenants calls fn for each tenant, in order, as the server describes it.
func (s *source) tenants(ctx context.Context, fn func(json.RawMessage) error) error {
	for after, more := "", true; more; {
		var page struct {
			Tenants []json.RawMessage
			Next    string
		}
		if err := s.get(ctx, "/v1/tenants?limit=1000&after="+url.QueryEscape(after), &page); err != nil {
			return err
		}
		for _, t := range page.Tenants {
			if err := fn(t); err != nil {
				return err
			}
		}
		after, more = page.Next, page.Next != ""
	}
	return nil
}

// A head is how far a chain goes.
type head struct {
	seq  uint64
	hash autonomics.Hash
}

// receipts asks for one page of a tenant's lines after number after.
func (s *source) receipts(ctx context.Context, tenant string, after uint64, limit int) (lines [][]byte, h head, err error) {
	resp, err := s.ask(ctx, http.MethodGet, fmt.Sprintf("/v1/tenants/%s/receipts?after=%d&limit=%d", url.PathEscape(tenant), after, limit), nil)
	if err != nil {
		return nil, h, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, h, err
	}
	for line := range bytes.Lines(body) {
		lines = append(lines, bytes.TrimSuffix(line, []byte{'\n'}))
	}
	seq, hash, _ := strings.Cut(resp.Header.Get("Autonomics-Head"), " ")
	if h.seq, err = strconv.ParseUint(seq, 10, 53); err == nil {
		h.hash, err = autonomics.ParseHash(hash)
	}
	if err != nil {
		return nil, h, fmt.Errorf("tenant %s: header Autonomics-Head: %w", tenant, err)
	}
	return lines, h, nil
}

// page is how many receipts are asked for at once.
const page = 1000

// chain calls fn for each line from the first one that is kept to the head as
// it was when it began, and returns that head.
func (s *source) chain(ctx context.Context, tenant string, fn func(line []byte) error) (h head, err error) {
	var t struct{ First uint64 }
	if tenant != string(autonomics.System) {
		if err := s.get(ctx, "/v1/tenants/"+url.PathEscape(tenant), &t); err != nil {
			return h, err
		}
	}
	after := max(t.First, 1) - 1
	for first := true; first || after < h.seq; first = false {
		lines, now, err := s.receipts(ctx, tenant, after, page)
		if err != nil {
			return h, err
		}
		if first {
			h = now
		}
		if len(lines) == 0 && after < h.seq {
			return h, no("tenant %s: the server has no receipt after %d, but says that %d is the last", tenant, after, h.seq)
		}
		for _, line := range lines[:min(uint64(len(lines)), h.seq-after)] {
			if err := fn(line); err != nil {
				return h, err
			}
		}
		after += uint64(len(lines))
	}
	return h, nil
}
