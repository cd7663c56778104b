package filestore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// A tail is what is uncertain about the end of the log.
type tail struct {
	torn  *damage // a record that was never acked, if there is one
	solid int64   // bytes of the last segment whose blocks the head knows
}

// recover reads the whole log and checks it against its head. In a store open
// for writing it then cuts off what was never acked, and leaves the end of the
// log and the head durable.
func (l *fileLog) recover() error {
	known, err := l.head.read()
	if err != nil {
		return l.fence(err)
	}
	firsts, err := l.list()
	if err != nil {
		return err
	}
	// What lies wholly before the first block kept is left from a trim that
	// was interrupted.
	var trimmed []uint64
	for len(firsts) > 1 && firsts[1] <= known.first {
		trimmed, firsts = append(trimmed, firsts[0]), firsts[1:]
	}
	end, err := l.check(firsts, known)
	if err != nil {
		return l.fence(err)
	}
	if end.torn != nil {
		l.cut = "a record that was never acked: " + end.torn.Error()
	}
	if l.readOnly {
		return nil
	}
	for _, first := range trimmed {
		if err := l.sys.remove(l.path(&segment{first: first})); err != nil {
			return err
		}
	}
	if err := l.settle(end); err != nil {
		return err
	}
	return l.head.replace(l.at)
}

// list returns the first numbers of all segments, in order.
func (l *fileLog) list() ([]uint64, error) {
	entries, err := l.sys.readDir(filepath.Join(l.root, "log"))
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries {
		n, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), ".seg"), 10, 64)
		if s := (segment{first: n}); err == nil && s.name() == "log/"+e.Name() {
			firsts = append(firsts, n)
		}
	}
	return firsts, nil
}

// check reads all segments and fills in what is committed.
func (l *fileLog) check(firsts []uint64, known position) (end tail, err error) {
	l.at.first = known.first
	if len(firsts) > 0 && firsts[0] < known.first {
		l.at.first = firsts[0]
	}
	l.at.seq = l.at.first - 1
	for i, first := range firsts {
		s := segment{first: first, next: first}
		if first != l.at.seq+1 {
			return end, &damage{file: s.name(), block: l.at.seq + 1, reason: "the segment that begins with this block is missing"}
		}
		end.solid, err = l.checkSegment(&s, known)
		l.segments = append(l.segments, s)
		var d *damage
		if i == len(firsts)-1 && errors.As(err, &d) && d.framing && d.block > known.seq {
			end.torn = d
			err = l.checkTorn(d)
		}
		if err != nil {
			return end, err
		}
	}
	if l.at.seq < known.seq {
		return end, &damage{file: "head", block: known.seq, reason: fmt.Sprintf("the log ends with block %d, the rest up to this one is missing", l.at.seq)}
	}
	return end, nil
}

// checkSegment reads one segment: its blocks must be whole and follow each
// other, and the one that the head knows must have the hash that it knows. It
// returns how many bytes the head knows.
func (l *fileLog) checkSegment(s *segment, known position) (solid int64, err error) {
	f, err := l.sys.open(l.path(s), os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	sc := l.sys.scan(f, s.name(), s.first, 0, info.Size())
	for {
		block, err := sc.record()
		if err == io.EOF {
			return solid, nil
		}
		if err != nil {
			return solid, err
		}
		if l.at.hash.IsZero() && s.next > 1 {
			// The first block kept: what was before it is gone.
			if h, _, err := ledger.DecodeHeader(block); err == nil {
				l.at.hash = h.Prev
			}
		}
		hash, err := ledger.Next(l.at.seq, l.at.hash, block)
		if err == nil && s.next == known.seq && hash != known.hash {
			err = fmt.Errorf("its hash is %v, but the head knows it as %v", hash, known.hash)
		}
		if err != nil {
			return solid, &damage{file: s.name(), offset: s.size, block: s.next, reason: err.Error()}
		}
		l.at.seq, l.at.hash = s.next, hash
		s.add(sc.off - s.size)
		if l.at.seq <= known.seq {
			solid = s.size
		}
	}
}

// checkTorn returns d unless nothing whole stands there or behind it.
func (l *fileLog) checkTorn(d *damage) error {
	f, err := l.sys.open(filepath.Join(l.root, d.file), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	rest, err := l.sys.readFrom(f, d.offset)
	if err != nil {
		return err
	}
	if anyRecord(rest) {
		d.reason += "; whole records stand there or behind it"
		return d
	}
	return nil
}

// settle makes the end of the log certain: a torn record is kept aside and cut
// off, and blocks that the head does not know yet are written once more, for
// after a failed sync they could be in memory only.
func (l *fileLog) settle(end tail) error {
	if len(l.segments) == 0 {
		return nil
	}
	s := &l.segments[len(l.segments)-1]
	if end.torn == nil && end.solid == s.size {
		return nil
	}
	if end.torn != nil {
		kept, err := l.aside(end.torn)
		if err != nil {
			return fmt.Errorf("keep a copy of %s: %w", s.name(), err)
		}
		l.cut += "; a copy is in " + kept
	}
	f, err := l.sys.open(l.path(s), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := l.sys.truncate(f, s.size); err != nil {
		return err
	}
	doubtful, err := l.sys.readFrom(f, end.solid)
	if err != nil {
		return err
	}
	if _, err := l.sys.writeAt(f, doubtful, end.solid); err != nil {
		return err
	}
	return l.sys.sync(f)
}

// fence keeps a copy of a damaged file and says where, if the store may be
// written to.
func (l *fileLog) fence(err error) error {
	var d *damage
	if !errors.As(err, &d) {
		return err
	}
	where := ""
	if !l.readOnly {
		kept, err := l.aside(d)
		switch {
		case err == nil:
			where = "; a copy is in " + kept
		case !errors.Is(err, fs.ErrNotExist):
			where = "; no copy was made: " + err.Error()
		}
	}
	return fmt.Errorf("%w%s; put back an undamaged copy of the store", d, where)
}

// aside copies a damaged file and returns the copy's path. The same damage
// found again is the same copy.
func (l *fileLog) aside(d *damage) (string, error) {
	data, err := l.sys.readFile(filepath.Join(l.root, d.file))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(l.root, "damaged")
	if err := l.sys.makeDir(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%.4x", filepath.Base(d.file), d.offset, sha256.Sum256(data)))
	if have, err := l.sys.readFile(path); err == nil && len(have) == len(data) {
		return path, nil
	}
	return path, l.sys.replace(path, data)
}
