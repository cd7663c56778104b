package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/autonomics-dev/autonomics"

// layers is the import law: a package imports packages of earlier layers only,
// and within a layer only an adapter its port, its own parent directory or
// what lies below itself. The root package, the nouns, is before all.
var layers = [][]string{
	{""},
	{"internal/catalog"},
	{"internal/kernel"},
	{"internal/spec", "skus", "conform"},
	{"internal/prove"},
	{"internal/entitle", "internal/ledger", "internal/intake", "internal/actuate", "internal/directory", "internal/why"},
	{"internal/engine"},
	{"internal/api", "internal/sim"},
	{"internal/app", "internal/conform"},
	{"cmd", "internal/archtest"},
}

// pure packages map values to values: they may not import these.
var (
	pure      = []string{"internal/catalog", "internal/kernel", "internal/spec", "internal/prove", "internal/entitle", "internal/directory", "internal/why"}
	forbidden = []string{"context", "log", "log/slog", "net", "net/http", "os", "sync", "sync/atomic", "math/rand", "math/rand/v2", "crypto/rand"}
)

// Sizes that keep the house liveable, in lines of code: neither blank nor
// comment.
const (
	maxFunction = 70
	maxFile     = 600
	maxPackage  = 1500
	maxMain     = 100
)

// over lists what is larger than it should be, each with its reason.
var over = map[string]string{
	"package cmd/autonomics":  "one file for each command, with its flags, its help and its words; they share one way to ask a server or a directory",
	"package ":                "the format's description, one function for each of its twenty types, is most of it; a second package would have to export the codec",
	"package internal/engine": "the core, the loop, recovery and what operators may order share one speculative state",
	"package internal/kernel": "the whole state machine with windows, claims and timers is one thing to reason about; the parts share unexported state",
}

type source struct {
	path string // of the file, slash-separated
	dir  string
	test bool
	file *ast.File
	text string
	fset *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(rel)), ".")
		out = append(out, source{rel, dir, strings.HasSuffix(rel, "_test.go"), file, string(text), fset})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d sources below %s: looking at the wrong place", len(out), root)
	}
	return out
}

// layer returns the layer of a directory and the room in it.
func layer(dir string) (int, string) {
	best, room := -1, ""
	for i, l := range layers {
		for _, r := range l {
			if (dir == r || r != "" && strings.HasPrefix(dir, r+"/")) && len(r) >= len(room) {
				best, room = i, r
			}
		}
	}
	return best, room
}

func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		out = append(out, path)
	}
	return out
}

func TestImportLaw(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		from, room := layer(s.dir)
		if from < 0 {
			t.Errorf("%s: package %s has no place in the import law", s.path, s.dir)
			continue
		}
		for _, path := range imports(s.file) {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			target := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			to, other := layer(target)
			if to > from || to == from && other != room {
				t.Errorf("%s: %s may not import %s", s.path, s.dir, target)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, s := range sources(t) {
		_, room := layer(s.dir)
		if s.test || !slices.Contains(pure, room) && s.dir != "" {
			continue
		}
		for _, path := range imports(s.file) {
			if slices.Contains(forbidden, path) {
				t.Errorf("%s: a pure package may not import %s", s.path, path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Sleep", "After", "Tick"}, sel.Sel.Name) {
				t.Errorf("%s: a pure package has no clock", s.fset.Position(n.Pos()))
			}
			return true
		})
	}
}

// code counts the lines between two positions that are neither blank nor only
// comment.
func code(s source, from, to token.Pos) int {
	first, last := s.fset.Position(from).Line, s.fset.Position(to).Line
	n := 0
	for i, line := range strings.Split(s.text, "\n") {
		line = strings.TrimSpace(line)
		if i+1 >= first && i+1 <= last && line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}

func TestSizes(t *testing.T) {
	packages := map[string]int{}
	check := func(what string, n, limit int) {
		if n <= limit {
			if over[what] != "" {
				t.Errorf("%s has %d lines and needs no exception any more", what, n)
			}
			return
		}
		if over[what] == "" {
			t.Errorf("%s has %d lines of code, the limit is %d: make it smaller, or say beside the limit why not", what, n, limit)
		}
		t.Logf("over: %s: %d lines of %d: %s", what, n, limit, over[what])
	}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		n := code(s, s.file.FileStart, s.file.FileEnd)
		packages[s.dir] += n
		check("file "+s.path, n, maxFile)
		if strings.HasSuffix(s.path, "main.go") {
			check("main "+s.path, n, maxMain)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				check("function "+s.path+" "+f.Name.Name, code(s, f.Pos(), f.End()), maxFunction)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > 5 {
					t.Errorf("%s: interface %s has more than 5 methods", s.path, spec.Name.Name)
				}
			}
			return true
		})
	}
	for dir, n := range packages {
		check("package "+dir, n, maxPackage)
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %q has no package comment", dir)
		}
	}
}

// TestTidy finds what rots: sleeping tests, init functions, unfinished marks.
func TestTidy(t *testing.T) {
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)
	for _, s := range sources(t) {
		if mark := marks.FindString(s.text); mark != "" {
			t.Errorf("%s: says %s", s.path, mark)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: has an init function", s.path)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && s.test && x.Name == "time" && n.Sel.Name == "Sleep" {
					t.Errorf("%s: a test must wait for an event, not sleep", s.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}
