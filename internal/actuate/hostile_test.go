package actuate_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A slowCloud takes its time for each write, and counts those that begin.
type slowCloud struct {
	actuate.Actuator
	mu    sync.Mutex
	began int
}

func (s *slowCloud) Apply(ctx context.Context, c actuate.Call) error {
	s.mu.Lock()
	s.began++
	s.mu.Unlock()
	<-time.After(20 * time.Second)
	return s.Actuator.Apply(ctx, c)
}

// A stop that comes while works wait for a place to call holds them there.
func TestStopWhileWaitingForAPlace(t *testing.T) {
	const works, places = 6, 4
	run(t, func(w *world) {
		s := &slowCloud{Actuator: w.cloud}
		w.restart(s)
		for i := range works {
			x := throttle(fmt.Sprintf("a/%d", i))
			x.Target.Name, x.Target.Ref = fmt.Sprint("web", i), fmt.Sprint("web", i)
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			w.submit(x)
		}
		began := func(when string, want int) {
			t.Helper()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.began != want {
				t.Errorf("%s: %d writes have begun, want %d", when, s.began, want)
			}
		}
		w.after(time.Second)
		began("before the stop", places)
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		w.Wake()
		w.after(time.Hour)
		began("an hour later", places)
		w.let(actuate.Decision{})
		w.Wake()
		w.after(time.Minute)
		began("after its end", works)
		w.mu.Lock()
		defer w.mu.Unlock()
		ends := map[string]int{}
		for _, p := range w.posts {
			ends[strings.Join(strings.Fields(p)[2:], " ")]++
		}
		if ends["held stop"] != works-places || ends["done max=1"] != works {
			t.Errorf("posted %v", w.posts)
		}
	})
}

// A notice that a stop of its governor holds keeps back no other governor's.
func TestHeldNoticeKeepsBackNoOther(t *testing.T) {
	run(t, func(w *world) {
		w.mu.Lock()
		w.gate = func(x kernel.Work) actuate.Decision {
			if x.Governor == "stopped" {
				return actuate.Decision{Hold: autonomics.HeldStop}
			}
			return actuate.Decision{}
		}
		w.mu.Unlock()
		tell := kernel.Work{Tenant: "acme", Governor: "stopped", Key: "a/0", Op: autonomics.OpNotice, Action: "tell", Uses: "notify.log"}
		w.submit(tell)
		w.posted("0s a/0 held stop")
		tell.Governor, tell.Key = "other", "b/0"
		w.submit(tell)
		w.posted("0s b/0 done")
	})
}

// A cut is a cloud whose first write is cut off and arrives later, and which
// refuses those that follow.
type cut struct {
	actuate.Actuator
	arrives time.Duration
	calls   int
}

func (c *cut) Apply(ctx context.Context, call actuate.Call) error {
	if c.calls++; c.calls > 1 {
		return errAPI
	}
	go func() {
		<-time.After(c.arrives)
		c.Actuator.Apply(context.Background(), call)
	}()
	<-ctx.Done()
	return ctx.Err()
}

// A write that was cut off may still arrive, whatever the tries after it and
// the target say: what became of it is posted as not known.
func TestCutWriteIsRemembered(t *testing.T) {
	run(t, func(w *world) {
		w.restart(&cut{Actuator: w.cloud, arrives: 5 * time.Minute})
		w.submit(throttle("a/0"))
		w.after(4 * time.Minute)
		w.posted("2m0s a/0 failed (503 from the API) unknown")
		w.changed()
		w.after(4 * time.Minute)
		w.changed("max 100>1 a/0")
	})
}
