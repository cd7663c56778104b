package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/autonomics-dev/autonomics"
)

const (
	// MaxSource bounds the bytes of a file.
	MaxSource = 1 << 20
	// MaxDepth bounds nesting, and so recursion here and in whoever reads the
	// structs.
	MaxDepth = 24
)

// A Switch is a struct that may also be written as true or false.
type Switch interface{ Switch(on bool) }

// Decode reads src into the struct that into points to. What it filled in
// means nothing if there is a complaint.
func Decode(file string, src []byte, into any) []Complaint {
	d := decoder{Complaints{File: file}}
	switch err := json.Unmarshal(src, new(json.RawMessage)); {
	case len(src) > MaxSource:
		d.Add("$", fmt.Sprintf("the file has %d bytes", len(src)), fmt.Sprintf("keep it within %d", MaxSource))
	case !utf8.Valid(src):
		d.Add("$", "the file is not valid UTF-8", "save it as UTF-8")
	case err != nil:
		d.Add("$", "the file is not JSON: "+position(src, err), "mend it there")
	default:
		d.value("$", bytes.TrimSpace(src), reflect.ValueOf(into).Elem(), "", 1)
	}
	return d.List
}

func position(src []byte, err error) string {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err.Error()
	}
	before := src[:min(max(syntax.Offset-1, 0), int64(len(src)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

// A decoder reads JSON that is known to be well formed.
type decoder struct{ Complaints }

func (d *decoder) value(path string, raw json.RawMessage, into reflect.Value, want string, depth int) {
	if depth > MaxDepth {
		d.Add(path, "it lies too deep", fmt.Sprintf("nest at most %d levels", MaxDepth))
		return
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	is := sort(raw)
	toggle, either := into.Addr().Interface().(Switch)
	switch kind := into.Kind(); {
	case either && is == "a boolean":
		toggle.Switch(string(raw) == "true")
	case kind == reflect.Struct && is == "an object":
		d.object(path, raw, into, depth)
	case kind == reflect.Map && is == "an object":
		d.table(path, raw, into, want, depth)
	case kind == reflect.Slice && is == "an array":
		d.array(path, raw, into, want, depth)
	case kind == reflect.String && is == "a string":
		d.text(path, raw, into, want)
	case kind == reflect.Int && is == "a number":
		n, err := strconv.Atoi(string(raw))
		if err != nil || n < 1 {
			d.Add(path, fmt.Sprintf("%.40s is no count", raw), "write a whole number from 1 on")
		}
		into.SetInt(int64(n))
	case kind == reflect.Bool && is == "a boolean":
		into.SetBool(string(raw) == "true")
	case is == "null":
		d.Add(path, "null stands for nothing here", "write a value, or leave the member out")
	default:
		d.Add(path, "it is "+is, "write "+wanted(kind, either))
	}
}

func sort(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

func wanted(kind reflect.Kind, either bool) string {
	switch {
	case either:
		return "true, false or an object"
	case kind == reflect.Struct, kind == reflect.Map:
		return "an object"
	case kind == reflect.Slice:
		return "an array"
	case kind == reflect.String:
		return "a string (exact numbers stand in quotes too)"
	case kind == reflect.Int:
		return "a number without quotes"
	}
	return "true or false"
}

func (d *decoder) object(path string, raw json.RawMessage, into reflect.Value, depth int) {
	given := d.members(path, raw)
	var known []string
	for _, field := range reflect.VisibleFields(into.Type()) {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		refuse := field.Tag.Get("refuse")
		at := slices.IndexFunc(given, func(m member) bool { return m.name == name })
		switch {
		case at >= 0 && refuse != "":
			d.Add(Join(path, name), refuse, "leave the member out")
		case at >= 0:
			d.value(Join(path, name), given[at].raw, into.FieldByIndex(field.Index), field.Tag.Get("want"), depth+1)
		case option == "":
			d.Add(Join(path, name), "the member is missing", "add it")
		}
		known = append(known, name)
	}
	for _, m := range given {
		if !slices.Contains(known, m.name) {
			d.Add(Join(path, m.name), "there is no such member", "use one of: "+strings.Join(known, ", "))
		}
	}
}

func (d *decoder) table(path string, raw json.RawMessage, into reflect.Value, want string, depth int) {
	into.Set(reflect.MakeMap(into.Type()))
	for _, m := range d.members(path, raw) {
		if !autonomics.ValidName(m.name) {
			d.Add(Join(path, m.name), fmt.Sprintf("%.100q is no name", m.name), FormOf("name").Mend)
		}
		v := reflect.New(into.Type().Elem()).Elem()
		d.value(Join(path, m.name), m.raw, v, want, depth+1)
		into.SetMapIndex(reflect.ValueOf(m.name), v)
	}
}

func (d *decoder) array(path string, raw json.RawMessage, into reflect.Value, want string, depth int) {
	into.Set(reflect.MakeSlice(into.Type(), 0, 0))
	in := json.NewDecoder(bytes.NewReader(raw))
	_, err := in.Token()
	for n := 0; err == nil && in.More(); n++ {
		var item json.RawMessage
		err = in.Decode(&item)
		into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
		d.value(fmt.Sprintf("%s[%d]", path, n), item, into.Index(n), want, depth+1)
	}
}

func (d *decoder) text(path string, raw json.RawMessage, into reflect.Value, want string) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		d.Add(path, err.Error(), "mend the string")
	}
	if f := FormOf(want); !f.Fits(s) {
		d.Add(path, fmt.Sprintf("%.100q does not fit", s), f.Mend)
	}
	into.SetString(s)
}

// A member is one name and value of an object.
type member struct {
	name string
	raw  json.RawMessage
}

// members takes an object apart; what is there twice counts once.
func (d *decoder) members(path string, raw json.RawMessage) []member {
	var list []member
	known := map[string]bool{}
	in := json.NewDecoder(bytes.NewReader(raw))
	_, err := in.Token()
	for err == nil && in.More() {
		var key json.Token
		key, err = in.Token()
		m := member{name: fmt.Sprint(key)}
		if err == nil {
			err = in.Decode(&m.raw)
		}
		if known[m.name] {
			d.Add(Join(path, m.name), "the member is there twice", "keep one of them")
			continue
		}
		known[m.name] = true
		list = append(list, m)
	}
	return list
}
