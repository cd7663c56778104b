// Package chart draws the receipts of one governor as an SVG: its states as
// coloured bands, its effects as marks, and its readings with the thresholds of
// its program as lines. The picture needs no fonts or files of others, and the
// same receipts give the same bytes.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"slices"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// A Chart draws what the receipts of one governor say: its states, its effects,
// and its readings with the thresholds of its program.
type Chart struct {
	Program *kernel.Program

	from, to autonomics.Time
	bands    []band
	marks    []mark
	points   map[string][]point // by signal, in order of time
}

// A band is a state, until the next.
type band struct {
	at    autonomics.Time
	state autonomics.State
}

// A mark is an effect, or what became of one that was not done.
type mark struct {
	at    autonomics.Time
	op    autonomics.Op // empty: it was not done
	label string
}

type point struct {
	at     autonomics.Time
	value  autonomics.Decimal
	absent bool
}

// Add takes the next receipt.
func (c *Chart) Add(r *autonomics.Receipt) {
	if c.from == 0 {
		c.from, c.points = r.At, map[string][]point{}
	}
	c.to = r.At
	if r.Governor == "" || r.Verdict != autonomics.Accepted {
		return
	}
	if n := len(c.bands); n == 0 || c.bands[n-1].state != r.To {
		c.bands = append(c.bands, band{r.At, r.To})
	}
	if s := r.Event.Signal; s != nil {
		for _, rd := range s.Readings {
			c.points[rd.Signal] = append(c.points[rd.Signal], point{rd.At, rd.Value, rd.Absent != ""})
		}
	}
	for i := range r.Effects {
		e := &r.Effects[i]
		label := string(e.Op) + " " + e.Action
		if e.Op == autonomics.OpNotice {
			label = e.Action
		}
		for _, f := range e.With {
			label += " " + f.Name + "=" + f.Value
		}
		c.marks = append(c.marks, mark{r.At, e.Op, label})
	}
	if o := r.Event.Effect; o != nil && (o.Stage == autonomics.StageFailed || o.Stage == autonomics.StageYielded || o.Stage == autonomics.StageHeld) {
		c.marks = append(c.marks, mark{r.At, "", o.Action + " " + string(o.Stage)})
	}
}

// The picture, in pixels.
const (
	left, right = 84, 1176 // of the time
	wide        = 1200
	bandHigh    = 22
	rowHigh     = 17
	panelHigh   = 190
	letter      = 6.3 // of a label, about
)

// looks are the colours of the states, and the darker ones of the text on them.
var looks = [...][2]string{
	autonomics.Boot:        {"#c8ccd1", "#3c4043"},
	autonomics.Stable:      {"#b7e1c1", "#0d5f2a"},
	autonomics.Warning:     {"#fde293", "#7a4f00"},
	autonomics.Intervening: {"#f6ad7b", "#7a2e00"},
	autonomics.Degraded:    {"#d7bdf0", "#4a148c"},
	autonomics.Refusing:    {"#eb9a9a", "#7f0000"},
}

// colour of a mark.
func (m *mark) colour() string {
	switch m.op {
	case autonomics.OpApply:
		return "#c5221f"
	case autonomics.OpUndo, autonomics.OpStep:
		return "#137333"
	case autonomics.OpNotice:
		return "#5f6368"
	}
	return "#7b1fa2"
}

// A drawing is a Chart being drawn.
type drawing struct {
	*Chart
	bytes.Buffer
	columns []autonomics.State // the state in each column of the picture
	guides  []string           // from a mark down to where the panels end
}

func (d *drawing) put(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) text(x, y int, style, words string) {
	d.put(`<text x="%d" y="%d" %s>%s</text>`, x, y, style, html.EscapeString(words))
}

// x is where a time stands.
func (d *drawing) x(at autonomics.Time) int {
	at = max(d.from, min(at, d.to))
	return left + int(int64(at-d.from)*(right-left)/max(1, int64(d.to-d.from)))
}

// SVG returns the picture. It needs no fonts or files of others.
func (c *Chart) SVG() []byte {
	d := drawing{Chart: c}
	rows := d.effects(62 + bandHigh + 8)
	effects := d.String()
	d.Reset()
	var signals []string
	for i := range c.Program.Signals {
		if name := c.Program.Signals[i].Name; len(c.points[name]) > 0 {
			signals = append(signals, name)
		}
	}
	top := 62 + bandHigh + 8 + rows*rowHigh + 8
	bottom := top + len(signals)*(panelHigh+30)
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" font-size="11" fill="#202124">`, wide, bottom+70)
	d.put(`<rect width="100%%" height="100%%" fill="#fff"/>`)
	d.text(16, 26, `font-size="17" font-weight="600"`, fmt.Sprintf("%s %s, profile %s", c.Program.SKU, c.Program.Version, c.Program.Profile))
	d.text(16, 46, `fill="#5f6368"`, fmt.Sprintf("%s to %s (UTC)", day(c.from, true), day(c.to, true)))
	d.states(62, bottom)
	d.WriteString(effects)
	for _, line := range d.guides {
		d.put(line, bottom)
	}
	for i, name := range signals {
		d.panel(name, top+i*(panelHigh+30)+22)
	}
	d.axis(top, bottom)
	d.legend(bottom + 50)
	d.put("</svg>")
	return d.Bytes()
}

func day(at autonomics.Time, clock bool) string {
	if clock {
		return at.Std().Format("2006-01-02 15:04")
	}
	return at.Std().Format("Jan 2")
}

// states draws the band, and each state pale behind all panels. Bands that
// share a column of the picture are one: the worst of them.
func (d *drawing) states(top, bottom int) {
	d.text(16, top+15, `font-weight="600"`, "state")
	columns := make([]autonomics.State, right-left+1)
	d.columns = columns
	for i, b := range d.bands {
		end := right
		if i+1 < len(d.bands) {
			end = d.x(d.bands[i+1].at)
		}
		for x := d.x(b.at); x < max(end, d.x(b.at)+1); x++ {
			columns[x-left] = max(columns[x-left], b.state)
		}
	}
	for x := 0; x < len(columns); {
		from, state := x, columns[x]
		for x < len(columns) && columns[x] == state {
			x++
		}
		if state == 0 {
			continue
		}
		look := looks[state]
		d.put(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, left+from, top, x-from, bandHigh, look[0])
		d.put(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s" opacity="0.16"/>`, left+from, top+bandHigh, x-from, bottom-top-bandHigh, look[0])
		if x-from > 8*len(state.String()) {
			d.text(left+(from+x)/2, top+15, fmt.Sprintf(`fill="%s" text-anchor="middle"`, look[1]), state.String())
		}
	}
}

// maxRows is how many rows of marks there are. The last is for those without a
// label, where there was no room for one.
const maxRows = 6

// effects draws the marks and returns how many rows they need.
func (d *drawing) effects(top int) (rows int) {
	var ends [maxRows]int
	seen := map[[2]any]bool{}
	for i := range d.marks {
		m := &d.marks[i]
		x := d.x(m.at)
		if seen[[2]any{x, m.label}] {
			continue // the same again in the same column
		}
		seen[[2]any{x, m.label}] = true
		label, width := m.label, 12+int(letter*float64(len(m.label)))
		anchor, at, from, end := "start", x+7, x, x+width
		if end > right {
			anchor, at, from, end = "end", x-7, x-width, x+8
		}
		row := slices.IndexFunc(ends[:maxRows-1], func(end int) bool { return end <= from })
		if row < 0 {
			row, label, end = maxRows-1, "", x
		}
		ends[row] = end
		rows = max(rows, row+1)
		y := top + row*rowHigh
		d.put(`<path d="%s" fill="%s"/>`, m.shape(x, y+6), m.colour())
		if m.op != autonomics.OpNotice {
			d.guides = append(d.guides, fmt.Sprintf(`<line x1="%d" y1="%d" x2="%[1]d" y2="%%d" stroke="%[3]s" stroke-width="1" stroke-dasharray="2 3" opacity="0.7"/>`, x, y+12, m.colour()))
		}
		if label != "" {
			d.text(at, y+10, fmt.Sprintf(`fill="%s" text-anchor="%s"`, m.colour(), anchor), label)
		}
	}
	if len(d.marks) > 0 {
		d.text(16, top+10, `font-weight="600"`, "effects")
	}
	return max(rows, 1)
}

// shape of a mark: down for what begins, up for what is taken back.
func (m *mark) shape(x, y int) string {
	switch m.op {
	case autonomics.OpApply:
		return fmt.Sprintf("M%d %dh10l-5 9z", x-5, y-4)
	case autonomics.OpUndo, autonomics.OpStep:
		return fmt.Sprintf("M%d %dh10l-5 -9z", x-5, y+4)
	case autonomics.OpNotice:
		return fmt.Sprintf("M%d %dl4 4l-4 4l-4 -4z", x, y-4)
	}
	return fmt.Sprintf("M%d %dl3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3l-3 -3z", x, y-5)
}

// steps of a time axis, from the finest.
func steps() []autonomics.Duration {
	const m, h, day = autonomics.Minute, autonomics.Hour, autonomics.Day
	return []autonomics.Duration{autonomics.Second, 5 * autonomics.Second, 15 * autonomics.Second, m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h,
		3 * h, 6 * h, 12 * h, day, 2 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day}
}

func (d *drawing) axis(top, bottom int) {
	all := steps()
	step := all[len(all)-1]
	for _, s := range all {
		if int64(d.to-d.from)/int64(s) <= 12 {
			step = s
			break
		}
	}
	last := ""
	for at := d.from - d.from%autonomics.Time(step); at <= d.to; at = at.Add(step) {
		if at < d.from {
			continue
		}
		x := d.x(at)
		d.put(`<line x1="%d" y1="%d" x2="%[1]d" y2="%d" stroke="#9aa0a6" stroke-width="0.5" opacity="0.5"/>`, x, top, bottom)
		if step < autonomics.Day {
			layout := "15:04"
			if step < autonomics.Minute {
				layout = "15:04:05"
			}
			d.text(x, bottom+14, `text-anchor="middle"`, at.Std().Format(layout))
		}
		if date := day(at, false); date != last {
			d.text(x, bottom+28, `text-anchor="middle" font-weight="600"`, date)
			last = date
		}
	}
}

// legend explains the colours and shapes that occur.
func (d *drawing) legend(y int) {
	x := left
	next := func(words string) {
		d.text(x+14, y+9, "", words)
		x += 26 + int(letter*float64(len(words)))
	}
	for s := autonomics.Boot; s <= autonomics.Refusing; s++ {
		if slices.Contains(d.columns, s) {
			d.put(`<rect x="%d" y="%d" width="10" height="10" fill="%s"/>`, x, y, looks[s][0])
			next(s.String())
		}
	}
	for _, m := range []mark{{op: autonomics.OpApply, label: "apply"}, {op: autonomics.OpUndo, label: "undo, step back"}, {op: autonomics.OpNotice, label: "notice"}, {label: "failed, yielded, held"}} {
		if slices.ContainsFunc(d.marks, func(x mark) bool { return x.colour() == m.colour() }) {
			d.put(`<path d="%s" fill="%s"/>`, m.shape(x+5, y+5), m.colour())
			next(m.label)
		}
	}
	d.put(`<line x1="%d" y1="%d" x2="%d" y2="%[2]d" stroke="#1a73e8" stroke-width="1.6"/>`, x, y+5, x+11)
	next("reading")
	d.put(`<line x1="%d" y1="%d" x2="%d" y2="%[2]d" stroke="#b06000" stroke-dasharray="5 3"/>`, x, y+5, x+11)
	next("threshold")
}
