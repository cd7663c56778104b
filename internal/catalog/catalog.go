// Package catalog describes every action as data: the kind of target that it
// changes, the one field that it writes, what a spec may ask of it, and which
// of two values is the more restrictive. It also turns what was asked into the
// absolute value to write, given what was observed.
//
// An action writes exactly one field. The value of a number field is a decimal
// in canonical form and never negative; other fields are compared as text.
package catalog

import (
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// An Action is something that can be done to a target, or a notice.
type Action struct {
	Uses        string // its name in a spec
	Kind        string // of the target; empty for a notice
	Class       Class
	Field       string  // what it writes; empty for a notice
	Params      []Param // what it takes in "with": all of them, and nothing else
	Order       Order
	Help        string
	Permissions []string // what its credentials must be allowed to do in the target's own API
}

// A Class says how much care an action needs.
type Class string

const (
	Notice       Class = "notice"       // tells people; has no target
	Reversible   Class = "reversible"   // the baseline can be restored
	Irreversible Class = "irreversible" // always needs approval
)

// A Param is a member of "with".
type Param struct {
	Name  string
	Unit  string             // of a number; empty for text. Unit "1" is a whole number
	Min   autonomics.Decimal // the least number that the API does not take for "unset"
	Words []string           // words with a meaning of their own; any other text names a version
	Help  string
}

// An Order says which of two values of a field is the more restrictive.
type Order uint8

const (
	Unordered Order = iota // none is
	Lower                  // the lower number
)

// What the "to" of a rollback may say beside the name of a version.
const (
	Previous = "previous" // the version before, which is observed in a field of this name
	Current  = "current"  // the version that was observed to serve
)

const one = autonomics.Decimal(1_000_000)

var toVersion = []Param{{
	Name: "to", Words: []string{Previous, Current},
	Help: "previous: the ready revision before the one that serves; current: pin the one that serves; or a revision's name",
}}

// actions are sorted by name.
var actions = [...]Action{
	{
		Uses: "cloudrun.max_instances", Kind: "cloudrun.service", Class: Reversible, Field: "max", Order: Lower,
		Params:      []Param{{Name: "max", Unit: "1", Min: one, Help: "instances that the service may have at most"}},
		Help:        "limits the instances of a Cloud Run service",
		Permissions: []string{"run.services.get", "run.services.update"},
	},
	{
		Uses: "cloudrun.traffic", Kind: "cloudrun.service", Class: Reversible, Field: "revision", Params: toVersion,
		Help:        "sends all traffic of a Cloud Run service to one revision",
		Permissions: []string{"run.revisions.list", "run.services.get", "run.services.update"},
	},
	{
		Uses: "cloudtasks.pause", Kind: "cloudtasks.queue", Class: Reversible, Field: "paused",
		Help:        "stops a Cloud Tasks queue from dispatching; it goes on accepting tasks",
		Permissions: []string{"cloudtasks.queues.get", "cloudtasks.queues.pause", "cloudtasks.queues.resume"},
	},
	{
		Uses: "cloudtasks.rate", Kind: "cloudtasks.queue", Class: Reversible, Field: "rate", Order: Lower,
		Params:      []Param{{Name: "rate", Unit: "1/s", Min: 1, Help: "tasks that the queue may dispatch in a second"}},
		Help:        "limits the rate at which a Cloud Tasks queue dispatches",
		Permissions: []string{"cloudtasks.queues.get", "cloudtasks.queues.update"},
	},
	{
		Uses: "kubernetes.rollback", Kind: "kubernetes.deployment", Class: Reversible, Field: "revision", Params: toVersion,
		Help:        "puts a Deployment back to another of its revisions",
		Permissions: []string{"apps/deployments get", "apps/deployments patch", "apps/replicasets list"},
	},
	{
		Uses: "kubernetes.scale", Kind: "kubernetes.deployment", Class: Reversible, Field: "replicas", Order: Lower,
		Params:      []Param{{Name: "replicas", Unit: "1", Help: "replicas that the Deployment has"}},
		Help:        "sets the number of replicas of a Deployment",
		Permissions: []string{"apps/deployments/scale get", "apps/deployments/scale update"},
	},
	{
		Uses: "notify.log", Class: Notice,
		Help: "writes one line to the log",
	},
}

// Lookup returns the named action.
func Lookup(uses string) (Action, bool) {
	for i := range actions {
		if actions[i].Uses == uses {
			return actions[i], true
		}
	}
	return Action{}, false
}

// All returns every action, sorted by name.
func All() []Action { return slices.Clone(actions[:]) }

// Number reports whether the action's field is a number, so that it can be
// asked for as a share and be taken back in steps.
func (a Action) Number() bool { return a.param().Unit != "" }

// param is the one thing that the action can be asked; zero if there is none.
func (a Action) param() Param {
	if len(a.Params) == 0 {
		return Param{}
	}
	return a.Params[0]
}

// TargetKinds returns the kinds of target that there is an actuator for,
// sorted. A target of another kind cannot be registered.
func TargetKinds() []string { return []string{"sim.queue", "sim.service"} }

// Fits reports whether a target of one kind can stand where a spec or an
// action asks for another: a kind fits itself, and the kinds of the in-process
// cloud fit those that they imitate.
func Fits(slotKind, targetKind string) bool {
	switch targetKind {
	case slotKind:
		return true
	case "sim.service":
		return slotKind == "cloudrun.service" || slotKind == "kubernetes.deployment"
	case "sim.queue":
		return slotKind == "cloudtasks.queue" || slotKind == "pubsub.subscription"
	}
	return false
}
