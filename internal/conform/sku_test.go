package conform

import (
	"io/fs"
	"testing"

	"github.com/autonomics-dev/autonomics/conform"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// TestSKUs: the specs of the vectors are as good as the built-in ones.
func TestSKUs(t *testing.T) {
	files, err := fs.Glob(conform.FS, "skus/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d specs: %v", len(files), err)
	}
	for _, file := range files {
		src, err := conform.FS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range spec.Check(file, src) {
			t.Error(c)
		}
	}
}
