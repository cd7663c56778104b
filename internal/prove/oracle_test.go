package prove

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// An oracle finds out the slow way what a program can do: it drives tenants of
// the real kernel through all readings, answers and times that a small program
// can tell apart, and knows them again by what a person would look at.
type oracle struct {
	p      *kernel.Program
	queue  []*kernel.Tenant
	known  map[string]bool
	fired  map[string]bool
	states map[autonomics.State]bool
}

const noon autonomics.Time = 1_795_420_800_000

var values = []string{"-1", "0", "1", "2"} // at thresholds 0 and 1, or 1 and 2

func explored(p *kernel.Program, most int) (o *oracle, all bool) {
	o = &oracle{p: p, known: map[string]bool{}, fired: map[string]bool{}, states: map[autonomics.State]bool{}}
	tenant := &kernel.Tenant{ID: "acme"}
	var targets []autonomics.TargetRef
	for _, s := range p.Slots {
		targets = append(targets, autonomics.TargetRef{Slot: s.Name, Name: s.Name, Kind: s.Kind, Ref: s.Name})
	}
	o.keep(tenant.Step(noon, entitled(p, "active")))
	o.keep(tenant.Step(noon, kernel.Input{Governor: p.SKU, Program: p, Event: autonomics.Event{Program: &autonomics.ProgramEvent{
		Spec: p.Digest, Name: p.SKU + "@1.0.0", Profile: "standard", Mode: autonomics.Enforce, Targets: targets}}}))
	o.meet(tenant)
	for len(o.queue) > 0 && len(o.known) < most {
		next := o.queue[0]
		o.queue = o.queue[1:]
		o.expand(next)
	}
	return o, len(o.queue) == 0
}

func entitled(p *kernel.Program, state string) kernel.Input {
	return kernel.Input{Event: autonomics.Event{Entitlement: &autonomics.Entitlement{Entitlement: "e", Event: "payment_confirmed",
		State: state, SKUs: []string{p.SKU}}}}
}

// try lets one thing happen to a copy.
func (o *oracle) try(t *kernel.Tenant, after autonomics.Duration, inputs ...kernel.Input) {
	c := t.Clone()
	now := c.Last.Add(after)
	o.keep(c.Tick(now))
	for _, in := range inputs {
		o.keep(c.Step(now, in))
	}
	o.meet(c)
}

func (o *oracle) expand(t *kernel.Tenant) {
	signal := func(s autonomics.Signal) {
		o.try(t, autonomics.Second, kernel.Input{Event: autonomics.Event{Signal: &s}})
	}
	for _, a := range append(values, "") {
		for _, b := range append(values, "", "-") {
			s := autonomics.Signal{Source: "x", Readings: []autonomics.Reading{reading("a", a)}}
			if b != "-" {
				s.Readings = append(s.Readings, reading("b", b))
			}
			signal(s)
		}
	}
	for _, open := range []bool{true, false} {
		signal(autonomics.Signal{Episode: "e", Key: "k", Start: t.Last, Open: open, At: t.Last.Add(autonomics.Second)})
	}
	t.Work(func(w kernel.Work) {
		outcome := func(stage autonomics.Stage, baseline autonomics.Fields) {
			o.try(t, autonomics.Second, kernel.Input{Governor: w.Governor, Event: autonomics.Event{
				Effect: &autonomics.Outcome{Key: w.Key, Stage: stage, Baseline: baseline, Value: w.Value}}})
		}
		observed := autonomics.Fields{{Name: "max", Value: "9"}, {Name: "previous", Value: "r1"}, {Name: "revision", Value: "r2"}}
		switch {
		case w.Op == autonomics.OpNotice:
			outcome(autonomics.StageDone, nil)
		case w.Watch:
			outcome(autonomics.StagePrepared, autonomics.Fields{{Name: "revision", Value: "r3"}})
		case w.Observe:
			outcome(autonomics.StagePrepared, observed)
			outcome(autonomics.StageFailed, nil)
		default:
			outcome(autonomics.StageDone, nil)
			outcome(autonomics.StageFailed, nil)
			outcome(autonomics.StageYielded, nil)
		}
	})
	for _, c := range t.Governor(o.p.SKU).Claims {
		o.try(t, autonomics.Second, kernel.Input{Governor: o.p.SKU, Event: autonomics.Event{Command: &autonomics.Command{
			Principal: "p", Command: "release", Reason: "r", Args: map[string]string{"action": strconv.Quote(c.Action)}}}})
	}
	if due, ok := t.Due(); ok {
		o.try(t, autonomics.Duration(max(0, due-t.Last)))
	}
	o.try(t, 2*autonomics.Hour)
	o.try(t, autonomics.Second, entitled(o.p, "suspended"), entitled(o.p, "active"))
}

func reading(signal, value string) autonomics.Reading {
	r := autonomics.Reading{Signal: signal, Unit: "1"}
	if value == "" {
		r.Absent = "null"
	}
	r.Value, _ = autonomics.ParseDecimal(value)
	return r
}

func (o *oracle) keep(sealed []kernel.Sealed) {
	for _, s := range sealed {
		if s.Receipt.Rule != "" {
			o.fired[s.Receipt.Rule] = true
		}
	}
}

// meet queues a tenant unless one like it was met before. Notices are answered
// at once: nothing depends on them.
func (o *oracle) meet(t *kernel.Tenant) {
	g := t.Governor(o.p.SKU)
	o.states[g.State] = true
	g.Notices = nil
	var b strings.Builder
	now := t.Last
	fmt.Fprint(&b, g.State, g.LockUntil != 0, g.FailedUntil != 0)
	for i, s := range g.Signals {
		fresh := s.Has && !s.Missing && now < s.At.Add(o.p.Signals[i].StaleAfter)
		fmt.Fprint(&b, "|", s.Has, fresh)
		if fresh {
			fmt.Fprint(&b, s.Value)
		}
	}
	for _, k := range g.Episodes[0].Keys {
		fmt.Fprint(&b, "|", k.Open, now < k.Heard.Add(o.p.Episodes[0].StaleAfter))
	}
	for _, c := range g.Claims {
		fmt.Fprint(&b, "|", c.Action, c.Rule, c.Stage, c.Op, c.Value != nil, c.Max != 0 && now >= c.Max)
	}
	for i, c := range g.Counts {
		n := 0
		for _, at := range c.Times {
			if at > now.Add(-o.p.Counts[i].Window) {
				n++
			}
		}
		fmt.Fprint(&b, "|", n)
	}
	bars := slices.Clone(g.Bars)
	slices.SortFunc(bars, func(x, y kernel.Bar) int { return strings.Compare(x.Action+x.Rule, y.Action+y.Rule) })
	fmt.Fprint(&b, bars, len(g.Holds), len(t.Lanes))
	if key := b.String(); !o.known[key] {
		o.known[key] = true
		o.queue = append(o.queue, t)
	}
}

// TestAgainstTheKernel: what the proof says of random programs, the kernel does.
// What it says never happens does not happen, and of what never happens it
// misses little: it leaves open how long an action stays barred. Targets that
// answer at once see rules go round exactly if it says so.
func TestAgainstTheKernel(t *testing.T) {
	silent, missed, firing, flapping, calm, whole := 0, 0, 0, 0, 0, 0
	for seed := range uint64(60) {
		p, doc := random(t, seed)
		if p == nil {
			continue
		}
		list := Check(p, doc)
		o, all := explored(p, 1000)
		for _, r := range p.Rules {
			said := denied(list, fmt.Sprintf("rule %q never fires", r.ID))
			switch {
			case said && o.fired[r.ID]:
				t.Errorf("seed %d: rule %s fires: %v\n%s", seed, r.ID, list, p.Source)
			case !said && !o.fired[r.ID] && all:
				missed++
				t.Logf("seed %d: rule %s never fires, which was not said", seed, r.ID)
			case said:
				silent++
			default:
				firing++
			}
		}
		for s := autonomics.Stable; s <= autonomics.Intervening; s++ {
			if denied(list, "nothing ever leads to "+s.String()) && o.states[s] {
				t.Errorf("seed %d: %s is entered\n%s", seed, s, p.Source)
			}
		}
		said, flaps := denied(list, "fire in turn"), cycling(p)
		if said != flaps {
			t.Errorf("seed %d: flapping %v, said %v: %v\n%s", seed, flaps, said, list, p.Source)
		}
		if flaps {
			flapping++
		} else {
			calm++
		}
		if all {
			whole++
		}
	}
	t.Logf("%d rules never fire, %d do; %d programs flap, %d do not; %d explored to the end", silent, firing, flapping, calm, whole)
	if silent < 20 || missed > silent/10 || firing < 40 || flapping < 3 || calm < 10 || whole < 15 {
		t.Errorf("too little of something; %d missed", missed)
	}
}

func denied(list []spec.Complaint, what string) bool {
	return slices.ContainsFunc(list, func(c spec.Complaint) bool { return strings.Contains(c.Problem, what) })
}

// cycling repeats every combination of readings before targets that answer at
// once, from stable and from warning, and sees whether rules go round.
func cycling(p *kernel.Program) bool {
	for _, a := range values {
		for _, b := range append(values, "", "-") {
			for _, episode := range []string{"unknown", "open", "closed"} {
				for _, before := range append(values, "") {
					for _, other := range append(values, "-") {
						if goesRound(p, a, b, episode, before, other) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

func goesRound(p *kernel.Program, a, b, episode, before, other string) bool {
	m := spec.NewModel(autonomics.Tenant(p.SKU), p, noon, autonomics.Enforce, true)
	at := noon
	tell := func(s autonomics.Signal) []kernel.Sealed {
		at = at.Add(autonomics.Second)
		s.Source, m.Sealed = "x", nil
		m.Take(at, kernel.Input{Event: autonomics.Event{Signal: &s}})
		m.Settle(at)
		return m.Sealed
	}
	pair := func(a, b string) autonomics.Signal {
		s := autonomics.Signal{Readings: []autonomics.Reading{reading("a", a)}}
		if b != "-" {
			s.Readings = append(s.Readings, reading("b", b))
		}
		return s
	}
	if before != "" {
		tell(pair(before, other))
	}
	if episode != "unknown" {
		tell(autonomics.Signal{Episode: "e", Key: "k", Start: at, Open: episode == "open", At: at.Add(autonomics.Second)})
	}
	seen := map[string]int{}
	for range 40 {
		state, rules := m.Tenant.Governor(p.SKU).State, 0
		for _, x := range tell(pair(a, b)) {
			r := x.Receipt
			if r.Rule != "" && r.To == autonomics.Refusing {
				return false
			}
			if r.Rule != "" {
				rules++
				seen[r.Rule]++
			}
			if seen[r.Rule] > 10 {
				return true
			}
		}
		if rules == 0 && m.Tenant.Governor(p.SKU).State == state {
			return false
		}
	}
	return false
}

// random makes a small program; nil if the checker refuses it as it is.
func random(t *testing.T, seed uint64) (*kernel.Program, *spec.Document) {
	r := rand.New(rand.NewPCG(seed, 7))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var condition func(depth int, clear bool) string
	condition = func(depth int, clear bool) string {
		switch n := r.IntN(12); {
		case depth > 0 && n < 2:
			return fmt.Sprintf(`{"%s": [%s, %s]}`, pick("all", "any"), condition(depth-1, clear), condition(depth-1, clear))
		case depth > 0 && n == 2:
			return fmt.Sprintf(`{"not": %s}`, condition(depth-1, false))
		case n == 3:
			return fmt.Sprintf(`{"episode": "e", "open": %s}`, pick("true", "false"))
		case n == 4:
			return fmt.Sprintf(`{"effects": "%s", "window": "1h", "at_least": "%s"}`, pick("slow", "back"), pick("1", "2"))
		default:
			s, missing := pick("a", "a", "a", "b"), ""
			if clear && r.IntN(4) == 0 {
				missing = `, "or_missing": true`
			}
			return fmt.Sprintf(`{"signal": "%s", "%s": "%d"%s}`, s, pick("at_least", "below"), r.IntN(3), missing)
		}
	}
	var rules []string
	for i := range 2 + r.IntN(3) {
		in := pick(`"stable"`, `"warning"`, `"stable", "warning"`, `"warning", "intervening"`, `"intervening"`)
		to, more := pick("warning", "intervening", "intervening", "stable", "stable", "refusing"), ""
		switch {
		case to == "refusing":
			more = `"lock_for": "30m", `
		case to == "intervening":
			more = fmt.Sprintf(`"do": ["%s"], `, pick("slow", "slow", "back"))
		}
		if to != "intervening" && strings.Contains(in, to) {
			continue
		}
		rules = append(rules, fmt.Sprintf(`{"id": "r%d", "in": [%s], "go": "%s", %s"when": %s}`, i, in, to, more, condition(r.IntN(2), to == "stable")))
	}
	src := strings.Replace(source(strings.Join(rules, ",")), `"parameters": {"r": {"unit": "1/s"}},`, "", 1)
	doc, complaints := spec.Parse("random.json", []byte(strings.Replace(src, `{"r": "10"}`, "{}", 1)))
	if complaints != nil {
		t.Fatal(complaints)
	}
	p, complaints := spec.Compile(doc, "standard", nil)
	if complaints != nil {
		return nil, nil
	}
	return p, doc
}
