package app

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/autonomics-dev/autonomics/internal/prove"
	"github.com/autonomics-dev/autonomics/internal/spec"
	"github.com/autonomics-dev/autonomics/skus"
)

// ReadSpec returns the spec in a file, or the built-in one of that name.
func ReadSpec(name string) ([]byte, error) {
	if src, err := skus.FS.ReadFile(name + ".json"); err == nil {
		return src, nil
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read spec: %w; name a file or a built-in SKU: %s", err, strings.Join(BuiltIn(), ", "))
	}
	return src, nil
}

// BuiltIn returns the names of the built-in SKUs, sorted.
func BuiltIn() []string {
	entries, err := skus.FS.ReadDir(".")
	if err != nil {
		panic("unreachable: embedded: " + err.Error())
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
	}
	return names
}

// specs are the SKUs that governors may be made of: the built-in ones and
// those of the files, which are checked as `check` does.
func specs(files []string) (map[string]*spec.Document, error) {
	docs := map[string]*spec.Document{}
	for _, name := range BuiltIn() {
		src, err := ReadSpec(name)
		if err != nil {
			return nil, err
		}
		doc, complaints := spec.Parse(name, src)
		if len(complaints) > 0 {
			return nil, fmt.Errorf("built-in SKU: %v", complaints[0])
		}
		docs[doc.SKU] = doc
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read spec: %w", err)
		}
		if complaints := prove.Spec(file, src); len(complaints) > 0 {
			return nil, fmt.Errorf("%v; `autonomics check %s` says it all", complaints[0], file)
		}
		doc, _ := spec.Parse(file, src)
		if docs[doc.SKU] != nil {
			return nil, fmt.Errorf("%s: there is another SKU %q already; give this one a name of its own", file, doc.SKU)
		}
		docs[doc.SKU] = doc
	}
	return docs, nil
}
