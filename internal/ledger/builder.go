package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/autonomics-dev/autonomics"
)

// ErrFull: the lines do not fit into this block any more, but into the next.
var ErrFull = errors.New("block full")

const (
	// chunk is how much is compressed at once. Until then it counts with the
	// most that it can become, so no block ever turns out too large.
	chunk = 128 << 10
	// maxHeader is the size of a header without its table of tenants.
	maxHeader = fixedSize + 1 + MaxNode + 2 + MaxSlices*sliceSize + 2 + 4
)

// A Builder forms a block line by line and never exceeds a limit. The zero
// Builder is ready for use. It is for one goroutine.
type Builder struct {
	runs     []Run
	places   map[autonomics.Tenant]int // in runs
	count    int
	table    int    // bytes of the table of tenants
	inflated int    // bytes of all lines with their framing
	pending  []byte // framed lines, not yet compressed
	frames   []byte // the compressed ones
}

// Len returns the number of lines.
func (b *Builder) Len() int { return b.count }

// Add adds the receipts of one event: lines of one tenant with consecutive
// numbers, which stay together. It adds all of them, or none and returns
// ErrFull, or another error if they can be in no block at this place. It keeps
// nothing of lines.
func (b *Builder) Add(lines ...Line) error {
	if len(lines) == 0 {
		return nil
	}
	tenant := lines[0].Tenant
	place, known := b.places[tenant]
	if !known {
		place = len(b.runs)
	}
	size, err := b.check(lines, place)
	if err != nil {
		return err
	}
	table := 0
	if !known {
		table = 1 + len(tenant) + 8 + 2
	}
	if !b.fits(len(lines), table, size) {
		// What is compressed counts with its true size.
		b.compress()
		if !b.fits(len(lines), table, size) {
			if b.count == 0 {
				return fmt.Errorf("%d receipts of tenant %s, %d bytes: more than one block holds", len(lines), tenant, size)
			}
			return ErrFull
		}
	}
	if !known {
		if b.places == nil {
			b.places = map[autonomics.Tenant]int{}
		}
		b.places[tenant] = place
		b.runs = append(b.runs, Run{Tenant: tenant, First: lines[0].Seq})
	}
	for _, l := range lines {
		b.pending = binary.AppendUvarint(b.pending, uint64(place))
		b.pending = binary.AppendUvarint(b.pending, uint64(len(l.Bytes)))
		b.pending = append(b.pending, l.Bytes...)
	}
	b.runs[place].Count += len(lines)
	b.count += len(lines)
	b.table += table
	b.inflated += size
	if len(b.pending) >= chunk {
		b.compress()
	}
	return nil
}

// check returns the framed size of lines that continue the run at place.
func (b *Builder) check(lines []Line, place int) (size int, err error) {
	next := lines[0].Seq
	if place < len(b.runs) {
		next = b.runs[place].First + uint64(b.runs[place].Count)
	}
	tenant := lines[0].Tenant
	if !validTenant(tenant) {
		return 0, fmt.Errorf("%q is not the name of a tenant", tenant)
	}
	for _, l := range lines {
		switch {
		case l.Tenant != tenant:
			return 0, fmt.Errorf("receipts of tenants %s and %s as one event", tenant, l.Tenant)
		case l.Seq != next || l.Seq == 0 || l.Seq > maxSeq:
			return 0, fmt.Errorf("tenant %s: receipt %d where %d is next", tenant, l.Seq, max(next, 1))
		case len(l.Bytes) == 0 || len(l.Bytes) > MaxLine:
			return 0, fmt.Errorf("tenant %s: receipt %d has %d bytes: the limits are 1 and %d", tenant, l.Seq, len(l.Bytes), MaxLine)
		case bytes.IndexByte(l.Bytes, '\n') >= 0:
			return 0, fmt.Errorf("tenant %s: receipt %d holds a newline, which its canonical form does not", tenant, l.Seq)
		}
		next++
		size += uvarintLen(place) + uvarintLen(len(l.Bytes)) + len(l.Bytes)
	}
	return size, nil
}

// fits reports whether so many more lines can be added, whatever they
// compress to.
func (b *Builder) fits(lines, table, size int) bool {
	return b.count+lines <= MaxReceipts &&
		b.inflated+size <= MaxInflated &&
		maxHeader+b.table+table+len(b.frames)+deflatedBound(len(b.pending)+size) <= MaxBlock
}

func (b *Builder) compress() {
	if len(b.pending) > 0 {
		b.frames = deflate(b.frames, b.pending)
		b.pending = b.pending[:0]
	}
}

// Seal returns the encoded block of the lines added and of h's other members,
// and its hash. Afterwards the builder is empty, also after an error.
func (b *Builder) Seal(h Block) ([]byte, autonomics.Hash, error) {
	defer b.Reset()
	full := Header{Block: h, Runs: b.runs}
	err := full.valid()
	if err == nil && len(h.Lines) > 0 {
		err = errors.New("lines are given to Add")
	}
	if err != nil {
		return nil, autonomics.Hash{}, fmt.Errorf("seal block %d: %w", h.Seq, err)
	}
	b.compress()
	out := make([]byte, 0, maxHeader+b.table+len(b.frames))
	out = appendHeader(out, &h, b.runs, b.inflated)
	out = append(out, b.frames...)
	return out, sha256.Sum256(out), nil
}

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() {
	clear(b.places)
	*b = Builder{runs: b.runs[:0], places: b.places, pending: b.pending[:0], frames: b.frames[:0]}
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
