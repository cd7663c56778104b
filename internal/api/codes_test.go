package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var document = flag.Bool("document", false, "write docs/ERRORS.md anew")

// TestDocument compares docs/ERRORS.md with the table.
func TestDocument(t *testing.T) {
	const file = "../../docs/ERRORS.md"
	var b strings.Builder
	b.WriteString(`# Errors

Every error of the HTTP API is ` + "`application/problem+json`" + ` (RFC 9457): ` + "`type`" + ` is ` + "`urn:autonomics:`" + ` and a code of this table,
` + "`detail`" + ` says what is wrong and how to mend it, ` + "`errors`" + ` has a JSON pointer to each member that is wrong; in a batch it begins with the
number of the item, from 0. This page is made from the table in ` + "`internal/api/codes.go`" + `.

| code | status | title | what it means |
|---|---|---|---|
`)
	seen := map[string]bool{}
	for i, c := range codes {
		if c.name == "" || c.title == "" || c.status < 400 || c.help == "" || seen[c.name] {
			t.Errorf("code %d is incomplete, or there twice: %+v", i, c)
		}
		seen[c.name] = true
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", c.name, c.status, c.title, c.help)
	}
	if *document {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(have)); diff != "" {
		t.Errorf("%s does not fit the table; write it with -document (-want +have):\n%s", file, diff)
	}
}
