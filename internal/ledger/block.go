package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

// Format is the version of the block format that this package writes, and the
// only one that it reads. Numbers are big-endian, a name is its length (1 byte)
// and its bytes:
//
//	"AXBK", format (1), flags (1; 1 for a claim)
//	partition (4), epoch (8), seq (8), prev (32), node (name)
//	number of slices (2), for each: slice (4), seq (8), hash (32)
//	number of tenants (2), for each: tenant (name), first seq (8), lines (2)
//	inflated size of the body (4)
//	body: zstd frames up to the end
//
// The body is, for each line, its tenant's place in the table and its length as
// unsigned varints, and its bytes. The hash of a block is the SHA-256 of all its
// bytes.
const Format = 1

const (
	magic     = "AXBK"
	fixedSize = 4 + 1 + 1 + 4 + 8 + 8 + 32 // up to the node's name
	sliceSize = 4 + 8 + 32
	flagClaim = 1
)

// A Block is what is committed at once: receipts of many tenants, or the claim
// with which a writer takes the partition over.
type Block struct {
	Partition uint32
	Epoch     uint64 // raised by each claim
	Seq       uint64 // from 1, without gaps
	Prev      autonomics.Hash
	Node      string // the writer
	Claim     bool   // a claim has no lines
	Slices    []SliceRef
	Lines     []Line
}

// A Line is one receipt in canonical form, without newline. In a block the
// lines of one tenant have consecutive numbers.
type Line struct {
	Tenant autonomics.Tenant
	Seq    uint64
	Bytes  []byte
}

// A SliceRef records a slice of a snapshot: what it is a slice of, the last
// block folded into it, and the hash of what was stored.
type SliceRef struct {
	Slice uint32
	Seq   uint64
	Hash  autonomics.Hash
}

// A Header is a block without its lines, but with the table of them. It is
// read without inflating anything.
type Header struct {
	Block
	Runs []Run // tenants in the order of their first line
}

// A Run says which lines of a tenant are in a block.
type Run struct {
	Tenant autonomics.Tenant
	First  uint64
	Count  int
}

// Encode returns the bytes of b and their hash, which is the block's hash.
func Encode(b *Block) ([]byte, autonomics.Hash, error) {
	var bld Builder
	for i := range b.Lines {
		if err := bld.Add(b.Lines[i : i+1]...); err != nil {
			return nil, autonomics.Hash{}, fmt.Errorf("encode block %d: line %d: %w", b.Seq, i, err)
		}
	}
	h := *b
	h.Lines = nil
	return bld.Seal(h)
}

// Decode returns the block that data encodes, and its hash. Lines share one
// buffer that is not data.
func Decode(data []byte) (*Block, autonomics.Hash, error) {
	h, hash, body, err := split(data)
	if err != nil {
		return nil, hash, err
	}
	b := h.Block
	if b.Lines, err = lines(h.Runs, body); err != nil {
		return nil, hash, fmt.Errorf("block %d: %w", b.Seq, err)
	}
	return &b, hash, nil
}

// DecodeHeader returns the header of the block that data encodes, and the
// block's hash.
func DecodeHeader(data []byte) (Header, autonomics.Hash, error) {
	h, hash, _, err := split(data)
	return h, hash, err
}

// Next checks that data is the block that follows block last with the given
// hash, and returns its own hash. Stores ask it before they keep a block.
func Next(last uint64, hash autonomics.Hash, data []byte) (autonomics.Hash, error) {
	h, own, err := DecodeHeader(data)
	switch {
	case err != nil:
		return own, err
	case h.Seq != last+1:
		return own, fmt.Errorf("block says that it is number %d, want %d", h.Seq, last+1)
	case h.Prev != hash:
		return own, fmt.Errorf("block %d follows %v, but block %d is %v", h.Seq, h.Prev, last, hash)
	}
	return own, nil
}

// appendHeader appends all that stands before the body.
func appendHeader(out []byte, b *Block, runs []Run, inflated int) []byte {
	var flags byte
	if b.Claim {
		flags = flagClaim
	}
	be := binary.BigEndian
	out = append(append(out, magic...), Format, flags)
	out = be.AppendUint32(out, b.Partition)
	out = be.AppendUint64(out, b.Epoch)
	out = be.AppendUint64(out, b.Seq)
	out = append(out, b.Prev[:]...)
	out = append(append(out, byte(len(b.Node))), b.Node...)
	out = be.AppendUint16(out, uint16(len(b.Slices)))
	for _, s := range b.Slices {
		out = be.AppendUint32(out, s.Slice)
		out = be.AppendUint64(out, s.Seq)
		out = append(out, s.Hash[:]...)
	}
	out = be.AppendUint16(out, uint16(len(runs)))
	for _, r := range runs {
		out = append(append(out, byte(len(r.Tenant))), r.Tenant...)
		out = be.AppendUint64(out, r.First)
		out = be.AppendUint16(out, uint16(r.Count))
	}
	return be.AppendUint32(out, uint32(inflated))
}

// A body is what follows a header: compressed lines and their inflated size.
type body struct {
	frames   []byte
	inflated int
}

// split reads the header of data and checks all that can be checked without
// inflating.
func split(data []byte) (h Header, hash autonomics.Hash, rest body, err error) {
	if len(data) > MaxBlock {
		return h, hash, rest, fmt.Errorf("block of %d bytes: the limit is %d", len(data), MaxBlock)
	}
	hash = sha256.Sum256(data)
	c := cursor{rest: data}
	if string(c.take(len(magic))) != magic {
		return h, hash, rest, errors.New("not a block: it does not begin with " + magic)
	}
	if v := c.u8(); v != Format {
		return h, hash, rest, fmt.Errorf("block format %d: this version reads format %d only", v, Format)
	}
	flags := c.u8()
	h.Claim = flags == flagClaim
	h.Partition, h.Epoch, h.Seq = c.u32(), c.u64(), c.u64()
	copy(h.Prev[:], c.take(len(h.Prev)))
	h.Node = string(c.take(int(c.u8())))
	if n := int(c.u16()); n <= MaxSlices {
		for range n {
			s := SliceRef{Slice: c.u32(), Seq: c.u64()}
			copy(s.Hash[:], c.take(len(s.Hash)))
			h.Slices = append(h.Slices, s)
		}
	} else {
		return h, hash, rest, fmt.Errorf("block %d: %d slices: the limit is %d", h.Seq, n, MaxSlices)
	}
	if err := h.readRuns(&c); err != nil {
		return h, hash, rest, fmt.Errorf("block %d: %w", h.Seq, err)
	}
	rest = body{inflated: int(c.u32()), frames: c.rest}
	switch {
	case c.short:
		err = fmt.Errorf("block %d: its header is cut short", h.Seq)
	case flags > flagClaim:
		err = fmt.Errorf("block %d: unknown flags %#x", h.Seq, flags)
	case rest.inflated > MaxInflated:
		err = fmt.Errorf("block %d: %d bytes inflated: the limit is %d", h.Seq, rest.inflated, MaxInflated)
	case (len(h.Runs) == 0) != (len(rest.frames) == 0), (len(h.Runs) == 0) != (rest.inflated == 0):
		err = fmt.Errorf("block %d: its table has %d tenants, its body %d bytes", h.Seq, len(h.Runs), len(rest.frames))
	default:
		if err = h.valid(); err != nil {
			err = fmt.Errorf("block %d: %w", h.Seq, err)
		}
	}
	return h, hash, rest, err
}

// valid checks what the writer and the reader of a header demand alike.
func (h *Header) valid() error {
	switch {
	case h.Seq == 0:
		return errors.New("blocks are numbered from 1")
	case (h.Seq == 1) != h.Prev.IsZero():
		return fmt.Errorf("its previous hash is %v; that of block 1 alone is zero", h.Prev)
	case len(h.Node) > MaxNode:
		return fmt.Errorf("node name of %d bytes: the limit is %d", len(h.Node), MaxNode)
	case len(h.Slices) > MaxSlices:
		return fmt.Errorf("%d slices: the limit is %d", len(h.Slices), MaxSlices)
	case h.Claim && len(h.Runs) > 0:
		return errors.New("a claim has no lines")
	}
	return nil
}

// readRuns reads the table of tenants.
func (h *Header) readRuns(c *cursor) error {
	n := int(c.u16())
	if n > MaxReceipts {
		return fmt.Errorf("%d tenants: the limit is %d receipts", n, MaxReceipts)
	}
	seen := make(map[autonomics.Tenant]bool, n)
	total := 0
	for range n {
		r := Run{Tenant: autonomics.Tenant(c.take(int(c.u8()))), First: c.u64(), Count: int(c.u16())}
		switch {
		case c.short:
			return errors.New("its table is cut short")
		case !validTenant(r.Tenant):
			return fmt.Errorf("%q is not the name of a tenant", r.Tenant)
		case seen[r.Tenant]:
			return fmt.Errorf("tenant %s is twice in the table", r.Tenant)
		case r.First == 0 || r.Count == 0 || r.First > maxSeq:
			return fmt.Errorf("tenant %s: %d receipts from %d on", r.Tenant, r.Count, r.First)
		}
		seen[r.Tenant] = true
		if total += r.Count; total > MaxReceipts {
			return fmt.Errorf("more than %d receipts", MaxReceipts)
		}
		h.Runs = append(h.Runs, r)
	}
	return nil
}

// maxSeq is the highest number of a receipt: integers of receipts stay below
// 2^53.
const maxSeq = 1<<53 - 1

func validTenant(t autonomics.Tenant) bool {
	return t == autonomics.System || autonomics.ValidName(string(t))
}

// lines inflates a body: for each line its tenant's place in the table, its
// length, its bytes.
func lines(runs []Run, b body) ([]Line, error) {
	if len(runs) == 0 {
		return nil, nil
	}
	data, err := inflate(b.frames, b.inflated)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, r := range runs {
		total += r.Count
	}
	out := make([]Line, 0, total)
	had := make([]int, len(runs))
	for len(data) > 0 {
		run, n := binary.Uvarint(data)
		size, m := binary.Uvarint(data[max(n, 0):])
		if n <= 0 || m <= 0 || run >= uint64(len(runs)) || size == 0 || size > MaxLine || size > uint64(len(data)-n-m) {
			return nil, fmt.Errorf("line %d: not framed as a line of this block", len(out))
		}
		r := runs[run]
		if had[run] == r.Count {
			return nil, fmt.Errorf("line %d: tenant %s has more lines than its table says", len(out), r.Tenant)
		}
		end := n + m + int(size)
		out = append(out, Line{r.Tenant, r.First + uint64(had[run]), data[n+m : end : end]})
		had[run]++
		data = data[end:]
	}
	if len(out) != total {
		return nil, fmt.Errorf("%d lines, its table says %d", len(out), total)
	}
	return out, nil
}

// A cursor takes values off the front of a slice. Where the slice ends early
// it notes that and gives zeros.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.short, c.rest = true, nil
		return make([]byte, n)
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.BigEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.BigEndian.Uint64(c.take(8)) }
