package actuate_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A slow cloud takes its time for each write, and counts those that run.
type slow struct {
	w             *world
	takes         time.Duration
	running, most int
	undone        int
	applied       time.Duration // when the apply was done
}

func (s *slow) Observe(context.Context, actuate.Target, string) (autonomics.Fields, error) {
	return one("max", "1"), nil
}

func (s *slow) Verify(context.Context, actuate.Target, string, autonomics.Fields) (bool, error) {
	return true, nil
}

func (s *slow) Apply(_ context.Context, c actuate.Call) error {
	s.w.mu.Lock()
	s.running++
	s.most = max(s.most, s.running)
	s.w.mu.Unlock()
	timer := time.NewTimer(s.takes)
	<-timer.C
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.running--
	if c.Key == "apply/0" {
		s.applied = time.Since(s.w.began)
	} else {
		s.undone++
	}
	return nil
}

// Ten thousand releases at once neither flood a target's API nor keep an apply
// waiting, not even one of the same tenant.
func TestReleasesArePaced(t *testing.T) {
	const tenants, targets = 20, 500
	run(t, func(w *world) {
		s := &slow{w: w, takes: 50 * time.Millisecond}
		w.restart(s)
		work := func(i, j int, x kernel.Work) kernel.Work {
			x.Tenant = autonomics.Tenant(fmt.Sprint("t", i))
			x.Target.Name = fmt.Sprint("web", j)
			return x
		}
		for i := range tenants {
			for j := range targets {
				w.submit(work(i, j, undo(fmt.Sprintf("%d/%d", i, j))))
			}
		}
		synctest.Wait()
		w.submit(work(0, targets, throttle("apply/0")))
		w.after(time.Second)
		w.mu.Lock()
		if s.applied == 0 || s.applied > 200*time.Millisecond {
			t.Errorf("the apply was done after %v", s.applied)
		}
		w.mu.Unlock()
		w.after(5 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if s.undone != tenants*targets {
			t.Errorf("%d of %d releases were done", s.undone, tenants*targets)
		}
		if s.most > 9 { // eight, and the apply
			t.Errorf("%d calls ran at once", s.most)
		}
		w.posts = nil
	})
}
