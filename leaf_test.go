package autonomics

import (
	"encoding/json"
	"testing"
)

// A leaf by itself is what it is in a receipt.
func TestLeafJSON(t *testing.T) {
	text := `{"for":"5m","holds":"unknown","measure":"rate","op":"above","quality":"partial","signal":"cost","threshold":"50","window":"6h"}`
	var l Leaf
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	if want := (Leaf{Signal: "cost", Measure: "rate", Window: 6 * Hour, Op: "above", Threshold: 50_000_000, For: 5 * Minute, Quality: Partial, Holds: Unknown}); l != want {
		t.Errorf("have %+v, want %+v", l, want)
	}
	if b, err := json.Marshal(l); err != nil || string(b) != text {
		t.Errorf("have %s, %v", b, err)
	}
	for _, wrong := range []string{`{}`, `{"holds":"maybe"}`, `{"signal":"cost","holds":"no"}`, `{"holds":"no","more":1}`} {
		if err := json.Unmarshal([]byte(wrong), &l); err == nil {
			t.Errorf("%s was taken: %+v", wrong, l)
		}
	}
}
