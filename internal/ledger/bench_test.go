package ledger

import (
	"crypto/sha256"
	"fmt"
	"testing"
)

// BenchmarkBlock encodes and decodes blocks of receipts, beside a bare SHA-256
// of the same bytes.
func BenchmarkBlock(b *testing.B) {
	for _, n := range []int{1, 64, 1024, MaxReceipts} {
		block := &Block{Seq: 1, Node: "n1"}
		size := 0
		for i := range n {
			hash := sha256.Sum256(fmt.Append(nil, i))
			text := fmt.Appendf(nil, `{"at":"2026-11-23T07:44:00.%03dZ","event":{"readings":[{"at":"2026-11-23T07:43:58.000Z","signal":"spend","unit":"ratio","value":"0.%d"}],"source":"gcp.budget"},"from":"stable","governor":"web-cost","hash":"%x","kernel":1,"kind":"signal","prev":"%x","seq":%d,"tenant":"acme","to":"stable","v":1,"verdict":"accepted"}`, i%1000, 1+i%9, hash, sha256.Sum256(hash[:]), i+1)
			block.Lines = append(block.Lines, Line{"acme", uint64(i + 1), text})
			size += len(text)
		}
		data, _, err := Encode(block)
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, do func() error) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/receipt")
			})
		}
		plain := make([]byte, size)
		run("bare_sha256", func() error { sha256.Sum256(plain); return nil })
		run("encode", func() error { _, _, err := Encode(block); return err })
		run("decode", func() error { _, _, err := Decode(data); return err })
		run("header", func() error { _, _, err := DecodeHeader(data); return err })
	}
}
