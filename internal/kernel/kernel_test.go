package kernel_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

var update = flag.Bool("update", false, "rewrite the scripts with what they print now")

// TestScripts runs testdata/*.txt. A script is prose with commands, lines that
// begin with "$ ", and below each what it prints, indented. `case` begins a new
// world; programs last for the whole script. See command for the language.
func TestScripts(t *testing.T) {
	files := must(t, filepath.Glob, "testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(b)
			have := run(t, want)
			if *update {
				if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if have != want {
				t.Errorf("%s (-want +have; -update rewrites it):\n%s", file, cmp.Diff(strings.Split(want, "\n"), strings.Split(have, "\n")))
			}
		})
	}
}

func must[A, T any](t *testing.T, do func(A) (T, error), a A) T {
	t.Helper()
	v, err := do(a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const indent = "    "

// run plays a script and returns it with what its commands print now.
func run(t *testing.T, script string) string {
	s := &player{t: t, sources: map[string]string{}, programs: map[autonomics.Hash]*kernel.Program{}}
	var out []string
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, indent) && s.at > 0:
			continue // printed before
		case !strings.HasPrefix(line, "$ "):
			s.at = 0
			out = append(out, line)
			continue
		}
		out = append(out, line)
		s.at = i + 1
		if name, ok := strings.CutPrefix(line, "$ program "); ok {
			var source []string
			for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| ") {
				i++
				source = append(source, lines[i][2:])
				out = append(out, lines[i])
			}
			s.sources[name] = strings.Join(source, "\n")
			continue
		}
		for _, printed := range s.play(strings.Fields(line[2:])) {
			out = append(out, indent+printed)
		}
	}
	return strings.Join(out, "\n")
}

// A player runs the commands of one script.
type player struct {
	t        *testing.T
	at       int // the command's line; 0 in prose
	sources  map[string]string
	programs map[autonomics.Hash]*kernel.Program
	world    *world
}

func (s *player) Fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("line %d: %s", s.at, fmt.Sprintf(format, args...))
}

func (s *player) play(words []string) []string {
	if words[0] == "case" {
		s.world = newWorld(s, s.programs)
		return nil
	}
	s.world.receipts = nil
	if d, err := autonomics.ParseDuration(words[0]); err == nil {
		s.world.until(epoch.Add(d))
		words = words[1:]
	}
	var out []string
	if len(words) > 0 {
		out = s.command(words[0], parse(words[1:]))
	}
	for _, r := range s.world.receipts {
		out = append(out, show(r)...)
	}
	return out
}

// arguments are the words of a command: plain ones, and name=value.
type arguments struct {
	words []string
	named map[string]string
}

func parse(words []string) arguments {
	a := arguments{named: map[string]string{}}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			a.named[name] = value
		} else {
			a.words = append(a.words, w)
		}
	}
	return a
}

func (a arguments) time(t *player, name string) autonomics.Time {
	text, ok := a.named[name]
	if !ok {
		return 0
	}
	delete(a.named, name)
	if neg, ok := strings.CutPrefix(text, "-"); ok {
		d, err := autonomics.ParseDuration(neg)
		if err != nil {
			t.Fatalf("%v", err)
		}
		return epoch.Add(-d)
	}
	if text == "0" {
		return epoch
	}
	d, err := autonomics.ParseDuration(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return epoch.Add(d)
}

// take removes a named argument.
func (a arguments) take(name string) string {
	v := a.named[name]
	delete(a.named, name)
	return v
}

func (s *player) command(name string, a arguments) []string {
	w := s.world
	switch name {
	case "tick": // nothing but the time that has passed
	case "late": // time passes, and only then timers are stepped
		w.now = a.time(s, "to")
		w.tick()
	case "entitle":
		w.entitle(a.words[0], a.words[1:]...)
	case "governor": // NAME PROGRAM MODE TARGET parameter=value
		p, err := compile(s.sources[a.words[1]], "standard", a.named)
		if err != nil {
			s.Fatalf("%v", err)
		}
		w.govern(a.words[0], p, autonomics.Mode(a.words[2]), a.words[3])
	case "signal": // NAME VALUE|absent NAME VALUE…
		s.signal(a)
	case "episode": // NAME KEY open|closed
		w.step(kernel.Input{Event: autonomics.Event{Signal: &autonomics.Signal{Source: a.take("source"),
			Start: a.time(s, "start"), At: a.time(s, "at"), Episode: a.words[0], Key: a.words[1], Open: a.words[2] == "open"}}})
	case "fleet": // full until a time
		w.fleet = a.time(s, "until")
	case "command": // NAME GOVERNOR member=value; an effect is named by its action
		for _, h := range w.held(a.words[1]) {
			if h.Action == a.named["effect"] {
				a.named["effect"] = h.Key
			}
		}
		w.command(a.words[1], a.words[0], a.named)
	case "outcome": // GOVERNOR ACTION STAGE field=value
		s.outcome(a)
	case "settle":
		if !w.settle() {
			s.Fatalf("the tenant and its targets do not come to rest: %+v", work(w.live))
		}
	case "fail":
		w.fail = a.words
	case "cloud": // TARGET field=value
		for k, v := range a.named {
			w.target(a.words[0])[k] = v
		}
		return []string{fmt.Sprintf("%s %s", a.words[0], show1(fields(w.target(a.words[0]))))}
	case "state":
		return describe(w)
	case "due":
		due, ok := w.live.Due()
		if !ok {
			return []string{"never"}
		}
		return []string{autonomics.Duration(due - epoch).String()}
	case "work":
		return describeWork(w)
	default:
		s.Fatalf("there is no command %q", name)
	}
	return nil
}

func (s *player) signal(a arguments) {
	ev := &autonomics.Signal{Source: a.take("source"), ID: a.take("id")}
	at, start, unit, to := a.time(s, "at"), a.time(s, "start"), a.take("unit"), a.take("to")
	for i := 0; i+1 < len(a.words); i += 2 {
		rd := autonomics.Reading{Signal: a.words[i], At: at, Start: start, Unit: unit}
		if a.words[i+1] == "absent" {
			rd.Absent = autonomics.AbsentNull
		} else {
			rd.Value = must(s.t, autonomics.ParseDecimal, a.words[i+1])
		}
		ev.Readings = append(ev.Readings, rd)
	}
	s.world.step(kernel.Input{Governor: to, Event: autonomics.Event{Signal: ev}})
}

func (s *player) outcome(a arguments) {
	out := autonomics.Outcome{Key: "none/0", Stage: autonomics.Stage(a.words[2]), Cause: autonomics.Hold(a.take("cause"))}
	out.Unknown = a.take("unknown") != ""
	if out.Stage == autonomics.StageFailed {
		out.Error = "refused"
	}
	for _, x := range work(s.world.live) {
		if x.Governor == a.words[0] && x.Action == a.words[1] {
			out.Key = x.Key
		}
	}
	out.Baseline = fields(a.named)
	s.world.step(kernel.Input{Governor: a.words[0], Event: autonomics.Event{Effect: &out}})
}

// show is a receipt as the scripts print it.
func show(r *autonomics.Receipt) []string {
	who := r.Governor
	if who == "" {
		who = "tenant"
	}
	head := fmt.Sprintf("%d %s %s", r.Seq, who, event(r))
	if r.Verdict != autonomics.Accepted {
		head += fmt.Sprintf(": %s %s", r.Verdict, r.Reason)
	}
	if r.From != r.To {
		head += fmt.Sprintf(": %s → %s", r.From, r.To)
	} else if r.Governor != "" {
		head += fmt.Sprintf(": %s", r.To)
	}
	if r.Cause != "" {
		head += fmt.Sprintf(", %s", r.Cause)
	}
	if r.Rule != "" {
		head += fmt.Sprintf(", rule %s", r.Rule)
	}
	out := []string{head}
	for _, l := range r.Why {
		out = append(out, "  why "+leaf(l))
	}
	for _, e := range r.Effects {
		line := fmt.Sprintf("  %s %s", e.Op, e.Action)
		if e.Governor != "" {
			line = fmt.Sprintf("  %s %s of %s", e.Op, e.Action, e.Governor)
		}
		if e.Target != "" {
			line += " on " + e.Target
		}
		if e.With != nil {
			line += " " + show1(e.With)
		}
		out = append(out, line)
	}
	return out
}

func event(r *autonomics.Receipt) string {
	switch ev := &r.Event; r.Kind {
	case autonomics.KindSignal:
		if ev.Signal.Episode != "" {
			return fmt.Sprintf("episode %s %s", ev.Signal.Episode, ev.Signal.Key)
		}
		var parts []string
		for _, rd := range ev.Signal.Readings {
			value := rd.Value.String()
			if rd.Absent != "" {
				value = string(rd.Absent)
			}
			parts = append(parts, rd.Signal+" "+value)
		}
		return strings.Join(parts, ", ")
	case autonomics.KindTimer:
		t := ev.Timer
		text := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", t.Timer, t.Signal, t.Action, t.Rule)), " ")
		if t.Until != 0 {
			text += " until " + autonomics.Duration(t.Until-epoch).String()
		}
		if t.Due != r.At {
			text += fmt.Sprintf(" (%v late)", autonomics.Duration(r.At-t.Due))
		}
		return text
	case autonomics.KindEffect:
		o := ev.Effect
		text := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", o.Action, o.Stage, o.Cause, o.Reason)), " ")
		if o.Until != 0 {
			text += " until " + autonomics.Duration(o.Until-epoch).String()
		}
		if o.Baseline != nil {
			text += fmt.Sprintf(" (%s → %s)", show1(o.Baseline), show1(o.Value))
		}
		return text
	case autonomics.KindEntitlement:
		return fmt.Sprintf("entitlement %s %s", ev.Entitlement.Entitlement, ev.Entitlement.State)
	case autonomics.KindProgram:
		return fmt.Sprintf("program %s %s", ev.Program.Name, ev.Program.Mode)
	}
	text := "command " + r.Event.Command.Command
	for _, name := range []string{"mode", "action", "claims"} {
		if v := kernel.Arg(r.Event.Command, name); v != "" {
			text += " " + v
		}
	}
	return text
}

func leaf(l autonomics.Leaf) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%s", l.Signal, l.Episode, l.Effects)
	if l.Measure != "" {
		fmt.Fprintf(&b, " %s", l.Measure)
	}
	if l.Window != 0 {
		fmt.Fprintf(&b, " %v", l.Window)
	}
	if l.Over != "" {
		fmt.Fprintf(&b, " over %s", l.Over)
	}
	if l.HasValue {
		fmt.Fprintf(&b, " %v", l.Value)
	}
	if l.Quality != "" {
		fmt.Fprintf(&b, " %s", l.Quality)
	}
	if l.Episode != "" {
		fmt.Fprintf(&b, ", open %v", l.Open)
	} else {
		fmt.Fprintf(&b, ", %s %v", l.Op, l.Threshold)
	}
	switch {
	case l.For != 0:
		fmt.Fprintf(&b, " for %v", l.For)
	case l.Samples != 0:
		fmt.Fprintf(&b, " %d in %v", l.Samples, l.Within)
	}
	fmt.Fprintf(&b, ": %s", l.Holds)
	return b.String()
}

func show1(f autonomics.Fields) string {
	var parts []string
	for _, x := range f {
		parts = append(parts, x.Name+"="+x.Value)
	}
	return strings.Join(parts, " ")
}

// describe prints what the receipts do not show.
func describe(w *world) []string {
	at := func(t autonomics.Time) string { return autonomics.Duration(t - epoch).String() }
	var out []string
	for _, l := range w.live.Lanes {
		out = append(out, fmt.Sprintf("lane %s %s%s: baseline %s, written %s", l.Target, l.Uses, l.Owner, show1(l.Baseline), show1(l.Written)))
	}
	for i := range w.live.Governors {
		g := &w.live.Governors[i]
		head := fmt.Sprintf("%s %s", g.Name, g.State)
		if causes := w.live.Causes(g, w.now); causes != nil {
			head += " " + strings.Join(causes, " ")
		}
		out = append(out, head)
		for _, c := range g.Claims {
			line := fmt.Sprintf("  claim %s %s by %s", c.Action, c.Stage, c.Rule)
			if c.Virtual() {
				line += " virtual"
			}
			if c.Value != nil {
				line += " " + show1(c.Value)
			}
			if c.Stage == kernel.Active {
				line += fmt.Sprintf(" until %s, at most %s", at(c.Until), at(c.Max))
			}
			if c.Op != "" {
				line += ", " + string(c.Op) + " in flight"
			}
			out = append(out, line)
		}
		for _, h := range g.Holds {
			out = append(out, fmt.Sprintf("  hold %s on %s rejects %s", h.Action, h.Target, h.Rejected))
		}
		for _, b := range g.Bars {
			out = append(out, fmt.Sprintf("  bar %s until %s is false", b.Action, b.Rule))
		}
		for _, h := range g.Held {
			line := fmt.Sprintf("  held %s by %s since %s", h.Action, h.Cause, at(h.Since))
			if h.Until != 0 {
				line += fmt.Sprintf(" until %s %s", at(h.Until), h.Reason)
			}
			out = append(out, strings.TrimRight(line+" "+show1(h.Value), " "))
		}
		for _, action := range g.Disarmed() {
			out = append(out, fmt.Sprintf("  disarmed %s", action))
		}
	}
	return out
}

func describeWork(w *world) []string {
	var out []string
	for _, x := range work(w.live) {
		line := fmt.Sprintf("%s %s %s on %s", x.Governor, x.Op, x.Action, x.Target.Name)
		for _, flag := range []struct {
			name string
			set  bool
		}{{"observe", x.Observe}, {"virtual", x.Virtual}, {"undo", x.Undo}, {"watch", x.Watch}, {"unwanted", !w.live.Wanted(&x)}} {
			if flag.set {
				line += " " + flag.name
			}
		}
		if x.Value != nil {
			line += fmt.Sprintf(": %s → %s", show1(x.Expected), show1(x.Value))
		}
		if x.Text != "" {
			line = fmt.Sprintf("%s %s %s: %s", x.Governor, x.Op, x.Action, x.Text)
		}
		out = append(out, line)
	}
	return out
}
