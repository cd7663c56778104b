package catalog

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
)

// fields reads "name=value name=value".
func fields(s string) (f autonomics.Fields) {
	for _, part := range strings.Fields(s) {
		name, value, _ := strings.Cut(part, "=")
		f = append(f, autonomics.Field{Name: name, Value: value})
	}
	return f
}

func text(f autonomics.Fields) string {
	var parts []string
	for _, x := range f {
		parts = append(parts, x.Name+"="+x.Value)
	}
	return strings.Join(parts, " ")
}

func action(t testing.TB, uses string) Action {
	t.Helper()
	a, ok := Lookup(uses)
	if !ok {
		t.Fatalf("no action %q", uses)
	}
	return a
}

func TestActionsAreWellFormed(t *testing.T) {
	all := All()
	if !slices.IsSortedFunc(all, func(x, y Action) int { return strings.Compare(x.Uses, y.Uses) }) {
		t.Error("the actions are not sorted by name")
	}
	var names []string
	for _, a := range all {
		names = append(names, a.Uses)
		if found, ok := Lookup(a.Uses); !ok || found.Uses != a.Uses {
			t.Errorf("Lookup(%q) = %q, %v", a.Uses, found.Uses, ok)
		}
		notice := a.Class == Notice
		if notice != (a.Kind == "") || notice != (a.Field == "") || notice != (len(a.Permissions) == 0) {
			t.Errorf("%s: a notice has no kind, field and permissions, and everything else has", a.Uses)
		}
		if a.Help == "" || len(a.Params) > 1 || a.Number() != (a.Order == Lower) {
			t.Errorf("%s: wants a help, at most one parameter, and an order if it is a number: %+v", a.Uses, a)
		}
		for _, p := range a.Params {
			if p.Help == "" || !a.Number() && len(p.Words) == 0 {
				t.Errorf("%s: parameter %s wants a help, and words if it is text", a.Uses, p.Name)
			}
		}
		if !notice && !slices.ContainsFunc(TargetKinds(), func(k string) bool { return Fits(a.Kind, k) }) {
			t.Errorf("%s: no kind of target fits %s", a.Uses, a.Kind)
		}
	}
	want := "cloudrun.max_instances cloudrun.traffic cloudtasks.pause cloudtasks.rate kubernetes.rollback kubernetes.scale notify.log"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("actions\n got %s\nwant %s", got, want)
	}
	all[0].Uses = "changed"
	if actions[0].Uses == "changed" {
		t.Error("All shares the table with its caller")
	}
	if _, ok := Lookup("billing.off"); ok {
		t.Error("there is an action billing.off")
	}
}

func TestFits(t *testing.T) {
	kinds := []string{"cloudrun.service", "cloudtasks.queue", "kubernetes.deployment", "pubsub.subscription", "sim.queue", "sim.service"}
	also := map[[2]string]bool{
		{"cloudrun.service", "sim.service"}: true, {"kubernetes.deployment", "sim.service"}: true,
		{"cloudtasks.queue", "sim.queue"}: true, {"pubsub.subscription", "sim.queue"}: true,
	}
	for _, slot := range kinds {
		for _, target := range kinds {
			if got, want := Fits(slot, target), slot == target || also[[2]string{slot, target}]; got != want {
				t.Errorf("Fits(%s, %s) = %v", slot, target, got)
			}
		}
	}
}

func TestCheckWith(t *testing.T) {
	for _, c := range []struct{ uses, with, want string }{
		{"cloudrun.max_instances", "max=1", ""},
		{"cloudrun.max_instances", "max=50%", ""},
		{"cloudrun.max_instances", "max=0%", ""},
		{"cloudrun.max_instances", "max=100%", ""},
		{"cloudrun.max_instances", "max=12.5%", ""},
		{"cloudrun.max_instances", "max=10.0", ""},
		{"cloudrun.max_instances", "max=0", "cloudrun.max_instances: max 0: the least is 1"},
		{"cloudrun.max_instances", "max=-1", "cloudrun.max_instances: max -1: the least is 1"},
		{"cloudrun.max_instances", "max=1.5", "cloudrun.max_instances: max 1.5: want a whole number"},
		{"cloudrun.max_instances", "max=100.1%", `cloudrun.max_instances: max "100.1%": a share lies between 0% and 100%`},
		{"cloudrun.max_instances", "max=-1%", `cloudrun.max_instances: max "-1%": a share lies between 0% and 100%`},
		{"cloudrun.max_instances", "max=%", `cloudrun.max_instances: max "%": a share lies between 0% and 100%`},
		{"cloudrun.max_instances", "max=5%%", `cloudrun.max_instances: max "5%%": a share lies between 0% and 100%`},
		{"cloudrun.max_instances", "max=all", `cloudrun.max_instances: max "all": want a number such as 10, or a share of what is there such as 50%`},
		{"cloudrun.max_instances", "max=", `cloudrun.max_instances: max "": want a number such as 10, or a share of what is there such as 50%`},
		{"cloudrun.max_instances", "max=9223372036855", `cloudrun.max_instances: max "9223372036855": want a number such as 10, or a share of what is there such as 50%`},
		{"cloudrun.max_instances", "", `cloudrun.max_instances needs "max": instances that the service may have at most`},
		{"cloudrun.max_instances", "max=1 min=0", `cloudrun.max_instances takes no "min": it takes "max"`},
		{"cloudtasks.rate", "rate=0.5", ""},
		{"cloudtasks.rate", "rate=33.333333%", ""},
		{"cloudtasks.rate", "rate=0", "cloudtasks.rate: rate 0: the least is 0.000001"},
		{"kubernetes.scale", "replicas=0", ""},
		{"kubernetes.scale", "replicas=-1", "kubernetes.scale: replicas -1: the least is 0"},
		{"cloudrun.traffic", "to=previous", ""},
		{"cloudrun.traffic", "to=current", ""},
		{"cloudrun.traffic", "to=web-00042-abc", ""},
		{"kubernetes.rollback", "to=17", ""},
		{"cloudrun.traffic", "to=50%", `cloudrun.traffic: to "50%": want previous, current or the name of a revision`},
		{"cloudrun.traffic", "to=", `cloudrun.traffic: to "": want previous, current or the name of a revision`},
		{"cloudrun.traffic", "revision=r1", `cloudrun.traffic takes no "revision": it takes "to"`},
		{"cloudtasks.pause", "", ""},
		{"cloudtasks.pause", "paused=true", `cloudtasks.pause takes no "paused": it takes nothing`},
		{"notify.log", "", ""},
		{"notify.log", "text=hello", `notify.log takes no "text": it takes nothing`},
		{"billing.off", "", `"billing.off" is not an action of the catalog`},
	} {
		got := ""
		if err := CheckWith(c.uses, fields(c.with)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("CheckWith(%s, %s)\n got %s\nwant %s", c.uses, c.with, got, c.want)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ uses, with, observed, baseline, value, err string }{
		{"cloudrun.max_instances", "max=1", "max=100", "max=100", "max=1", ""},
		{"cloudrun.max_instances", "max=1", "etag=x max=100 min=0", "max=100", "max=1", ""},
		{"cloudrun.max_instances", "max=200", "max=100", "max=100", "max=100", ""}, // never loosens
		{"cloudrun.max_instances", "max=5", "max=1", "max=1", "max=1", ""},
		{"cloudrun.max_instances", "max=5", "max=5", "max=5", "max=5", ""},
		{"cloudrun.max_instances", "max=50%", "max=9", "max=9", "max=4", ""}, // truncated
		{"cloudrun.max_instances", "max=99.999999%", "max=1000000", "max=1000000", "max=999999", ""},
		{"cloudrun.max_instances", "max=100%", "max=7", "max=7", "max=7", ""},
		{"cloudrun.max_instances", "max=10%", "max=3", "max=3", "max=1", ""}, // 0 would lift the limit
		{"cloudrun.max_instances", "max=0%", "max=3", "max=3", "max=1", ""},
		{"cloudrun.max_instances", "max=50%", "max=0", "max=0", "max=0", ""}, // and 1 would loosen
		{"cloudrun.max_instances", "max=50%", "max=9223372036854", "max=9223372036854", "max=4611686018427", ""},
		{"kubernetes.scale", "replicas=30%", "replicas=10", "replicas=10", "replicas=3", ""},
		{"kubernetes.scale", "replicas=30%", "replicas=3", "replicas=3", "replicas=0", ""},
		{"cloudtasks.rate", "rate=50%", "paused=false rate=500", "rate=500", "rate=250", ""},
		{"cloudtasks.rate", "rate=50%", "rate=0.000001", "rate=0.000001", "rate=0.000001", ""},
		{"cloudtasks.rate", "rate=33.333333%", "rate=1", "rate=1", "rate=0.333333", ""},
		{"cloudtasks.rate", "rate=12.5", "rate=500", "rate=500", "rate=12.5", ""},
		{"cloudtasks.pause", "", "paused=false", "paused=false", "paused=true", ""},
		{"cloudtasks.pause", "", "paused=true", "paused=true", "paused=true", ""},
		{"cloudrun.traffic", "to=previous", "previous=r1 revision=r2", "revision=r2", "revision=r1", ""},
		{"cloudrun.traffic", "to=current", "previous=r1 revision=r2", "revision=r2", "revision=r2", ""},
		{"cloudrun.traffic", "to=r7", "previous=r1 revision=r2", "revision=r2", "revision=r7", ""},
		{"kubernetes.rollback", "to=previous", "previous=3 revision=4", "revision=4", "revision=3", ""},

		{"cloudrun.traffic", "to=previous", "revision=r1", "", "", `cloudrun.traffic: no revision before "r1" is ready`},
		{"cloudrun.traffic", "to=previous", "previous= revision=r1", "", "", `cloudrun.traffic: no revision before "r1" is ready`},
		{"cloudrun.max_instances", "max=1", "revision=r1", "", "", `cloudrun.max_instances: the target told no "max"`},
		{"cloudrun.max_instances", "max=1", "max=", "", "", `cloudrun.max_instances: the target told no "max"`},
		{"cloudrun.max_instances", "max=1", "max=many", "", "", `cloudrun.max_instances: the target's "max" is "many": want a number that is not negative`},
		{"cloudrun.max_instances", "max=1", "max=-1", "", "", `cloudrun.max_instances: the target's "max" is "-1": want a number that is not negative`},
		{"cloudrun.max_instances", "max=0", "max=10", "", "", "cloudrun.max_instances: max 0: the least is 1"},
		{"notify.log", "", "max=1", "", "", "notify.log changes nothing"},
	} {
		baseline, value, err := Resolve(action(t, c.uses), fields(c.with), fields(c.observed))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if text(baseline) != c.baseline || text(value) != c.value || got != c.err {
			t.Errorf("Resolve(%s, %s, %s)\n got %s -> %s %s\nwant %s -> %s %s", c.uses, c.with, c.observed,
				text(baseline), text(value), got, c.baseline, c.value, c.err)
		}
	}
}

func TestStricter(t *testing.T) {
	for _, c := range []struct {
		uses, x, y string
		want       int
	}{
		{"cloudrun.max_instances", "1", "10", 1},
		{"cloudrun.max_instances", "10", "9", -1}, // as numbers, not as text
		{"cloudrun.max_instances", "5", "5.0", 0},
		{"cloudrun.max_instances", "", "5", 0},
		{"cloudtasks.rate", "0.5", "0.25", -1},
		{"kubernetes.scale", "0", "1", 1},
		{"cloudtasks.pause", "true", "false", 0},
		{"cloudrun.traffic", "r1", "r2", 0},
	} {
		a := action(t, c.uses)
		if got := Stricter(a, c.x, c.y); got != c.want {
			t.Errorf("Stricter(%s, %q, %q) = %d, want %d", c.uses, c.x, c.y, got, c.want)
		}
		if got := Stricter(a, c.y, c.x); got != -c.want {
			t.Errorf("Stricter(%s, %q, %q) = %d, want %d", c.uses, c.y, c.x, got, -c.want)
		}
	}
}

func TestStep(t *testing.T) {
	for _, c := range []struct{ uses, baseline, value, share, want string }{
		{"cloudtasks.rate", "rate=500", "rate=50", "0.25", "rate=162.5"},
		{"cloudtasks.rate", "rate=500", "rate=50", "0.5", "rate=275"},
		{"cloudtasks.rate", "rate=500", "rate=50", "1", "rate=500"},
		{"cloudtasks.rate", "rate=500", "rate=50", "0", "rate=50"},
		{"cloudtasks.rate", "rate=0.000003", "rate=0.000001", "0.75", "rate=0.000002"},
		{"cloudtasks.rate", "rate=1", "rate=3", "0.5", "rate=2"},
		{"cloudrun.max_instances", "max=10", "max=1", "0.25", "max=3"}, // 3.25
		{"cloudrun.max_instances", "max=10", "max=1", "0.1", "max=1"},  // 1.9
		{"cloudrun.max_instances", "max=1", "max=1", "0.5", "max=1"},
		{"cloudrun.max_instances", "max=9223372036854", "max=9223372036853", "0.999999", "max=9223372036853"},
		{"cloudtasks.pause", "paused=false", "paused=true", "0.5", "paused=true"},
		{"cloudtasks.pause", "paused=false", "paused=true", "1", "paused=false"},
		{"cloudrun.traffic", "revision=7", "revision=3", "0.5", "revision=3"},
	} {
		share, err := autonomics.ParseDecimal(c.share)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(Step(action(t, c.uses), fields(c.baseline), fields(c.value), share)); got != c.want {
			t.Errorf("Step(%s, %s, %s, %s) = %s, want %s", c.uses, c.baseline, c.value, c.share, got, c.want)
		}
	}
}

func FuzzBetween(f *testing.F) {
	f.Add(int64(0), int64(math.MaxInt64), int64(999_999), int64(1_000_000))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(1), int64(100_000_000))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(50_000_000), int64(100_000_000)) // a carry
	f.Add(int64(7), int64(3), int64(1), int64(3))
	f.Fuzz(func(t *testing.T, x, y, n, d int64) {
		if x < 0 || y < 0 || d <= 0 || n < 0 || n > d {
			t.Skip()
		}
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(d-n))
		want.Add(want, new(big.Int).Mul(big.NewInt(y), big.NewInt(n)))
		want.Quo(want, big.NewInt(d))
		got := between(autonomics.Decimal(x), autonomics.Decimal(y), autonomics.Decimal(n), autonomics.Decimal(d))
		if int64(got) != want.Int64() {
			t.Errorf("between(%d, %d, %d, %d) = %d, want %v", x, y, n, d, int64(got), want)
		}
	})
}

// FuzzResolve holds that whatever is asked and observed, what is written is a
// single field that never loosens, and that the steps back lead from it to the
// baseline and never beyond.
func FuzzResolve(f *testing.F) {
	f.Add(0, "50%", "100", int64(250_000))
	f.Add(3, "0.5", "0.25", int64(999_999))
	f.Add(1, "previous", "r2", int64(500_000))
	f.Fuzz(func(t *testing.T, i int, asked, has string, share int64) {
		a := actions[uint(i)%uint(len(actions))]
		var with autonomics.Fields
		if len(a.Params) > 0 {
			with = autonomics.Fields{{Name: a.Params[0].Name, Value: asked}}
		}
		baseline, value, err := Resolve(a, with, autonomics.Fields{{Name: a.Field, Value: has}})
		if err != nil {
			return
		}
		if len(baseline) != 1 || len(value) != 1 || baseline[0].Name != a.Field || value[0].Name != a.Field {
			t.Fatalf("%s: %v -> %v", a.Uses, baseline, value)
		}
		if Stricter(a, baseline[0].Value, value[0].Value) > 0 {
			t.Errorf("%s loosens %v to %v", a.Uses, baseline, value)
		}
		step := Step(a, baseline, value, autonomics.Decimal(share))[0].Value
		if Stricter(a, baseline[0].Value, step) > 0 || Stricter(a, step, value[0].Value) > 0 && a.param().Unit != "1" {
			t.Errorf("%s: step %s of %v -> %v", a.Uses, step, value, baseline)
		}
	})
}
