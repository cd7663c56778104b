package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A threshold is what a rule compares a signal with.
type threshold struct {
	value autonomics.Decimal
	words string // what is compared, and how
	rules []string
	line  bool // in the unit of the readings
}

// thresholds lists those of a signal, each once, in the order of the rules.
func thresholds(p *kernel.Program, signal string) []threshold {
	var out []threshold
	for i := range p.Rules {
		for _, leaf := range p.Rules[i].Leaves {
			n := &p.Nodes[leaf]
			if n.Kind != kernel.ReadingLeaf || p.Signals[n.Signal].Name != signal {
				continue
			}
			t := threshold{value: n.Threshold, line: n.Over < 0 && n.Measure <= kernel.Min}
			if n.Over >= 0 {
				t.words = "over " + p.Signals[n.Over].Name + " "
			}
			if n.Measure != kernel.Value {
				t.words += [...]string{"", "avg", "max", "min", "rate", "growth", "difference"}[n.Measure] + " "
			}
			if n.Window >= 0 {
				t.words += "of " + p.Windows[n.Window].Width.String() + " "
			}
			t.words += [...]string{"", ">", "≥", "<", "≤"}[n.Op] + " " + n.Threshold.String()
			at := slices.IndexFunc(out, func(x threshold) bool { return x.words == t.words })
			if at < 0 {
				out = append(out, t)
				at = len(out) - 1
			}
			if !slices.Contains(out[at].rules, p.Rules[i].ID) {
				out[at].rules = append(out[at].rules, p.Rules[i].ID)
			}
		}
	}
	return out
}

func (t *threshold) String() string { return t.words + "  " + strings.Join(t.rules, ", ") }

// A scale maps values to heights.
type scale struct {
	low, high float64
	top       int
}

func (s *scale) y(v float64) float64 {
	share := (v - s.low) / (s.high - s.low)
	return float64(s.top+panelHigh) - float64(share*panelHigh)
}

// number of millionths, for drawing only.
func units(v autonomics.Decimal) float64 { return float64(v) / 1e6 }

// scaled finds a range that has all readings, zero if that is near, and the
// thresholds that are not so far off that the readings would be a flat line.
func scaled(points []point, list []threshold, top int) scale {
	s := scale{math.Inf(1), math.Inf(-1), top}
	for _, p := range points {
		if !p.absent {
			s.low, s.high = min(s.low, units(p.value)), max(s.high, units(p.value))
		}
	}
	if math.IsInf(s.low, 1) {
		s.low, s.high = 0, 1
	}
	if s.low > 0 && s.low < 0.7*s.high {
		s.low = 0
	}
	low, high := s.low, s.high
	reach := max(2*(high-low), 0.5*max(math.Abs(high), math.Abs(low)))
	for _, t := range list {
		if v := units(t.value); t.line && v > low-reach && v < high+reach {
			s.low, s.high = min(s.low, v), max(s.high, v)
		}
	}
	if s.high == s.low {
		s.high, s.low = s.high+1, s.low-1
	}
	s.high += float64(0.06 * (s.high - s.low))
	return s
}

// panel draws one signal.
func (d *drawing) panel(name string, top int) {
	points := d.points[name]
	list := thresholds(d.Program, name)
	s := scaled(points, list, top)
	i := slices.IndexFunc(d.Program.Signals, func(x kernel.SignalDecl) bool { return x.Name == name })
	decl := &d.Program.Signals[i]
	title := name
	if decl.Unit != "1" {
		title += " (" + decl.Unit + ")"
	}
	d.text(16, top-6, `font-size="12" font-weight="600"`, title)
	d.put(`<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#9aa0a6"/>`, left, top, right-left, panelHigh)
	d.ticks(&s)
	d.readings(&s, points, decl.StaleAfter)
	d.lines(&s, list, top)
}

// ticks writes about five round values.
func (d *drawing) ticks(s *scale) {
	step := math.Pow(10, math.Floor(math.Log10((s.high-s.low)/2)))
	for _, by := range []float64{1, 2, 5, 10} {
		if (s.high-s.low)/(step*by) <= 6 {
			step *= by
			break
		}
	}
	for n := math.Ceil(s.low / step); n*step <= s.high; n++ {
		y := s.y(float64(n * step))
		d.put(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f" stroke="#9aa0a6" stroke-width="0.5" opacity="0.4"/>`, left, y, right)
		d.text(left-6, int(y)+4, `text-anchor="end" fill="#5f6368"`, short(float64(n*step)))
	}
}

// short writes a value with k, M or G.
func short(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= u.size {
			if u.name == "k" {
				u.size = 1e3
			}
			return strconv.FormatFloat(v/u.size, 'g', 6, 64) + u.name
		}
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// lines draws thresholds, and names those that are outside of the picture or
// in another unit. Labels that would cover each other give way upwards.
func (d *drawing) lines(s *scale, list []threshold, top int) {
	var others []string
	var taken []int
	for i := range list {
		t := &list[i]
		v := units(t.value)
		if !t.line || v < s.low || v > s.high {
			others = append(others, t.String())
			continue
		}
		y := s.y(v)
		d.put(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f" stroke="#b06000" stroke-dasharray="5 3"/>`, left, y, right)
		at := int(y) - 3
		for slices.ContainsFunc(taken, func(o int) bool { return at > o-12 && at < o+12 }) {
			at -= 12
		}
		if at < top+10 {
			at = int(y) + 12
		}
		taken = append(taken, at)
		d.put(`<text x="%d" y="%d" text-anchor="end" fill="#8a4b00" stroke="#fff" stroke-width="3" paint-order="stroke">%s</text>`, right-6, at, html.EscapeString(t.String()))
	}
	if len(others) > 0 {
		d.text(right, top-6, `text-anchor="end" fill="#8a4b00"`, "not drawn: "+strings.Join(others, "; "))
	}
}

// readings draws the line, broken where a reading is absent or the one before
// it had gone stale. In each column it has the first, the least, the greatest
// and the last reading, so that a long series keeps its spikes.
func (d *drawing) readings(s *scale, points []point, stale autonomics.Duration) {
	var path strings.Builder
	var column []float64
	at, last := -1, autonomics.Time(0)
	flush := func() {
		if len(column) == 0 {
			return
		}
		y := column
		if len(y) > 4 {
			y = []float64{y[0], slices.Min(y), slices.Max(y), y[len(y)-1]}
		}
		for _, v := range y {
			fmt.Fprintf(&path, "L%d %.1f", at, s.y(v))
		}
		column = column[:0]
	}
	move := true
	for _, p := range points {
		x := d.x(p.at)
		if p.absent {
			d.put(`<path d="M%d %dl4 4m0 -4l-4 4" stroke="#7b1fa2"/>`, x-2, s.top+panelHigh-8)
		}
		if x != at || p.absent || move || p.at > last.Add(stale) {
			flush()
		}
		if p.absent {
			move = true
			continue
		}
		if move || p.at > last.Add(stale) {
			fmt.Fprintf(&path, "M%d %.1f", x, s.y(units(p.value)))
		}
		column, at, last, move = append(column, units(p.value)), x, p.at, false
	}
	flush()
	pen := "1.4"
	if len(points) > 2*(right-left) {
		pen = "0.7"
	}
	d.put(`<path d="%s" fill="none" stroke="#1a73e8" stroke-width="%s" stroke-linejoin="round"/>`, path.String(), pen)
	if len(points) <= 150 {
		for _, p := range points {
			if !p.absent {
				d.put(`<circle cx="%d" cy="%.1f" r="2.2" fill="#1a73e8"/>`, d.x(p.at), s.y(units(p.value)))
			}
		}
	}
}
