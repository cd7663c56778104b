package engine

import (
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

// An Event is what the engine is told. Exactly one member is set.
type Event struct {
	Signal    *Signal
	Outcome   *Outcome
	Command   *autonomics.Command
	Provision *Provision
	Refusal   *Refusal
}

// A Signal is input for one tenant.
type Signal struct {
	Tenant   autonomics.Tenant
	Governor string // empty: all that declare it
	Signal   autonomics.Signal
	// Strict is set for native input: a signal that nobody declares and a
	// wrong unit are errors of the caller, not receipts.
	Strict bool
}

// An Outcome is an answer of the outbox.
type Outcome struct {
	Tenant   autonomics.Tenant
	Governor string
	Outcome  autonomics.Outcome
}

// A Refusal is authenticated input that fitted no tenant. It becomes a receipt
// of _system, at most ten a minute for each binding, then one that counts.
type Refusal struct {
	Binding string
	Source  string
	Verdict autonomics.Verdict
	Reason  autonomics.Reason
	Digest  autonomics.Hash // SHA-256 of the payload
}

// A Provision asks for a tenant with all it needs (New), or for one governor
// of a tenant that is there. It is carried out whole or not at all.
type Provision struct {
	Principal string
	New       bool
	Tenant    autonomics.Tenant
	Entitle   []string // SKUs
	Targets   []autonomics.TargetRef
	Governors []GovernorRequest
}

// A GovernorRequest is how a governor is asked for.
type GovernorRequest struct {
	Name       string
	SKU        string
	Profile    string
	Mode       autonomics.Mode
	Parameters map[string]string
	Targets    map[string]string
}

// A Result answers one event.
type Result struct {
	Receipts  []*autonomics.Receipt // of the event itself, not of timers that were due
	Unchanged bool                  // a provision that asked for what there is
	Err       *Error
}

// An Error says that an event was wrong and left no trace.
type Error struct {
	Code   Code
	Detail string
	Where  string // JSON pointer into the event, if it is about one member
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// A Code is the machine-readable name of an error.
type Code string

const (
	UnknownTenant   Code = "unknown_tenant"
	UnknownGovernor Code = "unknown_governor"
	UnknownSignal   Code = "unknown_signal"
	UnknownSKU      Code = "unknown_sku"
	WrongUnit       Code = "wrong_unit"
	Invalid         Code = "invalid"
	Conflict        Code = "conflict"
	Fenced          Code = "fenced"
)

func wrong(code Code, where, format string, args ...any) *Error {
	return &Error{Code: code, Where: where, Detail: fmt.Sprintf(format, args...)}
}
