// Package conform holds vectors: cases in which other systems went wrong, with
// what was sent and what this one must make of it. vectors.json has the cases,
// in the form of Vector; payloads has what is sent, skus the specs of the
// governors that are made of none of the built-in SKUs. Package
// internal/conform plays them.
package conform

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/autonomics-dev/autonomics"
)

// FS has the files.
//
//go:embed vectors.json payloads skus
var FS embed.FS

// A Vector is one case: what is sent when, to whom, and what must come of it.
type Vector struct {
	ID       string   `json:"id"`
	Category string   `json:"category"`
	Upstream []string `json:"upstream"`          // where it happened
	Happened string   `json:"happened"`          // there
	Require  string   `json:"require"`           // of us
	Lacks    string   `json:"lacks,omitempty"`   // what is not checked, for want of which part
	Pending  string   `json:"pending,omitempty"` // the part without which none of it can run

	Faults   string            `json:"faults,omitempty"` // of D duplicates, R reordering, C crash
	Start    string            `json:"start,omitempty"`  // when the timelines begin
	Tenants  []Tenant          `json:"tenants,omitempty"`
	Bindings []json.RawMessage `json:"bindings,omitempty"`
	Runs     []Run             `json:"runs,omitempty"`
}

// A Tenant is the body of POST /v1/tenants. What holds {n} or {nn} is there
// Copies times, counted from 0, {nn} with two digits.
type Tenant struct {
	Tenant    string            `json:"tenant"`
	Entitle   []string          `json:"entitle"`
	Copies    int               `json:"copies,omitempty"`
	Targets   []json.RawMessage `json:"targets,omitempty"`
	Governors []json.RawMessage `json:"governors,omitempty"`
}

// A Run is one timeline.
type Run struct {
	Name     string `json:"name"`
	AnyOrder bool   `json:"any_order,omitempty"` // R permutes all of it
	Clean    bool   `json:"clean,omitempty"`     // without faults only
	Tamper   bool   `json:"tamper,omitempty"`    // what the timeline leaves is tampered with
	Until    string `json:"until"`

	Start    string            `json:"start,omitempty"`    // in place of the vector's
	Tenants  []Tenant          `json:"tenants,omitempty"`  // likewise
	Bindings []json.RawMessage `json:"bindings,omitempty"` // likewise

	Steps  []Step  `json:"steps"`
	Checks []Check `json:"checks"`
}

// A Step is something that happens At a time, or Times times, Every so often.
// Exactly one of the members after those is set. In JSON and Command, {at} is
// the time of the step and {n} how often it was done before.
type Step struct {
	At    string `json:"at"`
	Every string `json:"every,omitempty"`
	Times int    `json:"times,omitempty"`

	Post    string          `json:"post,omitempty"`   // a message: its path, and its body
	Body    string          `json:"body,omitempty"`   // a payload; of several lines, each is a message
	JSON    json.RawMessage `json:"json,omitempty"`   // or this
	Series  *Series         `json:"series,omitempty"` // readings, one each time
	Command json.RawMessage `json:"command,omitempty"`
	Tenants []Tenant        `json:"tenants,omitempty"`
	Get     string          `json:"get,omitempty"` // a question, whose answer must contain Want
	Want    string          `json:"want,omitempty"`
	Restart bool            `json:"restart,omitempty"`
	Set     *Place          `json:"set,omitempty"`    // somebody else changes a target
	Deploy  *Place          `json:"deploy,omitempty"` // Value is a new revision
	Fail    *Place          `json:"fail,omitempty"`   // the next Times writes fail
	Insist  *Place          `json:"insist,omitempty"` // a controller puts Value back after each write, until the next deploy
}

// A Place is a field of a target, and a value for it.
type Place struct {
	Tenant autonomics.Tenant `json:"tenant"`
	Target string            `json:"target"`
	Kind   string            `json:"kind"`
	Field  string            `json:"field,omitempty"`
	Value  string            `json:"value,omitempty"`
	Times  int               `json:"times,omitempty"`
}

// A Series is a list of values of one signal: numbers, null for an absence, or
// measurements with a value if they have one.
type Series struct {
	Tenant  autonomics.Tenant `json:"tenant"`
	Signal  string            `json:"signal"`
	Body    string            `json:"body,omitempty"` // a payload, whose Member has the values
	Member  string            `json:"member,omitempty"`
	Values  []json.RawMessage `json:"values,omitempty"`
	Shuffle bool              `json:"shuffle,omitempty"` // by the seed
}

// A Check counts what came of a run: what is Of these members, between From
// and To. The bounds of time are those of the clean run; with faults, what
// must happen may happen later by the time that they cost, or earlier by what
// was reordered.
type Check struct {
	Count   string            `json:"count"` // effects, notices, receipts, episodes, blocks, timers; served: milliseconds for which a target had a value
	Of      map[string]string `json:"of,omitempty"`
	From    string            `json:"from,omitempty"`
	To      string            `json:"to,omitempty"`
	InEvery string            `json:"in_every,omitempty"` // at_most counts in every such time
	Exactly *int              `json:"exactly,omitempty"`
	AtMost  *int              `json:"at_most,omitempty"`
	AtLeast *int              `json:"at_least,omitempty"`
	Clean   bool              `json:"clean,omitempty"` // only where nothing was duplicated, reordered or lost
}

// Vectors returns all vectors, in their order.
func Vectors() ([]Vector, error) {
	data, err := FS.ReadFile("vectors.json")
	if err != nil {
		return nil, err
	}
	var list []Vector
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("conform/vectors.json: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("conform/vectors.json: more than one list")
	}
	return list, nil
}
