package actuate

import "time"

const (
	// maxPending bounds the works of one tenant in memory. A tenant has at most
	// one operation for each target, and its notices; more means that its
	// targets do not answer.
	maxPending = 1024

	// Calls that run at once: enough for a fleet's worth of fast answers, while
	// one tenant cannot take a kind's calls, nor one kind them all.
	maxCalls       = 64
	maxKindCalls   = 16
	maxTenantCalls = 4 // to each kind

	// Releases of one kind of target that run at once. No limit of the gate
	// holds them, so thousands may be due together, when a stop with their
	// release, an outage's end or a term comes: they neither flood the target's
	// API nor stand before applies.
	maxReleases = maxKindCalls / 2

	// callTimeout ends a call that does not answer.
	callTimeout = 30 * time.Second
	// applyTimeout ends the tries of an apply. Its governor is told what became
	// of it, and may act on that, before a signal's usual interval is over.
	applyTimeout = 2 * time.Minute

	// Waits between tries double from the least to the most; the wait is a
	// random part of that, so that many that failed together do not come back
	// together.
	minBackoff     = 500 * time.Millisecond
	maxBackoff     = time.Minute
	maxPostBackoff = 5 * time.Second // the engine is in this process

	// pollEvery bounds how late a held work sees that a hold has ended without
	// a Wake, by the passing of time.
	pollEvery = time.Second
	// watchEvery is how often held targets are looked at.
	watchEvery = time.Minute

	// maxErrorText is what a receipt keeps of an error.
	maxErrorText = 200
)
