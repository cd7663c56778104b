package filestore

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// receipts returns n lines of 430 bytes: JSON with two hashes, as receipts are.
func receipts(first uint64, n int) []ledger.Line {
	var out []ledger.Line
	for seq := first; seq < first+uint64(n); seq++ {
		hash := sha256.Sum256(fmt.Append(nil, seq))
		prev := sha256.Sum256(hash[:])
		text := fmt.Appendf(nil, `{"at":"2026-11-23T07:44:00.%03dZ","event":{"readings":[{"at":"2026-11-23T07:43:58.000Z","signal":"spend","unit":"ratio","value":"0.%d"}],"source":"gcp.budget"},"from":"stable","governor":"web-cost","hash":"%x","kernel":1,"kind":"signal","prev":"%x","seq":%d,"tenant":"acme","to":"stable","v":1,"verdict":"accepted"`, seq%1000, 1+seq%9, hash, prev, seq)
		for len(text) < 429 {
			text = append(text, 'x')
		}
		out = append(out, ledger.Line{Tenant: "acme", Seq: seq, Bytes: append(text[:429], '}')})
	}
	return out
}

// BenchmarkCommit compares a commit of a block (forming, encoding, writing,
// syncing, head) with a bare write and sync of the same receipts as they are,
// and of the encoded block. One operation is one block.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		lines := receipts(1, n)
		rate := func(b *testing.B) { b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "receipts/s") }
		bare := func(size int) func(*testing.B) {
			return func(b *testing.B) {
				f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				data := make([]byte, size)
				for i := range data {
					data[i] = byte(i * 7)
				}
				for b.Loop() {
					if _, err := f.Write(data); err != nil {
						b.Fatal(err)
					}
					if err := datasync(f); err != nil {
						b.Fatal(err)
					}
				}
				rate(b)
			}
		}
		block, _, err := ledger.Encode(&ledger.Block{Seq: 1, Node: "n1", Lines: lines})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("bare_plain/%d", n), bare(n*430))
		b.Run(fmt.Sprintf("bare_block/%d", n), bare(len(block)))
		b.Run(fmt.Sprintf("filestore/%d", n), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var bld ledger.Builder
			var hash autonomics.Hash
			var data []byte
			seq := uint64(0)
			for b.Loop() {
				for i := range lines {
					if err := bld.Add(lines[i : i+1]...); err != nil {
						b.Fatal(err)
					}
				}
				seq++
				data, hash, err = bld.Seal(ledger.Block{Seq: seq, Prev: hash, Node: "n1"})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Log().Append(b.Context(), seq, data); err != nil {
					b.Fatal(err)
				}
			}
			rate(b)
			b.ReportMetric(float64(len(block))/float64(n), "bytes/receipt")
		})
	}
}

// BenchmarkOpen opens a store whose log has 64 MB of receipts, beside a bare
// read of the same files.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	var hash autonomics.Hash
	size := 0
	for seq := uint64(1); size < 64<<20; seq++ {
		lines := receipts(64*(seq-1)+1, 64)
		data, h, err := ledger.Encode(&ledger.Block{Seq: seq, Prev: hash, Node: "n1", Lines: lines})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Log().Append(b.Context(), seq, data); err != nil {
			b.Fatal(err)
		}
		hash, size = h, size+64*430
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("bare_read", func(b *testing.B) {
		for b.Loop() {
			files, err := filepath.Glob(filepath.Join(dir, "log", "*.seg"))
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range files {
				if _, err := os.ReadFile(f); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
	b.Run("open_and_walk", func(b *testing.B) {
		for b.Loop() {
			s, err := OpenReadOnly(dir)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			err = ledger.Walk(b.Context(), s.Log(), 0, autonomics.Hash{}, func(block *ledger.Block, _ autonomics.Hash) error {
				n += len(block.Lines)
				return nil
			})
			if err != nil || n*430 < 64<<20 {
				b.Fatalf("%d receipts: %v", n, err)
			}
			s.Close()
		}
	})
}
