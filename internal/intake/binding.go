package intake

import (
	"fmt"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// MaxBinding is the longest JSON form of a binding, in bytes: the command that
// carries it must fit a receipt.
const MaxBinding = 32 << 10

// A Route is where an event goes.
type Route struct {
	Tenant   autonomics.Tenant
	Governor string // empty: all governors that declare the signal
	Episode  string // the name that the event's episode has there; empty for readings
}

// Select returns the routes of e: those of all rows whose match is satisfied,
// in the order of the rows. A row matches if the event has every attribute of
// its match with that very value; an empty match fits every event. Where the
// data names a tenant or a governor, rows for others do not fit. A route that
// an earlier or later one covers, because it goes to all governors of the
// tenant, is left out, so that nothing is delivered twice. No route means that
// the event is unbound.
func Select(b autonomics.Binding, e Event) []Route {
	var routes []Route
	for _, row := range b.Select {
		if route, ok := match(row, e); ok {
			routes = append(routes, route)
		}
	}
	covered := func(i int) bool {
		for j, other := range routes {
			all := other
			all.Governor = routes[i].Governor
			if all != routes[i] {
				continue // another tenant or episode
			}
			if other == routes[i] && j < i || other != routes[i] && other.Governor == "" {
				return true
			}
		}
		return false
	}
	var chosen []Route
	for i, route := range routes {
		if !covered(i) {
			chosen = append(chosen, route)
		}
	}
	return chosen
}

// match returns the route of one row.
func match(row autonomics.Select, e Event) (Route, bool) {
	for name, want := range row.Match {
		if have, ok := e.Attributes[name]; !ok || have != want {
			return Route{}, false
		}
	}
	if e.Tenant != "" && e.Tenant != row.Tenant {
		return Route{}, false
	}
	if e.Governor != "" && row.Governor != "" && e.Governor != row.Governor {
		return Route{}, false
	}
	route := Route{Tenant: row.Tenant, Governor: row.Governor, Episode: row.Episode}
	setIfEmpty(&route.Governor, e.Governor)
	setIfEmpty(&route.Episode, e.Signal.Episode)
	return route, true
}

// ParseBinding reads the JSON form of a binding, as the command bind carries
// it, and checks it.
func ParseBinding(raw []byte) (autonomics.Binding, error) {
	var b autonomics.Binding
	if len(raw) > MaxBinding {
		return b, strictjson.Errorf("binding: want at most %d bytes, have %d", MaxBinding, len(raw))
	}
	r := strictjson.NewReader(raw)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			b.Name, err = readString(r)
		case "format":
			b.Format, err = readString(r)
		case "carries":
			b.Carries, err = readString(r)
		case "auth":
			b.Auth, err = readString(r)
		case "key":
			err = r.Array(func(int) error {
				label, err := readString(r)
				b.Key = append(b.Key, label)
				return err
			})
		case "select":
			err = r.Array(func(int) error {
				row, err := readRow(r)
				b.Select = append(b.Select, row)
				return err
			})
		default:
			err = strictjson.Errorf("unknown member of a binding")
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil {
		err = CheckBinding(b)
	}
	if err != nil {
		return autonomics.Binding{}, err
	}
	return b, nil
}

func readRow(r *strictjson.Reader) (autonomics.Select, error) {
	var row autonomics.Select
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "match":
			row.Match = make(map[string]string)
			err = r.Object(func(name []byte) (err error) {
				row.Match[string(name)], err = readString(r)
				return err
			})
		case "tenant":
			var tenant string
			tenant, err = readString(r)
			row.Tenant = autonomics.Tenant(tenant)
		case "governor":
			row.Governor, err = readString(r)
		case "episode":
			row.Episode, err = readString(r)
		default:
			err = strictjson.Errorf("unknown member of a select row")
		}
		return err
	})
	return row, err
}

func readString(r *strictjson.Reader) (string, error) {
	text, err := r.Text()
	return string(text), err
}

// CheckBinding reports what is wrong with a binding, by its JSON member.
func CheckBinding(b autonomics.Binding) error {
	wrong := func(pointer, format string, args ...any) error {
		return &strictjson.Error{Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
	}
	formats := []string{FormatPubsub, FormatBudget, FormatAlertmanager}
	carries := []string{"", CarriesSignals, FormatBudget, FormatAlertmanager}
	alerts := b.Format == FormatAlertmanager || b.Carries == FormatAlertmanager
	switch {
	case !autonomics.ValidName(b.Name):
		return wrong("/name", "%q is not a name", b.Name)
	case !slices.Contains(formats, b.Format):
		return wrong("/format", "%q is not a format: want one of %q", b.Format, formats)
	case b.Carries != "" && b.Format != FormatPubsub:
		return wrong("/carries", "only %s carries another format; leave it out", FormatPubsub)
	case !slices.Contains(carries, b.Carries):
		return wrong("/carries", "%q cannot be carried: want one of %q", b.Carries, carries[1:])
	case b.Auth != "" && b.Auth != "none":
		return wrong("/auth", "%q is not known: want none, or leave it out", b.Auth)
	case len(b.Key) > 0 && !alerts:
		return wrong("/key", "only %s has labels for a key; leave it out", FormatAlertmanager)
	case slices.Contains(b.Key, ""):
		return wrong("/key", "a label without a name")
	case len(b.Select) == 0:
		return wrong("/select", "want at least one row: without it nothing is ever delivered")
	}
	for i, row := range b.Select {
		at := fmt.Sprintf("/select/%d", i)
		switch {
		case !autonomics.ValidName(string(row.Tenant)):
			return wrong(at+"/tenant", "%q is not a name", row.Tenant)
		case row.Governor != "" && !autonomics.ValidName(row.Governor):
			return wrong(at+"/governor", "%q is not a name", row.Governor)
		case row.Episode != "" && !alerts:
			return wrong(at+"/episode", "only %s opens episodes by binding; leave it out", FormatAlertmanager)
		case row.Episode != "" && !autonomics.ValidName(row.Episode):
			return wrong(at+"/episode", "%q is not a name", row.Episode)
		}
	}
	return nil
}
