package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/autonomics-dev/autonomics/internal/ledger"
)

const (
	// headEvery is how long a position may wait until the head is made
	// durable; with the sync itself it stays below the second promised.
	headEvery = 500 * time.Millisecond
	// markEvery is how many bytes of a segment lie between two marks: how much
	// is read at most to find a block.
	markEvery = 64 << 10
)

// A fileLog is the chain of blocks in segments.
type fileLog struct {
	sys      *system
	root     string
	limit    int64 // of a segment
	readOnly bool
	cut      string

	write  sync.Mutex // owns the members up to mu; taken before mu
	head   head
	file   *os.File    // the last segment, nil if none is begun
	broken bool        // repair must succeed before anything is appended
	buf    []byte      // the record being written
	timer  *time.Timer // set while the head has positions that are not durable
	closed bool

	mu       sync.RWMutex // owns the members below: what is committed
	at       position
	segments []segment
}

// A segment is one file of records.
type segment struct {
	first uint64 // number of its first block, also if it has none yet
	next  uint64 // number after its last block
	size  int64  // bytes of all its committed records
	marks []mark // ascending
}

// A mark says where a block begins.
type mark struct {
	seq uint64
	off int64
}

func newLog(sys *system, root, cluster string, limit int64, readOnly bool) *fileLog {
	return &fileLog{
		sys: sys, root: root, limit: limit, readOnly: readOnly,
		head: head{sys: sys, path: filepath.Join(root, "head"), cluster: cluster},
	}
}

// name is the segment's path inside the store.
func (s *segment) name() string { return fmt.Sprintf("log/%020d.seg", s.first) }

func (l *fileLog) path(s *segment) string { return filepath.Join(l.root, s.name()) }

// add counts a record of so many bytes.
func (s *segment) add(size int64) {
	if n := len(s.marks); n == 0 || s.size-s.marks[n-1].off >= markEvery {
		s.marks = append(s.marks, mark{s.next, s.size})
	}
	s.size += size
	s.next++
}

func (l *fileLog) Append(ctx context.Context, seq uint64, block []byte) error {
	l.write.Lock()
	defer l.write.Unlock()
	err := l.append(ctx, seq, block)
	if err != nil {
		return fmt.Errorf("append block %d: %w", seq, err)
	}
	return nil
}

func (l *fileLog) append(ctx context.Context, seq uint64, block []byte) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.closed:
		return errClosed
	case l.readOnly:
		return errReadOnly
	case seq <= l.at.seq:
		return l.repeated(ctx, seq, block)
	case seq != l.at.seq+1:
		return fmt.Errorf("the next one is %d", l.at.seq+1)
	}
	hash, err := ledger.Next(l.at.seq, l.at.hash, block)
	if err != nil {
		return err
	}
	if err := l.ready(int64(recordHeader + len(block))); err != nil {
		return err
	}
	s := &l.segments[len(l.segments)-1]
	l.buf = appendRecord(l.buf[:0], seq, block)
	p := position{seq, hash, l.at.first}
	if err := l.commit(s, p); err != nil {
		l.broken = true
		return err
	}
	l.mu.Lock()
	s.add(int64(len(l.buf)))
	l.at = p
	l.mu.Unlock()
	return nil
}

// repeated answers an append under a number that is taken.
func (l *fileLog) repeated(ctx context.Context, seq uint64, block []byte) error {
	same := false
	stop := errors.New("compared")
	err := l.Read(ctx, seq, func(_ uint64, have []byte) error {
		same = bytes.Equal(have, block)
		return stop
	})
	if err != stop && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if !same {
		return fmt.Errorf("%w: the last one is %d", ledger.ErrConflict, l.at.seq)
	}
	return nil
}

// ready sees to it that a record of so many bytes can be appended.
func (l *fileLog) ready(size int64) error {
	if l.broken {
		return l.repair()
	}
	if n := len(l.segments); n > 0 {
		if s := &l.segments[n-1]; s.size == 0 || s.size+size <= l.limit {
			return l.resume(s)
		}
	}
	// Where that fails there may be a file for the next block already, so the
	// segment before it must not take that block, though it had room.
	err := l.begin()
	l.broken = err != nil
	return err
}

// resume opens the last segment, if that was not done yet.
func (l *fileLog) resume(s *segment) (err error) {
	if l.file == nil {
		l.file, err = l.sys.open(l.path(s), os.O_RDWR)
	}
	return err
}

// commit writes the record in buf behind the segment and the position into the
// head.
func (l *fileLog) commit(s *segment, p position) error {
	if _, err := l.sys.writeAt(l.file, l.buf, s.size); err != nil {
		return err
	}
	if err := l.sys.datasync(l.file); err != nil {
		return fmt.Errorf("sync %s: %w", s.name(), err)
	}
	if err := l.head.write(p); err != nil {
		return err
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(headEvery, l.syncHead)
	}
	return nil
}

// syncHead makes the head durable some time after it was written.
func (l *fileLog) syncHead() {
	l.write.Lock()
	defer l.write.Unlock()
	if l.timer == nil || l.closed {
		return
	}
	l.timer = nil
	if err := l.head.sync(); err != nil {
		l.broken = true
	}
}

// begin starts the segment of the next block.
func (l *fileLog) begin() error {
	s := segment{first: l.at.seq + 1, next: l.at.seq + 1}
	path := l.path(&s)
	// A file of this name holds nothing committed: it is left from a start
	// that did not succeed.
	if err := l.sys.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("begin segment: %w", err)
	}
	f, err := l.sys.open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	err = l.sys.sync(f)
	if err == nil {
		err = l.sys.syncDir(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("begin segment: %w", err)
	}
	l.closeFile()
	l.file = f
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.segments); n > 0 && l.segments[n-1].size == 0 {
		l.segments = l.segments[:n-1]
	}
	l.segments = append(l.segments, s)
	return nil
}

// repair takes back what a failed append may have left: first in the head,
// then in the segment. Then it begins another segment, since after a failed
// sync nobody knows what of the old file's pages is on the disk.
func (l *fileLog) repair() error {
	if err := l.head.replace(l.at); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if n := len(l.segments); n > 0 && l.file != nil {
		s := &l.segments[n-1]
		err := l.sys.truncate(l.file, s.size)
		if err == nil {
			err = l.sys.sync(l.file)
		}
		if err != nil {
			return fmt.Errorf("repair %s: %w", s.name(), err)
		}
	}
	if err := l.begin(); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	l.broken = false
	return nil
}

func (l *fileLog) Last(context.Context) (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.at.seq, nil
}

func (l *fileLog) Read(ctx context.Context, seq uint64, fn func(uint64, []byte) error) error {
	l.mu.RLock()
	at := l.at
	if seq == 0 {
		seq = at.first
	}
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].next > seq })
	segments := append([]segment(nil), l.segments[i:]...)
	l.mu.RUnlock()
	if seq < at.first {
		return fmt.Errorf("read block %d: %w: the first one kept is %d", seq, ledger.ErrNotFound, at.first)
	}
	for i := range segments {
		if err := l.readSegment(ctx, &segments[i], seq, fn); err != nil {
			return err
		}
	}
	return nil
}

// readSegment calls fn for the blocks of s from number seq on.
func (l *fileLog) readSegment(ctx context.Context, s *segment, seq uint64, fn func(uint64, []byte) error) error {
	if s.size == 0 {
		return nil
	}
	f, err := l.sys.open(l.path(s), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %s was trimmed meanwhile", ledger.ErrNotFound, s.name())
	}
	if err != nil {
		return fmt.Errorf("read block %d: %w", max(seq, s.first), err)
	}
	defer f.Close()
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].seq > seq })
	m := s.marks[max(i-1, 0)]
	sc := l.sys.scan(f, s.name(), m.seq, m.off, s.size)
	for {
		n := sc.next
		block, err := sc.record()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read block %d: %w", n, err)
		}
		if n < seq {
			continue
		}
		if err := fn(n, block); err != nil {
			return err
		}
	}
}

func (l *fileLog) Trim(ctx context.Context, seq uint64) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.trim(ctx, seq); err != nil {
		return fmt.Errorf("trim to block %d: %w", seq, err)
	}
	return nil
}

func (l *fileLog) trim(ctx context.Context, seq uint64) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.closed:
		return errClosed
	case l.readOnly:
		return errReadOnly
	}
	seq = min(seq, l.at.seq)
	gone := 0
	for gone < len(l.segments) && l.segments[gone].next <= seq {
		gone++
	}
	if gone == 0 {
		return nil
	}
	if l.broken {
		if err := l.repair(); err != nil {
			return err
		}
	}
	// The head must know first, or the missing segments would be damage.
	p := l.at
	p.first = l.segments[gone].first
	err := l.head.write(p)
	if err == nil {
		err = l.head.sync()
	}
	if err != nil {
		l.broken = true
		return err
	}
	l.mu.Lock()
	old := l.segments[:gone]
	l.at = p
	l.segments = append([]segment(nil), l.segments[gone:]...)
	l.mu.Unlock()
	for i := range old {
		if err := l.sys.remove(l.path(&old[i])); err != nil {
			return err
		}
	}
	return l.sys.syncDir(filepath.Join(l.root, "log"))
}

// close makes the head durable. What a failed append has left is taken back if
// that is possible now; else the next start deals with it.
func (l *fileLog) close() error {
	l.write.Lock()
	defer l.write.Unlock()
	if l.closed {
		return errClosed
	}
	l.closed = true
	var err error
	if l.broken {
		err = l.repair()
	} else if l.timer != nil {
		l.timer.Stop()
		err = l.head.sync()
	}
	l.closeFile()
	l.head.close()
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

func (l *fileLog) closeFile() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
