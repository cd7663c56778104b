package autonomics

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
)

// The receipt of the signal in the package comment, 745 bytes, and a chain of
// such receipts.
func usual() *Receipt {
	r := example()[2]
	r.Tenant, r.Seq, r.Prev, r.Kernel, r.Verdict = "acme", 3, hashOf("a"), 1, Accepted
	return r
}

// BenchmarkHash is the baseline of the others: what the SHA-256 of one such
// receipt costs.
func BenchmarkHash(b *testing.B) {
	line, _ := usual().Seal()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		sha256.Sum256(line)
	}
}

func BenchmarkSeal(b *testing.B) {
	r := usual()
	line, _ := r.Seal()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseReceipt(b *testing.B) {
	line, _ := usual().Seal()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseReceipt(line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify reports receipts per second.
func BenchmarkVerify(b *testing.B) {
	const n = 1000
	var in bytes.Buffer
	in.Write(append(AppendStart(nil, "acme", 1, Hash{}), '\n'))
	r, prev := usual(), Hash{}
	for i := range n {
		r.Seq, r.Prev = uint64(i+1), prev
		line, err := r.Seal()
		if err != nil {
			b.Fatal(err)
		}
		in.Write(append(line, '\n'))
		prev = r.Hash
	}
	in.Write(AppendHead(nil, "acme", n, prev))
	text := in.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(strings.NewReader(text), VerifyOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "receipts/s")
}
