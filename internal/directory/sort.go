package directory

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func sorted[T ~string](list []T) []T {
	slices.Sort(list)
	return list
}

func decode(raw []byte, v any) error {
	if len(raw) == 0 {
		return errors.New("not recorded")
	}
	return json.Unmarshal(raw, v)
}
