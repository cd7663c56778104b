package intake_test

import (
	"fmt"

	"github.com/autonomics-dev/autonomics/internal/intake"
)

// A bad item does not spoil its neighbours.
func ExampleParseNative() {
	items, _, err := intake.ParseNative("application/json", []byte(`[
		{"tenant": "acme", "signal": "spend", "value": "1.01"},
		{"tenant": "acme", "signal": "spend", "value": "a lot"}]`))
	fmt.Println(err)
	for _, item := range items {
		if item.Err != nil {
			fmt.Println(item.Err)
			continue
		}
		fmt.Println(item.Tenant, item.Signal.Readings[0].Signal, item.Signal.Readings[0].Value)
	}
	// Output:
	// <nil>
	// acme spend 1.01
	// /1/value: "a lot" is not a decimal; where there is no value, send null
}

// The binding says whom an alert concerns, and by what name.
func ExampleDecode() {
	b, err := intake.ParseBinding([]byte(`{"name": "alerts", "format": "alertmanager",
		"select": [{"match": {"team": "shop"}, "tenant": "acme", "episode": "downstream_down"}]}`))
	fmt.Println(err)
	events, refusal := intake.Decode(b, []byte(`{"version": "4", "alerts": [
		{"status": "firing", "labels": {"team": "shop"}, "startsAt": "2026-03-03T10:00:00Z"},
		{"status": "firing", "labels": {"team": "bank"}, "startsAt": "2026-03-03T10:00:00Z"}]}`), 1_775_000_000_000)
	fmt.Println(refusal)
	for _, e := range events {
		fmt.Println(e.Signal.Start, intake.Select(b, e))
	}
	// Output:
	// <nil>
	// <nil>
	// 2026-03-03T10:00:00.000Z [{acme  downstream_down}]
	// 2026-03-03T10:00:00.000Z []
}
