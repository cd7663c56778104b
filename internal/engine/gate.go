package engine

import (
	"slices"
	"sync"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
	"github.com/autonomics-dev/autonomics/internal/directory"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Gate has the last word before an effect's first call and before every
// retry. It answers from what is committed, and from stops that are in force
// before they are.
type Gate struct {
	view  *View
	now   func() autonomics.Time
	ready func() error // nothing new starts while nothing can be committed

	mu    sync.Mutex
	early []directory.Stop
}

// Check is the gate's answer for one work.
func (g *Gate) Check(w kernel.Work) actuate.Decision {
	t := g.view.Tenant(w.Tenant)
	if t == nil || !t.Wanted(&w) {
		return actuate.Decision{Drop: true}
	}
	if s := g.stopped(&w); s != nil && (s.Claims == directory.Keep || !w.Undo) {
		return actuate.Decision{Hold: autonomics.HeldStop}
	}
	if g.ready() != nil || g.view.isFenced(w.Tenant) {
		return actuate.Decision{Wait: true}
	}
	if w.Target.Name != "" && !g.allowed(&w) {
		return actuate.Decision{Drop: true}
	}
	return actuate.Decision{}
}

// stopped is the stop in force for the work, or nil.
func (g *Gate) stopped(w *kernel.Work) (found *directory.Stop) {
	now := g.now()
	g.view.Directory(func(d *directory.Directory) {
		if s := d.Stopped(w.Tenant, w.Governor, w.SKU, now); s != nil {
			stop := *s
			found = &stop
		}
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.early {
		s := &g.early[i]
		if now < s.Until && directory.Within(s.Scope, w.Tenant, w.Governor, w.SKU) && (found == nil || s.Claims == directory.Keep) {
			stop := *s
			found = &stop
		}
	}
	return found
}

// allowed reports whether the target lies inside the tenant's list.
func (g *Gate) allowed(w *kernel.Work) (ok bool) {
	g.view.Directory(func(d *directory.Directory) {
		if t := d.Tenants[w.Tenant]; t != nil {
			x := t.Target(w.Target.Name)
			ok = x != nil && x.Kind == w.Target.Kind && x.Ref == w.Target.Ref
		}
	})
	return ok
}

// Stops lists the stops in force, oldest first; then those that are not
// recorded, whose Seq is 0.
func (g *Gate) Stops() []directory.Stop {
	var out []directory.Stop
	g.view.Directory(func(d *directory.Directory) { out = append(out, d.Stops...) })
	g.mu.Lock()
	out = append(out, g.early...)
	g.mu.Unlock()
	now := g.now()
	return slices.DeleteFunc(out, func(s directory.Stop) bool { return s.Until <= now })
}

func (g *Gate) add(s directory.Stop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.early = append(g.early, s)
}

// has reports whether an early stop is still in force.
func (g *Gate) has(s directory.Stop) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.early, s)
}

// covered forgets the early stops of a scope that a recorded one outlasts.
func (g *Gate) covered(by directory.Stop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.early = slices.DeleteFunc(g.early, func(s directory.Stop) bool { return s.Scope == by.Scope && s.Until <= by.Until })
}

// withdraw takes back one early stop that was refused.
func (g *Gate) withdraw(s directory.Stop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.early, s); i >= 0 {
		g.early = slices.Delete(g.early, i, i+1)
	}
}

// remove forgets early stops of a scope: the directory has them now, or an
// operator has resumed.
func (g *Gate) remove(scope autonomics.Scope) (any bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.early)
	g.early = slices.DeleteFunc(g.early, func(s directory.Stop) bool { return s.Scope == scope })
	return len(g.early) < n
}

// unrecorded reports whether an early stop of a scope is in force.
func (g *Gate) unrecorded(scope autonomics.Scope) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.early, func(s directory.Stop) bool { return s.Scope == scope && g.now() < s.Until })
}
