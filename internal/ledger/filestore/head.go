package filestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"github.com/autonomics-dev/autonomics"
)

// A slot lies within one sector, which a disk writes as a whole or not at all:
// both slots may be on their way when the power is cut. The slots lie apart, so
// that a sector gone bad spoils one of them only.
const (
	slotSize  = 8 + 32 + 8 + 4
	slotApart = 4096
	headSize  = slotApart + slotSize
)

// A position is how far the log has come: its last block and that block's
// hash, and the first block kept.
type position struct {
	seq   uint64
	hash  autonomics.Hash
	first uint64
}

// A head is the file of two slots that hold the last positions, in turn: the
// log must reach the newer one.
type head struct {
	sys     *system
	path    string
	cluster string // goes into the checksum, so that a head fits one store only
	file    *os.File
	slot    int64 // the next to be written
}

// slotBytes is the position (8 + 32 + 8 bytes) and the CRC-32C of the
// cluster's id and of those (4 bytes).
func (h *head) slotBytes(p position) []byte {
	be := binary.BigEndian
	out := be.AppendUint64(make([]byte, 0, slotSize), p.seq)
	out = append(out, p.hash[:]...)
	out = be.AppendUint64(out, p.first)
	return be.AppendUint32(out, h.sum(out))
}

func (h *head) sum(slot []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(h.cluster), castagnoli), castagnoli, slot)
}

func (h *head) parse(slot []byte) (p position, ok bool) {
	be := binary.BigEndian
	if h.sum(slot[:slotSize-4]) != be.Uint32(slot[slotSize-4:]) {
		return p, false
	}
	p.seq = be.Uint64(slot)
	copy(p.hash[:], slot[8:])
	p.first = be.Uint64(slot[40:])
	return p, true
}

// contents is the whole file with p in both slots.
func (h *head) contents(p position) []byte {
	out := make([]byte, headSize)
	copy(out, h.slotBytes(p))
	copy(out[slotApart:], h.slotBytes(p))
	return out
}

// newer reports whether p was written after q.
func (p position) newer(q position) bool {
	return p.seq > q.seq || p.seq == q.seq && p.first > q.first
}

// read returns the newer of the two positions. One of them may be spoiled by a
// crash; if both are, nothing tells how long the log must be.
func (h *head) read() (position, error) {
	data, err := h.sys.readFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, &damage{file: "head", reason: "the file is missing"}
	}
	if err != nil {
		return position{}, err
	}
	if len(data) != headSize {
		return position{}, &damage{file: "head", reason: fmt.Sprintf("%d bytes, want %d", len(data), headSize)}
	}
	a, okA := h.parse(data[:slotSize])
	b, okB := h.parse(data[slotApart:])
	switch {
	case !okA && !okB:
		return position{}, &damage{file: "head", reason: "neither slot is whole and of this store"}
	case !okA || okB && b.newer(a):
		return b, nil
	}
	return a, nil
}

// write puts p into the slot whose turn it is. It is durable after sync.
func (h *head) write(p position) error {
	if _, err := h.sys.writeAt(h.file, h.slotBytes(p), h.slot*slotApart); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	h.slot = 1 - h.slot
	return nil
}

func (h *head) sync() error {
	if err := h.sys.datasync(h.file); err != nil {
		return fmt.Errorf("sync head: %w", err)
	}
	return nil
}

// replace makes a new file, durable, with p in both slots, and goes on in it.
func (h *head) replace(p position) error {
	if err := h.sys.replace(h.path, h.contents(p)); err != nil {
		return fmt.Errorf("replace head: %w", err)
	}
	f, err := h.sys.open(h.path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("replace head: %w", err)
	}
	h.close()
	h.file = f
	return nil
}

func (h *head) close() {
	if h.file != nil {
		h.file.Close()
		h.file = nil
	}
}
