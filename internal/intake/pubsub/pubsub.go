// Package pubsub opens the envelope in which Google Cloud Pub/Sub pushes a
// message (wrapped push):
//
//	{"message": {"data": "<base64>", "attributes": {"name": "value"},
//	             "messageId": "…", "publishTime": "<RFC 3339>"},
//	 "subscription": "projects/P/subscriptions/S"}
//
// Source of the format: cloud.google.com/pubsub/docs/push. Pub/Sub also writes
// message_id and publish_time; where both spellings are there they must agree.
// Members that are not named here are ignored.
//
// Data is base64 of the standard alphabet with padding. The URL-safe alphabet,
// which Pub/Sub does not write, is refused. The decoded data must be UTF-8
// text and not empty: every format that is carried is JSON. A message without
// id or time is refused, because it could not be told from its repetition.
//
// The package is pure: bytes in, values out.
package pubsub

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// Source is the source of signals that name none themselves.
const Source = "pubsub"

// deadLettered is the attribute that a dead-letter topic adds: when the message
// was published first. Its own publish time is the time of the forwarding.
const deadLettered = "CloudPubSubDeadLetterSourceTopicPublishTime"

// A Message is what an envelope carries.
type Message struct {
	ID         string
	At         autonomics.Time // when it was published first
	Attributes map[string]string
	Data       []byte
}

// Open reads an envelope. Its errors name the member that is wrong.
func Open(body []byte) (Message, error) {
	var m Message
	found := false
	r := strictjson.NewReader(body)
	err := r.Object(func(name []byte) error {
		if string(name) != "message" {
			return r.Skip()
		}
		found = true
		return m.read(r)
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && !found {
		err = strictjson.Errorf("no member message: not a wrapped push")
	}
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

func (m *Message) read(r *strictjson.Reader) error {
	err := r.Object(func(name []byte) error {
		switch string(name) {
		case "messageId", "message_id":
			id, err := r.Line(autonomics.MaxID)
			return agree(&m.ID, string(id), err)
		case "publishTime", "publish_time":
			at, err := r.Time()
			return agree(&m.At, at, err)
		case "attributes":
			return m.readAttributes(r)
		case "data":
			return m.readData(r)
		}
		return r.Skip()
	})
	switch {
	case err != nil:
		return err
	case m.Data == nil:
		return strictjson.At("data", strictjson.Errorf("missing: attributes alone carry no signal"))
	case m.ID == "":
		return strictjson.At("messageId", strictjson.Errorf("missing"))
	case m.At == 0:
		return strictjson.At("publishTime", strictjson.Errorf("missing"))
	}
	if first, ok := m.Attributes[deadLettered]; ok {
		at, err := autonomics.ParseTime(first)
		if err != nil || at == 0 {
			err = strictjson.Errorf("want the time of the first publication, have %s", strictjson.Quote([]byte(first)))
			return strictjson.At("attributes", strictjson.At(deadLettered, err))
		}
		m.At = min(m.At, at)
	}
	return nil
}

// agree sets a value of which two spellings may be sent.
func agree[T comparable](have *T, value T, err error) error {
	var none T
	if err == nil && *have != none && *have != value {
		err = strictjson.Errorf("%v contradicts the other spelling of this member, %v", value, *have)
	}
	*have = value
	return err
}

func (m *Message) readAttributes(r *strictjson.Reader) error {
	m.Attributes = make(map[string]string)
	return r.Object(func(name []byte) error {
		value, err := r.Text()
		m.Attributes[string(name)] = string(value)
		return err
	})
}

func (m *Message) readData(r *strictjson.Reader) error {
	text, err := r.Text()
	if err != nil {
		return err
	}
	data, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	switch {
	case err != nil:
		return strictjson.Errorf("want base64 of the standard alphabet with padding: %v", err)
	case len(data) == 0:
		return strictjson.Errorf("empty: attributes alone carry no signal")
	case !utf8.Valid(data):
		return strictjson.Errorf("the decoded data is not valid UTF-8")
	}
	m.Data = data
	return nil
}
