package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Model is a tenant before targets that answer at once.
type Model struct {
	Tenant  *kernel.Tenant
	Targets map[string]map[string]string // fields by target; one that is not there begins with defaults
	Fails   func(*kernel.Work) bool      // nothing fails where it is nil
	Leaves  func(*kernel.Work) bool      // what is not for the model to answer; nothing where it is nil
	Sealed  []kernel.Sealed              // what came of it; for the caller to empty
}

// NewModel is a tenant with one governor of p, from an instant on. The governor
// has the name of the SKU, its targets those of their slots.
func NewModel(tenant autonomics.Tenant, p *kernel.Program, at autonomics.Time, mode autonomics.Mode, entitled bool) *Model {
	m := &Model{Tenant: &kernel.Tenant{ID: tenant}}
	if entitled {
		m.Take(at, kernel.Input{Event: autonomics.Event{Entitlement: &autonomics.Entitlement{
			Entitlement: "model", Event: "payment_confirmed", State: "active", SKUs: []string{p.SKU}}}})
	}
	var targets []autonomics.TargetRef
	for _, slot := range p.Slots {
		targets = append(targets, autonomics.TargetRef{Slot: slot.Name, Name: slot.Name, Kind: slot.Kind, Ref: slot.Name})
	}
	m.Take(at, kernel.Input{Governor: p.SKU, Program: p, Event: autonomics.Event{Program: &autonomics.ProgramEvent{
		Spec: p.Digest, Name: p.SKU + "@" + p.Version, Profile: p.Profile, Mode: mode, Targets: targets}}})
	m.Settle(at)
	return m
}

// Take steps one input and returns its last receipt.
func (m *Model) Take(now autonomics.Time, in kernel.Input) *autonomics.Receipt {
	m.Sealed = append(m.Sealed, m.Tenant.Step(now, in)...)
	return m.Sealed[len(m.Sealed)-1].Receipt
}

// Pass steps the timers that are due by now, each at its time, but at most so
// many times; it returns how many it was.
func (m *Model) Pass(now autonomics.Time, most int) (n int) {
	for due, more := m.Tenant.Due(); more && due <= now && n < most; due, more = m.Tenant.Due() {
		m.Sealed = append(m.Sealed, m.Tenant.Tick(due)...)
		m.Settle(due)
		n++
	}
	return n
}

// Settle answers the work in flight until none is left. It is false if the
// tenant and its targets do not come to rest.
func (m *Model) Settle(now autonomics.Time) bool {
	var watched []string // watching never ends: once is enough
	for range maxSettle {
		var next *kernel.Work
		failing := false
		m.Tenant.Work(func(w kernel.Work) {
			if next != nil || slices.Contains(watched, w.Key) || m.Leaves != nil && m.Leaves(&w) {
				return
			}
			fails := !w.Observe && !w.Watch && w.Op != autonomics.OpNotice && m.Fails != nil && m.Fails(&w)
			if fails && w.Undo { // repeated until it succeeds
				return
			}
			next, failing = &w, fails
		})
		if next == nil {
			return true
		}
		if next.Watch {
			watched = append(watched, next.Key)
		}
		outcome := m.answer(next, failing)
		m.Take(now, kernel.Input{Governor: next.Governor, Event: autonomics.Event{Effect: &outcome}})
	}
	return false
}

// answer plays the target.
func (m *Model) answer(w *kernel.Work, fails bool) autonomics.Outcome {
	out := autonomics.Outcome{Key: w.Key}
	target := m.Target(w.Target.Name)
	switch {
	case w.Op == autonomics.OpNotice:
		out.Stage = autonomics.StageDone
	case w.Observe || w.Watch:
		out.Stage, out.Baseline = autonomics.StagePrepared, observe(target)
	case fails:
		out.Stage, out.Error = autonomics.StageFailed, "the model lets it fail"
	case !holds(target, w.Value) && !holds(target, w.Expected):
		out.Stage = autonomics.StageYielded
	default:
		out.Stage, out.Value = autonomics.StageDone, w.Value
		for _, f := range w.Value {
			target[f.Name] = f.Value
		}
	}
	return out
}

// Target returns the fields of a target, which may be changed.
func (m *Model) Target(name string) map[string]string {
	if m.Targets == nil {
		m.Targets = map[string]map[string]string{}
	}
	if m.Targets[name] == nil {
		m.Targets[name] = map[string]string{"max": "100", "replicas": "10", "revision": "r2", "rate": "500", "paused": "false"}
	}
	return m.Targets[name]
}

func holds(target map[string]string, fields autonomics.Fields) bool {
	return !slices.ContainsFunc(fields, func(f autonomics.Field) bool { return target[f.Name] != f.Value })
}

// observe lists all fields; before revision r5 there was r4.
func observe(target map[string]string) autonomics.Fields {
	var list autonomics.Fields
	if n, err := strconv.Atoi(strings.TrimPrefix(target["revision"], "r")); err == nil && n > 1 {
		list = append(list, autonomics.Field{Name: "previous", Value: fmt.Sprintf("r%d", n-1)})
	}
	for _, name := range sorted(target) {
		if name != "previous" || list == nil {
			list = append(list, autonomics.Field{Name: name, Value: target[name]})
		}
	}
	slices.SortFunc(list, func(a, b autonomics.Field) int { return strings.Compare(a.Name, b.Name) })
	return list
}
