package simcloud

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/actuate/actuatetest"
)

var (
	web    = actuate.Target{Tenant: "acme", Name: "acme-web", Kind: "sim.service", Ref: "acme/web"}
	queue  = actuate.Target{Tenant: "acme", Name: "acme-jobs", Kind: "sim.queue", Ref: "acme/jobs"}
	errAPI = errors.New("503 from the API")
)

func open(t *testing.T, dir string, targets ...actuate.Target) *Cloud {
	t.Helper()
	c, err := Open(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, x := range targets {
		if err := c.Register(x); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// see returns what the action observes, as "name=value name=value".
func see(t *testing.T, c *Cloud, x actuate.Target, uses string) string {
	t.Helper()
	seen, err := c.Observe(t.Context(), x, uses)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, f := range seen {
		parts = append(parts, f.Name+"="+f.Value)
	}
	return strings.Join(parts, " ")
}

// changes returns the journal as "target field before>after key", one a line.
func changes(t *testing.T, dir string) string {
	t.Helper()
	all, err := Changes(dir)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s>%s %s", c.Target, c.Field, c.Before, c.After, c.Key)))
	}
	return strings.Join(lines, "\n")
}

func one(field, value string) autonomics.Fields {
	return autonomics.Fields{{Name: field, Value: value}}
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		target               actuate.Target
		uses, foreign, field string
		start                string
		values               []string
	}{
		{web, "cloudrun.max_instances", "cloudtasks.rate", "max", "100", []string{"1", "7"}},
		{web, "kubernetes.scale", "cloudtasks.pause", "replicas", "10", []string{"0", "3"}},
		{web, "cloudrun.traffic", "notify.log", "revision", "r2", []string{"r1", "r3"}},
		{web, "kubernetes.rollback", "billing.off", "revision", "r2", []string{"r1", "r3"}},
		{queue, "cloudtasks.rate", "cloudrun.traffic", "rate", "500", []string{"250", "0.5"}},
	} {
		t.Run(c.uses, func(t *testing.T) {
			actuatetest.Run(t, func(t *testing.T) actuatetest.Fixture {
				dir := t.TempDir()
				cloud := open(t, dir, c.target)
				if c.field == "revision" { // r3 is there, but does not serve
					if err := errors.Join(cloud.Deploy(c.target, "r3"), cloud.Set(c.target, "revision", "r2")); err != nil {
						t.Fatal(err)
					}
				}
				return actuatetest.Fixture{
					Actuator: cloud, Target: c.target, Uses: c.uses, Foreign: c.foreign,
					Field: c.field, Start: c.start, Values: c.values,
					Set: func(value string) {
						if err := cloud.Set(c.target, c.field, value); err != nil {
							t.Fatal(err)
						}
					},
					Effects: func() (n int) {
						all, err := Changes(dir)
						if err != nil {
							t.Fatal(err)
						}
						for _, x := range all {
							if x.Key != "" {
								n++
							}
						}
						return n
					},
					Lose: func() { cloud.Inject(c.target, Fault{On: "apply", Times: 1, Err: errAPI, After: true}) },
				}
			})
		})
	}
}

func TestDefaultsAndRevisions(t *testing.T) {
	c := open(t, t.TempDir(), web, queue, web)
	for uses, want := range map[string]string{
		"cloudrun.max_instances": "max=100", "kubernetes.scale": "replicas=10",
		"cloudrun.traffic": "previous=r1 revision=r2", "kubernetes.rollback": "previous=r1 revision=r2",
	} {
		if got := see(t, c, web, uses); got != want {
			t.Errorf("%s sees %s, want %s", uses, got, want)
		}
	}
	for uses, want := range map[string]string{"cloudtasks.rate": "rate=500", "cloudtasks.pause": "paused=false"} {
		if got := see(t, c, queue, uses); got != want {
			t.Errorf("%s sees %s, want %s", uses, got, want)
		}
	}
	// The revision before r3 is the one that it replaced, which is not always
	// the one that was deployed before it.
	for _, step := range []struct{ deploy, set, want string }{
		{"", "r1", "revision=r1"},
		{"r3", "", "previous=r1 revision=r3"},
		{"r4", "", "previous=r3 revision=r4"},
		{"", "r2", "previous=r1 revision=r2"},
		{"", "r3", "previous=r1 revision=r3"},
	} {
		var err error
		if step.deploy != "" {
			err = c.Deploy(web, step.deploy)
		} else {
			err = c.Set(web, "revision", step.set)
		}
		if got := see(t, c, web, "cloudrun.traffic"); err != nil || got != step.want {
			t.Errorf("after %+v: %s, %v", step, got, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	c := open(t, t.TempDir(), web, queue)
	other := web
	other.Kind = "sim.queue"
	gone := web
	gone.Tenant = "globex"
	both := append(one("max", "1"), one("replicas", "1")...)
	real := web
	real.Kind = "cloudrun.service"
	for want, err := range map[string]error{
		"register acme-web: acme/acme/web is a sim.service, not a sim.queue":               c.Register(other),
		`register acme-web: the simulated cloud has no targets of kind "cloudrun.service"`: c.Register(real),
		"set max of acme-web: no such target":                                              c.Set(gone, "max", "1"),
		`set rate of acme-web: a sim.service has no "rate"`:                                c.Set(web, "rate", "1"),
		`set max of acme-web: max cannot be "1.5"`:                                         c.Set(web, "max", "1.5"),
		`set max of acme-web: max cannot be "-1"`:                                          c.Set(web, "max", "-1"),
		`set max of acme-web: max cannot be "1.0"`:                                         c.Set(web, "max", "1.0"),
		`set revision of acme-web: there is no revision "r9"`:                              c.Set(web, "revision", "r9"),
		"set paused of acme-jobs: paused is true or false, not \"yes\"":                    c.Set(queue, "paused", "yes"),
		"deploy to acme-jobs: no such service":                                             c.Deploy(queue, "r3"),
		`deploy "r1" to acme-web: want a new name of a-z, 0-9, dot, dash and underscore`:   c.Deploy(web, "r1"),
		"inject a fault into acme-web: no such target":                                     c.Inject(gone, Fault{}),
		`there is no revision "r9": final`:                                                 c.Apply(t.Context(), actuate.Call{Key: "k", Target: web, Uses: "cloudrun.traffic", Value: one("revision", "r9")}),
		`cloudrun.traffic writes "revision" alone, not [{max 1}]: final`:                   c.Apply(t.Context(), actuate.Call{Key: "k", Target: web, Uses: "cloudrun.traffic", Value: one("max", "1")}),
		`cloudrun.max_instances writes "max" alone, not [{max 1} {replicas 1}]: final`:     c.Apply(t.Context(), actuate.Call{Key: "k", Target: web, Uses: "cloudrun.max_instances", Value: both}),
		`no sim.queue at acme/acme/web: final`:                                             c.Apply(t.Context(), actuate.Call{Key: "k", Target: other, Uses: "cloudtasks.rate", Value: one("rate", "1")}),
		`no sim.service at globex/acme/web: final`:                                         c.Apply(t.Context(), actuate.Call{Key: "k", Target: gone, Uses: "cloudrun.traffic", Value: one("revision", "r1")}),
		"cloudtasks.rate cannot be done to acme-web, a sim.service: final":                 c.Apply(t.Context(), actuate.Call{Key: "k", Target: web, Uses: "cloudtasks.rate", Value: one("rate", "1")}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}

func TestKeyIsRemembered(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, web)
	apply := func(key, from, to string) error {
		return c.Apply(t.Context(), actuate.Call{Key: key, Target: web, Uses: "cloudrun.max_instances", Value: one("max", to), Expected: one("max", from)})
	}
	if err := apply("k/0", "100", "1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(web, "max", "100"); err != nil { // somebody takes it back
		t.Fatal(err)
	}
	c.Close()
	c = open(t, dir, web)
	if err := apply("k/0", "100", "1"); !errors.Is(err, actuate.ErrChanged) {
		t.Errorf("the same key wrote again after a restart: %v", err)
	}
	if err := apply("k/1", "100", "1"); err != nil {
		t.Error(err)
	}
	want := "acme/web max 100>1 k/0\nacme/web max 1>100\nacme/web max 100>1 k/1"
	if got := changes(t, dir); got != want {
		t.Errorf("changes\n%s\nwant\n%s", got, want)
	}
	// Keys are kept by number.
	for i := range maxKeys {
		from, to := "1", "2"
		if i%2 == 1 {
			from, to = to, from
		}
		if err := apply(fmt.Sprintf("n/%d", i), from, to); err != nil {
			t.Fatal(err)
		}
	}
	if x := c.targets["acme/acme/web"]; len(x.keys) != maxKeys || x.keys[0] != "n/0" {
		t.Errorf("%d keys are kept, from %s on; want %d", len(x.keys), x.keys[0], maxKeys)
	}
}

func TestTenantsAreApart(t *testing.T) {
	c := open(t, t.TempDir(), web)
	theirs := web
	theirs.Tenant = "globex"
	if err := errors.Join(c.Register(theirs), c.Set(theirs, "max", "5")); err != nil {
		t.Fatal(err)
	}
	if got := see(t, c, web, "cloudrun.max_instances"); got != "max=100" {
		t.Errorf("another tenant's target of the same ref shows: %s", got)
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := open(t, dir, web)
		begin := time.Now()
		final := fmt.Errorf("denied: %w", actuate.ErrFinal)
		for _, f := range []Fault{
			{On: "apply", Times: 2, Err: errAPI},
			{On: "observe", Times: 1, Delay: time.Hour},
			{Times: 1, Err: final},
			{On: "apply", Times: 1, Err: errAPI, After: true},
		} {
			if err := c.Inject(web, f); err != nil {
				t.Fatal(err)
			}
		}
		call := actuate.Call{Key: "k/0", Target: web, Uses: "cloudrun.max_instances", Value: one("max", "1"), Expected: one("max", "100")}
		for i, want := range []error{errAPI, errAPI, actuate.ErrFinal, errAPI, nil, nil} {
			if err := c.Apply(t.Context(), call); !errors.Is(err, want) {
				t.Errorf("call %d: %v, want %v", i, err, want)
			}
		}
		if got, want := changes(t, dir), "acme/web max 100>1 k/0"; got != want {
			t.Errorf("changes %q, want %q", got, want)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("the delay of observe took %v of apply's time", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Observe(ctx, web, call.Uses); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("a call that is cut off: %v after %v", err, time.Since(begin))
		}
	})
}

// TestTornJournal cuts the journal at every byte: what was whole is there, and
// the cloud goes on.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, web)
	if err := errors.Join(c.Set(web, "max", "9"), c.Deploy(web, "r3")); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(web, "max", "9"); err != nil { // is no change
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, journal))
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	if lines := strings.Count(string(whole), "\n"); lines != 2 {
		t.Errorf("%d lines for two changes", lines)
	}
	for n := range whole {
		dir := t.TempDir()
		torn := whole[:n]
		if n == first+1 { // and a tail that is longer than the next line
			torn = slices.Concat(torn, bytes.Repeat([]byte{'x'}, 4096))
		}
		if err := os.WriteFile(filepath.Join(dir, journal), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, web)
		want := "max=100"
		if n >= first {
			want = "max=9"
		}
		if got := see(t, c, web, "cloudrun.max_instances"); got != want {
			t.Errorf("cut at %d: %s, want %s", n, got, want)
		}
		if err := errors.Join(c.Set(web, "replicas", "3"), c.Close()); err != nil {
			t.Fatal(err)
		}
		if got := see(t, open(t, dir, web), web, "kubernetes.scale"); got != "replicas=3" {
			t.Errorf("cut at %d: the next change is lost: %s", n, got)
		}
	}
}

func TestDamagedJournalIsRefused(t *testing.T) {
	const good = `{"at":"2026-11-23T07:44:00Z","tenant":"acme","target":"acme/web","kind":"sim.service","field":"max","before":"100","after":"1"}`
	for name, lines := range map[string]string{
		"not json":         "hello\n",
		"unknown member":   strings.Replace(good, `"at"`, `"x":1,"at"`, 1) + "\n",
		"unknown kind":     strings.Replace(good, "sim.service", "sim.boat", 1) + "\n",
		"unknown field":    strings.Replace(good, `"max"`, `"min"`, 1) + "\n",
		"does not connect": good + "\n" + good + "\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, journal), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, time.Now); err == nil || !strings.Contains(err.Error(), "cloud.ndjson, line ") {
			t.Errorf("%s: %v; want an error that names the line", name, err)
		}
	}
}

// TestFailedWriteIsNotSeen holds that a change that cannot be made durable is
// not made.
func TestFailedWriteIsNotSeen(t *testing.T) {
	c := open(t, t.TempDir(), web)
	c.file.Close()
	if err := c.Set(web, "max", "1"); err == nil {
		t.Fatal("a change without a file")
	}
	if got := see(t, c, web, "cloudrun.max_instances"); got != "max=100" {
		t.Errorf("%s; the change was not durable", got)
	}
}

// TestKilled kills a process that changes a target and tells each change when
// it is made: after the kill every change that was told is there.
func TestKilled(t *testing.T) {
	const name = "SIMCLOUD_KILLED"
	if dir := os.Getenv(name); dir != "" {
		c := open(t, dir, web)
		for i := 1; ; i++ {
			if err := c.Set(web, "max", fmt.Sprint(1000+i)); err != nil {
				t.Fatal(err)
			}
			fmt.Println("told", 1000+i)
		}
	}
	for round := range 3 {
		dir := t.TempDir()
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), name+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		told, lines := 0, bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			fmt.Sscanf(lines.Text(), "told %d", &told)
			if n == 10+7*round {
				child.Process.Kill()
			}
		}
		child.Wait()
		got := see(t, open(t, dir, web), web, "cloudrun.max_instances")
		if got != fmt.Sprintf("max=%d", told) && got != fmt.Sprintf("max=%d", told+1) {
			t.Errorf("the child told %d, and after the kill %s", told, got)
		}
	}
}

// BenchmarkApply has as its baseline the same bytes appended and synced.
func BenchmarkApply(b *testing.B) {
	b.Run("apply", func(b *testing.B) {
		c, err := Open(b.TempDir(), time.Now)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		if err := c.Register(web); err != nil {
			b.Fatal(err)
		}
		from, to := "100", "1"
		for i := 0; b.Loop(); i++ {
			call := actuate.Call{Key: fmt.Sprint(i), Target: web, Uses: "cloudrun.max_instances", Value: one("max", to), Expected: one("max", from)}
			if err := c.Apply(b.Context(), call); err != nil {
				b.Fatal(err)
			}
			from, to = to, from
		}
	})
	b.Run("baseline", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		line := make([]byte, 150)
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
