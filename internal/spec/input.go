package spec

import (
	"fmt"
	"strconv"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// input makes the event of a step; ok is false if only time passes.
func (r *runner) input(path string, play *Play) (in kernel.Input, ok bool) {
	r.references(path, play)
	inputs := 0
	for _, there := range []bool{play.Signal != "", play.Readings != nil, play.Episode != "", play.Command != "", play.Entitlement != ""} {
		if there {
			inputs++
		}
	}
	if inputs > 1 {
		r.Add(path, "the step has several inputs", "write one of signal, readings, episode, command, entitlement")
	}
	if stray := play.Value + play.Absent + play.Taken; stray != "" && play.Signal == "" {
		r.Add(path, "the step has a reading without its signal", "add signal")
	}
	in.Governor = r.p.SKU
	switch {
	case play.Signal != "":
		in.Event.Signal = r.readings(path, play, []Reading{play.Reading})
	case play.Readings != nil:
		in.Event.Signal = r.readings(path+".readings", play, play.Readings)
	case play.Episode != "":
		in.Event.Signal = &autonomics.Signal{Episode: play.Episode, Key: play.Key, Start: instant(play.Start),
			Open: play.Open != nil && *play.Open}
		if play.Open == nil || play.Start == "" {
			r.Add(path, "an episode needs open and start", "add them")
		}
	case play.Command != "":
		in.Event.Command = r.command(path, play)
	case play.Entitlement != "":
		in = r.entitlement(play.Entitlement)
	}
	return in, inputs == 1
}

// references complains about names that the program does not have.
func (r *runner) references(path string, play *Play) {
	var episodes, actions, slots []string
	for _, e := range r.p.Episodes {
		episodes = append(episodes, e.Name)
	}
	for _, a := range r.p.Actions {
		actions = append(actions, a.Name)
	}
	for _, s := range r.p.Slots {
		slots = append(slots, s.Name)
	}
	if play.Episode != "" {
		r.Find(path+".episode", "episode", play.Episode, episodes)
	}
	if play.Action != "" {
		r.Find(path+".action", "action", play.Action, actions)
	}
	for i, name := range play.Fail {
		r.Find(fmt.Sprintf("%s.fail[%d]", path, i), "action", name, actions)
	}
	for _, slot := range sorted(play.Change) {
		r.Find(strict.Join(path+".change", slot), "target", slot, slots)
	}
}

func (r *runner) readings(path string, play *Play, given []Reading) *autonomics.Signal {
	var signals []string
	for _, d := range r.p.Signals {
		signals = append(signals, d.Name)
	}
	out := &autonomics.Signal{Source: play.Source, ID: play.ID}
	for i, g := range given {
		at := path
		if play.Readings != nil {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		n := r.Find(at+".signal", "signal", g.Signal, signals)
		if (g.Value == "") == (g.Absent == "") {
			r.Add(at, "a reading has a value, or says why it is absent", "write value or absent")
		}
		if n < 0 {
			continue
		}
		rd := autonomics.Reading{Signal: g.Signal, Absent: autonomics.Absence(g.Absent), Unit: r.p.Signals[n].Unit,
			At: instant(play.At)}
		rd.Value, _ = autonomics.ParseDecimal(g.Value)
		if g.Taken != "" {
			rd.At = instant(g.Taken)
		}
		if g.Start != "" {
			rd.Start = instant(g.Start)
		}
		out.Readings = append(out.Readings, rd)
	}
	return out
}

func (r *runner) command(path string, play *Play) *autonomics.Command {
	out := &autonomics.Command{Principal: "scenario", Command: play.Command, Reason: "scenario",
		Scope: autonomics.Scope{Tenant: r.Tenant.ID, Governor: r.p.SKU}}
	member, value := "", ""
	switch play.Command {
	case "mode":
		member, value = "mode", play.Mode
	case "release":
		member, value = "action", play.Action
	default:
		return out
	}
	if value == "" {
		r.Add(strict.Join(path, member), "the member is missing", "add it to the command "+play.Command)
	}
	out.Args = map[string]string{member: strconv.Quote(value)}
	return out
}

func (r *runner) entitlement(event string) kernel.Input {
	e := &autonomics.Entitlement{Entitlement: "model", Event: "payment_confirmed", State: "active", SKUs: []string{r.p.SKU}}
	if event == "suspend" {
		e.Event, e.State = "suspend", "suspended"
	}
	return kernel.Input{Event: autonomics.Event{Entitlement: e}}
}
