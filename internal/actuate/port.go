// Package actuate carries out what governors decided: the gate that has the
// last word, the outbox that drives each effect to an outcome, and the port
// that adapters for the kinds of targets implement.
package actuate

import (
	"context"
	"errors"

	"github.com/autonomics-dev/autonomics"
)

var (
	// ErrFinal: trying again cannot help (no such target, permission denied,
	// a value that the API refuses). Errors that do not wrap it are retried. The
	// text of an error may enter a receipt: it holds no secret and no payload.
	ErrFinal = errors.New("final")
	// ErrChanged: the target no longer holds what was expected; somebody else
	// changed it, and nothing was written.
	ErrChanged = errors.New("changed by somebody else")
)

// A Target is the thing that an effect changes.
type Target struct {
	Tenant autonomics.Tenant
	Name   string // the tenant's name for it
	Kind   string // for example sim.service
	Ref    string // its address in its own API
}

// A Call is one write.
type Call struct {
	Key      string // idempotency key; a target that has seen it does nothing more
	Target   Target
	Uses     string            // the catalog's name of the action
	Value    autonomics.Fields // what to write
	Expected autonomics.Fields // what the target must hold before
}

// An Actuator is the adapter for one or more kinds of target. It is safe for
// concurrent use, and every method honours the context's deadline.
type Actuator interface {
	// Observe reads what the action reads and writes.
	Observe(ctx context.Context, t Target, uses string) (autonomics.Fields, error)
	// Apply reads first and does nothing where the target holds Value already.
	// Where it holds neither Value nor Expected it returns ErrChanged. It
	// writes by a single read-modify-write under the target's own concurrency
	// control, and reads back. It may be repeated with the same key; a target
	// that remembers the key returns ErrChanged when its value is gone again.
	Apply(ctx context.Context, c Call) error
	// Verify reports whether the target holds value.
	Verify(ctx context.Context, t Target, uses string, value autonomics.Fields) (bool, error)
}
