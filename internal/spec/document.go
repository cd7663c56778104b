// Package spec reads a SKU written in JSON, checks it, and turns it into a
// program for the kernel.
//
// Its contract:
//
//   - Parse reads strictly: a member that is unknown, doubled, missing, of the
//     wrong type or of the wrong form is a complaint. Compile resolves one
//     profile with overrides and complains about all that does not fit
//     together. Check does both for every profile and runs the scenarios. Each
//     collects all the complaints that it can find, with their JSON paths.
//   - A program's source is its spec in canonical form with one profile, the
//     resolved one, and without scenarios; its identity is the SHA-256 of
//     that. Load gives back exactly the program that Compile made, so a
//     program that was recorded once can be run for ever.
//   - The package is pure: no clock, no files, no map order in what it returns.
//
// Document and the types below it are the format's reference; their tags are
// explained in package strict.
package spec

import (
	"encoding/json"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// A Complaint says what is wrong with a spec, where, and how to mend it.
type Complaint = strict.Complaint

// Parse reads a spec; file is only named in complaints. The document is nil if
// there is a complaint.
func Parse(file string, src []byte) (*Document, []Complaint) {
	doc := &Document{file: file}
	if list := strict.Decode(file, src, doc); list != nil {
		return nil, list
	}
	return doc, nil
}

// span reads a duration that Parse has checked; an absent one is 0.
func span(s string) autonomics.Duration {
	d, _ := autonomics.ParseDuration(s)
	return d
}

// A Document is a SKU: it describes a kind of governor.
type Document struct {
	SKU        string                       `json:"sku" want:"name"`
	Version    string                       `json:"version" want:"version"`
	Code       string                       `json:"code" want:"code"` // for catalogues of products
	Class      string                       `json:"class" want:"safety|cost|throughput"`
	Title      string                       `json:"title" want:"text"`
	Summary    string                       `json:"summary" want:"text"`
	Signals    map[string]Signal            `json:"signals,omitempty"`
	Episodes   map[string]Episode           `json:"episodes,omitempty"`
	Parameters map[string]Parameter         `json:"parameters,omitempty"`
	Profiles   map[string]map[string]string `json:"profiles" want:"decimal"` // a value for every parameter
	Targets    map[string]Target            `json:"targets,omitempty"`       // slots
	Rules      []Rule                       `json:"rules"`                   // in order of precedence
	Actions    map[string]Action            `json:"actions,omitempty"`
	Limits     *Limits                      `json:"limits,omitempty"`
	Scenarios  []Scenario                   `json:"scenarios,omitempty"`

	file string
}

// File is the name under which the document was parsed.
func (d *Document) File() string { return d.file }

// A Signal declares a number that the governor is told.
type Signal struct {
	Unit       string      `json:"unit" want:"unit"`
	StaleAfter string      `json:"stale_after" want:"duration"`
	Required   Requirement `json:"required,omitzero"` // while it is not fresh, the governor is blind
	Resets     bool        `json:"resets,omitempty"`  // counts from the start of an interval
	Help       string      `json:"help,omitempty" want:"text"`
}

// A Requirement is a yes, a no, or a yes while an episode is open.
type Requirement struct {
	Always bool `json:"-"`
	While  struct {
		Episode string `json:"episode" want:"name"`
	} `json:"while"`
}

// Switch takes the short form.
func (r *Requirement) Switch(on bool) { r.Always = on }

// MarshalJSON writes the shortest form.
func (r Requirement) MarshalJSON() ([]byte, error) {
	if r.While.Episode == "" {
		return json.Marshal(r.Always)
	}
	type plain Requirement
	return json.Marshal(plain(r))
}

// An Episode declares something that opens and closes.
type Episode struct {
	StaleAfter string `json:"stale_after" want:"duration"`
	Keys       int    `json:"keys"` // how many are remembered
	Help       string `json:"help,omitempty" want:"text"`
}

// A Parameter is a number that profiles and operators set.
type Parameter struct {
	Unit string `json:"unit" want:"unit"`
	Help string `json:"help,omitempty" want:"text"`
}

// A Target is a slot for something that actions change.
type Target struct {
	Kind string `json:"kind" want:"name"`
}

// A Rule leads to a state and requests actions when its condition holds.
type Rule struct {
	ID      string    `json:"id" want:"name"`
	In      []string  `json:"in" want:"stable|warning|intervening"`
	Go      string    `json:"go" want:"stable|warning|intervening|refusing"`
	Do      []string  `json:"do,omitempty" want:"name"`
	When    Condition `json:"when"`
	LockFor string    `json:"lock_for,omitempty" want:"duration"` // into refusing: for how long
}

// A Condition is one of the group All, Any, Not, or one of the leaves Signal,
// Episode, Effects.
type Condition struct {
	All []Condition `json:"all,omitempty"`
	Any []Condition `json:"any,omitempty"`
	Not *Condition  `json:"not,omitempty"`

	Signal    string `json:"signal,omitempty" want:"name"`
	Measure   string `json:"measure,omitempty" want:"avg|max|min|rate|growth|difference"`
	Window    string `json:"window,omitempty" want:"duration"`
	Over      string `json:"over,omitempty" want:"name"` // signal that growth or difference is relative to
	Above     string `json:"above,omitempty" want:"threshold"`
	AtLeast   string `json:"at_least,omitempty" want:"threshold"`
	Below     string `json:"below,omitempty" want:"threshold"`
	AtMost    string `json:"at_most,omitempty" want:"threshold"`
	OrMissing bool   `json:"or_missing,omitempty"` // holds too while the signal never had a reading

	Episode string `json:"episode,omitempty" want:"name"`
	Open    *bool  `json:"open,omitempty"`

	Effects string `json:"effects,omitempty" want:"name"` // action; with Window and AtLeast

	Samples int    `json:"samples,omitempty"` // it held on so many readings in a row, Within a time
	Within  string `json:"within,omitempty" want:"duration"`
	For     string `json:"for,omitempty" want:"duration"` // it held on all readings of this time
}

// An Action is what rules request: a claim on a target, or a notice.
type Action struct {
	Uses    string            `json:"uses" want:"name"` // of the catalog
	On      string            `json:"on,omitempty" want:"name"`
	With    map[string]string `json:"with,omitempty" want:"text"`
	Term    string            `json:"term,omitempty" want:"duration"`
	MaxTerm string            `json:"max_term,omitempty" want:"duration"`
	After   string            `json:"after,omitempty" want:"undo|keep"`
	Release *Release          `json:"release,omitempty"`
	Helps   *Helps            `json:"helps,omitempty"`
}

// Helps says how to see whether an action does any good: When is to hold at
// some time Within so long after it was done. An action that has not helped
// DisarmAfter times in a row is not requested any more until a reset.
type Helps struct {
	When        Condition `json:"when"`
	Within      string    `json:"within" want:"duration"`
	DisarmAfter int       `json:"disarm_after"`
}

// A Release takes a claim back in steps.
type Release struct {
	Steps []string `json:"steps" want:"decimal"` // shares of the way back
	Every string   `json:"every" want:"duration"`
}

// Limits bound what one governor does. Absent ones have their defaults.
type Limits struct {
	Effects  *EffectLimit `json:"effects,omitempty"`
	Cooldown string       `json:"cooldown,omitempty" want:"duration"` // after an apply, done or failed
}

// An EffectLimit allows so many applies within any such time.
type EffectLimit struct {
	AtMost int    `json:"at_most"`
	Within string `json:"within" want:"duration"`
}

// A Scenario is a test of the spec: events at times, and what they must lead
// to. Its governor runs the real kernel; its targets answer at once.
type Scenario struct {
	Name     string `json:"name" want:"text"`
	Profile  string `json:"profile,omitempty" want:"name"`                 // standard if absent
	Mode     string `json:"mode,omitempty" want:"observe|approve|enforce"` // enforce if absent
	Entitled *bool  `json:"entitled,omitempty"`                            // true if absent
	Steps    []Play `json:"steps"`
}

// A Play is one step: an input, or none if only time passes, and what is
// expected of it and of the timers that came due since the step before.
type Play struct {
	At string `json:"at" want:"offset"`

	Reading
	Readings    []Reading                    `json:"readings,omitempty"`
	Episode     string                       `json:"episode,omitempty" want:"name"`
	Key         string                       `json:"key,omitempty" want:"text"`
	Open        *bool                        `json:"open,omitempty"`
	Command     string                       `json:"command,omitempty" want:"mode|reset|release"`
	Mode        string                       `json:"mode,omitempty" want:"observe|approve|enforce"`
	Action      string                       `json:"action,omitempty" want:"name"` // to release
	Entitlement string                       `json:"entitlement,omitempty" want:"suspend|activate"`
	Change      map[string]map[string]string `json:"change,omitempty" want:"text"` // somebody else writes: slot, field, value
	Fail        []string                     `json:"fail,omitempty" want:"name"`   // actions whose applies fail for good in this step
	Source      string                       `json:"source,omitempty" want:"text"` // of readings
	ID          string                       `json:"id,omitempty" want:"text"`

	State   string   `json:"state,omitempty" want:"boot|stable|warning|intervening|degraded|refusing"`
	Effects []string `json:"effects,omitempty" want:"effect"` // all of the step, in order
	Verdict string   `json:"verdict,omitempty" want:"accepted|ignored|refused"`
	Reason  string   `json:"reason,omitempty" want:"name"`
}

// A Reading is a value of a signal, or its absence with the reason.
type Reading struct {
	Signal string `json:"signal,omitempty" want:"name"`
	Value  string `json:"value,omitempty" want:"decimal"`
	Absent string `json:"absent,omitempty" want:"null|nan|unreadable|range|unit|contradicted"`
	Taken  string `json:"taken,omitempty" want:"offset"` // when it was measured; the step's time if absent
	Start  string `json:"start,omitempty" want:"offset"` // of its interval; of the episode
}

// Schema is the JSON Schema of a spec: it refuses what Parse refuses, but for
// members that are there twice and sizes in bytes.
func Schema() []byte { return strict.Schema(Document{}, "Autonomics SKU") }
