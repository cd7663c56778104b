package actuate

import (
	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Gate has the last word before an effect's first call and before every
// retry. It is safe for concurrent use and does not block: it answers from
// memory.
type Gate interface {
	Check(w kernel.Work) Decision
}

// A Decision is the gate's answer; the zero Decision lets the work through.
type Decision struct {
	Drop bool            // no longer wanted or allowed; outranks Hold
	Hold autonomics.Hold // wait, for this cause
	Wait bool            // wait, and say nothing: nobody could record it
}
