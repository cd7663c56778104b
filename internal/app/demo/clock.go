package demo

import (
	"slices"
	"sync"
	"time"
)

// A clock moves only when it is told to. While the machine is slow the story
// is slow, and nothing goes stale for want of a processor.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []wait
}

type wait struct {
	until time.Time
	ring  chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After is as time.After.
func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := wait{c.now.Add(d), make(chan time.Time, 1)}
	if d <= 0 {
		w.ring <- c.now
	} else {
		c.waits = append(c.waits, w)
	}
	return w.ring
}

// advance moves the clock, never back.
func (c *clock) advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.Before(c.now) {
		return
	}
	c.now = to
	c.waits = slices.DeleteFunc(c.waits, func(w wait) bool {
		due := !w.until.After(to)
		if due {
			w.ring <- to
		}
		return due
	})
}
