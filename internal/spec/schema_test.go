package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/autonomics-dev/autonomics/skus"
)

const published = "../../docs/sku.schema.json"

// TestSchemaIsPublished: go test -update writes it.
func TestSchemaIsPublished(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(published); err != nil || !bytes.Equal(have, Schema()) {
		t.Errorf("%s is not what Schema returns (%v): go test ./internal/spec -run Published -update", published, err)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sku.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sku.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema breaks a good spec at every place, in every way, one at a time:
// what Parse refuses, the schema does, and nothing else.
func TestSchema(t *testing.T) {
	s := compiled(t)
	refused, taken := 0, 0
	agree := func(what string, src []byte) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		_, complaints := Parse("x", src)
		if err := s.Validate(value); (err == nil) != (complaints == nil) {
			t.Errorf("%s: Parse %v, schema %v", what, complaints, err)
		}
		if complaints != nil {
			refused++
		} else {
			taken++
		}
	}
	entries, err := skus.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		src, err := skus.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		agree(e.Name(), src)
	}
	var tree any
	if err := json.Unmarshal([]byte(base(t)), &tree); err != nil {
		t.Fatal(err)
	}
	mutate("$", tree, map[string]bool{}, func(any) {}, func(what string) {
		broken, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		agree(what, broken)
	})
	if t.Logf("%d refused, %d taken", refused, taken); refused < 2000 || taken < 100 {
		t.Error("too few of either")
	}
}

// mutate changes the value at a path and all below, one at a time, and puts
// everything back. Of places in lists it changes the first of each kind.
func mutate(path string, v any, done map[string]bool, set func(any), try func(what string)) {
	if done[path] {
		return
	}
	done[path] = true
	for _, x := range []any{nil, true, 7.0, 0.0, -1.0, 1.5, "", " ", "a\nb", "Ä b", "x", "1", "0", "0.25", "-1.0000001", "$x", "90s", "400d", "401d", "9600h", "9601h", "0s",
		"1.0.0", "AB-001", "stable", "apply x", "USD/h", strings.Repeat("x", 500), strings.Repeat("x", 501), []any{}, map[string]any{}, []any{7.0}} {
		set(x)
		try(path + " is another value")
	}
	set(v)
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sorted(v) {
			was := v[name]
			delete(v, name)
			try(path + "." + name + " is gone")
			v[name] = was
			mutate(path+"."+name, was, done, func(x any) { v[name] = x }, try)
		}
		for _, name := range []string{"unknown", "Un Known"} {
			v[name] = "1"
			try(path + " has another member")
			delete(v, name)
		}
	case []any:
		for i := range slices.Clone(v) {
			mutate(path+"[]", v[i], done, func(x any) { v[i] = x }, try)
		}
	}
}
