package main

import (
	"strings"
	"testing"
)

// TestConforming runs what docs/CONFORM.md shows.
func TestConforming(t *testing.T) {
	out := paste(t, "docs/CONFORM.md")
	for _, want := range []string{
		"B30   pass     101 runs  argoproj/argo-events#1977: an event was acknowledged before it was acted on, and a crash in between lost it → killed anywhere, the act is done once\n",
		"B25   pass       2 runs", `"verdict":"pass","runs":1}`, "B46   pending    0 runs", "needs handing over to a new binary",
		"1 vectors: 1 pass, 0 fail, 0 pending; 101 runs\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %q:\n%s", want, out)
		}
	}
}
