package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// stdSignal is what a reader made of the standard library would fill: it
// checks neither names nor duplicates, and leaves times and numbers as text.
type stdSignal struct {
	Tenant string      `json:"tenant"`
	Signal string      `json:"signal"`
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	At     string      `json:"at"`
	Source string      `json:"source"`
	ID     string      `json:"id"`
}

// BenchmarkParseNative reads signals as they come, one alone and a hundred in
// a batch, beside encoding/json on the same bytes.
func BenchmarkParseNative(b *testing.B) {
	item := func(i int) string {
		return fmt.Sprintf(`{"tenant":"tenant-%03d","signal":"depth","value":%d.25,"unit":"1","at":"2026-11-23T07:44:00.%03dZ","source":"meter","id":"m-%06d"}`,
			i%10, 1000+i, i, i)
	}
	var batch []string
	for i := range 100 {
		batch = append(batch, item(i))
	}
	array := "[" + strings.Join(batch, ",") + "]"
	perSignal := func(b *testing.B, n int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signal")
	}
	native := func(contentType, body string, n int) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			data := []byte(body)
			for b.Loop() {
				items, _, err := ParseNative(contentType, data)
				if err != nil || len(items) != n || items[n-1].Err != nil {
					b.Fatal(items, err)
				}
			}
			perSignal(b, n)
		}
	}
	b.Run("single", native("application/json", batch[7], 1))
	b.Run("single/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		data := []byte(batch[7])
		for b.Loop() {
			var s stdSignal
			if err := json.Unmarshal(data, &s); err != nil {
				b.Fatal(err)
			}
		}
		perSignal(b, 1)
	})
	b.Run("array100", native("application/json", array, 100))
	b.Run("ndjson100", native(ndjson, strings.Join(batch, "\n"), 100))
	b.Run("array100/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		data := []byte(array)
		for b.Loop() {
			var s []stdSignal
			if err := json.Unmarshal(data, &s); err != nil {
				b.Fatal(err)
			}
		}
		perSignal(b, 100)
	})
}
