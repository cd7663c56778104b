package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

func programs(t *testing.T) []*kernel.Program {
	t.Helper()
	entries, err := skus.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var list []*kernel.Program
	for _, e := range entries {
		src, err := skus.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := spec.Parse(e.Name(), src)
		p, complaints := spec.Compile(doc, "standard", nil)
		if complaints != nil {
			t.Fatal(complaints)
		}
		list = append(list, p)
	}
	return list
}

// TestPictures: every rule and every way of its stands in both pictures, once,
// and the SVG is XML that refers to nothing outside.
func TestPictures(t *testing.T) {
	for _, p := range programs(t) {
		mermaid, svg := string(Mermaid(p)), SVG(p)
		for _, r := range p.Rules {
			ways := 0
			for _, from := range []string{"stable", "warning", "intervening"} {
				ways += strings.Count(mermaid, fmt.Sprintf("  %s --> %s: %s: ", from, r.Go, r.ID))
			}
			want := 0
			for s := range 8 {
				if r.In&(1<<s) != 0 {
					want++
				}
			}
			if ways != want {
				t.Errorf("%s: rule %s has %d ways, want %d\n%s", p.SKU, r.ID, ways, want, mermaid)
			}
			if n := strings.Count(string(svg), ">"+r.ID+"<"); n < 1 {
				t.Errorf("%s: rule %s stands on %d arrows", p.SKU, r.ID, n)
			}
		}
		in := xml.NewDecoder(bytes.NewReader(svg))
		var err error
		for err == nil {
			_, err = in.Token()
		}
		if !errors.Is(err, io.EOF) || bytes.Contains(svg, []byte("href")) {
			t.Errorf("%s: %v", p.SKU, err)
		}
		if !bytes.Equal(svg, SVG(p)) || mermaid != string(Mermaid(p)) {
			t.Errorf("%s: two pictures of one program", p.SKU)
		}
	}
}

func TestWrap(t *testing.T) {
	have := strings.Join(wrap("rule", "a ≥ 1 and b ≥ 2", 32), "\n")
	want := "rule                   a ≥ 1 and\n                       b ≥ 2"
	if have != want {
		t.Errorf("%q", have)
	}
}
