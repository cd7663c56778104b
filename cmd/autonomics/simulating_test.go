package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSimulating runs the commands of docs/SIMULATING.md, and wants each line
// of its output blocks among what they print.
func TestSimulating(t *testing.T) {
	out := paste(t, "docs/SIMULATING.md")
	text, err := os.ReadFile("../../docs/SIMULATING.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, block := range regexp.MustCompile("(?ms)^```text\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			lines++
			if !strings.Contains(out, line) {
				t.Errorf("no command prints %q", line)
			}
		}
	}
	for _, want := range []string{"\n  removed  ", "spend_over: apply throttle web max=1", "web-cost: interventions 1 → 0", "command verdict receipt=4 verdict=bad"} {
		if !strings.Contains(out, want) {
			t.Errorf("no command prints %q", want)
		}
	}
	if lines < 10 || t.Failed() {
		t.Errorf("%d lines of the document are output; the commands print\n%s", lines, out)
	}
}
