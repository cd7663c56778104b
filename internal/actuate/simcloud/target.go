package simcloud

import (
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// A target is what is known of one: little, until it is changed.
type target struct {
	kind     string
	values   map[string]string // of the fields that were changed
	replaced map[string]string // for a revision that was deployed, the one that served before
	keys     []string          // of the last writes
	faults   []Fault
}

// get returns the field's value, empty if the kind has no such field.
func (x *target) get(field string) string {
	if v, ok := x.values[field]; ok {
		return v
	}
	switch x.kind + " " + field {
	case "sim.service max":
		return "100"
	case "sim.service replicas":
		return "10"
	case "sim.service revision":
		return "r2"
	case "sim.queue rate":
		return "500"
	case "sim.queue paused":
		return "false"
	}
	return ""
}

func (x *target) holds(want autonomics.Fields) bool {
	return !slices.ContainsFunc(want, func(f autonomics.Field) bool { return x.get(f.Name) != f.Value })
}

// before returns the revision that the named one replaced.
func (x *target) before(revision string) string {
	if revision == "r2" {
		return "r1"
	}
	return x.replaced[revision]
}

func (x *target) known(revision string) bool {
	return revision == "r1" || x.before(revision) != ""
}

// check reports why the field cannot have the value.
func (x *target) check(field, value string) error {
	switch {
	case x.get(field) == "":
		return fmt.Errorf("a %s has no %q", x.kind, field)
	case field == "revision" && !x.known(value):
		return fmt.Errorf("there is no revision %.40q", value)
	case field == "paused" && value != "true" && value != "false":
		return fmt.Errorf("paused is true or false, not %.40q", value)
	case field == "revision", field == "paused":
		return nil
	}
	d, err := autonomics.ParseDecimal(value)
	whole := field == "rate" || d%1_000_000 == 0
	if err != nil || d < 0 || !whole || d.String() != value {
		return fmt.Errorf("%s cannot be %.40q", field, value)
	}
	return nil
}

// fold takes a change into the state.
func (x *target) fold(c Change) {
	if c.Field == "revision" && !x.known(c.After) {
		if x.replaced == nil {
			x.replaced = make(map[string]string)
		}
		x.replaced[c.After] = c.Before
	}
	if x.values == nil {
		x.values = make(map[string]string)
	}
	x.values[c.Field] = c.After
	if c.Key == "" {
		return
	}
	if len(x.keys) == maxKeys {
		x.keys = slices.Delete(x.keys, 0, 1)
	}
	x.keys = append(x.keys, c.Key)
}

// fault takes the next fault for a call.
func (x *target) fault(op string) Fault {
	i := slices.IndexFunc(x.faults, func(f Fault) bool { return f.On == "" || f.On == op })
	if i < 0 {
		return Fault{}
	}
	f := x.faults[i]
	if x.faults[i].Times--; x.faults[i].Times <= 0 {
		x.faults = slices.Delete(x.faults, i, i+1)
	}
	return f
}
