package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake"
)

// An Input is a recorded signal, and when it arrives.
type Input struct {
	At     autonomics.Time
	Signal autonomics.Signal
}

// A Map says which column or series holds which signal: pairs of a signal's
// name, or time, and what it is called in the file.
type Map [][2]string

// ParseMap reads "time=TIMESTAMP,spend=cost". A comma inside of braces is part
// of a name.
func ParseMap(text string) (Map, error) {
	var m Map
	depth, from := 0, 0
	for i := 0; i <= len(text); i++ {
		switch {
		case i < len(text) && text[i] == '{':
			depth++
		case i < len(text) && text[i] == '}':
			depth--
		case i == len(text) || text[i] == ',' && depth == 0:
			name, column, ok := strings.Cut(text[from:i], "=")
			if !ok || column == "" || !autonomics.ValidName(name) {
				return nil, fmt.Errorf("map %q: want SIGNAL=COLUMN,…, for example time=timestamp,depth=value", text[from:i])
			}
			m, from = append(m, [2]string{name, column}), i+1
		}
	}
	return m, nil
}

// maxLine bounds one recorded signal; a body of the API has as much.
const maxLine = 1 << 20

// ReadNDJSON reads native signals, one a line. They need no tenant, but each
// must say when it was.
func ReadNDJSON(in io.Reader) ([]Input, error) {
	var out []Input
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		item, err := intake.ParseLine(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		at := item.Signal.At
		for _, r := range item.Signal.Readings {
			at = max(at, r.At)
		}
		if at <= 0 {
			return nil, fmt.Errorf(`line %d: at is missing, or before 1970; the simulated clock goes by it: add "at":"2026-11-23T07:44:00Z"`, n)
		}
		out = append(out, Input{at, item.Signal})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return out, some(out)
}

func some(list []Input) error {
	if len(list) == 0 {
		return errors.New("there is none")
	}
	return nil
}

// number is a reading of a text: a decimal, or why there is none. What is not a
// number is the absence unreadable.
func number(signal, text string, at autonomics.Time) autonomics.Reading {
	r := autonomics.Reading{Signal: signal, At: at}
	switch strings.ToLower(text) {
	case "", "null":
		r.Absent = autonomics.AbsentNull
	case "nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity":
		r.Absent = autonomics.AbsentNaN
	default:
		v, err := autonomics.RoundDecimal(text)
		switch {
		case errors.Is(err, autonomics.ErrRange):
			r.Absent = autonomics.AbsentRange
		case err != nil:
			r.Absent = autonomics.AbsentUnreadable
		default:
			r.Value = v
		}
	}
	return r
}

// stamps are the forms of a time, besides Unix seconds and milliseconds; a
// fraction may follow the seconds of each.
var stamps = [...]string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -0700 MST", "2006-01-02 15:04:05 MST",
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006/01/02 15:04:05", "2006-01-02",
}

// latest is the last time that a receipt can have.
const latest autonomics.Time = 253_402_300_799_999

// instant reads a time; one that names no zone is in the given one.
func instant(text string, zone *time.Location) (autonomics.Time, error) {
	text = strings.TrimSpace(text)
	whole, fraction, _ := strings.Cut(text, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil && len(whole) >= 9 && n > 0 && n <= int64(latest) {
		if len(whole) > 11 {
			return autonomics.Time(n), nil
		}
		if ms, err := strconv.ParseUint((fraction + "000")[:3], 10, 16); err == nil {
			return autonomics.Time(n*1000 + int64(ms)), nil
		}
	}
	for _, layout := range stamps {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Unix() > 0 && t.Year() < 10_000 {
			return autonomics.TimeOf(t), nil
		}
	}
	return 0, fmt.Errorf("time %.40q: want 2026-11-23T07:44:00Z, 2026-11-23 07:44:00 (with --zone, if that is not UTC), or Unix seconds", text)
}
