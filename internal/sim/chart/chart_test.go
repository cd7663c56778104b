package chart_test

import (
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/sim"
	"github.com/autonomics-dev/autonomics/internal/sim/chart"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

func program(t *testing.T) *kernel.Program {
	src, err := os.ReadFile("../../../skus/cost_guard.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, complaints := spec.Parse("cost_guard", src)
	if complaints != nil {
		t.Fatal(complaints)
	}
	p, complaints := spec.Compile(doc, "standard", nil)
	if complaints != nil {
		t.Fatal(complaints)
	}
	return p
}

// TestChart holds that the picture is XML, the same each time, and has what
// happened in it.
func TestChart(t *testing.T) {
	p := program(t)
	at := autonomics.Time(1_767_225_600_000)
	inputs := []sim.Input{}
	for i, v := range []autonomics.Decimal{500_000, 850_000, 1_010_000, 0, 100_000} {
		r := autonomics.Reading{Signal: "spend", Value: v, At: at.Add(autonomics.Duration(i) * autonomics.Hour)}
		if v == 0 {
			r.Absent = autonomics.AbsentNull
		}
		inputs = append(inputs, sim.Input{At: r.At, Signal: autonomics.Signal{Readings: []autonomics.Reading{r}}})
	}
	draw := func(p *kernel.Program) string {
		c := chart.Chart{Program: p}
		if err := sim.Simulate(p, inputs, sim.Faults{}, func(s kernel.Sealed) error { c.Add(s.Receipt); return nil }); err != nil {
			t.Fatal(err)
		}
		return string(c.SVG())
	}
	got := draw(p)
	if got != draw(p) {
		t.Error("drawn twice, it is not the same")
	}
	for _, want := range []string{">cost_guard 1.0.0, profile standard<", ">2026-01-01 00:00 to 2026-01-01 04:00 (UTC)<", ">stable<", ">warning<", ">intervening<", ">degraded<",
		">apply throttle max=1<", ">undo throttle<", ">spend (ratio)<", ">≥ 1  spend_over<", ">≥ 0.8  spend_high<", ">Jan 1<", ">01:00<", ">threshold<"} {
		if !strings.Contains(got, want) {
			t.Errorf("the picture does not have %s", want)
		}
	}
	if strings.Contains(got, "%!") || strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
		t.Errorf("%s", got)
	}
	// The absence is the only break of the line: it has two parts.
	line := got[strings.Index(got, `<path d="M`+"84 "):]
	if line = line[:strings.Index(line, `"/>`)]; strings.Count(line, "M") != 2 || strings.Count(line, "L") != 4 {
		t.Errorf("the line of the readings is %s", line)
	}
	for d := xml.NewDecoder(strings.NewReader(got)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestChartKeepsWhatIsShort: a state shorter than a column is seen.
func TestChartKeepsWhatIsShort(t *testing.T) {
	c := chart.Chart{Program: program(t)}
	add := func(minutes int64, from, to autonomics.State) {
		c.Add(&autonomics.Receipt{Governor: "a", At: autonomics.Time(minutes * 60_000), Verdict: autonomics.Accepted, From: from, To: to})
	}
	add(1, autonomics.Stable, autonomics.Stable)
	add(60_010, autonomics.Stable, autonomics.Intervening)
	add(60_011, autonomics.Intervening, autonomics.Stable)
	add(120_000, autonomics.Stable, autonomics.Stable)
	if got := string(c.SVG()); !strings.Contains(got, `height="22" fill="#f6ad7b"`) {
		t.Errorf("%s", got)
	}
}
