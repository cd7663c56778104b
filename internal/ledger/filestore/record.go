package filestore

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// A segment is a file of records. A record is the length of its block (4
// bytes), the block's number (8), the CRC-32C of both and of the block (4),
// and the block; numbers are big-endian.
const recordHeader = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(header, block []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, header[:12]), castagnoli, block)
}

// appendRecord appends the record of a block to out.
func appendRecord(out []byte, seq uint64, block []byte) []byte {
	be := binary.BigEndian
	at := len(out)
	out = be.AppendUint32(out, uint32(len(block)))
	out = be.AppendUint64(out, seq)
	out = be.AppendUint32(out, checksum(out[at:], block))
	return append(out, block...)
}

// damage says that the log is not as it was written.
type damage struct {
	file    string // inside the store
	offset  int64
	block   uint64
	reason  string
	framing bool // the record itself is spoiled or cut short
}

func (d *damage) Error() string {
	return fmt.Sprintf("%v: %s, offset %d, block %d: %s", ledger.ErrFenced, d.file, d.offset, d.block, d.reason)
}

func (d *damage) Unwrap() error { return ledger.ErrFenced }

// A scanner reads the records of one segment in order. Errors are *damage, or
// those of reading.
type scanner struct {
	r    *bufio.Reader
	file string
	off  int64 // of the next record
	end  int64
	next uint64 // number of the next record
	buf  []byte
}

// scan begins at the record with number next, which is at off, and ends at end.
func (s *system) scan(f *os.File, file string, next uint64, off, end int64) *scanner {
	r := io.NewSectionReader(source{s, f}, off, end-off)
	return &scanner{r: bufio.NewReaderSize(r, 64<<10), file: file, off: off, end: end, next: next}
}

// record returns the next block, which is valid until the next call, or io.EOF
// at the end.
func (s *scanner) record() ([]byte, error) {
	rest := s.end - s.off
	if rest == 0 {
		return nil, io.EOF
	}
	if rest < recordHeader {
		return nil, s.damaged("its header is cut short")
	}
	var header [recordHeader]byte
	if err := s.read(header[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(header[:]))
	seq := binary.BigEndian.Uint64(header[4:])
	switch {
	case size == 0 || size > ledger.MaxBlock:
		return nil, s.damaged(fmt.Sprintf("a length of %d bytes is not that of a block", size))
	case seq != s.next:
		return nil, s.damaged(fmt.Sprintf("number %d stands in its place", seq))
	case size > rest-recordHeader:
		return nil, s.damaged(fmt.Sprintf("cut short: %d of %d bytes", rest-recordHeader, size))
	}
	if int64(cap(s.buf)) < size {
		s.buf = make([]byte, size)
	}
	block := s.buf[:size]
	if err := s.read(block); err != nil {
		return nil, err
	}
	if checksum(header[:], block) != binary.BigEndian.Uint32(header[12:]) {
		return nil, s.damaged("its checksum does not fit")
	}
	s.off += recordHeader + size
	s.next++
	return block, nil
}

func (s *scanner) read(b []byte) error {
	_, err := io.ReadFull(s.r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return s.damaged("the file has become shorter")
	}
	if err != nil {
		return fmt.Errorf("read %s at %d: %w", s.file, s.off, err)
	}
	return nil
}

func (s *scanner) damaged(reason string) error {
	return &damage{s.file, s.off, s.next, reason, true}
}

// anyRecord reports whether there is a whole record anywhere in tail.
func anyRecord(tail []byte) bool {
	for ; len(tail) > recordHeader; tail = tail[1:] {
		size := int(binary.BigEndian.Uint32(tail))
		if size == 0 || size > ledger.MaxBlock || size > len(tail)-recordHeader {
			continue
		}
		if checksum(tail, tail[recordHeader:recordHeader+size]) == binary.BigEndian.Uint32(tail[12:]) {
			return true
		}
	}
	return false
}
