package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
)

// An inode is what a disk has of a file, and what is in memory only.
type inode struct {
	durable []byte
	pending []change // since the last sync
}

// A change is a write, or a truncation if data is nil.
type change struct {
	off  int64
	data []byte
}

func (c change) apply(to []byte) []byte {
	if c.data == nil {
		if int64(len(to)) > c.off {
			return to[:c.off:c.off]
		}
		return append(to, make([]byte, c.off-int64(len(to)))...)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(to)) {
		to = append(to, make([]byte, end-int64(len(to)))...)
	}
	copy(to[c.off:], c.data)
	return to
}

// A mains is a system that knows what a power cut leaves. Files are real; what
// is not synced may be gone after a cut, as a whole or in part, and a failed
// sync forgets it for good though it can still be read.
type mains struct {
	system
	r      *rand.Rand
	dir    string
	files  map[*os.File]*inode
	names  map[string]*inode // as programs see them
	disk   map[string]*inode // as the disk has them
	moves  []func()          // changes of names that the disk does not have yet
	faults bool              // some syncs fail
}

func newMains(r *rand.Rand, dir string) *mains {
	ok := realSystem()
	m := &mains{system: ok, r: r, dir: dir, files: map[*os.File]*inode{}, names: map[string]*inode{}, disk: map[string]*inode{}}
	m.open = func(path string, flag int) (*os.File, error) {
		f, err := ok.open(path, flag)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err != nil || info.IsDir() {
			return f, err
		}
		in := m.names[path]
		if in == nil {
			in = &inode{}
			m.name(path, in)
		}
		if flag&os.O_TRUNC != 0 {
			in.pending = append(in.pending, change{})
		}
		m.files[f] = in
		return f, nil
	}
	m.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
		in := m.files[f]
		in.pending = append(in.pending, change{off, bytes.Clone(b)})
		return ok.writeAt(f, b, off)
	}
	m.truncate = func(f *os.File, size int64) error {
		in := m.files[f]
		in.pending = append(in.pending, change{off: size})
		return ok.truncate(f, size)
	}
	m.rename = func(from, to string) error {
		in := m.names[from]
		m.name(to, in)
		m.name(from, nil)
		return ok.rename(from, to)
	}
	m.remove = func(path string) error {
		m.name(path, nil)
		return ok.remove(path)
	}
	m.sync, m.datasync = m.flush, m.flush
	return m
}

// name gives a file a name, or takes the name away.
func (m *mains) name(path string, in *inode) {
	set := func(names map[string]*inode) {
		if in == nil {
			delete(names, path)
		} else {
			names[path] = in
		}
	}
	set(m.names)
	m.moves = append(m.moves, func() { set(m.disk) })
}

func (m *mains) flush(f *os.File) error {
	in := m.files[f]
	fails := m.faults && m.r.IntN(8) == 0
	switch {
	case in == nil && !fails:
		for _, move := range m.moves {
			move()
		}
		m.moves = nil
	case in != nil && fails:
		// A truncation is of the file's metadata, which a journal keeps.
		kept := in.pending[:0]
		for _, c := range in.pending {
			if c.data == nil {
				kept = append(kept, c)
			}
		}
		in.pending = kept
	case in != nil:
		for _, c := range in.pending {
			in.durable = c.apply(in.durable)
		}
		in.pending = nil
	}
	if fails {
		return syscall.EIO
	}
	return nil
}

// cut writes what the disk has after a power cut to a new directory.
func (m *mains) cut(t *testing.T, dir string) {
	for _, move := range m.moves[:m.r.IntN(len(m.moves)+1)] {
		move()
	}
	for _, sub := range []string{"log", "blobs", "damaged"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for path, in := range m.disk {
		data := bytes.Clone(in.durable)
		for _, c := range in.pending {
			switch m.r.IntN(4) {
			case 0: // not done
			case 1: // its first part, but a sector is written as a whole
				if end := c.off + int64(len(c.data)); end > (c.off/512+1)*512 {
					c.data = c.data[:m.r.IntN(len(c.data)+1)]
				}
				data = c.apply(data)
			case 2: // its size only
				if end := c.off + int64(len(c.data)); end > int64(len(data)) {
					data = change{off: end}.apply(data)
				}
			case 3:
				data = c.apply(data)
			}
		}
		name, err := filepath.Rel(m.dir, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// adopt takes the files of m.dir as durable.
func (m *mains) adopt(t *testing.T) {
	for name, data := range readDisk(t, m.dir) {
		in := &inode{durable: data}
		m.names[filepath.Join(m.dir, name)] = in
		m.disk[filepath.Join(m.dir, name)] = in
	}
}

// A life is a store through crashes, failed syncs and power cuts.
type life struct {
	t      *testing.T
	seed   uint64
	r      *rand.Rand
	m      *mains
	s      *Store
	blocks [][]byte // acked, or seen after a start
	first  uint64
	tried  [][]byte // since then: an append that failed may turn out as done
}

func (l *life) fatal(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf("seed %d: %s", l.seed, fmt.Sprintf(format, args...))
}

// start opens the store. All that was acked must be there, and at most the
// block that was tried last besides.
func (l *life) start() {
	l.t.Helper()
	var err error
	for {
		l.s, err = open(l.m.dir, Options{SegmentBytes: 800}, l.m.system, false)
		if err == nil {
			break
		}
		if !l.m.faults || !errors.Is(err, syscall.EIO) {
			l.fatal("%v", err)
		}
	}
	l.check()
}

func (l *life) check() {
	l.t.Helper()
	last, err := l.s.Log().Last(l.t.Context())
	if err != nil {
		l.fatal("%v", err)
	}
	acked := len(l.blocks)
	n := l.first
	err = l.s.Log().Read(l.t.Context(), n, func(seq uint64, b []byte) error {
		if seq == uint64(acked+1) && slices.ContainsFunc(l.tried, func(t []byte) bool { return bytes.Equal(t, b) }) {
			l.blocks = append(l.blocks, bytes.Clone(b))
		}
		if seq != n || seq > uint64(len(l.blocks)) || !bytes.Equal(b, l.blocks[seq-1]) {
			return fmt.Errorf("block %d is not the one acked", seq)
		}
		n++
		return nil
	})
	if err != nil || n != uint64(len(l.blocks)+1) || last != n-1 {
		l.fatal("%d of %d blocks are there: %v", n-1, len(l.blocks), err)
	}
	l.tried = nil
}

func (l *life) append() {
	seq := uint64(len(l.blocks) + 1)
	var prev autonomics.Hash
	if seq > 1 {
		var err error
		if _, prev, err = ledger.DecodeHeader(l.blocks[seq-2]); err != nil {
			l.fatal("%v", err)
		}
	}
	block := ledgertest.Chain(l.t, seq-1, prev, 1, 20+l.r.IntN(200))[0]
	err := l.s.Log().Append(l.t.Context(), seq, block)
	switch {
	case err == nil:
		l.blocks = append(l.blocks, block)
		l.tried = nil
	case errors.Is(err, syscall.EIO):
		l.tried = append(l.tried, block)
	default:
		l.fatal("%v", err)
	}
}

// TestPowerCuts goes through many lives.
func TestPowerCuts(t *testing.T) {
	root := scratch(t)
	cuts := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		dirs := 0
		next := func() *mains {
			dirs++
			dir := fmt.Sprintf("%s/%d-%d", root, seed, dirs)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			return newMains(r, dir)
		}
		l := &life{t: t, seed: seed, r: r, m: next(), first: 1}
		l.start()
		for range 60 {
			l.m.faults = seed%2 == 1
			switch n := r.IntN(20); {
			case n < 12:
				l.append()
			case n < 14:
				l.s.log.syncHead()
			case n < 15 && len(l.blocks) > 0:
				if seq := 1 + r.Uint64N(uint64(len(l.blocks))); l.s.Log().Trim(t.Context(), seq) == nil {
					l.first = max(l.first, seq)
				} else {
					l.first = max(l.first, uint64(len(l.blocks)))
				}
			case n < 17:
				crash(l.s)
				l.start()
			case n < 18:
				if err := l.s.Close(); err != nil && !errors.Is(err, syscall.EIO) {
					l.fatal("%v", err)
				}
				l.start()
			case n < 19:
				crash(l.s)
				cuts++
				m := next()
				l.m.cut(t, m.dir)
				m.adopt(t)
				l.m = m
				l.start()
			default:
				l.s.Blobs().Put(t.Context(), "a", make([]byte, r.IntN(100)))
			}
		}
		crash(l.s)
	}
	if cuts < 200 {
		t.Errorf("only %d power cuts", cuts)
	}
}
