package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const guide = "docs/WRITING_A_SKU.md"

// TestGuide runs the shell blocks of the guide. Its blocks of text are what they
// print, in that order, where … stands for whatever is there: the rest of a
// line, or lines.
func TestGuide(t *testing.T) {
	out := paste(t, guide)
	for _, block := range blocks(t, "text") {
		at := pattern(block).FindStringIndex(out)
		if at == nil {
			t.Fatalf("the commands of %s do not print\n%s\nbut go on with\n%s", guide, block, out)
		}
		out = out[at[1]:]
	}
}

// pattern matches a block of text.
func pattern(block string) *regexp.Regexp {
	var expr strings.Builder
	for line := range strings.Lines(block) {
		if line == "…\n" {
			expr.WriteString(`(?:.*\n)*?`)
			continue
		}
		expr.WriteString(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(line, "\n")), "…", ".*") + " *\n")
	}
	return regexp.MustCompile(expr.String())
}

// TestGuideQuotes: the JSON that the guide shows is that of the examples.
func TestGuideQuotes(t *testing.T) {
	files, err := filepath.Glob("../../docs/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("examples %v: %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		all.WriteString(squeeze(read(t, file)) + "\n")
	}
	for _, block := range blocks(t, "json") {
		if !strings.Contains(all.String(), squeeze(block)) {
			t.Errorf("no example has\n%s", block)
		}
	}
}

// TestGuideComplaints: what the guide says of complaints, check says.
func TestGuideComplaints(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "../../"+guide), "| `check` says | so |\n|---|---|\n")
	said := read(t, "../../internal/spec/testdata/complaints.txt") + read(t, "../../internal/prove/prove.go")
	rows := 0
	for line := range strings.Lines(table) {
		complaint := strings.TrimSpace(strings.Split(line, "|")[1])
		if !strings.Contains(said, complaint) {
			t.Errorf("no complaint has %q", complaint)
		}
		rows++
	}
	if rows < 8 {
		t.Errorf("the table has %d rows", rows)
	}
}

// blocks returns the guide's code blocks of a language.
func blocks(t *testing.T, language string) (list []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(read(t, "../../"+guide), -1) {
		list = append(list, m[1])
	}
	if len(list) < 5 {
		t.Fatalf("%s has %d blocks of %s", guide, len(list), language)
	}
	return list
}

// squeeze leaves the space out.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
