package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

// sample is a block with all that a block can have.
func sample() *Block {
	line := func(t autonomics.Tenant, seq uint64) Line {
		return Line{t, seq, fmt.Appendf(nil, `{"seq":%d,"tenant":%q}`, seq, t)}
	}
	return &Block{
		Partition: 3, Epoch: 7, Seq: 12, Prev: autonomics.Hash{1, 2}, Node: "node-a",
		Slices: []SliceRef{{Slice: 5, Seq: 11, Hash: autonomics.Hash{9}}, {Slice: 6, Seq: 10}},
		Lines:  []Line{line("acme", 41), line("_system", 1), line("acme", 42), line("globex", 9), line("acme", 43)},
	}
}

func encode(tb testing.TB, b *Block) []byte {
	tb.Helper()
	data, hash, err := Encode(b)
	if err != nil {
		tb.Fatal(err)
	}
	if hash != sha256.Sum256(data) {
		tb.Fatal("the hash is not that of the bytes")
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	for name, b := range map[string]*Block{
		"full":     sample(),
		"claim":    {Seq: 1, Epoch: 1, Node: "n1", Claim: true},
		"no lines": {Seq: 2, Prev: autonomics.Hash{1}, Slices: []SliceRef{{Slice: 1}}},
	} {
		data := encode(t, b)
		got, hash, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(b, got); diff != "" {
			t.Errorf("%s: decoded otherwise (-want +got):\n%s", name, diff)
		}
		h, hash2, err := DecodeHeader(data)
		if err != nil || hash != hash2 || hash != sha256.Sum256(data) {
			t.Errorf("%s: header: %v, hash %v and %v", name, err, hash, hash2)
		}
		if name == "full" {
			if diff := cmp.Diff([]Run{{"acme", 41, 3}, {"_system", 1, 1}, {"globex", 9, 1}}, h.Runs); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
		}
		if h.Lines != nil {
			t.Errorf("%s: a header has lines", name)
		}
	}
}

// TestLayout pins the bytes of a header: blocks outlive this program.
func TestLayout(t *testing.T) {
	b := sample()
	b.Slices = b.Slices[:1]
	data := encode(t, b)
	want := "4158424b" + "01" + "00" + "00000003" + "0000000000000007" + "000000000000000c" +
		"0102" + strings.Repeat("00", 30) + "06" + hex.EncodeToString([]byte("node-a")) +
		"0001" + "00000005" + "000000000000000b" + "09" + strings.Repeat("00", 31) +
		"0003" +
		"04" + hex.EncodeToString([]byte("acme")) + "0000000000000029" + "0003" +
		"07" + hex.EncodeToString([]byte("_system")) + "0000000000000001" + "0001" +
		"06" + hex.EncodeToString([]byte("globex")) + "0000000000000009" + "0001" +
		"0000008f"
	if got := hex.EncodeToString(data); !strings.HasPrefix(got, want) {
		t.Errorf("header\n%s\nwant\n%s", got[:min(len(got), len(want))], want)
	}
	body, err := inflate(data[len(want)/2:], 0x8f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for i, l := range b.Lines {
		lines = append(lines, []byte{0, 1, 0, 2, 0}[i], byte(len(l.Bytes)))
		lines = append(lines, l.Bytes...)
	}
	if !bytes.Equal(body, lines) {
		t.Errorf("body %q, want %q", body, lines)
	}
}

func TestEveryFlipIsSeen(t *testing.T) {
	data := encode(t, sample())
	_, hash, _ := Decode(data)
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			if _, got, err := Decode(data); err == nil && got == hash {
				t.Errorf("byte %d, bit %d: the same hash", i, bit)
			}
			data[i] ^= 1 << bit
		}
	}
}

func TestRefused(t *testing.T) {
	edit := func(f func(*Block)) func() []byte {
		return func() []byte {
			b := sample()
			h := Header{Block: *b, Runs: []Run{{"acme", 1, 1}}}
			f(&h.Block)
			body := []byte("\x00\x02{}")
			return append(appendHeader(nil, &h.Block, h.Runs, len(body)), deflate(nil, body)...)
		}
	}
	runs := func(body string, runs ...Run) func() []byte {
		return func() []byte {
			out := appendHeader(nil, sample(), runs, len(body))
			if body != "" {
				out = deflate(out, []byte(body))
			}
			return out
		}
	}
	good := encode(t, sample())
	for _, c := range []struct {
		name string
		data func() []byte
		want string // in the error; none: it is good
	}{
		{"the sample", func() []byte { return good }, ""},
		{"an edited one", edit(func(*Block) {}), ""},
		{"nothing", func() []byte { return nil }, "not a block"},
		{"another magic", func() []byte { return append([]byte("X"), good[1:]...) }, "not a block"},
		{"a later format", func() []byte { return append([]byte("AXBK\x02"), good[5:]...) }, "format 2"},
		{"unknown flags", func() []byte { return append([]byte("AXBK\x01\x02"), good[6:]...) }, "flags"},
		{"half a header", func() []byte { return good[:100] }, "cut short"},
		{"half a body", func() []byte { return good[:len(good)-10] }, "inflate"},
		{"number zero", edit(func(b *Block) { b.Seq = 0 }), "numbered from 1"},
		{"the first one with a block before", edit(func(b *Block) { b.Seq = 1 }), "previous hash"},
		{"a later one with none before", edit(func(b *Block) { b.Prev = autonomics.Hash{} }), "previous hash"},
		{"a claim with lines", edit(func(b *Block) { b.Claim = true }), "claim"},
		{"63 bytes of node", edit(func(b *Block) { b.Node = strings.Repeat("n", MaxNode) }), ""},
		{"64 bytes of node", edit(func(b *Block) { b.Node = strings.Repeat("n", MaxNode+1) }), "the limit is 63"},
		{"64 slices", edit(func(b *Block) { b.Slices = make([]SliceRef, MaxSlices) }), ""},
		{"65 slices", edit(func(b *Block) { b.Slices = make([]SliceRef, MaxSlices+1) }), "the limit is 64"},
		{"table without body", runs("", Run{"acme", 1, 1}), "its table has"},
		{"body without table", runs("\x00\x02{}"), "its table has"},
		{"wrong name", runs("\x00\x02{}", Run{"Acme", 1, 1}), "not the name of a tenant"},
		{"no name", runs("\x00\x02{}", Run{"", 1, 1}), "not the name of a tenant"},
		{"one name twice", runs("\x00\x02{}\x01\x02{}", Run{"acme", 1, 1}, Run{"acme", 2, 1}), "twice"},
		{"first number zero", runs("\x00\x02{}", Run{"acme", 0, 1}), "from 0 on"},
		{"the last number", runs("\x00\x02{}", Run{"acme", maxSeq, 1}), ""},
		{"beyond the last number", runs("\x00\x02{}", Run{"acme", maxSeq + 1, 1}), "receipts from"},
		{"4,096 receipts", runs("\x00\x02{}", Run{"acme", 1, 4000}, Run{"globex", 1, 96}), "1 lines, its table says 4096"},
		{"4,097 receipts", runs("\x00\x02{}", Run{"acme", 1, 4000}, Run{"globex", 1, 97}), "more than 4096 receipts"},
		{"no lines of one", runs("\x00\x02{}", Run{"acme", 1, 1}, Run{"globex", 1, 0}), "0 receipts"},
		{"a line more", runs("\x00\x02{}\x00\x02{}", Run{"acme", 1, 1}), "more lines than"},
		{"a line less", runs("\x00\x02{}", Run{"acme", 1, 2}), "1 lines"},
		{"a tenant that is not there", runs("\x01\x02{}", Run{"acme", 1, 1}), "not framed"},
		{"an empty line", runs("\x00\x00", Run{"acme", 1, 1}), "not framed"},
		{"a line cut short", runs("\x00\x03{}", Run{"acme", 1, 1}), "not framed"},
		{"no length", runs("\x00", Run{"acme", 1, 1}), "not framed"},
		{"an endless length", runs("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Run{"acme", 1, 1}), "not framed"},
		{"more inflated than said", func() []byte {
			return append(appendHeader(nil, sample(), []Run{{"acme", 1, 1}}, 3), deflate(nil, []byte("\x00\x02{}"))...)
		}, "inflate"},
		{"less inflated than said", func() []byte {
			return append(appendHeader(nil, sample(), []Run{{"acme", 1, 1}}, 5), deflate(nil, []byte("\x00\x02{}"))...)
		}, "inflate"},
		{"8 MiB inflated said", func() []byte {
			return append(appendHeader(nil, sample(), []Run{{"acme", 1, 1}}, MaxInflated), deflate(nil, []byte("\x00\x02{}"))...)
		}, "header says 8388608"},
		{"a byte more said", func() []byte {
			return append(appendHeader(nil, sample(), []Run{{"acme", 1, 1}}, MaxInflated+1), deflate(nil, []byte("\x00\x02{}"))...)
		}, "the limit is 8388608"},
	} {
		_, _, err := Decode(c.data())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestBlockSizeLimit(t *testing.T) {
	for over := range 2 {
		data := encode(t, sample())
		// A skippable frame behind the body fills the block to its limit.
		fill := MaxBlock + over - len(data) - 8
		data = append(data, 0x50, 0x2a, 0x4d, 0x18)
		data = binary.LittleEndian.AppendUint32(data, uint32(fill))
		data = append(data, make([]byte, fill)...)
		if _, _, err := Decode(data); (err == nil) != (over == 0) {
			t.Errorf("block of %d bytes: %v", len(data), err)
		}
	}
}

func TestBuilderLimits(t *testing.T) {
	t.Run("receipts", func(t *testing.T) {
		var b Builder
		for i := range MaxReceipts {
			if err := b.Add(Line{"acme", uint64(i + 1), []byte("{}")}); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		}
		if err := b.Add(Line{"acme", MaxReceipts + 1, []byte("{}")}); err != ErrFull {
			t.Errorf("line %d: %v, want ErrFull", MaxReceipts+1, err)
		}
		seals(t, &b, MaxReceipts)
	})
	t.Run("tenants", func(t *testing.T) {
		var b Builder
		for i := range MaxReceipts {
			name := autonomics.Tenant(fmt.Sprintf("%063d", i))
			if err := b.Add(Line{name, 1, []byte("{}")}); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		}
		seals(t, &b, MaxReceipts)
	})
	t.Run("inflated", func(t *testing.T) {
		var b Builder
		full := bytes.Repeat([]byte(" "), MaxLine)
		framed := 1 + 3 + MaxLine
		n := MaxInflated / framed
		for i := range n {
			if err := b.Add(Line{"acme", uint64(i + 1), full}); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		}
		rest := MaxInflated - n*framed - 1 - 3
		if err := b.Add(Line{"acme", uint64(n + 1), full[:rest+1]}); err != ErrFull {
			t.Errorf("a byte too many: %v, want ErrFull", err)
		}
		if err := b.Add(Line{"acme", uint64(n + 1), full[:rest]}); err != nil {
			t.Errorf("exactly full: %v", err)
		}
		if b.inflated != MaxInflated {
			t.Errorf("%d bytes inflated, want %d", b.inflated, MaxInflated)
		}
		seals(t, &b, n+1)
	})
	t.Run("line", func(t *testing.T) {
		var b Builder
		if err := b.Add(Line{"acme", 1, make([]byte, MaxLine)}); err != nil {
			t.Error(err)
		}
		if err := b.Add(Line{"acme", 2, make([]byte, MaxLine+1)}); err == nil || err == ErrFull {
			t.Errorf("a byte too many: %v", err)
		}
		seals(t, &b, 1)
	})
	t.Run("compressed", func(t *testing.T) {
		// What cannot be compressed fills a block to its limit, whatever the
		// size of the lines.
		for _, size := range []int{100, 300, 430, 5000, MaxLine} {
			var b Builder
			r := rand.NewChaCha8([32]byte{1})
			n := 0
			for {
				line := make([]byte, size)
				r.Read(line)
				line = bytes.ReplaceAll(line, []byte("\n"), []byte("n"))
				own := autonomics.Tenant(fmt.Sprintf("%063d", n)) // the table counts too
				if err := b.Add(Line{own, 1, line}); err != nil {
					if err != ErrFull {
						t.Fatal(err)
					}
					break
				}
				n++
			}
			if n < MaxReceipts && n*(size+74) < MaxBlock-chunk {
				t.Errorf("full after %d lines of %d bytes", n, size)
			}
			data := seals(t, &b, n)
			if len(data) > MaxBlock {
				t.Errorf("lines of %d bytes: a block of %d bytes", size, len(data))
			}
		}
	})
}

// seals checks that what is in b becomes a block that can be decoded.
func seals(t *testing.T, b *Builder, lines int) []byte {
	t.Helper()
	data, _, err := b.Seal(Block{Seq: 1, Node: strings.Repeat("n", MaxNode), Slices: make([]SliceRef, MaxSlices)})
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > MaxBlock {
		t.Errorf("a block of %d bytes", len(data))
	}
	got, _, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Lines) != lines {
		t.Errorf("%d lines, want %d", len(got.Lines), lines)
	}
	if b.Len() != 0 {
		t.Error("the builder is not empty after Seal")
	}
	return data
}

func TestBuilderRefuses(t *testing.T) {
	ok := []byte("{}")
	for name, lines := range map[string][]Line{
		"a gap":                  {{"acme", 7, ok}},
		"a repeat":               {{"acme", 5, ok}},
		"a gap inside":           {{"acme", 6, ok}, {"acme", 8, ok}},
		"two tenants":            {{"acme", 6, ok}, {"globex", 1, ok}},
		"number zero":            {{"globex", 0, ok}},
		"beyond the last number": {{"globex", maxSeq + 1, ok}},
		"no name":                {{"", 1, ok}},
		"wrong name":             {{"_other", 1, ok}},
		"no bytes":               {{"acme", 6, nil}},
		"a newline":              {{"acme", 6, []byte("{}\n")}},
		"an event too large":     bigEvent(17),
	} {
		var b Builder
		if name != "an event too large" {
			if err := b.Add(Line{"acme", 5, ok}); err != nil {
				t.Fatal(err)
			}
		}
		had := b.Len()
		if err := b.Add(lines...); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		if b.Len() != had {
			t.Errorf("%s: something was added", name)
		}
	}
	var b Builder
	if err := b.Add(bigEvent(15)...); err != nil {
		t.Errorf("a large event: %v", err)
	}
	if _, _, err := b.Seal(Block{Seq: 1, Claim: true}); err == nil {
		t.Error("a claim with lines is sealed")
	}
	if b.Len() != 0 {
		t.Error("the builder is not empty after Seal")
	}
}

// bigEvent is n lines of the greatest size, which a block must take to be
// incompressible.
func bigEvent(n int) (out []Line) {
	for i := range n {
		out = append(out, Line{"acme", uint64(6 + i), make([]byte, MaxLine)})
	}
	return out
}

// TestBuilderGroups adds events of random sizes to builders until all are in
// blocks, and finds them again in order.
func TestBuilderGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b Builder
	var want, got []Line
	next := map[autonomics.Tenant]uint64{}
	seal := func() {
		data, _, err := b.Seal(Block{Seq: 1})
		if err != nil {
			t.Fatal(err)
		}
		block, _, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, block.Lines...)
	}
	for range 2000 {
		tenant := autonomics.Tenant(fmt.Sprintf("t%d", r.IntN(300)))
		var event []Line
		for range 1 + r.IntN(4) {
			next[tenant]++
			text := make([]byte, 1+r.IntN(4000))
			for i := range text {
				text[i] = 'a' + byte(r.IntN(1+r.IntN(26)))
			}
			event = append(event, Line{tenant, next[tenant], text})
		}
		err := b.Add(event...)
		if err == ErrFull {
			seal()
			err = b.Add(event...)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, event...)
	}
	seal()
	if !slices.EqualFunc(want, got, func(a, b Line) bool {
		return a.Tenant == b.Tenant && a.Seq == b.Seq && bytes.Equal(a.Bytes, b.Bytes)
	}) {
		t.Errorf("%d lines came back otherwise, as %d", len(want), len(got))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add(encode(f, &Block{Seq: 1, Claim: true, Node: "n1"}))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, hash, err := Decode(data)
		h, headHash, headErr := DecodeHeader(data)
		if err != nil {
			return
		}
		if headErr != nil || hash != headHash || hash != sha256.Sum256(data) {
			t.Fatalf("header: %v", headErr)
		}
		// What was decoded can be encoded, and is the same again. A newline
		// in a line is the one thing that only the writer refuses.
		for _, l := range b.Lines {
			if bytes.IndexByte(l.Bytes, '\n') >= 0 {
				return
			}
		}
		again, _, err := Decode(encode(t, b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, again); diff != "" {
			t.Fatalf("decoded again otherwise:\n%s", diff)
		}
		total := 0
		for _, r := range h.Runs {
			total += r.Count
		}
		if total != len(b.Lines) {
			t.Fatalf("table of %d lines, %d there", total, len(b.Lines))
		}
	})
}
