package kernel

import "github.com/autonomics-dev/autonomics"

// A Program is a checked SKU, resolved with one profile and overrides. It is
// immutable and shared by all governors that run it. Package spec makes it;
// references between its parts are indices.
type Program struct {
	Digest  autonomics.Hash // SHA-256 of Source
	Source  []byte          // canonical form, without scenarios
	SKU     string
	Version string
	Class   Class
	Profile string

	Signals  []SignalDecl // sorted by name
	Episodes []EpisodeDecl
	Slots    []Slot // sorted by name
	Windows  []WindowDecl
	Runs     []RunDecl
	Counts   []CountDecl
	Nodes    []Node // conditions; children stand before their parents
	Rules    []Rule // in order of precedence
	Actions  []Action

	Cooldown    autonomics.Duration // also the exit from degraded(failed)
	Limit       Limit
	BootTimeout autonomics.Duration // the longest required stale_after; 0 if none is required
}

// A Class ranks SKUs that claim the same target: the lowest wins.
type Class uint8

const (
	Safety Class = iota + 1
	Cost
	Throughput
)

// A SignalDecl declares a signal.
type SignalDecl struct {
	Name       string
	Unit       string
	StaleAfter autonomics.Duration
	Required   bool
	While      int // episode that must be open for Required to count; -1: always
	Resets     bool
}

// An EpisodeDecl declares an episode.
type EpisodeDecl struct {
	Name       string
	StaleAfter autonomics.Duration
	Keys       int // how many are remembered
}

// A Slot is a place for a target.
type Slot struct {
	Name string
	Kind string
}

// A WindowDecl is twelve buckets over one signal, shared by the leaves that
// ask the same of it.
type WindowDecl struct {
	Signal  int
	Measure Measure
	Width   autonomics.Duration // of the whole window; a multiple of twelve milliseconds
}

// A Measure is what a leaf compares.
type Measure uint8

const (
	Value      Measure = iota // the reading itself
	Avg                       // mean over the window
	Max                       // greatest
	Min                       // least
	Rate                      // (last - first) per unit of time
	Growth                    // last / first - 1, or relative to another signal
	Difference                // last - first, or minus another signal
)

// A RunDecl asks a condition to hold on several readings in a row: Samples of
// them within Within, or all of them For a time. One of the two is set.
type RunDecl struct {
	Node    int // whose kids it watches
	Samples int
	Within  autonomics.Duration
	For     autonomics.Duration
	Signals []int // the signals below the node; a reading of one of them is a sample
}

// A CountDecl counts how often an action was done.
type CountDecl struct {
	Action int
	Window autonomics.Duration
	N      int // the highest threshold of the leaves that use it
}

// A NodeKind says what a node of a condition is.
type NodeKind uint8

const (
	ReadingLeaf NodeKind = iota + 1
	EpisodeLeaf
	EffectsLeaf
	All
	Any
	Not
)

// An Op compares.
type Op uint8

const (
	Above Op = iota + 1
	AtLeast
	Below
	AtMost
)

// A Node is one node of a condition.
type Node struct {
	Kind NodeKind
	Kids []int // of All, Any and Not
	Run  int   // its RunDecl; -1 if none

	Signal    int // ReadingLeaf
	Measure   Measure
	Window    int                 // its WindowDecl; -1 if none
	Over      int                 // signal it is relative to; -1 if none
	Per       autonomics.Duration // Rate: the unit of time
	OrMissing bool
	Op        Op
	Threshold autonomics.Decimal

	Episode int // EpisodeLeaf
	Open    bool

	Count int // EffectsLeaf; Threshold is the number of times, a whole number of units
}

// A Rule requests actions when its condition holds.
type Rule struct {
	ID      string
	In      States
	Go      autonomics.State
	When    int   // root node
	Leaves  []int // its leaves, in the order of the spec
	Do      []int // actions
	LockFor autonomics.Duration
}

// States is a set of states.
type States uint8

// Has reports whether s is in the set.
func (set States) Has(s autonomics.State) bool { return set&(1<<s) != 0 }

// With returns the set with s in it.
func (set States) With(s autonomics.State) States { return set | 1<<s }

// An Action is what rules request.
type Action struct {
	Name    string
	Uses    string            // name in the catalog
	Notice  bool              // tells people, has no target and no claim
	Slot    int               // the target's slot; -1 for a notice
	With    autonomics.Fields // absolute values, or shares of the baseline ("50%")
	Term    autonomics.Duration
	MaxTerm autonomics.Duration
	Keep    bool                 // "after": "keep"
	Steps   []autonomics.Decimal // "release": shares of the way back, the last is 1
	Every   autonomics.Duration
	Helps   *Helps // nil if the spec does not say
}

// Helps says how to see whether an action did any good: When is to hold at some
// time Within so long after it was done. An action that did not help so many
// times in a row is disarmed.
type Helps struct {
	When        int // root node
	Within      autonomics.Duration
	DisarmAfter int
}
