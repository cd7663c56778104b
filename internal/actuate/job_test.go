package actuate

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzErrorText(f *testing.F) {
	f.Add("permission denied")
	f.Add("two\nlines\x00and \xff")
	f.Add(strings.Repeat("ä", 150))
	f.Fuzz(func(t *testing.T, s string) {
		got := errorText(errors.New(s))
		if len(got) > maxErrorText+len("…") || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("errorText(%q) = %q", s, got)
		}
		if len(s) < maxErrorText && utf8.ValidString(s) && len(got) != len(s) {
			t.Errorf("errorText(%q) = %q, which is shorter than need be", s, got)
		}
	})
}

// TestBackoff: no number of tries waits longer than the most.
func TestBackoff(t *testing.T) {
	j := job{Outbox: New(Config{Random: func() float64 { return 1 }})}
	for n, want := range map[int]time.Duration{0: minBackoff, 1: 2 * minBackoff, 6: 64 * minBackoff, 7: maxBackoff, 60: maxBackoff, 1 << 40: maxBackoff} {
		if got := j.backoff(n, maxBackoff); got != want {
			t.Errorf("backoff(%d) = %v, want %v", n, got, want)
		}
	}
}
