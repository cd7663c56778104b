package pubsub

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

func TestOpen(t *testing.T) {
	const published autonomics.Time = 1_795_435_200_500 // 2026-11-23T12:00:00.5Z
	for _, c := range []struct {
		name, message string
		want          Message
	}{
		{"everything", `{"message":{"data":"e30=","attributes":{"a":"1","b":""},"messageId":"7","message_id":"7","publishTime":"2026-11-23T12:00:00.5Z",
			"publish_time":"2026-11-23T12:00:00.5Z","orderingKey":"k"},"subscription":"projects/p/subscriptions/s","deliveryAttempt":5}`,
			Message{ID: "7", At: published, Attributes: map[string]string{"a": "1", "b": ""}, Data: []byte("{}")}},
		{"the least", `{"message":{"publish_time":"2026-11-23T12:00:00.5009Z","message_id":"7","data":"e30="}}`,
			Message{ID: "7", At: published, Data: []byte("{}")}},
		{"one instant in two spellings", `{"message":{"publish_time":"2026-11-23T12:00:00.5Z","publishTime":"2026-11-23T13:00:00.500+01:00","message_id":"7","data":"e30="}}`,
			Message{ID: "7", At: published, Data: []byte("{}")}},
		{"forwarded by a dead-letter topic", `{"message":{"data":"e30=","messageId":"7","publishTime":"2026-11-23T13:00:00Z",
			"attributes":{"CloudPubSubDeadLetterSourceTopicPublishTime":"2026-11-23T12:00:00.5+00:00"}}}`,
			Message{ID: "7", At: published, Data: []byte("{}"),
				Attributes: map[string]string{"CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-23T12:00:00.5+00:00"}}},
		{"an attribute cannot make it younger", `{"message":{"data":"e30=","messageId":"7","publishTime":"2026-11-23T12:00:00.5Z",
			"attributes":{"CloudPubSubDeadLetterSourceTopicPublishTime":"2099-01-01T00:00:00Z"}}}`,
			Message{ID: "7", At: published, Data: []byte("{}"),
				Attributes: map[string]string{"CloudPubSubDeadLetterSourceTopicPublishTime": "2099-01-01T00:00:00Z"}}},
	} {
		have, err := Open([]byte(c.message))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, have); diff != "" {
			t.Errorf("%s (-want +have):\n%s", c.name, diff)
		}
	}
}

func TestRefused(t *testing.T) {
	const rest = `"messageId":"7","publishTime":"2026-11-23T12:00:00Z"`
	for _, c := range []struct{ body, want string }{
		{``, `want an object, but the text ends`},
		{`[]`, `want an object, have an array`},
		{`{"subscription":"s"}`, `no member message: not a wrapped push`},
		{`{"message":null}`, `/message: want an object, have null`},
		{`{"message":{"data":"e30=",` + rest + `}} {}`, `more text after the end of the value`},
		{`{"message":{` + rest + `,"attributes":{"a":"1"}}}`, `/message/data: missing`},
		{`{"message":{"data":null,` + rest + `}}`, `/message/data: want a string, have null`},
		{`{"message":{"data":"",` + rest + `}}`, `/message/data: empty`},
		{`{"message":{"data":"e30",` + rest + `}}`, `/message/data: want base64 of the standard alphabet with padding`},
		{`{"message":{"data":"e31=",` + rest + `}}`, `/message/data: want base64`}, // bits left over
		{`{"message":{"data":"fn5-fn4_",` + rest + `}}`, `/message/data: want base64`},
		{`{"message":{"data":"/w==",` + rest + `}}`, `/message/data: the decoded data is not valid UTF-8`},
		{`{"message":{"data":"e30=","attributes":{"a":1},` + rest + `}}`, `/message/attributes/a: want a string, have a number`},
		{`{"message":{"data":"e30=","attributes":["a"],` + rest + `}}`, `/message/attributes: want an object, have an array`},
		{`{"message":{"data":"e30=","attributes":{"a":"1","a":"2"},` + rest + `}}`, `/message/attributes/a: the member occurs twice`},
		{`{"message":{"data":"e30=",` + rest + `,"message_id":"8"}}`, `/message/message_id: 8 contradicts the other spelling of this member, 7`},
		{`{"message":{"data":"e30=",` + rest + `,"publish_time":"2026-11-23T12:00:01Z"}}`,
			`/message/publish_time: 2026-11-23T12:00:01.000Z contradicts the other spelling of this member, 2026-11-23T12:00:00.000Z`},
		{`{"message":{"data":"e30=","publishTime":"2026-11-23T12:00:00Z"}}`, `/message/messageId: missing`},
		{`{"message":{"data":"e30=","messageId":7,"publishTime":"2026-11-23T12:00:00Z"}}`, `/message/messageId: want a string, have a number`},
		{`{"message":{"data":"e30=","messageId":"7"}}`, `/message/publishTime: missing`},
		{`{"message":{"data":"e30=","messageId":"7","publishTime":"now"}}`, `/message/publishTime: time "now"`},
		{`{"message":{"data":"e30=","messageId":"7","publishTime":"1970-01-01T00:00:00Z"}}`, `/message/publishTime: time "1970-01-01T00:00:00Z"`},
		{`{"message":{"data":"e30=","messageId":"` + strings.Repeat("7", autonomics.MaxID+1) + `","publishTime":"2026-11-23T12:00:00Z"}}`,
			`/message/messageId: want at most 256 bytes, have 257`},
		{`{"message":{"data":"e30=","messageId":"7\n","publishTime":"2026-11-23T12:00:00Z"}}`, `/message/messageId: "7\n" holds a control character`},
		{`{"message":{"data":"e30=","attributes":{"CloudPubSubDeadLetterSourceTopicPublishTime":"once"},` + rest + `}}`,
			`/message/attributes/CloudPubSubDeadLetterSourceTopicPublishTime: want the time of the first publication, have "once"`},
	} {
		m, err := Open([]byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\nhave %v\nwant %s", c.body, err, c.want)
		}
		if diff := cmp.Diff(Message{}, m); diff != "" {
			t.Errorf("%s: something is left of a bad message:\n%s", c.body, diff)
		}
	}
}

func TestLongestID(t *testing.T) {
	id := strings.Repeat("7", autonomics.MaxID)
	m, err := Open([]byte(`{"message":{"data":"e30=","messageId":"` + id + `","publishTime":"2026-11-23T12:00:00Z"}}`))
	if err != nil || m.ID != id {
		t.Errorf("have %q, %v", m.ID, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"message":{"data":"e30=","attributes":{"a":"1"},"messageId":"7","publishTime":"2026-11-23T12:00:00.5Z"},"subscription":"s"}`))
	f.Add([]byte(`{"message":{"data":"_-8=","message_id":"7","messageId":"8","publish_time":"2026-11-23T12:00:00.5Z"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Open(body)
		if err != nil {
			return
		}
		if m.ID == "" || len(m.ID) > autonomics.MaxID || m.At == 0 || len(m.Data) == 0 || !utf8.Valid(m.Data) {
			t.Errorf("accepted %+v", m)
		}
	})
}
