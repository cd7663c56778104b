package demo

import (
	"slices"
	"testing"
	"time"
)

// TestStory: whatever the seed, the story is in order and has what it promises.
func TestStory(t *testing.T) {
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for seed := range uint64(200) {
		moments := tell(start, seed)
		if !slices.IsSortedFunc(moments, func(a, b moment) int { return a.at.Compare(b.at) }) {
			t.Fatalf("seed %d: out of order", seed)
		}
		ids, twice, deploys, last, gap := map[string]bool{}, 0, 0, start, time.Duration(0)
		for _, m := range moments {
			if m.deploy != "" {
				deploys++
			}
			for _, i := range m.items {
				if i.At.Before(start) || i.At.After(m.at) || m.at.After(start.Add(length)) {
					t.Fatalf("seed %d: %+v is told at %s, in a story from %s", seed, i, m.at, start)
				}
				if i.ID != "" && ids[i.Tenant+i.ID] {
					twice++
				}
				ids[i.Tenant+i.ID] = true
				if i.Tenant == releases.tenant && i.Source == "metrics" && i.Readings[0].Value != nil {
					gap, last = max(gap, i.At.Sub(last)), i.At
				}
			}
		}
		if deploys != 1 || twice < 2 || gap < 6*time.Minute {
			t.Errorf("seed %d: %d deploys, %d told twice, the longest gap %v", seed, deploys, twice, gap)
		}
	}
	if a, b := tell(start, 1), tell(start, 1); len(a) != len(b) || *a[9].items[0].Readings[0].Value != *b[9].items[0].Readings[0].Value {
		t.Error("one seed, two stories")
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	c := clock{now: start}
	now, soon, later := c.After(0), c.After(time.Second), c.After(time.Hour)
	rang := func(ring <-chan time.Time) bool {
		select {
		case <-ring:
			return true
		default:
			return false
		}
	}
	if !rang(now) || rang(soon) {
		t.Error("at first: want the first to ring, and not the second")
	}
	c.advance(start.Add(time.Second))
	c.advance(start) // never back
	if !rang(soon) || rang(later) || !c.Now().Equal(start.Add(time.Second)) {
		t.Errorf("after a second it is %s: want the second to have rung, and not the third", c.Now())
	}
	c.advance(start.Add(2 * time.Hour))
	if !rang(later) || len(c.waits) != 0 {
		t.Errorf("after two hours: want the third to have rung, and none to wait: %d", len(c.waits))
	}
}
