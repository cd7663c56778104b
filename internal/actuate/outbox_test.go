package actuate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

var errAPI = errors.New("503 from the API")

// A world is an outbox over the simulated cloud, in a bubble of its own time.
type world struct {
	*testing.T
	*actuate.Outbox
	dir   string
	cloud *simcloud.Cloud
	log   bytes.Buffer
	began time.Time

	mu     sync.Mutex
	posts  []string
	refuse int // how many posts to refuse first
	gate   func(kernel.Work) actuate.Decision
	random func() float64
}

// run runs the test in a bubble, with targets web (a service) and jobs (a
// queue) of the tenant acme, and with every backoff halved by its jitter.
func run(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		test(w)
		w.stop()
	})
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir(), began: time.Now(), random: func() float64 { return 0.5 }}
	w.gate = func(kernel.Work) actuate.Decision { return actuate.Decision{} }
	var err error
	if w.cloud, err = simcloud.Open(w.dir, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.cloud.Close() })
	w.register("acme", "web", "sim.service")
	w.register("acme", "jobs", "sim.queue")
	w.restart(w.cloud)
	return w
}

func start(lane func()) { go lane() }

// restart puts a new outbox in the place of the old one.
func (w *world) restart(a actuate.Actuator) {
	logger := slog.New(slog.NewTextHandler(&w.log, nil))
	w.Outbox = actuate.New(actuate.Config{
		Actuators: map[string]actuate.Actuator{"sim.service": a, "sim.queue": a},
		Gate:      w, Post: w.post, Notify: actuate.NotifyLog(logger.Handler(), time.Now), Log: logger,
		Now: time.Now, After: time.After, Go: start, Random: func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.random()
		},
	})
}

func (w *world) stop() {
	w.Helper()
	if err := w.Stop(context.Background()); err != nil {
		w.Error(err)
	}
}

func (w *world) register(tenant autonomics.Tenant, name, kind string) actuate.Target {
	w.Helper()
	x := actuate.Target{Tenant: tenant, Name: name, Kind: kind, Ref: name}
	if err := w.cloud.Register(x); err != nil {
		w.Fatal(err)
	}
	return x
}

func (w *world) Check(x kernel.Work) actuate.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gate(x)
}

// let sets what the gate answers from now on.
func (w *world) let(d actuate.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = func(kernel.Work) actuate.Decision { return d }
}

func (w *world) post(ctx context.Context, tenant autonomics.Tenant, governor string, out autonomics.Outcome) error {
	if ctx.Err() != nil {
		w.Error("a post after the stop")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse > 0 {
		w.refuse--
		return errors.New("the queue is full")
	}
	parts := []string{time.Since(w.began).String(), out.Key, string(out.Stage)}
	for _, f := range slices.Concat(out.Baseline, out.Value) {
		parts = append(parts, f.Name+"="+f.Value)
	}
	if out.Cause != "" {
		parts = append(parts, string(out.Cause))
	}
	if out.Error != "" {
		parts = append(parts, "("+out.Error+")")
	}
	if out.Unknown {
		parts = append(parts, "unknown")
	}
	if tenant != "acme" {
		parts = append(parts, string(tenant))
	}
	w.posts = append(w.posts, strings.Join(parts, " "))
	return nil
}

// posted compares what has been posted since it was last asked.
func (w *world) posted(want ...string) {
	w.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.posts, want) {
		w.Errorf("posted\n\t%s\nwant\n\t%s", strings.Join(w.posts, "\n\t"), strings.Join(want, "\n\t"))
	}
	w.posts = nil
}

// after lets time pass.
func (w *world) after(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

// changed compares what was done to the targets, as "field before>after key".
func (w *world) changed(want ...string) {
	w.Helper()
	all, err := simcloud.Changes(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for _, c := range all {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s>%s %s", c.Field, c.Before, c.After, c.Key)))
	}
	if !slices.Equal(got, want) {
		w.Errorf("changed\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (w *world) submit(x kernel.Work) {
	w.Helper()
	if !w.Submit(x) {
		w.Errorf("%s was not taken", x.Key)
	}
}

func (w *world) inject(x kernel.Work, f simcloud.Fault) {
	w.Helper()
	if err := w.cloud.Inject(target(x), f); err != nil {
		w.Fatal(err)
	}
}

func (w *world) set(x kernel.Work, field, value string) {
	w.Helper()
	if err := w.cloud.Set(target(x), field, value); err != nil {
		w.Fatal(err)
	}
}

func target(x kernel.Work) actuate.Target {
	return actuate.Target{Tenant: x.Tenant, Name: x.Target.Name, Kind: x.Target.Kind, Ref: x.Target.Ref}
}

func one(field, value string) autonomics.Fields {
	return autonomics.Fields{{Name: field, Value: value}}
}

// throttle writes max 1 to web where it has 100.
func throttle(key string) kernel.Work {
	return kernel.Work{
		Tenant: "acme", Governor: "cost", SKU: "cost_guard", Key: key, Op: autonomics.OpApply, Action: "throttle",
		Uses: "cloudrun.max_instances", Target: autonomics.TargetRef{Slot: "service", Name: "web", Kind: "sim.service", Ref: "web"},
		Value: one("max", "1"), Expected: one("max", "100"),
	}
}

// pause writes paused true to jobs.
func pause(key string) kernel.Work {
	x := throttle(key)
	x.Uses, x.Target = "cloudtasks.pause", autonomics.TargetRef{Slot: "queue", Name: "jobs", Kind: "sim.queue", Ref: "jobs"}
	x.Value, x.Expected = one("paused", "true"), one("paused", "false")
	return x
}

func observe(key string) kernel.Work {
	x := throttle(key)
	x.Observe, x.Value, x.Expected = true, nil, nil
	return x
}

func undo(key string) kernel.Work {
	x := throttle(key)
	x.Op, x.Undo = autonomics.OpUndo, true
	x.Value, x.Expected = x.Expected, x.Value
	return x
}

func TestHappyPath(t *testing.T) {
	run(t, func(w *world) {
		w.submit(observe("a/0"))
		w.posted("0s a/0 prepared max=100")
		w.changed()
		w.submit(throttle("a/0"))
		w.posted("0s a/0 done max=1")
		w.submit(undo("b/0"))
		w.posted("0s b/0 done max=100")
		w.changed("max 100>1 a/0", "max 1>100 b/0")

		virtual := throttle("c/0")
		virtual.Virtual = true
		w.submit(virtual)
		w.posted("0s c/0 prepared max=100")
		rollback := observe("d/0")
		rollback.Uses = "cloudrun.traffic"
		w.submit(rollback)
		w.posted("0s d/0 prepared previous=r1 revision=r2")
		w.changed("max 100>1 a/0", "max 1>100 b/0")
	})
}

// TestWriteSubmittedWhilePosting submits the write from inside the post of
// what was observed, as the engine may.
func TestWriteSubmittedWhilePosting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var o *actuate.Outbox
		o = actuate.New(actuate.Config{
			Actuators: map[string]actuate.Actuator{"sim.service": w.cloud}, Gate: w, Log: slog.Default(),
			Now: time.Now, After: time.After, Random: w.random, Go: start,
			Post: func(ctx context.Context, tenant autonomics.Tenant, governor string, out autonomics.Outcome) error {
				if out.Stage == autonomics.StagePrepared && !o.Submit(throttle(out.Key)) {
					t.Error("the write was not taken")
				}
				return w.post(ctx, tenant, governor, out)
			},
		})
		o.Submit(observe("a/0"))
		w.posted("0s a/0 prepared max=100", "0s a/0 done max=1")
		if err := o.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRetries(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 3, Err: errAPI})
		w.submit(throttle("a/0"))
		w.after(time.Minute)
		w.posted("1.75s a/0 done max=1") // 0.25 + 0.5 + 1
		w.inject(throttle(""), simcloud.Fault{On: "observe", Times: 2, Err: errAPI})
		w.submit(observe("b/0"))
		w.after(time.Minute)
		w.posted("1m0.75s b/0 prepared max=1")
		w.inject(throttle(""), simcloud.Fault{On: "verify", Times: 1, Err: errAPI})
		w.submit(undo("c/0"))
		w.after(time.Minute)
		w.posted("2m0.25s c/0 done max=100") // read back once more
		w.changed("max 100>1 a/0", "max 1>100 c/0")
	})
}

func TestDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		faults []simcloud.Fault
		work   kernel.Work
		posted string
	}{
		"not written": {[]simcloud.Fault{{On: "apply", Times: 1000, Err: errAPI}}, throttle("a/0"),
			"2m0s a/0 failed (503 from the API)"},
		"cannot tell": {[]simcloud.Fault{{Times: 1000, Err: errAPI}}, throttle("a/0"),
			"2m0s a/0 failed (503 from the API) unknown"},
		"a cut call may still arrive": {[]simcloud.Fault{{On: "apply", Times: 1000, Delay: time.Hour}}, throttle("a/0"),
			"2m0s a/0 failed (apply web: context deadline exceeded) unknown"},
		"written after all": {[]simcloud.Fault{{On: "apply", Times: 1000, Err: errAPI, After: true}}, throttle("a/0"),
			"2m0s a/0 done max=1"},
		"not observed": {[]simcloud.Fault{{On: "observe", Times: 1000, Err: errAPI}}, observe("a/0"),
			"2m0s a/0 failed (503 from the API)"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				for _, f := range c.faults {
					w.inject(c.work, f)
				}
				w.submit(c.work)
				w.after(time.Hour)
				w.posted(c.posted)
			})
		})
	}
}

func TestLostAnswerIsOneEffect(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 3, Err: errAPI, After: true})
		w.submit(throttle("a/0"))
		w.after(time.Minute)
		w.posted("1.75s a/0 done max=1")
		w.changed("max 100>1 a/0")
	})
}

func TestForeignChangeYields(t *testing.T) {
	run(t, func(w *world) {
		w.set(throttle(""), "max", "50")
		w.submit(throttle("a/0"))
		w.posted("0s a/0 yielded")
		w.changed("max 100>50")
		w.submit(undo("b/0"))
		w.posted("0s b/0 yielded")
		w.changed("max 100>50")
	})
}

// TestForeignChangeAfterLostAnswer: our write arrived, its answer did not, and
// somebody took it back before the next try. That is theirs to decide.
func TestForeignChangeAfterLostAnswer(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 1, Err: errAPI, After: true})
		w.submit(throttle("a/0"))
		w.after(100 * time.Millisecond)
		w.set(throttle(""), "max", "100")
		w.after(time.Minute)
		w.posted("250ms a/0 yielded")
		w.changed("max 100>1 a/0", "max 1>100")
	})
}

func TestFinal(t *testing.T) {
	denied := fmt.Errorf("permission\ndenied: %w", actuate.ErrFinal)
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 1, Err: denied})
		w.submit(throttle("a/0"))
		w.posted("0s a/0 failed (permission denied: final)")
		w.inject(throttle(""), simcloud.Fault{On: "observe", Times: 1, Err: denied})
		w.submit(observe("b/0"))
		w.posted("0s b/0 failed (permission denied: final)")
		// Final, but an earlier try has arrived.
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 1, Err: errAPI, After: true})
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 1, Err: denied})
		w.submit(throttle("c/0"))
		w.after(time.Minute)
		w.posted("250ms c/0 done max=1")
		boat := throttle("d/0")
		boat.Target.Kind = "sim.boat"
		w.submit(boat)
		w.posted(`1m0s d/0 failed (no actuator for targets of kind "sim.boat": final) unknown`)
	})
}

func TestUndoNeverGivesUp(t *testing.T) {
	denied := fmt.Errorf("denied: %w", actuate.ErrFinal)
	run(t, func(w *world) {
		w.set(undo(""), "max", "1")
		w.inject(undo(""), simcloud.Fault{On: "apply", Times: 200, Err: errAPI})
		w.inject(undo(""), simcloud.Fault{On: "apply", Times: 3, Err: denied})
		w.submit(undo("a/0"))
		w.after(time.Hour)
		w.posted()
		w.after(time.Hour)
		// 200 tries wait 0.25 + … + 16 s seven times, then 30 s; 3 tries a minute.
		w.posted("1h40m1.75s a/0 done max=100")
		w.changed("max 100>1", "max 1>100 a/0")
		if n := strings.Count(w.log.String(), "error=\"denied: final\""); n != 3 {
			w.Errorf("%d final errors are logged, want 3:\n%s", n, w.log.String())
		}
	})
}

func TestHeldThenGo(t *testing.T) {
	run(t, func(w *world) {
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		w.submit(throttle("a/0"))
		w.after(10 * time.Second)
		w.posted("0s a/0 held stop")
		w.let(actuate.Decision{Hold: autonomics.HeldLimits})
		w.Wake()
		w.posted("10s a/0 held limits")
		w.let(actuate.Decision{})
		w.posted()
		w.after(5 * time.Second)
		w.posted("11s a/0 done max=1") // by the poll, without a wake
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		w.submit(undo("b/0"))
		w.submit(observe("c/0")) // waits behind b/0
		w.posted("15s b/0 held stop")
		w.let(actuate.Decision{})
		w.Wake()
		w.posted("15s b/0 done max=100", "15s c/0 prepared max=100")
	})
}

// TestHeldBetweenTries: the gate is asked before every try, what arrived
// before is noticed, and the deadline begins anew after the hold.
func TestHeldBetweenTries(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 2, Err: errAPI})
		w.submit(throttle("a/0"))
		w.after(100 * time.Millisecond)
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		w.after(time.Hour)
		w.posted("250ms a/0 held stop")
		w.changed()
		w.let(actuate.Decision{})
		w.Wake()
		w.after(time.Minute)
		w.posted("1h0m0.6s a/0 done max=1")

		w.inject(undo(""), simcloud.Fault{On: "apply", Times: 1, Err: errAPI, After: true})
		w.submit(undo("b/0"))
		w.after(100 * time.Millisecond)
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		w.after(time.Hour)
		w.posted("1h1m0.35s b/0 done max=100")
	})
}

func TestDrop(t *testing.T) {
	run(t, func(w *world) {
		w.let(actuate.Decision{Drop: true, Hold: autonomics.HeldStop})
		w.submit(throttle("a/0"))
		w.submit(observe("b/0"))
		w.posted("0s a/0 dropped", "0s b/0 dropped")
		w.changed()
		// It was written before a restart.
		w.set(throttle(""), "max", "1")
		w.submit(throttle("c/0"))
		w.posted("0s c/0 done max=1")
		// Whether it was written is found out, however long it takes.
		w.inject(throttle(""), simcloud.Fault{On: "verify", Times: 20, Err: errAPI})
		w.submit(throttle("d/0"))
		w.after(time.Hour)
		w.posted("7m1.75s d/0 done max=1")
		w.inject(throttle(""), simcloud.Fault{On: "verify", Times: 1, Err: fmt.Errorf("gone: %w", actuate.ErrFinal)})
		w.submit(throttle("e/0"))
		w.posted("1h0m0s e/0 failed (gone: final) unknown")
	})
}

// TestDropWhileRetrying: the entitlement ends while the API is down.
func TestDropWhileRetrying(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{On: "apply", Times: 1000, Err: errAPI})
		w.submit(throttle("a/0"))
		w.after(100 * time.Millisecond)
		w.let(actuate.Decision{Drop: true})
		w.after(time.Hour)
		w.posted("250ms a/0 dropped")
	})
}

func TestStuckTargetDelaysNobody(t *testing.T) {
	run(t, func(w *world) {
		// A tenant with more stuck targets than its calls, and one target that is well.
		for i := range 40 {
			x := throttle(fmt.Sprintf("stuck/%d", i))
			x.Tenant, x.Target.Name, x.Target.Ref = "globex", fmt.Sprint("s", i), fmt.Sprint("s", i)
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			w.inject(x, simcloud.Fault{Times: 1000, Delay: time.Hour})
			w.submit(x)
		}
		synctest.Wait()
		w.submit(throttle("a/0"))
		w.posted("0s a/0 done max=1")
		// Stuck targets of one's own.
		for i := range 8 {
			x := throttle(fmt.Sprintf("own/%d", i))
			x.Target.Name, x.Target.Ref = fmt.Sprint("s", i), fmt.Sprint("s", i)
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			w.inject(x, simcloud.Fault{Times: 1000, Delay: time.Hour})
			w.submit(x)
		}
		synctest.Wait()
		w.submit(pause("c/0"))
		w.posted("0s c/0 done paused=true")
	})
}

// TestStuckKindDelaysNoOther fills all the calls that a kind may have.
func TestStuckKindDelaysNoOther(t *testing.T) {
	run(t, func(w *world) {
		for i := range 40 {
			x := throttle(fmt.Sprintf("stuck/%d", i))
			x.Tenant = autonomics.Tenant(fmt.Sprint("t", i))
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			w.inject(x, simcloud.Fault{Times: 1000, Delay: time.Hour})
			w.submit(x)
		}
		synctest.Wait()
		w.submit(pause("c/0"))
		w.posted("0s c/0 done paused=true")
	})
}

// A counter counts the calls that run at once, in all and on each target.
type counter struct {
	actuate.Actuator
	mu       sync.Mutex
	running  map[string]int
	all      int
	most     int
	together bool // two on one target
}

func (c *counter) Apply(ctx context.Context, call actuate.Call) error {
	at := string(call.Target.Tenant) + "/" + call.Target.Ref
	c.mu.Lock()
	c.all++
	c.running[at]++
	c.most = max(c.most, c.all)
	c.together = c.together || c.running[at] > 1
	c.mu.Unlock()
	<-time.After(time.Second)
	c.mu.Lock()
	c.all--
	c.running[at]--
	c.mu.Unlock()
	return c.Actuator.Apply(ctx, call)
}

func TestOneAtATimeOnATarget(t *testing.T) {
	run(t, func(w *world) {
		c := &counter{Actuator: w.cloud, running: map[string]int{}}
		w.restart(c)
		w.submit(throttle("a/0"))
		w.submit(undo("b/0"))
		w.submit(throttle("c/0"))
		w.after(time.Minute)
		w.posted("1s a/0 done max=1", "2s b/0 done max=100", "3s c/0 done max=1")
		if c.together {
			w.Error("two operations ran on one target at once")
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	run(t, func(w *world) {
		c := &counter{Actuator: w.cloud, running: map[string]int{}}
		w.restart(c)
		for i := range 200 {
			x := throttle(fmt.Sprintf("a/%d", i))
			x.Tenant = autonomics.Tenant(fmt.Sprint("t", i))
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			w.submit(x)
		}
		w.after(time.Minute)
		if w.mu.Lock(); len(w.posts) != 200 {
			w.Errorf("%d outcomes, want 200", len(w.posts))
		}
		w.posts = nil
		w.mu.Unlock()
		if c.most != 16 {
			w.Errorf("%d calls to one kind ran at once, want 16", c.most)
		}
	})
}

// A liar says that it has written, the first time.
type liar struct {
	actuate.Actuator
	calls int
}

func (l *liar) Apply(ctx context.Context, c actuate.Call) error {
	if l.calls++; l.calls == 1 {
		return nil
	}
	return l.Actuator.Apply(ctx, c)
}

func TestDoneIsReadBack(t *testing.T) {
	run(t, func(w *world) {
		w.restart(&liar{Actuator: w.cloud})
		w.submit(throttle("a/0"))
		w.after(time.Minute)
		w.posted("250ms a/0 done max=1")
		w.changed("max 100>1 a/0")
	})
}

func TestSubmitAgainIsNothing(t *testing.T) {
	run(t, func(w *world) {
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		for range 3 {
			w.submit(throttle("a/0"))
		}
		w.posted("0s a/0 held stop")
		w.let(actuate.Decision{})
		w.Wake()
		w.posted("0s a/0 done max=1")
		w.changed("max 100>1 a/0")
		w.submit(throttle("a/0")) // after its outcome it is done again, and changes nothing
		w.posted("0s a/0 done max=1")
		w.changed("max 100>1 a/0")
	})
}

func TestTenantIsBounded(t *testing.T) {
	run(t, func(w *world) {
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		const limit = 1024
		for i := range limit {
			w.submit(throttle(fmt.Sprintf("a/%d", i)))
		}
		if w.Submit(throttle("b/0")) {
			w.Errorf("work %d was taken", limit+1)
		}
		w.submit(throttle("a/7")) // is known
		other := throttle("b/0")
		other.Tenant = "globex"
		w.submit(other)
		synctest.Wait()
		w.let(actuate.Decision{Drop: true})
		w.Wake()
		synctest.Wait()
		w.submit(throttle("b/0"))
		synctest.Wait()
		if n := len(w.posts); n != limit+1+3 { // one is held for each tenant
			w.Errorf("%d outcomes, want %d", n, limit+4)
		}
		w.posts = nil
	})
}

func TestPostsAreRepeated(t *testing.T) {
	run(t, func(w *world) {
		w.refuse = 3
		w.submit(throttle("a/0"))
		w.after(time.Hour)
		w.posted("1.75s a/0 done max=1")
		w.changed("max 100>1 a/0")
	})
}

func TestNotices(t *testing.T) {
	run(t, func(w *world) {
		tell := kernel.Work{Tenant: "acme", Governor: "cost", SKU: "cost_guard", Key: "a/1", Op: autonomics.OpNotice,
			Action: "tell", Uses: "notify.log", Text: "spend is over its budget"}
		w.submit(tell)
		w.posted("0s a/1 done")
		want := `time=2000-01-01T00:00:00.000Z level=WARN msg="spend is over its budget" tenant=acme governor=cost sku=cost_guard action=tell effect=a/1` + "\n"
		if got := w.log.String(); got != want {
			w.Errorf("log\n%s\nwant\n%s", got, want)
		}
		w.let(actuate.Decision{Hold: autonomics.HeldStop})
		tell.Key = "a/2"
		w.submit(tell)
		w.posted("0s a/2 held stop")
		w.let(actuate.Decision{Drop: true})
		w.Wake()
		w.posted("0s a/2 dropped")
	})
}

func TestFailedNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := actuate.New(actuate.Config{Gate: w, Post: w.post, Go: start, Notify: func(context.Context, kernel.Work) error { return errors.New("disk full") }})
		o.Submit(kernel.Work{Tenant: "acme", Key: "a/1", Op: autonomics.OpNotice})
		w.posted("0s a/1 failed (disk full)")
	})
}

func hold(key string) kernel.Work {
	x := throttle(key)
	x.Uses, x.Watch, x.Value, x.Expected = "cloudrun.traffic", true, one("revision", "r1"), nil
	return x
}

func TestWatch(t *testing.T) {
	run(t, func(w *world) {
		w.set(hold(""), "revision", "r1")
		w.submit(hold("a/0"))
		w.after(10*time.Minute - time.Second)
		w.posted()
		w.set(hold(""), "revision", "r2")
		w.after(2 * time.Minute)
		w.posted("10m0s a/0 prepared previous=r1 revision=r2", "11m0s a/0 prepared previous=r1 revision=r2")
		// While an operation on the target is under way, it is not looked at.
		w.mu.Lock()
		w.gate = func(x kernel.Work) actuate.Decision {
			if !x.Watch {
				return actuate.Decision{Hold: autonomics.HeldStop}
			}
			return actuate.Decision{}
		}
		w.mu.Unlock()
		w.submit(observe("b/0"))
		w.after(10 * time.Minute)
		w.posted("11m59s b/0 held stop")
		w.let(actuate.Decision{})
		w.Wake()
		w.after(time.Minute)
		w.posted("21m59s b/0 prepared max=100", "22m0s a/0 prepared previous=r1 revision=r2")
		// An error is no news; it is logged.
		w.inject(hold(""), simcloud.Fault{Times: 1, Err: errAPI})
		w.after(time.Minute)
		w.posted()
		if !strings.Contains(w.log.String(), "503 from the API") {
			w.Errorf("the log does not tell the error: %s", w.log.String())
		}
		w.let(actuate.Decision{Drop: true})
		w.after(10 * time.Minute)
		w.posted()
	})
}

// TestOperationWaitsForTheLook submits an operation while the watch looks at
// the target.
func TestOperationWaitsForTheLook(t *testing.T) {
	run(t, func(w *world) {
		w.inject(hold(""), simcloud.Fault{On: "observe", Times: 1, Delay: 10 * time.Second})
		w.submit(hold("a/0"))
		synctest.Wait()
		w.submit(throttle("b/0"))
		w.submit(undo("c/0"))
		w.after(30 * time.Second)
		w.posted("10s a/0 prepared previous=r1 revision=r2", "10s b/0 done max=1", "10s c/0 done max=100")
	})
}

// TestWatchSubmittedAgain: the gate drops a watch while its hold is written
// once more, and the engine submits it again before it has ended.
func TestWatchSubmittedAgain(t *testing.T) {
	run(t, func(w *world) {
		drop := true
		w.gate = func(x kernel.Work) actuate.Decision {
			if drop {
				drop = false
				if !w.Submit(x) {
					w.Error("the watch was not taken again")
				}
				return actuate.Decision{Drop: true}
			}
			return actuate.Decision{}
		}
		w.submit(hold("a/0"))
		w.posted("0s a/0 prepared previous=r1 revision=r2")
		w.let(actuate.Decision{Drop: true})
		w.after(10 * time.Minute)
		w.posted()
	})
}

func TestStop(t *testing.T) {
	run(t, func(w *world) {
		w.inject(throttle(""), simcloud.Fault{Times: 1, Delay: 10 * time.Second})
		w.submit(throttle("a/0")) // runs
		w.submit(undo("b/0"))     // waits in its lane
		w.refuse = 1 << 30
		w.submit(pause("c/0")) // cannot post
		w.after(time.Second)
		w.stop()
		w.refuse = 0
		if w.Submit(throttle("d/0")) {
			w.Error("a work was taken after the stop")
		}
		w.Wake()
		w.after(time.Hour)
		w.posted()
		w.changed("paused false>true c/0")
		// A new outbox gets the same works, and finds what was done.
		w.restart(w.cloud)
		w.submit(throttle("a/0"))
		w.submit(undo("b/0"))
		w.submit(pause("c/0"))
		synctest.Wait()
		slices.Sort(w.posts) // two lanes
		w.posted("1h0m1s a/0 done max=1", "1h0m1s b/0 done max=100", "1h0m1s c/0 done paused=true")
		w.changed("paused false>true c/0", "max 100>1 a/0", "max 1>100 b/0")
	})
}

// deaf does not listen to its context.
type deaf struct{ actuate.Actuator }

func (deaf) Apply(context.Context, actuate.Call) error {
	<-time.After(time.Hour)
	return nil
}

func TestStopOfADeafActuator(t *testing.T) {
	run(t, func(w *world) {
		w.restart(deaf{w.cloud})
		w.submit(throttle("a/0"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("stop: %v; want its own deadline", err)
		}
		w.after(2 * time.Hour)
		w.posted()
	})
}

// TestRandomFaults submits works under random faults, gates, restarts and
// refused posts. Whatever happens, each work ends in exactly one last outcome,
// an effect happens at most once, and what is told to be done was done.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFaults(newWorld(t), rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func randomFaults(w *world, r *rand.Rand) {
	w.random = rand.New(rand.NewPCG(r.Uint64(), 2)).Float64 // under the lock of the world
	const targets = 6
	works := map[string]kernel.Work{}
	for i := range targets {
		for n, x := range []kernel.Work{throttle(""), undo("")} {
			x.Key = fmt.Sprintf("%d/%d", i, n)
			x.Target.Name, x.Target.Ref = fmt.Sprint("s", i), fmt.Sprint("s", i)
			w.register(x.Tenant, x.Target.Name, x.Target.Kind)
			works[x.Key] = x
			for range r.IntN(4) {
				f := simcloud.Fault{On: []string{"", "apply", "verify"}[r.IntN(3)], Times: 1 + r.IntN(5)}
				switch r.IntN(3) {
				case 0:
					f.Delay = time.Duration(r.Int64N(int64(time.Minute)))
				case 1:
					f.Err, f.After = errAPI, r.IntN(2) == 0
				case 2:
					f.Err = fmt.Errorf("denied: %w", actuate.ErrFinal)
				}
				w.inject(x, f)
			}
		}
	}
	last := map[string]string{}
	for len(last) < len(works) {
		w.refuse = r.IntN(3)
		for i := range targets { // in order, and a release only after its apply
			key := fmt.Sprintf("%d/0", i)
			if last[key] != "" {
				key = fmt.Sprintf("%d/1", i)
			}
			if last[key] == "" {
				w.submit(works[key])
			}
		}
		decision := []actuate.Decision{{}, {}, {Hold: autonomics.HeldStop}, {Drop: true}}[r.IntN(4)]
		w.let(decision)
		w.Wake()
		w.after(time.Duration(r.Int64N(int64(2 * time.Minute))))
		if r.IntN(4) == 0 {
			w.stop()
			w.restart(w.cloud)
		}
		for _, p := range w.posts {
			f := strings.Fields(p)
			switch key, stage := f[1], f[2]; {
			case stage == "held":
			case last[key] != "":
				w.Errorf("%s ended twice: %s, %s", key, last[key], p)
			default:
				last[key] = stage
			}
		}
		w.posts = nil
	}
	w.stop()
	all, err := simcloud.Changes(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	done := map[string]int{}
	for _, c := range all {
		done[c.Key]++
	}
	for key, n := range done {
		if n > 1 || last[key] != "done" && last[key] != "failed" {
			w.Errorf("%s was done %d times and ended as %s", key, n, last[key])
		}
	}
}
