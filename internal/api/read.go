package api

import (
	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// maxText bounds the strings of a request, in bytes.
const maxText = 1024

// readTenant reads the body of POST /v1/tenants.
func readTenant(body []byte) (engine.Provision, error) {
	p := engine.Provision{New: true}
	r := strictjson.NewReader(body)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "tenant":
			err = text(r, &p.Tenant)
		case "entitle":
			err = r.Array(func(int) error {
				var sku string
				err := text(r, &sku)
				p.Entitle = append(p.Entitle, sku)
				return err
			})
		case "targets":
			err = r.Array(func(int) error {
				t, err := target(r)
				p.Targets = append(p.Targets, t)
				return err
			})
		case "governors":
			err = r.Array(func(int) error {
				g, err := governor(r)
				p.Governors = append(p.Governors, g)
				return err
			})
		default:
			err = strictjson.Errorf("unknown member: a tenant has tenant, entitle, targets and governors")
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	return p, err
}

// readGovernor reads the body of PUT /v1/tenants/{tenant}/governors/{name}.
func readGovernor(body []byte) (engine.GovernorRequest, error) {
	r := strictjson.NewReader(body)
	g, err := governor(r)
	if err == nil {
		err = r.End()
	}
	return g, err
}

func governor(r *strictjson.Reader) (g engine.GovernorRequest, err error) {
	err = r.Object(func(name []byte) error {
		switch string(name) {
		case "name":
			return text(r, &g.Name)
		case "sku":
			return text(r, &g.SKU)
		case "profile":
			return text(r, &g.Profile)
		case "mode":
			return text(r, &g.Mode)
		case "parameters":
			return texts(r, &g.Parameters)
		case "targets":
			return texts(r, &g.Targets)
		}
		return strictjson.Errorf("unknown member: a governor has name, sku, profile, mode, parameters and targets")
	})
	return g, err
}

func target(r *strictjson.Reader) (t autonomics.TargetRef, err error) {
	err = r.Object(func(name []byte) error {
		switch string(name) {
		case "name":
			return text(r, &t.Name)
		case "kind":
			return text(r, &t.Kind)
		case "ref":
			return text(r, &t.Ref)
		}
		return strictjson.Errorf("unknown member: a target has name, kind and ref")
	})
	return t, err
}

// readCommand reads the body of POST /v1/commands.
func readCommand(body []byte) (*autonomics.Command, error) {
	cmd := &autonomics.Command{Principal: principal, Args: map[string]string{}}
	scoped := false
	r := strictjson.NewReader(body)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "command":
			err = text(r, &cmd.Command)
		case "reason":
			err = text(r, &cmd.Reason)
		case "scope":
			scoped = true
			err = scope(r, &cmd.Scope)
		default:
			from := r.Mark()
			if err = r.Skip(); err != nil {
				return err
			}
			value, err := autonomics.Canonical(body[from:r.Mark()])
			if err != nil {
				return err
			}
			cmd.Args[string(name)] = string(value)
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	bindings := cmd.Command == "bind" || cmd.Command == "unbind" // concern no governor by themselves
	if err == nil && !scoped && !bindings {
		err = strictjson.At("scope", strictjson.Errorf(`missing: want {"tenant"}, {"tenant","governor"} or {"sku"}; {} is everybody`))
	}
	return cmd, err
}

func scope(r *strictjson.Reader, s *autonomics.Scope) error {
	return r.Object(func(name []byte) error {
		switch string(name) {
		case "tenant":
			return text(r, &s.Tenant)
		case "governor":
			return text(r, &s.Governor)
		case "sku":
			return text(r, &s.SKU)
		}
		return strictjson.Errorf("unknown member: a scope has tenant, governor and sku")
	})
}

// text reads a string. An empty one would say the same as none.
func text[T ~string](r *strictjson.Reader, s *T) error {
	line, err := r.Line(maxText)
	if err == nil && len(line) == 0 {
		err = strictjson.Errorf("empty: leave it out, or say what it is")
	}
	*s = T(line)
	return err
}

// texts reads an object of strings.
func texts(r *strictjson.Reader, m *map[string]string) error {
	*m = map[string]string{}
	return r.Object(func(name []byte) error {
		var value string
		err := text(r, &value)
		(*m)[string(name)] = value
		return err
	})
}
