package intake

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// Limits of native input. Ids, sources and keys have at most autonomics.MaxID
// bytes, events at most autonomics.MaxReadings readings.
const (
	MaxItems = 10_000 // in one body: 1 MiB cannot hold more items that say anything
	MaxUnit  = 32     // bytes of a unit: the longest real ones are a rate of a currency
)

// Types of an ItemError.
const (
	TypeMalformed    = "malformed"              // not as the format says
	TypeTooManyItems = "too_many_items"         // more than MaxItems in one body
	TypeMediaType    = "unsupported_media_type" // a content type that is none of ours
)

// An Item is one event of native input: what was said, and of whom.
type Item struct {
	Tenant   autonomics.Tenant // empty if the item names none, which only Decode allows
	Governor string            // empty: all governors that declare the signal
	Signal   autonomics.Signal
	Err      *ItemError // why the item cannot be used; all else is empty then
}

// An ItemError says what is wrong with an item, or with a whole body.
type ItemError struct {
	Type    string
	Pointer string // JSON pointer into the body; lines of NDJSON count as items of an array
	Detail  string
}

func (e *ItemError) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

// malformed turns an error of the reader into an ItemError.
func malformed(err error) *ItemError {
	var item *ItemError
	if errors.As(err, &item) {
		return item
	}
	var at *strictjson.Error
	if errors.As(err, &at) {
		return &ItemError{Type: TypeMalformed, Pointer: at.Pointer, Detail: at.Detail}
	}
	return &ItemError{Type: TypeMalformed, Detail: err.Error()}
}

// ParseNative reads the body of POST /v1/signals: with content type
// application/json one object (single is true then) or an array of objects,
// with application/x-ndjson or application/ndjson one object on each line that
// is not blank. The items are in the order of the body; a bad one has its own
// error and its neighbours stay. A body that cannot be split into items is an
// error, which is an *ItemError.
func ParseNative(contentType string, body []byte) (items []Item, single bool, err error) {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/json":
		p := parser{needTenant: true}
		return p.json(body)
	case "application/x-ndjson", "application/ndjson":
		p := parser{needTenant: true}
		items, err = p.lines(body)
		return items, false, err
	}
	return nil, false, &ItemError{Type: TypeMediaType, Detail: fmt.Sprintf("content type %.64q: want application/json or application/x-ndjson", contentType)}
}

// ParseLine reads one native item that need not name its tenant: a line of
// what somebody has recorded.
func ParseLine(line []byte) (Item, error) {
	var p parser
	item, err := p.whole(line)
	if err != nil {
		return Item{}, malformed(err)
	}
	return item, nil
}

// whole reads a text that is one object.
func (p *parser) whole(text []byte) (Item, error) {
	r := strictjson.NewReader(text)
	item, err := p.item(r)
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return Item{}, err
	}
	return item, nil
}

// json reads an object or an array.
func (p *parser) json(body []byte) (items []Item, single bool, err error) {
	r := strictjson.NewReader(body)
	switch r.Peek() {
	case strictjson.Object:
		single = true
		item, err := p.whole(body)
		if err != nil {
			item.Err = malformed(err)
		}
		items = []Item{item}
	case strictjson.Array:
		items = room(body)
		err = r.Array(func(i int) error {
			if i == MaxItems {
				return tooMany()
			}
			mark := r.Mark()
			item, err := p.item(r)
			if err != nil {
				item.Err = malformed(strictjson.At(strconv.Itoa(i), err))
				err = r.Past(mark)
			}
			items = append(items, item)
			return err
		})
		if err == nil {
			err = r.End()
		}
	default:
		err = strictjson.Errorf("want a JSON object or an array of objects")
	}
	if err != nil {
		return nil, false, malformed(err)
	}
	return items, single, nil
}

// lines reads NDJSON.
func (p *parser) lines(body []byte) ([]Item, error) {
	items := room(body)
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if len(bytes.Trim(line, " \t\r")) == 0 {
			continue
		}
		if len(items) == MaxItems {
			return nil, tooMany()
		}
		item, err := p.whole(line)
		if err != nil {
			item.Err = malformed(strictjson.At(strconv.Itoa(len(items)), err))
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, &ItemError{Type: TypeMalformed, Detail: "the body holds no item"}
	}
	return items, nil
}

// room makes place for the items of a body, about as many as it may hold.
func room(body []byte) []Item {
	const usual = 128 // bytes of an item
	return make([]Item, 0, min(MaxItems, len(body)/usual+1))
}

func tooMany() *ItemError {
	return &ItemError{Type: TypeTooManyItems, Detail: fmt.Sprintf("more than %d items: send them in several requests", MaxItems)}
}
