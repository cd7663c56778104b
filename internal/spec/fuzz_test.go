package spec

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/autonomics-dev/autonomics/skus"
)

// FuzzParse: nothing that is read panics, and a program that can be made can be
// loaded again, the same to the byte.
func FuzzParse(f *testing.F) {
	f.Add([]byte(base(f)))
	f.Add([]byte(`{"sku":"a","sku":"b","rules":[{"when":{"all":[{"not":{}}]}}],"profiles":{"x":{}}}`))
	f.Add([]byte(`[{"\ud800":null}]`))
	names, err := fs.Glob(skus.FS, "*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(skus.FS, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		Check("fuzz.json", src)
		doc, complaints := Parse("fuzz.json", src)
		if (doc == nil) != (complaints != nil) {
			t.Fatalf("document %v, complaints %v", doc, complaints)
		}
		if doc == nil {
			return
		}
		for profile := range doc.Profiles {
			p, complaints := Compile(doc, profile, nil)
			if complaints != nil {
				continue
			}
			q, err := Load(p.Source)
			if err != nil || !bytes.Equal(p.Source, q.Source) || p.Digest != q.Digest {
				t.Fatalf("load: %v", err)
			}
		}
	})
}
