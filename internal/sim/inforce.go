package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/autonomics-dev/autonomics"
)

// inForce measures how long something that a governor applied was in force:
// from an apply's done to its undo's done, to yielded, or to the end of the
// governor's last claim.
//
// A claim may also end without an undo: its action keeps, or another governor
// wants the same. No receipt says so. It is taken to have ended when its
// governor stopped intervening, if nothing was taken back before the governor
// began to intervene again.
type inForce struct {
	open   map[string]*span // by action
	closed []span
}

type span struct {
	target   string
	from, to autonomics.Time
	left     autonomics.Time // when its governor stopped intervening; 0 if it did not
	back     bool            // is being taken back
}

func (f *inForce) begin(action, target string, at autonomics.Time) {
	if f.open == nil {
		f.open = map[string]*span{}
	}
	if x := f.open[action]; x != nil {
		x.left, x.back = 0, false
		return
	}
	f.open[action] = &span{target: target, from: at}
}

// end closes the claims for which gone is true.
func (f *inForce) end(at autonomics.Time, gone func(action string, x *span) bool) {
	maps.DeleteFunc(f.open, func(action string, x *span) bool {
		if !gone(action, x) {
			return false
		}
		x.to = at
		f.closed = append(f.closed, *x)
		return true
	})
}

func all(string, *span) bool { return true }

// back notes that an action is being taken back.
func (f *inForce) back(action string) {
	if x := f.open[action]; x != nil {
		x.back, x.left = true, 0
	}
}

// leave notes that the governor has stopped intervening. What is on a target
// where something is being taken back waits for that.
func (f *inForce) leave(at autonomics.Time) {
	busy := map[string]bool{}
	for _, x := range f.open {
		busy[x.target] = busy[x.target] || x.back
	}
	for _, x := range f.open {
		if !busy[x.target] && x.left == 0 {
			x.left = at
		}
	}
}

// enter notes that the governor intervenes again.
func (f *inForce) enter() {
	maps.DeleteFunc(f.open, func(_ string, x *span) bool {
		if x.left == 0 {
			return false
		}
		x.to = x.left
		f.closed = append(f.closed, *x)
		return true
	})
}

// until is how long anything was in force, in milliseconds.
func (f *inForce) until(at autonomics.Time) (ms int64) {
	list := slices.Clone(f.closed)
	for _, x := range f.open {
		list = append(list, span{from: x.from, to: at})
	}
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	covered := autonomics.Time(0)
	for _, x := range list {
		ms += int64(max(0, x.to-max(covered, x.from)))
		covered = max(covered, x.to)
	}
	return ms
}
