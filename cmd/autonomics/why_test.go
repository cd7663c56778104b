package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWhyPage runs the shell blocks of docs/WHY.md, which must print what the
// page says that they do.
func TestWhyPage(t *testing.T) {
	out := paste(t, "docs/WHY.md")
	page, err := os.ReadFile("../../docs/WHY.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```text\n(.*?)^```$").FindSubmatch(page)
	for _, want := range []string{string(block[1]), `"below":{"value":"0.999999",`, "\nsame acme "} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have\n%s\nbut\n%s", want, out)
		}
	}
}
