package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app"
	"github.com/autonomics-dev/autonomics/internal/app/timeline"
	"github.com/autonomics-dev/autonomics/internal/kernel"
	"github.com/autonomics-dev/autonomics/internal/sim"
	"github.com/autonomics-dev/autonomics/internal/sim/chart"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A simulation is the command line of one.
type simulation struct {
	w                            *world
	signals, format, names, zone string
	profile, faults, svg         string
	set                          map[string]string
	seed                         uint64
	asJSON                       bool
}

func simulateCommand(w *world) *cobra.Command {
	s := simulation{w: w}
	cmd := &cobra.Command{
		Use:   "simulate SPEC --signals FILE",
		Short: "shows what a governor would do about recorded signals",
		Long: `Runs recorded signals through the real kernel on a simulated clock, before a
model of its targets that answers at once, and prints what changed, and a
summary. SPEC is a file, or the name of a built-in SKU. The signals are told in
the order of the file; their times move the clock. They are one of
  NDJSON      as for POST /v1/signals, without tenant; each must say when it was
  CSV         --map time=COLUMN,SIGNAL=COLUMN,…; an empty cell is an absence
  Prometheus  the answer to a range query; --map SIGNAL=SERIES where the series
              are not named like the signals
--json writes every receipt, and the summary as the last line.`,
		Example: `  autonomics simulate cost_guard --signals october.ndjson
  autonomics simulate backlog_valve --signals queue.csv --map time=timestamp,depth=value --zone Europe/Berlin --svg october.svg
  autonomics simulate backlog_valve --signals range.json --map 'depth=jobs{queue="mail"}' --faults dup,late --seed 7`,
		Args: args("SPEC"),
		RunE: func(_ *cobra.Command, given []string) error { return s.run(given[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&s.signals, "signals", "", "file of signals, - for the standard input")
	f.StringVar(&s.format, "format", "", "ndjson, csv or prometheus; otherwise by the name of the file: .csv, .json (prometheus), others ndjson")
	f.StringVar(&s.names, "map", "", "which column or series holds which signal: time=COLUMN,SIGNAL=COLUMN,…")
	f.StringVar(&s.zone, "zone", "UTC", "zone of the times in a CSV that name none")
	f.StringVar(&s.profile, "profile", "standard", "profile of the spec")
	f.StringToStringVar(&s.set, "set", nil, "parameter=value instead of the profile's; may be repeated")
	f.StringVar(&s.faults, "faults", "", "what goes wrong: some of dup,reorder,gap,late,fail")
	f.Uint64Var(&s.seed, "seed", 1, "of the faults: the same seed, the same faults")
	f.StringVar(&s.svg, "svg", "", "file for a picture of it")
	f.BoolVar(&s.asJSON, "json", false, "write JSON, one object a line")
	return cmd
}

func (s *simulation) run(name string) error {
	doc, err := document(name)
	if err != nil {
		return err
	}
	p, complaints := spec.Compile(doc, s.profile, s.set)
	if len(complaints) > 0 {
		return no("%v", complaints[0])
	}
	faults, err := sim.ParseFaults(s.faults, s.seed)
	if err != nil {
		return fmt.Errorf("--faults: %w", err)
	}
	inputs, err := s.read()
	if err != nil {
		return fmt.Errorf("signals %s: %w", s.signals, err)
	}
	printer := timeline.Printer{Out: s.w.out, Layout: "2006-01-02 15:04:05", Brief: true, Colour: s.w.terminal}
	picture := chart.Chart{Program: p}
	var card sim.Scorecard
	err = sim.Simulate(p, inputs, faults, func(x kernel.Sealed) error {
		card.Add(x.Receipt)
		picture.Add(x.Receipt)
		if !s.asJSON {
			printer.Print(x.Receipt)
			return nil
		}
		_, err := fmt.Fprintf(s.w.out, "%s\n", x.Line)
		return err
	})
	if err != nil {
		return no("signals %s: %w", s.signals, err)
	}
	if s.svg != "" {
		if err := os.WriteFile(s.svg, picture.SVG(), 0o600); err != nil {
			return fmt.Errorf("write the picture: %w", err)
		}
	}
	card.Finish()
	if s.asJSON {
		return s.w.json(map[string]any{"summary": &card})
	}
	fmt.Fprintln(s.w.out)
	card.Write(s.w.out)
	return nil
}

// document reads a spec that is as the format says.
func document(name string) (*spec.Document, error) {
	src, err := app.ReadSpec(name)
	if err != nil {
		return nil, err
	}
	doc, complaints := spec.Parse(name, src)
	if len(complaints) > 0 {
		return nil, no("%v", complaints[0])
	}
	return doc, nil
}

// read reads the signals by their format.
func (s *simulation) read() ([]sim.Input, error) {
	in := io.Reader(s.w.in)
	if s.signals != "-" {
		f, err := os.Open(s.signals)
		if err != nil {
			return nil, fmt.Errorf("%w; name the file with --signals, or - for the standard input", err)
		}
		defer f.Close()
		in = f
	}
	var names sim.Map
	var err error
	if s.names != "" {
		if names, err = sim.ParseMap(s.names); err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
	}
	format := s.format
	if format == "" {
		format = map[string]string{".csv": "csv", ".json": "prometheus"}[strings.ToLower(filepath.Ext(s.signals))]
	}
	switch format {
	case "csv":
		zone, err := time.LoadLocation(s.zone)
		if err != nil {
			return nil, fmt.Errorf("--zone: %w; want a name like UTC or Europe/Berlin", err)
		}
		return sim.ReadCSV(in, names, zone)
	case "prometheus":
		return sim.ReadPrometheus(in, names)
	case "ndjson", "":
		return sim.ReadNDJSON(in)
	}
	return nil, fmt.Errorf("--format %q: want ndjson, csv or prometheus", format)
}
