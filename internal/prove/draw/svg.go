package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// The places of the states, by their centres, and their size.
const (
	wide, high = 136.0, 46.0
	width      = 1000
	top        = 470 // where the list of rules begins
	line       = 20
)

type point struct{ x, y float64 }

func place(s autonomics.State) point {
	switch s {
	case autonomics.Boot:
		return point{100, 90}
	case autonomics.Stable:
		return point{400, 90}
	case autonomics.Warning:
		return point{860, 90}
	case autonomics.Intervening:
		return point{745, 290}
	case autonomics.Degraded:
		return point{100, 310}
	}
	return point{400, 410}
}

func colour(s autonomics.State) (fill, stroke string) {
	switch s {
	case autonomics.Stable:
		return "#e3f4e8", "#2f7d4b"
	case autonomics.Warning:
		return "#fdf3d8", "#a87507"
	case autonomics.Intervening:
		return "#fbe3df", "#b3402a"
	case autonomics.Refusing:
		return "#e9e5f2", "#5d4a8a"
	}
	return "#eceff3", "#5b6675"
}

// SVG is a picture of the states at fixed places, with the rules' conditions
// in a list below.
func SVG(p *kernel.Program) []byte {
	list := conditions(p)
	var rows []string
	for _, c := range list {
		rows = append(rows, wrap(c[0], c[1], 112)...)
	}
	height := top + line*(len(rows)+2)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica, Arial, sans-serif" font-size="13">`+"\n",
		width, height, width, height)
	b.WriteString(`<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#3c4653"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	text(&b, point{24, 30}, `font-size="17" font-weight="bold"`, fmt.Sprintf("%s %s, profile %s", p.SKU, p.Version, p.Profile))
	text(&b, point{width - 24, 30}, `text-anchor="end" fill="#5b6675"`, "solid: rules; dashed: by itself; any state goes to refusing without an entitlement")
	all := edges(p)
	for _, e := range all {
		arrow(&b, e)
	}
	for s := autonomics.Boot; s <= autonomics.Refusing; s++ {
		fill, stroke := colour(s)
		at := place(s)
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="%g" height="%g" rx="10" fill="%s" stroke="%s" stroke-width="1.6"/>`+"\n",
			at.x-wide/2, at.y-high/2, wide, high, fill, stroke)
		text(&b, point{at.x, at.y + 5}, `text-anchor="middle" font-size="15" font-weight="bold"`, s.String())
	}
	for _, e := range all {
		label(&b, e)
	}
	for i, row := range rows {
		text(&b, point{24, top + line*float64(i+1)}, `font-family="Menlo, Consolas, monospace" font-size="13" xml:space="preserve"`, row)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// wrap breaks a rule's line; what follows is indented.
func wrap(id, condition string, columns int) []string {
	lead := fmt.Sprintf("%-22s ", id)
	var rows []string
	row := lead
	for _, word := range strings.Fields(condition) {
		if len([]rune(row))+len([]rune(word)) > columns {
			rows = append(rows, strings.TrimRight(row, " "))
			row = strings.Repeat(" ", 23)
		}
		row += word + " "
	}
	return append(rows, strings.TrimRight(row, " "))
}

func text(b *bytes.Buffer, at point, style, s string) {
	fmt.Fprintf(b, `<text x="%g" y="%g" %s>`, at.x, at.y, style)
	xml.EscapeText(b, []byte(s)) // into a buffer: it cannot fail
	b.WriteString("</text>\n")
}

// curve is where an edge begins, bends and ends. Edges between the same states
// bend to their own left, so that there and back lie apart.
func curve(e edge) (from, bend, to point) {
	a, c := place(e.from), place(e.to)
	dx, dy := c.x-a.x, c.y-a.y
	length := math.Hypot(dx, dy)
	off := 34.0
	if e.builtin {
		off = 70
	}
	bend = point{(a.x+c.x)/2 + dy/length*off, (a.y+c.y)/2 - dx/length*off}
	return border(a, bend), bend, border(c, bend)
}

// border is where the way from a state's centre to a point leaves its box.
func border(at, towards point) point {
	dx, dy := towards.x-at.x, towards.y-at.y
	scale := min((wide/2+3)/max(math.Abs(dx), 0.01), (high/2+3)/max(math.Abs(dy), 0.01))
	return point{at.x + dx*scale, at.y + dy*scale}
}

func arrow(b *bytes.Buffer, e edge) {
	style := `stroke="#3c4653" stroke-width="1.6"`
	if e.builtin {
		style = `stroke="#8a94a3" stroke-width="1.3" stroke-dasharray="5 4"`
	}
	if e.from == e.to {
		at := place(e.from)
		x, y := at.x+wide/2, at.y
		fmt.Fprintf(b, `<path d="M%g %gC%g %g %g %g %g %g" fill="none" %s marker-end="url(#head)"/>`+"\n",
			x, y-12, x+46, y-34, x+46, y+34, x+4, y+12, style)
		return
	}
	from, bend, to := curve(e)
	fmt.Fprintf(b, `<path d="M%.1f %.1fQ%.1f %.1f %.1f %.1f" fill="none" %s marker-end="url(#head)"/>`+"\n",
		from.x, from.y, bend.x, bend.y, to.x, to.y, style)
}

// label writes the names of an edge's rules over it.
func label(b *bytes.Buffer, e edge) {
	var at point
	if e.from == e.to {
		at = point{place(e.from).x + wide/2 + 44, place(e.from).y}
	} else {
		from, bend, to := curve(e)
		t := 0.36 // nearer to where it begins: there and back do not meet
		if e.builtin {
			t = 0.45
		}
		u := 1 - t
		at = point{u*u*from.x + 2*t*u*bend.x + t*t*to.x, u*u*from.y + 2*t*u*bend.y + t*t*to.y}
	}
	style := `text-anchor="middle" fill="#1d2530"`
	if e.from == e.to {
		style = `fill="#1d2530"`
	}
	if e.builtin {
		style = `text-anchor="middle" fill="#6b7686" font-size="12" font-style="italic"`
	}
	style += ` stroke="#ffffff" stroke-width="4" paint-order="stroke"`
	for i, l := range e.labels {
		text(b, point{at.x, at.y + 4 + 15*(float64(i)-float64(len(e.labels)-1)/2)}, style, l)
	}
}
