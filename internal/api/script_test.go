package api_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the answers in the scripts")

var (
	hashes = regexp.MustCompile(`[0-9a-f]{64}`)
	faults = map[string]memstore.Fault{"fail": memstore.Fail, "unknown": memstore.UnknownCommitted, "conflict": memstore.Conflict}
)

// TestScripts plays testdata/*.txt. Each is a world of its own. A script has
//
//	> METHOD PATH        a request; Host is localhost, the type application/json
//	> Name: value        a header of it
//	body                 HELD stands for the key of the effect that waits
//	< STATUS             its answer, with the headers that matter
//	body                 with hashes as …
//	! clock 10m          time passes
//	! act                the outbox carries out what it was handed
//	! hold               a stop holds what the outbox was handed
//	! fault fail         what the next commit meets
//
// Everything else is prose for people. Script blocks end at an empty line.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			have := play(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(text), have); diff != "" {
				t.Errorf("%s (-want +have):\n%s", file, diff)
			}
		})
	}
}

// play returns the script with the answers that were given.
func play(t *testing.T, text string) string {
	w := newWorld(t, never)
	var out []string
	blocks := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for _, block := range blocks {
		switch {
		case strings.HasPrefix(block, "> "):
			request, _, _ := strings.Cut(block+"\n< ", "\n< ")
			out = append(out, request+"\n"+answer(t, w, request))
		case strings.HasPrefix(block, "! "):
			for line := range strings.Lines(block) {
				if err := w.order(strings.Fields(line)[1:]); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			out = append(out, block)
		default:
			out = append(out, block)
		}
	}
	return strings.Join(out, "\n\n") + "\n"
}

func (w *world) order(words []string) error {
	switch words[0] {
	case "clock":
		d, err := autonomics.ParseDuration(words[1])
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = w.now.Add(d)
		return err
	case "fault":
		f, ok := faults[words[1]]
		if !ok {
			return fmt.Errorf("no such fault")
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fault = f
		return nil
	case "act":
		return w.act()
	case "hold":
		return w.hold()
	}
	return fmt.Errorf("no such order")
}

func answer(t *testing.T, w *world, request string) string {
	lines := strings.Split(request, "\n")
	method, path, _ := strings.Cut(strings.TrimPrefix(lines[0], "> "), " ")
	var headers []string
	n := 1
	for ; n < len(lines) && strings.HasPrefix(lines[n], "> "); n++ {
		name, value, _ := strings.Cut(lines[n][2:], ": ")
		headers = append(headers, name, value)
	}
	rec := w.do(method, path, strings.ReplaceAll(strings.Join(lines[n:], "\n"), "HELD", w.held()), headers...)
	var out strings.Builder
	fmt.Fprintf(&out, "< %d\n", rec.Code)
	usual := "application/json"
	if rec.Code >= 400 {
		usual = "application/problem+json"
	}
	for _, name := range []string{"Allow", "Location", "Retry-After", "Autonomics-Head", "Content-Type"} {
		if value := rec.Header().Get(name); value != "" && (name != "Content-Type" || value != usual) {
			fmt.Fprintf(&out, "< %s: %s\n", name, value)
		}
	}
	if rec.Code == http.StatusInternalServerError {
		t.Errorf("%s %s: %s\n%s", method, path, rec.Body, w.log.String())
	}
	out.WriteString(rec.Body.String())
	return strings.TrimRight(hashes.ReplaceAllString(out.String(), "…"), "\n")
}
