package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics/conform"
)

// The form of the vectors, as package conform describes it.
type (
	Vector = conform.Vector
	Tenant = conform.Tenant
	Run    = conform.Run
	Step   = conform.Step
	Place  = conform.Place
	Series = conform.Series
	Check  = conform.Check
)

func payload(name string) ([]byte, error) { return conform.FS.ReadFile("payloads/" + name) }

// messages are those of a payload: its lines, or the whole.
func messages(name string) ([][]byte, error) {
	data, err := payload(name)
	if err != nil || !strings.HasSuffix(name, ".ndjson") {
		return [][]byte{data}, err
	}
	return bytes.Split(bytes.TrimSpace(data), []byte{'\n'}), nil
}

// values are those of the series, as JSON.
func values(s *Series) ([]json.RawMessage, error) {
	if s.Body == "" {
		return s.Values, nil
	}
	data, err := payload(s.Body)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Body, err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(members[s.Member], &list); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.Body, s.Member, err)
	}
	for i, x := range list {
		if x[0] == '{' {
			measured := struct{ Value json.RawMessage }{json.RawMessage("null")}
			if err := json.Unmarshal(x, &measured); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", s.Body, s.Member, err)
			}
			list[i] = measured.Value
		}
	}
	return list, nil
}

// fill puts a number in the place of {n} and {nn}.
func fill(template []byte, n int) []byte {
	out := bytes.ReplaceAll(template, []byte("{n}"), strconv.AppendInt(nil, int64(n), 10))
	return bytes.ReplaceAll(out, []byte("{nn}"), fmt.Appendf(nil, "%02d", n))
}

func numbered(template []byte) bool {
	return bytes.Contains(template, []byte("{n}")) || bytes.Contains(template, []byte("{nn}"))
}

// copied writes each template out as often as it is to be there.
func copied(templates []json.RawMessage, copies int) []json.RawMessage {
	var out []json.RawMessage
	for _, t := range templates {
		n := 1
		if numbered(t) {
			n = copies
		}
		for i := range n {
			out = append(out, fill(t, i))
		}
	}
	return out
}
