package actuate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// errGate: ask the gate again before a call.
var errGate = errors.New("the gate has changed its answer")

// A job carries out one work.
type job struct {
	*Outbox
	w      kernel.Work
	tenant *tenant
	held   autonomics.Hold // the last cause that was posted
	cut    bool            // a write was cut off, and may still arrive
}

func (j *job) run() {
	switch {
	case j.w.Watch:
		j.watch()
	case j.w.Op == autonomics.OpNotice:
		j.notice()
	case j.writes():
		j.write()
	default:
		j.observe()
	}
}

// writes reports whether the work changes its target.
func (j *job) writes() bool {
	return j.w.Op != autonomics.OpNotice && !j.w.Observe && !j.w.Virtual && !j.w.Watch
}

// notice tells people, once.
func (j *job) notice() {
	if passed, _ := j.pass(); !passed {
		return
	}
	out := autonomics.Outcome{Stage: autonomics.StageDone}
	if err := j.Notify(j.ctx, j.w); err != nil {
		out = autonomics.Outcome{Stage: autonomics.StageFailed, Error: errorText(err)}
	}
	j.post(out)
}

// observe reads the target for the baseline.
func (j *job) observe() {
	var seen autonomics.Fields
	ended, err := j.attempt(func(timeout time.Duration) (err error) {
		seen, err = j.look(timeout)
		return err
	})
	switch {
	case !ended:
	case err != nil:
		j.post(autonomics.Outcome{Stage: autonomics.StageFailed, Error: errorText(err)})
	default:
		j.post(autonomics.Outcome{Stage: autonomics.StagePrepared, Baseline: seen})
	}
}

// write brings the target to the value. What became of a write that fails is
// settled by reading: this try, or one before a restart, may have arrived.
func (j *job) write() {
	ended, err := j.attempt(j.apply)
	switch {
	case !ended:
	case err == nil:
		j.done()
	case errors.Is(err, ErrChanged):
		j.post(autonomics.Outcome{Stage: autonomics.StageYielded})
	default:
		written, lost := j.written()
		if written {
			j.done()
			return
		}
		j.post(autonomics.Outcome{Stage: autonomics.StageFailed, Error: errorText(err), Unknown: lost != nil || j.cut})
	}
}

// watch looks at a held target until the gate drops the work, and tells when
// the target is not as written. It keeps out of the way of operations on the
// target, whose halfway states are nobody's news.
func (j *job) watch() {
	for !j.Gate.Check(j.w).Drop {
		if j.enter() {
			seen, err := j.look(callTimeout)
			switch {
			case err != nil:
				j.complain("watch", err)
			case j.differs(seen):
				j.post(autonomics.Outcome{Stage: autonomics.StagePrepared, Baseline: seen})
			}
			j.leave()
		}
		if !j.sleep(watchEvery) {
			return
		}
	}
}

func (j *job) differs(seen autonomics.Fields) bool {
	for _, f := range j.w.Value {
		if v, _ := seen.Get(f.Name); v != f.Value {
			return true
		}
	}
	return false
}

// attempt repeats do, each time after the gate, until it succeeds, cannot
// succeed, or the time is up; a release goes on for ever. It returns the last
// error, or false where the work ended at the gate or the outbox stops.
func (j *job) attempt(do func(timeout time.Duration) error) (ended bool, err error) {
	release := j.w.Undo || j.w.Op != autonomics.OpApply
	var until time.Time
	for n := 0; ; n++ {
		passed, waited := j.pass()
		if !passed {
			return false, nil
		}
		if waited || n == 0 {
			until = j.Now().Add(applyTimeout)
		}
		timeout := callTimeout
		if !release {
			timeout = min(timeout, until.Sub(j.Now()))
		}
		if timeout <= 0 {
			return true, err
		}
		err = do(timeout)
		if errors.Is(err, errGate) {
			continue
		}
		j.cut = j.cut || errors.Is(err, context.DeadlineExceeded)
		final := errors.Is(err, ErrFinal)
		if err == nil || errors.Is(err, ErrChanged) || final && !release {
			return true, err
		}
		wait := j.backoff(n, maxBackoff)
		switch {
		case !release:
			wait = min(wait, until.Sub(j.Now()))
		case final:
			wait = maxBackoff
			j.complain("release", err)
		}
		if !j.sleep(wait) {
			return false, nil
		}
	}
}

// pass asks the gate, and waits while it holds the work. It reports whether
// the work may go on and whether it had to wait; where it may not go on, what
// there is to post has been posted.
func (j *job) pass() (passed, waited bool) {
	for {
		woken := j.woken() // before the check, so that no change is missed
		d := j.Gate.Check(j.w)
		switch {
		case j.ctx.Err() != nil:
			return false, waited
		case d.Drop:
			j.drop()
			return false, waited
		case d == Decision{}:
			return true, waited
		case d.Hold != j.held && !d.Wait:
			// An earlier try, or one before a restart, may have arrived.
			if written, _ := j.written(); written {
				j.done()
				return false, waited
			}
			j.post(autonomics.Outcome{Stage: autonomics.StageHeld, Cause: d.Hold})
			j.held = d.Hold
		}
		waited = true
		select {
		case <-woken:
		case <-j.After(pollEvery):
		case <-j.ctx.Done():
			return false, waited
		}
	}
}

// drop ends a work that may not go on. Nothing is dropped that was written.
func (j *job) drop() {
	for n := 0; ; n++ {
		written, err := j.written()
		switch {
		case written:
			j.done()
			return
		case err == nil && j.cut: // it may still arrive
			j.post(autonomics.Outcome{Stage: autonomics.StageFailed, Error: "cut off, and no longer wanted", Unknown: true})
			return
		case err == nil:
			j.post(autonomics.Outcome{Stage: autonomics.StageDropped})
			return
		case errors.Is(err, ErrFinal):
			j.post(autonomics.Outcome{Stage: autonomics.StageFailed, Error: errorText(err), Unknown: true})
			return
		}
		if !j.sleep(j.backoff(n, maxBackoff)) {
			return
		}
	}
}

// look reads the target.
func (j *job) look(timeout time.Duration) (seen autonomics.Fields, err error) {
	err = j.call(timeout, func(ctx context.Context, a Actuator) (err error) {
		if !j.w.Watch && j.Gate.Check(j.w) != (Decision{}) {
			return errGate
		}
		seen, err = a.Observe(ctx, j.target(), j.w.Uses)
		return err
	})
	return seen, err
}

// apply writes the value, and reads it back.
func (j *job) apply(timeout time.Duration) error {
	return j.call(timeout, func(ctx context.Context, a Actuator) error {
		if j.Gate.Check(j.w) != (Decision{}) {
			return errGate // it has changed while this waited for a place
		}
		c := Call{Key: j.w.Key, Target: j.target(), Uses: j.w.Uses, Value: j.w.Value, Expected: j.w.Expected}
		if err := a.Apply(ctx, c); err != nil {
			return err
		}
		holds, err := a.Verify(ctx, c.Target, c.Uses, c.Value)
		if err == nil && !holds {
			err = errors.New("the target does not hold what was written")
		}
		return err
	})
}

// written reports whether the target holds what the work writes, if it writes.
func (j *job) written() (written bool, err error) {
	if !j.writes() {
		return false, nil
	}
	err = j.call(callTimeout, func(ctx context.Context, a Actuator) (err error) {
		written, err = a.Verify(ctx, j.target(), j.w.Uses, j.w.Value)
		return err
	})
	return written && err == nil, err
}

func (j *job) target() Target {
	return Target{Tenant: j.w.Tenant, Name: j.w.Target.Name, Kind: j.w.Target.Kind, Ref: j.w.Target.Ref}
}

func (j *job) done() { j.post(autonomics.Outcome{Stage: autonomics.StageDone, Value: j.w.Value}) }

// post hands the outcome to the engine until it is taken, or the outbox stops.
func (j *job) post(out autonomics.Outcome) {
	out.Key, out.Action, out.Target = j.w.Key, j.w.Action, j.w.Target.Name
	for n := 0; j.ctx.Err() == nil; n++ {
		if err := j.Post(j.ctx, j.w.Tenant, j.w.Governor, out); err == nil {
			return
		}
		j.sleep(j.backoff(n, maxPostBackoff))
	}
}

// backoff is the wait after try n: a random part of what doubles up to most.
func (j *job) backoff(n int, most time.Duration) time.Duration {
	d := most
	if n < 16 {
		d = min(most, minBackoff<<n)
	}
	return time.Duration(j.Random() * float64(d))
}

// sleep reports false when the outbox stops.
func (j *job) sleep(d time.Duration) bool {
	select {
	case <-j.After(d):
		return true
	case <-j.ctx.Done():
		return false
	}
}

func (j *job) complain(what string, err error) {
	j.Log.Warn(what+" goes on in spite of an error", "tenant", j.w.Tenant, "governor", j.w.Governor,
		"target", j.w.Target.Name, "key", j.w.Key, "error", errorText(err))
}

// errorText is what a receipt keeps of an error: one short line.
func errorText(err error) string {
	s := strings.ToValidUTF8(err.Error(), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText], "") + "…"
	}
	return s
}
