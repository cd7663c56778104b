package sim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/autonomics-dev/autonomics"
)

// A series is one of a range query's answer.
type series struct {
	Metric map[string]string
	Values [][2]json.RawMessage
}

// ReadPrometheus reads the answer to a range query. Without a map the series
// are named like the signals; with one, a signal is the one series that has a
// name, some labels, or both: depth=jobs{queue="mail"}. Points of one time are
// one event. NaN and infinite are absences.
func ReadPrometheus(in io.Reader, m Map) ([]Input, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     []series
		}
	}
	// A vector's or a scalar's result has another form, which says so below.
	err := json.NewDecoder(in).Decode(&answer)
	switch wrong := (*json.UnmarshalTypeError)(nil); {
	case err != nil && !errors.As(err, &wrong):
		return nil, fmt.Errorf("not the answer of a Prometheus server: %w", err)
	case answer.Status == "error":
		return nil, fmt.Errorf("the server had answered with an error: %s", answer.Error)
	case answer.Data.ResultType != "matrix" || err != nil:
		return nil, fmt.Errorf("the result is a %q, want a matrix: ask /api/v1/query_range", answer.Data.ResultType)
	}
	if m == nil {
		for _, s := range answer.Data.Result {
			m = append(m, [2]string{s.Metric["__name__"], s.Metric["__name__"]})
		}
	}
	var all []Input
	for _, pair := range m {
		s, err := choose(answer.Data.Result, pair)
		if err != nil {
			return nil, err
		}
		for i, point := range s.Values {
			at, text, err := read(point)
			if err != nil {
				return nil, fmt.Errorf("series of %s, point %d: %w", pair[0], i, err)
			}
			all = append(all, Input{at, autonomics.Signal{Source: "prometheus", Readings: []autonomics.Reading{number(pair[0], text, at)}}})
		}
	}
	return merge(all), some(all)
}

// merge makes one event of all readings of a time.
func merge(all []Input) []Input {
	slices.SortStableFunc(all, func(a, b Input) int { return cmp.Compare(a.At, b.At) })
	out := all[:0]
	for _, in := range all {
		if n := len(out); n > 0 && out[n-1].At == in.At && len(out[n-1].Signal.Readings) < autonomics.MaxReadings {
			out[n-1].Signal.Readings = append(out[n-1].Signal.Readings, in.Signal.Readings...)
			continue
		}
		out = append(out, in)
	}
	return out
}

// read takes a point apart: its time, and the text of its value.
func read(point [2]json.RawMessage) (at autonomics.Time, text string, err error) {
	var seconds float64
	if json.Unmarshal(point[0], &seconds) != nil || json.Unmarshal(point[1], &text) != nil || seconds <= 0 || seconds*1000 > float64(latest) {
		return 0, "", errors.New(`want [SECONDS, "VALUE"]`)
	}
	return autonomics.Time(math.Round(seconds * 1000)), text, nil
}

// choose finds the one series of a signal.
func choose(list []series, pair [2]string) (*series, error) {
	if !autonomics.ValidName(pair[0]) {
		return nil, fmt.Errorf("series %q is not named like a signal: say which signal it holds, --map SIGNAL='%s'", pair[1], pair[1])
	}
	name, labels, _ := strings.Cut(strings.TrimSuffix(pair[1], "}"), "{")
	var found *series
	for i := range list {
		if !list[i].is(name, labels) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("map %s=%s: it fits several series, among them %s and %s; add labels", pair[0], pair[1], found, &list[i])
		}
		found = &list[i]
	}
	if found == nil {
		return nil, fmt.Errorf("map %s=%s: no series fits; there are %v", pair[0], pair[1], names(list))
	}
	return found, nil
}

func (s *series) is(name, labels string) bool {
	if name != "" && s.Metric["__name__"] != name {
		return false
	}
	for label := range strings.SplitSeq(labels, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(label), "=")
		if have, ok := s.Metric[key]; key != "" && (!ok || have != strings.Trim(value, `"`)) {
			return false
		}
	}
	return true
}

// String writes a series as Prometheus does.
func (s *series) String() string {
	var labels []string
	for _, key := range sorted(s.Metric) {
		if key != "__name__" {
			labels = append(labels, fmt.Sprintf("%s=%q", key, s.Metric[key]))
		}
	}
	return s.Metric["__name__"] + "{" + strings.Join(labels, ",") + "}"
}

// names lists some of the series.
func names(list []series) []string {
	var out []string
	for i := range list[:min(len(list), 10)] {
		out = append(out, list[i].String())
	}
	return out
}
