package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/autonomics-dev/autonomics/internal/api"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/ledger/filestore"
)

// An Offline answers requests about a data directory that no server has open,
// by the code of the server, and changes nothing.
type Offline struct {
	store *filestore.Store
	api   http.Handler
}

// OpenOffline recovers what is in a directory.
func OpenOffline(ctx context.Context, dir string, env Env) (*Offline, error) {
	docs, err := specs(nil)
	if err != nil {
		return nil, err
	}
	store, err := filestore.OpenReadOnly(dir)
	if err != nil {
		return nil, err
	}
	a := App{env: env}
	core := newCore(docs)
	e, err := engine.OpenReadOnly(ctx, engine.Config{Core: core, Log: store.Log(), Blobs: store.Blobs(), Node: node,
		Now: a.now, After: env.After, Slog: env.Log})
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &Offline{store, api.New(api.Config{Engine: e, View: core.View(), Now: a.now, Log: env.Log})}, nil
}

// Close gives the directory free.
func (o *Offline) Close() error { return o.store.Close() }

// RoundTrip answers one request in this process.
func (o *Offline) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{status: http.StatusOK, header: http.Header{}}
	o.api.ServeHTTP(w, in)
	return &http.Response{StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		Header: w.header, Body: io.NopCloser(&w.body), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// An answer collects what a handler writes.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
