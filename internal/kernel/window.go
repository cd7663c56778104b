package kernel

import (
	"math"
	"math/bits"

	"github.com/autonomics-dev/autonomics"
)

const buckets = 12

// A Window is twelve buckets aligned to absolute time.
type Window struct {
	Head  int64           // number of the newest bucket
	Since autonomics.Time `json:",omitempty"` // a signal that resets: its interval's first reading
	B     [buckets]Bucket
}

// A Bucket keeps what its window's measure needs: A and B are the first and
// the last value, or the two halves of a 128-bit sum, or (A) the extreme.
type Bucket struct {
	N               uint32          `json:",omitempty"`
	FirstAt, LastAt autonomics.Time `json:",omitempty"`
	A, B            int64           `json:",omitempty"`
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// add takes a reading. One that is older than the window is left out.
func (w *Window) add(d *WindowDecl, at autonomics.Time, v autonomics.Decimal) {
	n := floorDiv(int64(at), int64(d.Width)/buckets)
	switch {
	case n <= w.Head-buckets:
		return
	case n >= w.Head+buckets:
		*w = Window{Head: n, Since: w.Since}
	default:
		for ; w.Head < n; w.Head++ {
			w.B[mod(w.Head+1)] = Bucket{}
		}
	}
	b := &w.B[mod(n)]
	x := int64(v)
	switch d.Measure {
	case Avg:
		lo, carry := bits.Add64(uint64(b.B), uint64(x), 0)
		b.A, b.B = b.A+x>>63+int64(carry), int64(lo)
	case Max:
		if b.N == 0 || x > b.A {
			b.A = x
		}
	case Min:
		if b.N == 0 || x < b.A {
			b.A = x
		}
	default:
		if b.N == 0 || at < b.FirstAt {
			b.A = x
		}
		if b.N == 0 || at >= b.LastAt {
			b.B = x
		}
	}
	if b.N == 0 || at < b.FirstAt {
		b.FirstAt = at
	}
	if b.N == 0 || at > b.LastAt {
		b.LastAt = at
	}
	b.N++
}

func mod(n int64) int64 { return ((n % buckets) + buckets) % buckets }

// sum is what a window holds at one instant.
type sum struct {
	n               uint32
	firstAt, lastAt autonomics.Time
	first, last     int64 // or the sum's halves, or first = the extreme
}

func (w *Window) sum(d *WindowDecl, now autonomics.Time) (s sum) {
	oldest := floorDiv(int64(now), int64(d.Width)/buckets) - buckets + 1
	for n := max(oldest, w.Head-buckets+1); n <= w.Head; n++ {
		b := &w.B[mod(n)]
		if b.N == 0 {
			continue
		}
		switch {
		case d.Measure == Avg:
			lo, carry := bits.Add64(uint64(s.last), uint64(b.B), 0)
			s.first, s.last = s.first+b.A+int64(carry), int64(lo)
		case d.Measure == Max:
			if s.n == 0 || b.A > s.first {
				s.first = b.A
			}
		case d.Measure == Min:
			if s.n == 0 || b.A < s.first {
				s.first = b.A
			}
		default:
			if s.n == 0 {
				s.first = b.A
			}
			s.last = b.B
		}
		if s.n == 0 {
			s.firstAt = b.FirstAt
		}
		s.lastAt = b.LastAt
		s.n += b.N
	}
	return s
}

// measure returns the window's value, or false while it is not covered or the
// result does not fit.
func (w *Window) measure(d *WindowDecl, per autonomics.Duration, now autonomics.Time) (autonomics.Decimal, bool) {
	s := w.sum(d, now)
	span := int64(s.lastAt - s.firstAt)
	if s.n < 2 || span < int64(d.Width)/4*3 {
		return 0, false
	}
	switch d.Measure {
	case Avg:
		return div128(s.first, uint64(s.last), uint64(s.n))
	case Max, Min:
		return autonomics.Decimal(s.first), true
	case Rate:
		neg, mag := diff(s.last, s.first)
		return mulDiv(neg, mag, uint64(per), uint64(span))
	case Growth:
		return growth(s.last, s.first)
	case Difference:
		neg, mag := diff(s.last, s.first)
		return mulDiv(neg, mag, 1, 1)
	}
	panic("unreachable: a window without measure")
}

const one = 1_000_000

// growth is a / b - 1, unknown when b is not positive.
func growth(a, b int64) (autonomics.Decimal, bool) {
	if b <= 0 {
		return 0, false
	}
	neg, mag := diff(a, 0)
	q, ok := mulDiv(neg, mag, one, uint64(b))
	if !ok || q < math.MinInt64+one {
		return 0, false
	}
	return q - one, true
}

// diff is a - b as sign and magnitude.
func diff(a, b int64) (neg bool, mag uint64) {
	if a < b {
		return true, uint64(b) - uint64(a)
	}
	return false, uint64(a) - uint64(b)
}

// mulDiv is ±mag × m ÷ d, truncated toward zero; false if it does not fit.
func mulDiv(neg bool, mag, m, d uint64) (autonomics.Decimal, bool) {
	hi, lo := bits.Mul64(mag, m)
	if hi >= d {
		return 0, false
	}
	q, _ := bits.Div64(hi, lo, d)
	if q > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -autonomics.Decimal(q), true
	}
	return autonomics.Decimal(q), true
}

// div128 divides a 128-bit two's complement number.
func div128(hi int64, lo, d uint64) (autonomics.Decimal, bool) {
	neg := hi < 0
	h := uint64(hi)
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	if h >= d {
		return 0, false
	}
	q, _ := bits.Div64(h, lo, d)
	if q > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -autonomics.Decimal(q), true
	}
	return autonomics.Decimal(q), true
}
