package sim

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
)

// A column is one of a table, and the signal that it holds.
type column struct {
	signal string
	index  int
	values bool // one of its cells was a number, or empty
	bad    int  // the first line with a cell that was neither; 0 if there is none
}

// ReadCSV reads a table with a header. Each row is one event at its time, with
// a reading for each signal of the map; an empty cell is an absence. The time as
// it is written is the event's id: so rows of one millisecond stay apart, and
// rows of one time do not.
func ReadCSV(in io.Reader, m Map, zone *time.Location) ([]Input, error) {
	buffered := bufio.NewReader(in)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		buffered.Discard(3)
	}
	table := csv.NewReader(buffered)
	table.ReuseRecord = true
	header, err := table.Read()
	if err == io.EOF {
		return nil, some(nil)
	} else if err != nil {
		return nil, err
	}
	clock, columns, err := m.columns(header)
	if err != nil {
		return nil, err
	}
	var out []Input
	for row, err := table.Read(); err != io.EOF; row, err = table.Read() {
		if err != nil {
			return nil, err
		}
		line, _ := table.FieldPos(0)
		at, err := instant(row[clock], zone)
		if err == nil && len(row[clock]) > autonomics.MaxID {
			err = errors.New("time: too long")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		s := autonomics.Signal{Source: "csv", ID: strings.TrimSpace(row[clock]), Readings: make([]autonomics.Reading, len(columns))}
		for i := range columns {
			c := &columns[i]
			s.Readings[i] = number(c.signal, strings.TrimSpace(row[c.index]), at)
			if s.Readings[i].Absent != autonomics.AbsentUnreadable {
				c.values = true
			} else if c.bad == 0 {
				c.bad = line
			}
		}
		out = append(out, Input{at, s})
	}
	for _, c := range columns {
		if !c.values && c.bad != 0 {
			return nil, fmt.Errorf("line %d: the column of %s holds no number; name another with --map", c.bad, c.signal)
		}
	}
	return out, some(out)
}

// columns finds what the map names in a header.
func (m Map) columns(header []string) (clock int, columns []column, err error) {
	clock = -1
	for _, pair := range m {
		i := slices.IndexFunc(header, func(name string) bool { return strings.TrimSpace(name) == pair[1] })
		switch {
		case i < 0:
			return 0, nil, fmt.Errorf("map %s=%s: the table has no such column; it has %s", pair[0], pair[1], strings.Join(header, ", "))
		case pair[0] == "time":
			clock = i
		default:
			columns = append(columns, column{signal: pair[0], index: i})
		}
	}
	switch {
	case clock < 0:
		return 0, nil, fmt.Errorf("which column is the time? Name it: --map time=COLUMN; the table has %s", strings.Join(header, ", "))
	case len(columns) > autonomics.MaxReadings:
		return 0, nil, fmt.Errorf("the map names %d signals, at most %d", len(columns), autonomics.MaxReadings)
	case len(columns) == 0:
		return 0, nil, errors.New("which column holds which signal? Say so: --map SIGNAL=COLUMN")
	}
	return clock, columns, nil
}
