// Package strict reads JSON into Go structs without guessing: a member that is
// unknown, doubled, missing, of the wrong type or of the wrong form is a
// complaint that says where, what and how to mend it. All of them are found in
// one go.
//
// A field's tag `json` names its member, which is required unless the tag says
// omitempty or omitzero. The tag `want` gives the form of a text, of every text
// in a list or a table (see FormOf). The names that are chosen in a table have
// the form "name". A whole number is a count, from 1 on: 0 stands for a member
// that is absent. The tag `refuse` says why a member may not be used.
package strict

import (
	"fmt"
	"slices"
	"strings"
)

// A Complaint says what is wrong with a file, where, and how to mend it.
type Complaint struct {
	File    string `json:"file"`
	Path    string `json:"path"` // $.rules[2].when.any[0].signal
	Problem string `json:"problem"`
	Mend    string `json:"mend"`
	Trace   string `json:"trace,omitempty"` // the shortest way to where it shows, as far as there is one
}

func (c Complaint) String() string {
	text := fmt.Sprintf("%s: %s: %s; %s", c.File, c.Path, c.Problem, c.Mend)
	if c.Trace != "" {
		text += "\n  " + c.Trace
	}
	return text
}

// Complaints collects those about one file.
type Complaints struct {
	File string
	List []Complaint
}

// Add adds one.
func (c *Complaints) Add(path, problem, mend string) {
	c.List = append(c.List, Complaint{File: c.File, Path: path, Problem: problem, Mend: mend})
}

// AtMost complains if there are more things of a kind than limit.
func (c *Complaints) AtMost(path, what string, n, limit int) {
	if n > limit {
		c.Add(path, fmt.Sprintf("%d %s are too many", n, what), fmt.Sprintf("keep to %d", limit))
	}
}

// Find looks name up among the sorted names of one kind of thing; -1 if it is
// not there.
func (c *Complaints) Find(path, what, name string, known []string) int {
	i, ok := slices.BinarySearch(known, name)
	if ok {
		return i
	}
	mend := "declare one first"
	if len(known) > 0 {
		mend = "declare it, or use one of: " + strings.Join(known, ", ")
	}
	c.Add(path, fmt.Sprintf("there is no %s %q", what, name), mend)
	return -1
}

// Join appends a member's name to a JSON path.
func Join(path, name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, c := range []byte(name) {
		plain = plain && (c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if plain {
		return path + "." + name
	}
	return fmt.Sprintf("%s[%q]", path, name)
}
