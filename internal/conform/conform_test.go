package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/conform"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

func suite(t *testing.T) (*Suite, []Vector) {
	t.Helper()
	s, err := NewSuite()
	if err != nil {
		t.Fatal(err)
	}
	list, err := conform.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	return s, list
}

// TestVectors plays each vector clean, and with a few seeds. `autonomics
// conform` plays them with all.
func TestVectors(t *testing.T) {
	s, list := suite(t)
	for _, v := range list {
		// The largest timelines without faults are left to the command.
		v.Runs = slices.DeleteFunc(v.Runs, func(r Run) bool { return r.Clean })
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			r, err := s.Run(t.Context(), &v, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Failures {
				t.Errorf("%s, seed %d: %s", f.Run, f.Seed, f.Why)
			}
			if (v.Pending == "") != (r.Runs > 0) {
				t.Errorf("%d runs of a vector whose missing part is %q", r.Runs, v.Pending)
			}
		})
	}
}

// TestPlantedBugs: a product with one of these bugs does not pass.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range []struct {
		name, vector string
		plant        func(*node)
	}{
		{"each message opens an episode of its own", "B27", func(n *node) {
			last := 0
			n.rewrite(func(body string) string {
				last++
				return strings.ReplaceAll(body, "2026-01-07T08:38:00.032813093Z", fmt.Sprintf("2026-01-07T08:38:%02dZ", last))
			})
		}},
		{"the group's status counts", "B28", func(n *node) {
			n.rewrite(func(body string) string { return strings.ReplaceAll(body, `"resolved"`, `"firing"`) })
		}},
		{"a resolve acts", "B26", func(n *node) {
			n.rewrite(func(body string) string { return strings.ReplaceAll(body, `"resolved"`, `"firing"`) })
		}},
		{"no reading is zero", "B21", func(n *node) {
			n.rewrite(func(body string) string { return strings.ReplaceAll(body, `"value":null`, `"value":0`) })
		}},
		{"all budgets are ours", "B36", func(n *node) {
			n.rewrite(func(body string) string {
				return strings.ReplaceAll(body, "c0ffee00-1111-4222-8333-444455556666", "7b1f0c52-3d54-4c1e-9a86-2f0b6d1c9e10")
			})
		}},
		{"a stop stops nothing", "B05", func(n *node) { n.gate = open{n.gate} }},
		{"what was done is not reported", "B30", func(n *node) {
			report := n.report
			n.report = func(ctx context.Context, t autonomics.Tenant, g string, out autonomics.Outcome) error {
				if out.Stage == autonomics.StageDone {
					return nil
				}
				return report(ctx, t, g, out)
			}
		}},
		{"what was not done is reported", "B36", func(n *node) {
			report := n.report
			n.report = func(ctx context.Context, t autonomics.Tenant, g string, out autonomics.Outcome) error {
				if out.Stage == autonomics.StageFailed {
					out = autonomics.Outcome{Key: out.Key, Stage: autonomics.StageDone, Action: out.Action, Target: out.Target,
						Value: autonomics.Fields{{Name: "max", Value: "1"}}}
				}
				return report(ctx, t, g, out)
			}
		}},
		{"messages are answered and thrown away", "B37", func(n *node) {
			handler := n.handler
			n.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/in/") {
					handler.ServeHTTP(w, r)
				}
			})
		}},
		{"the limit is not three", "B32", nil},
	} {
		t.Run(bug.name, func(t *testing.T) {
			s, list := suite(t)
			if bug.plant != nil {
				s.planted = bug.plant
			} else {
				s.skus["queue_bank"].Limits.Effects.AtMost = 9
			}
			i := slices.IndexFunc(list, func(v Vector) bool { return v.ID == bug.vector })
			r, err := s.Run(t.Context(), &list[i], 0, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Failures) == 0 {
				t.Errorf("%s passes all the same", bug.vector)
			}
		})
	}
}

// rewrite lets the API see other bodies than were sent.
func (n *node) rewrite(body func(string) string) {
	handler := n.handler
	n.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		text := body(string(data))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		handler.ServeHTTP(w, r)
	})
}

// open lets through what is held.
type open struct{ actuate.Gate }

func (g open) Check(w kernel.Work) actuate.Decision {
	d := g.Gate.Check(w)
	d.Hold = ""
	return d
}

func TestWindows(t *testing.T) {
	rec := &record{facts: map[string][]fact{}, until: time.Hour}
	for _, s := range []int{0, 10, 59, 60, 69, 3000} {
		rec.add("effects", true, fact{time.Duration(s) * time.Second, map[string]string{"field": "max"}})
	}
	at := func(n int) *int { return &n }
	for _, x := range []struct {
		check Check
		holds bool
	}{
		{Check{Count: "effects", Exactly: at(6)}, true},
		{Check{Count: "effects", Exactly: at(5)}, false},
		{Check{Count: "effects", AtMost: at(5)}, false},
		{Check{Count: "effects", AtLeast: at(7)}, false},
		{Check{Count: "effects", Of: map[string]string{"field": "rate"}, Exactly: at(0)}, true},
		{Check{Count: "effects", InEvery: "60s", AtMost: at(4)}, true}, // 10, 59, 60 and 69, but not 0 and 60
		{Check{Count: "effects", InEvery: "60s", AtMost: at(3)}, false},
		{Check{Count: "effects", From: "61s", To: "69s", AtMost: at(0)}, true}, // not at the end itself
		{Check{Count: "effects", From: "61s", To: "70s", AtMost: at(0)}, false},
	} {
		if err := holds(&x.check, rec, slack{}); (err == nil) != x.holds {
			t.Errorf("%+v: %v", x.check, err)
		}
	}
	late := Check{Count: "effects", From: "55m", Exactly: at(1)}
	if holds(&late, rec, slack{}) == nil || holds(&late, rec, slack{early: 6 * time.Minute}) != nil {
		t.Error("faults do not move what has to happen")
	}
}

// TestReorder: messages stay within their windows.
func TestReorder(t *testing.T) {
	sent := make([]message, 100)
	for i := range sent {
		sent[i] = message{at: time.Duration(i) * 7 * time.Second, body: []byte{byte(i)}}
	}
	reorder(sent, rand.New(rand.NewPCG(1, 2)), false)
	moved := 0
	for i, m := range sent {
		was := time.Duration(i) * 7 * time.Second
		if was/reorderWithin != m.at/reorderWithin {
			t.Errorf("message of %v is sent at %v", was, m.at)
		}
		if was != m.at {
			moved++
		}
	}
	if moved < 50 {
		t.Errorf("%d of 100 messages have moved", moved)
	}
}

// TestVectorsAreWhole: each says what happened where, and what is required;
// what it names is there.
func TestVectorsAreWhole(t *testing.T) {
	s, list := suite(t)
	seen := map[string]bool{}
	for _, v := range list {
		if v.ID == "" || seen[v.ID] || len(v.Upstream) == 0 || v.Happened == "" || v.Require == "" || (v.Pending == "") != (len(v.Runs) > 0) {
			t.Errorf("%s: something is missing, or it is there twice", v.ID)
		}
		seen[v.ID] = true
		for _, r := range v.Runs {
			if len(r.Checks) == 0 || strings.Trim(v.Faults, "DRC") != "" {
				t.Errorf("%s, %s: no checks, or faults %q", v.ID, r.Name, v.Faults)
			}
		}
	}
	if len(list) < 30 || s.skus["cost_guard"] == nil || s.skus["alert_valve"] == nil {
		t.Errorf("%d vectors, %d SKUs", len(list), len(s.skus))
	}
}

func TestCopied(t *testing.T) {
	have := copied([]json.RawMessage{[]byte(`"{n}"`), []byte(`"one"`), []byte(`"{nn}"`)}, 2)
	if text := fmt.Sprintf("%s", have); text != `["0" "1" "one" "00" "01"]` {
		t.Errorf("have %s", text)
	}
}
