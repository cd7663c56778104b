package spec

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the complaints that there are into testdata/complaints.txt")

func base(t testing.TB) string {
	t.Helper()
	src, err := os.ReadFile("testdata/base.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// edit replaces the one place where old stands in src.
func edit(t testing.TB, src, old, new string) string {
	t.Helper()
	if n := strings.Count(src, old); n != 1 {
		t.Fatalf("%d places have %s", n, old)
	}
	return strings.Replace(src, old, new, 1)
}

// TestComplaints plays testdata/complaints.txt: cases of lines "old" and "new",
// which change base.json, and the complaints that follow. Lines with # are for
// people.
func TestComplaints(t *testing.T) {
	script, err := os.ReadFile("testdata/complaints.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, block := range strings.SplitAfter(string(script), "\n\n") {
		src, want, edits := base(t), "", ""
		old, place := "", ""
		for line := range strings.Lines(block) {
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch word {
			case "old":
				old, place = rest, line
				edits += line
			case "new":
				src = edit(t, src, old, rest)
				edits += line
			case "#":
				edits += line
			case "":
			default:
				want += line
			}
		}
		if place == "" {
			out.WriteString(block)
			continue
		}
		have := ""
		for _, c := range Check("base.json", []byte(src)) {
			have += strings.TrimPrefix(c.String(), "base.json: ") + "\n"
		}
		if have == "" {
			have = "ok\n"
		}
		if have != want && !*update {
			t.Errorf("%s\nhave:\n%s\nwant:\n%s", edits, have, want)
		}
		fmt.Fprintf(&out, "%s%s\n", edits, have)
	}
	if *update {
		if err := os.WriteFile("testdata/complaints.txt", []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBaseIsGood(t *testing.T) {
	for _, c := range Check("base.json", []byte(base(t))) {
		t.Error(c)
	}
}
