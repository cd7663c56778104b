package spec

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMutants puts values of the good spec into each other's places. Whatever
// comes out, the checker has an answer, the same one each time, and says where.
func TestMutants(t *testing.T) {
	good := 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		var tree any
		if err := json.Unmarshal([]byte(base(t)), &tree); err != nil {
			t.Fatal(err)
		}
		var places []func(any)
		var values []any
		collect(tree, &places, &values)
		for range 1 + r.IntN(3) {
			places[r.IntN(len(places))](values[r.IntN(len(values))])
		}
		src, err := json.Marshal(tree)
		if err != nil {
			continue // a value was put below itself
		}
		list := Check("mutant.json", src)
		if !slices.Equal(list, Check("mutant.json", src)) {
			t.Errorf("seed %d: two answers", seed)
		}
		if len(list) == 0 {
			good++
		}
		for _, c := range list {
			if !strings.HasPrefix(c.Path, "$") || c.Problem == "" || c.Mend == "" {
				t.Errorf("seed %d: %+v", seed, c)
			}
		}
	}
	if good == 0 || good > 170 {
		t.Errorf("%d mutants of 500 are good", good)
	}
}

// collect lists all values below v and the setters of their places.
func collect(v any, places *[]func(any), values *[]any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sorted(v) {
			*places, *values = append(*places, func(x any) { v[k] = x }), append(*values, v[k])
			collect(v[k], places, values)
		}
	case []any:
		for i := range v {
			*places, *values = append(*places, func(x any) { v[i] = x }), append(*values, v[i])
			collect(v[i], places, values)
		}
	}
}
