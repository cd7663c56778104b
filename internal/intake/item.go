package intake

import (
	"bytes"
	"errors"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// A parser reads native items.
type parser struct {
	needTenant bool

	// Of the last item, so that a batch does not keep its names many times.
	tenant, governor, source, signal, unit, episode string
}

// members are those that an item or one of its readings has: a bit each.
type members uint16

const (
	hasTenant members = 1 << iota
	hasGovernor
	hasSource
	hasID
	hasSignal
	hasValue
	hasUnit
	hasAt
	hasStart
	hasReadings
	hasEpisode
	hasKey
	hasOpen
)

var memberNames = [...]string{"tenant", "governor", "source", "id", "signal", "value", "unit", "at", "start",
	"readings", "episode", "key", "open"}

// The forms of an item, by the members that each must and may have.
const (
	anyMay      = hasTenant | hasGovernor | hasSource | hasID | hasAt
	readingMust = hasSignal | hasValue
	readingMay  = readingMust | hasUnit | hasAt | hasStart
	episodeMust = hasEpisode | hasKey | hasStart | hasOpen
)

// fit checks the members of a form; what names it in the error.
func (have members) fit(must, may members, what string) error {
	for i, name := range memberNames {
		m := members(1 << i)
		switch {
		case must&m != 0 && have&m == 0:
			return strictjson.At(name, strictjson.Errorf("missing: %s needs it", what))
		case have&m != 0 && (must|may)&m == 0:
			return strictjson.At(name, strictjson.Errorf("%s does not have this member", what))
		}
	}
	return nil
}

// item reads one object.
func (p *parser) item(r *strictjson.Reader) (Item, error) {
	var (
		item Item
		one  autonomics.Reading
		have members
		s    = &item.Signal
	)
	err := r.Object(func(name []byte) error {
		m, err := p.readingMember(r, name, &one)
		if m != 0 {
			have |= m
			return err
		}
		switch string(name) {
		case "tenant":
			m, err = hasTenant, readName(r, &p.tenant)
			item.Tenant = autonomics.Tenant(p.tenant)
		case "governor":
			m, err = hasGovernor, readName(r, &p.governor)
			item.Governor = p.governor
		case "source":
			m, err = hasSource, readText(r, &p.source, autonomics.MaxID)
			s.Source = p.source
		case "id":
			m, err = hasID, readText(r, &s.ID, autonomics.MaxID)
		case "readings":
			m = hasReadings
			s.Readings, err = p.readings(r)
		case "episode":
			m, err = hasEpisode, readName(r, &p.episode)
			s.Episode = p.episode
		case "key":
			m, err = hasKey, readText(r, &s.Key, autonomics.MaxID)
		case "open":
			m = hasOpen
			s.Open, err = r.Bool()
		default:
			err = strictjson.Errorf("unknown member")
		}
		have |= m
		return err
	})
	if err == nil {
		err = p.complete(&item, one, have)
	}
	if err != nil {
		return Item{}, err
	}
	return item, nil
}

// complete puts together what the members of an item said.
func (p *parser) complete(item *Item, one autonomics.Reading, have members) error {
	var must members
	if p.needTenant {
		must = hasTenant
	}
	s := &item.Signal
	switch {
	case have&hasEpisode != 0:
		s.Start, s.At = one.Start, one.At
		if err := have.fit(must|episodeMust, anyMay, "an episode"); err != nil {
			return err
		}
		if s.Key == "" {
			return strictjson.At("key", strictjson.Errorf("empty"))
		}
		return nil
	case have&hasReadings != 0:
		for i := range s.Readings {
			if s.Readings[i].At == 0 {
				s.Readings[i].At = one.At
			}
		}
		return have.fit(must|hasReadings, anyMay, "an item with readings")
	}
	s.Readings = []autonomics.Reading{one}
	return have.fit(must|readingMust, anyMay|readingMay, "a signal")
}

// readings reads the readings of one event.
func (p *parser) readings(r *strictjson.Reader) ([]autonomics.Reading, error) {
	var readings []autonomics.Reading
	err := r.Array(func(i int) error {
		if i == autonomics.MaxReadings {
			return strictjson.Errorf("more than %d readings in one item", autonomics.MaxReadings)
		}
		var one autonomics.Reading
		var have members
		err := r.Object(func(name []byte) error {
			m, err := p.readingMember(r, name, &one)
			if m == 0 {
				err = strictjson.Errorf("unknown member of a reading")
			}
			have |= m
			return err
		})
		if err != nil {
			return err
		}
		if err := have.fit(readingMust, readingMay, "a reading"); err != nil {
			return err
		}
		for _, other := range readings {
			if other.Signal == one.Signal && other.At == one.At {
				return strictjson.At("signal", strictjson.Errorf("twice at one time in one item: send the second as an item of its own, or give it its own time"))
			}
		}
		readings = append(readings, one)
		return nil
	})
	if err == nil && len(readings) == 0 {
		err = strictjson.Errorf("empty")
	}
	return readings, err
}

// readingMember reads a member that readings have; 0 if it is another.
func (p *parser) readingMember(r *strictjson.Reader, name []byte, one *autonomics.Reading) (m members, err error) {
	switch string(name) {
	case "signal":
		m, err = hasSignal, readName(r, &p.signal)
		one.Signal = p.signal
	case "value":
		m, err = hasValue, readValue(r, one)
	case "unit":
		m, err = hasUnit, readText(r, &p.unit, MaxUnit)
		one.Unit = p.unit
	case "at":
		m = hasAt
		one.At, err = r.Time()
	case "start":
		m = hasStart
		one.Start, err = r.Time()
	}
	return m, err
}

// readValue reads a decimal string, a number by its text, or null.
func readValue(r *strictjson.Reader, one *autonomics.Reading) error {
	var text []byte
	var err error
	switch r.Peek() {
	case strictjson.Null:
		one.Absent = autonomics.AbsentNull
		return r.Skip()
	case strictjson.String:
		if text, err = r.Text(); err == nil && bytes.ContainsAny(text, "eE") {
			err = notDecimal(text)
		}
	case strictjson.Number:
		text, err = r.Number()
	default:
		err = strictjson.Errorf("want a decimal, as a string or a number, or null; have %v", r.Peek())
	}
	if err != nil {
		return err
	}
	one.Value, err = autonomics.RoundDecimal(string(text))
	switch {
	case errors.Is(err, autonomics.ErrRange):
		one.Value, one.Absent, err = 0, autonomics.AbsentRange, nil
	case err != nil:
		err = notDecimal(text)
	}
	return err
}

func notDecimal(text []byte) error {
	return strictjson.Errorf("%s is not a decimal; where there is no value, send null", strictjson.Quote(text))
}

// readName reads a name into s.
func readName(r *strictjson.Reader, s *string) error {
	text, err := r.Text()
	if err != nil || string(text) == *s && *s != "" {
		return err
	}
	name := string(text)
	if !autonomics.ValidName(name) {
		return strictjson.Errorf("%s is not a name: want 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first", strictjson.Quote(text))
	}
	*s = name
	return nil
}

// readText reads a text into s. An empty one says the same as no member.
func readText(r *strictjson.Reader, s *string, most int) error {
	text, err := r.Line(most)
	if err == nil && string(text) != *s {
		*s = string(text)
	}
	return err
}
