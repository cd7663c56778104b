package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// Schema describes what Decode takes for the struct v, as a JSON Schema of
// draft 2020-12. Both read the same tags. What a schema cannot say is left to
// Decode: members that are there twice, depth, sizes in bytes.
func Schema(v any, title string) []byte {
	s := schema{defs: map[string]any{}}
	t := reflect.TypeOf(v)
	root := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   title,
		"$ref":    s.of(t, "")["$ref"],
		"$defs":   s.defs,
	}
	var out bytes.Buffer
	in := json.NewEncoder(&out)
	in.SetEscapeHTML(false)
	in.SetIndent("", "  ")
	if err := in.Encode(root); err != nil {
		panic("unreachable: a schema has texts, numbers and booleans only: " + err.Error())
	}
	return out.Bytes()
}

type schema struct{ defs map[string]any }

// of describes a value; structs that have a name are defined once.
func (s *schema) of(t reflect.Type, want string) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), want)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), want)}
	case reflect.Map:
		return map[string]any{"type": "object", "propertyNames": form("name"), "additionalProperties": s.of(t.Elem(), want)}
	case reflect.String:
		return form(want)
	case reflect.Int:
		return map[string]any{"type": "integer", "minimum": 1}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	if t.Name() == "" {
		return s.object(t)
	}
	name := strings.ToLower(t.Name())
	if s.defs[name] == nil {
		s.defs[name] = true // it may contain itself
		object := s.object(t)
		if reflect.PointerTo(t).Implements(reflect.TypeFor[Switch]()) {
			object = map[string]any{"anyOf": []any{map[string]any{"type": "boolean"}, object}}
		}
		s.defs[name] = object
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (s *schema) object(t reflect.Type) map[string]any {
	members := map[string]any{}
	required := []string{}
	for _, field := range reflect.VisibleFields(t) {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "" || name == "-":
			continue
		case field.Tag.Get("refuse") != "":
			members[name] = false
		default:
			members[name] = s.of(field.Type, field.Tag.Get("want"))
		}
		if option == "" {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": members, "required": required, "additionalProperties": false}
}

// form describes a text of a form (see FormOf).
func form(want string) map[string]any {
	pattern := ""
	switch want {
	case "text":
		return map[string]any{"type": "string", "maxLength": MaxText, "pattern": `^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$`}
	case "name":
		pattern = name
	case "version":
		pattern = trim(version.String())
	case "code":
		pattern = trim(code.String())
	case "unit":
		pattern = trim(unit.String())
	case "effect":
		pattern = trim(effect.String())
	case "duration":
		pattern = duration()
	case "offset":
		pattern = "0s|" + duration()
	case "decimal":
		pattern = decimal
	case "threshold":
		pattern = `\$` + name + "|" + decimal
	default:
		return map[string]any{"enum": strings.Split(want, "|")}
	}
	return map[string]any{"type": "string", "pattern": "^(" + pattern + ")$", "description": FormOf(want).Mend}
}

const (
	name    = `[a-z0-9][a-z0-9._-]{0,62}`
	decimal = `-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,6}0*)?`
)

func trim(pattern string) string { return strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$") }

// duration matches what is not longer than MaxDuration.
func duration() string {
	var units []string
	for _, u := range []struct {
		name string
		size autonomics.Duration
	}{{"ms", 1}, {"s", autonomics.Second}, {"m", autonomics.Minute}, {"h", autonomics.Hour}, {"d", autonomics.Day}} {
		units = append(units, "("+upTo(int64(MaxDuration/u.size))+")"+u.name)
	}
	return strings.Join(units, "|")
}

// upTo matches the whole numbers from 1 to n.
func upTo(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var ways []string
	if len(digits) > 1 {
		ways = append(ways, fmt.Sprintf("[1-9][0-9]{0,%d}", len(digits)-2))
	}
	for i, d := range digits {
		least := '0'
		if i == 0 {
			least = '1'
		}
		if d > least {
			ways = append(ways, fmt.Sprintf("%s[%c-%c][0-9]{%d}", digits[:i], least, d-1, len(digits)-i-1))
		}
	}
	return strings.Join(append(ways, digits), "|")
}
