package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
)

// scratch makes a directory in memory where the system has such: tests that
// make thousands of stores need no disk.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "filestore")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A disk is the contents of a store's directory, by path.
type disk map[string][]byte

func readDisk(t *testing.T, dir string) disk {
	t.Helper()
	d := disk{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		d[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write makes a new directory with the contents of d, but for name, which gets
// value, or is missing if value is nil.
func (d disk) write(t *testing.T, name string, value []byte) string {
	t.Helper()
	dir := scratch(t)
	for _, sub := range []string{"log", "blobs"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for path, data := range d {
		if path == name {
			data = value
		}
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// same reports whether dir holds d, but for name, which must have value, and
// for copies of damaged files.
func (d disk) same(t *testing.T, dir, name string, value []byte) bool {
	t.Helper()
	now := readDisk(t, dir)
	for path := range now {
		if strings.HasPrefix(path, "damaged/") {
			delete(now, path)
		}
	}
	for path, data := range d {
		if path == name {
			data = value
		}
		if have, ok := now[path]; ok != (data != nil) || !bytes.Equal(have, data) {
			return false
		}
		delete(now, path)
	}
	return len(now) == 0
}

// copies returns what is kept in damaged/.
func copies(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	for path, data := range readDisk(t, dir) {
		if strings.HasPrefix(path, "damaged/") {
			out = append(out, data)
		}
	}
	return out
}

func mustOpen(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openUnsynced opens a store that makes nothing durable: no test can tell, and
// opening is much faster.
func openUnsynced(dir string) (*Store, error) {
	sys := realSystem()
	sys.sync = func(*os.File) error { return nil }
	sys.datasync = sys.sync
	return open(dir, Options{SegmentBytes: 1 << 20}, sys, false)
}

func mustOpenUnsynced(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := openUnsynced(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// crash ends a store as a kill would: nothing is written any more.
func crash(s *Store) {
	l := s.log
	l.write.Lock()
	defer l.write.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.closeFile()
	l.head.close()
	s.dir.Close()
}

// sampleDisk is a store with blocks in segments of three, and one blob.
func sampleDisk(t *testing.T, blocks [][]byte) disk {
	t.Helper()
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{SegmentBytes: 3 * int64(recordHeader+len(blocks[0])+20)})
	ledgertest.Append(t, s.Log(), 1, blocks)
	if err := s.Blobs().Put(t.Context(), "a/b", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return readDisk(t, dir)
}

func segmentNames(d disk) (names []string) {
	for _, first := range []uint64{1, 4, 7, 10} {
		if s := (segment{first: first}); d[s.name()] != nil {
			names = append(names, s.name())
		}
	}
	return names
}

// lag returns d with the head that it had at an earlier block: what a power cut
// may leave.
func (d disk) lag(t *testing.T, seq uint64, blocks [][]byte) disk {
	t.Helper()
	out := disk{}
	for path, data := range d {
		out[path] = data
	}
	var id identity
	id, err := readIdentity(ptr(realSystem()), d.write(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	p := position{seq: seq, first: 1}
	if seq > 0 {
		_, p.hash, err = ledger.DecodeHeader(blocks[seq-1])
		if err != nil {
			t.Fatal(err)
		}
	}
	h := head{cluster: id.Cluster}
	out["head"] = h.contents(p)
	return out
}

func ptr[T any](v T) *T { return &v }

// TestCutEverywhere cuts the log at every byte of its last record. Where the
// head knows the record the store is fenced, else the rest goes and the log
// goes on.
func TestCutEverywhere(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 9, 200)
	d := sampleDisk(t, blocks[:8])
	if names := segmentNames(d); len(names) != 3 {
		t.Fatalf("segments %q, want three", names)
	}
	name := (&segment{first: 7}).name()
	full := d[name]
	record := recordHeader + len(blocks[7])
	for cut := 1; cut <= record; cut++ {
		rest := full[:len(full)-cut]
		dir := d.write(t, name, rest)
		for range 2 {
			s, err := openUnsynced(dir)
			if !errors.Is(err, ledger.ErrFenced) || (cut < record) != strings.Contains(err.Error(), name) {
				t.Fatalf("%d bytes cut off a known record: %v, want ErrFenced and its place", cut, err)
			}
			if s != nil || !d.same(t, dir, name, rest) {
				t.Fatalf("%d bytes cut off: a fenced store was changed", cut)
			}
			if len(copies(t, dir)) != 1 {
				t.Fatalf("%d bytes cut off: %d copies", cut, len(copies(t, dir)))
			}
		}

		dir = d.lag(t, 7, blocks).write(t, name, rest)
		r, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		ledgertest.Holds(t, r.Log(), 1, blocks[:7])
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		s := mustOpenUnsynced(t, dir)
		ledgertest.Holds(t, s.Log(), 1, blocks[:7])
		if torn := cut < record; torn != (s.Cut() != "") || torn != (len(copies(t, dir)) == 1) {
			t.Errorf("%d bytes cut off: cut %q, %d copies", cut, s.Cut(), len(copies(t, dir)))
		} else if torn && !bytes.Equal(copies(t, dir)[0], rest) {
			t.Errorf("%d bytes cut off: the copy differs", cut)
		}
		ledgertest.Append(t, s.Log(), 8, blocks[7:])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpenUnsynced(t, dir)
		ledgertest.Holds(t, s.Log(), 1, blocks)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlipEverywhere flips bits of every byte of every file. The log holds what
// was appended, or the store is refused and left as it is.
func TestFlipEverywhere(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 8, 60)
	d := sampleDisk(t, blocks)
	harmless := map[string]int{}
	for name, good := range d {
		for i := range good {
			if name == "head" && i > slotSize+10 && i < slotApart-10 {
				continue // unused, between the slots
			}
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			dir := d.write(t, name, bad)
			s, err := openUnsynced(dir)
			if err != nil {
				if name != "store.json" && !errors.Is(err, ledger.ErrFenced) {
					t.Errorf("%s, byte %d: %v, want ErrFenced", name, i, err)
				}
				if !d.same(t, dir, name, bad) {
					t.Errorf("%s, byte %d: refused, and changed all the same", name, i)
				}
				continue
			}
			ledgertest.Holds(t, s.Log(), 1, blocks)
			if _, err := s.Blobs().Get(t.Context(), "a/b"); err == nil {
				harmless[name]++
			} else if !errors.Is(err, ledger.ErrFenced) {
				t.Errorf("%s, byte %d: %v, want ErrFenced", name, i, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// One spoiled slot of the head is what a crash may leave; the other one
	// and the log itself make up for it.
	if len(harmless) != 1 || harmless["head"] == 0 {
		t.Errorf("flips without effect: %v, want some in the head only", harmless)
	}
}

// TestDamage changes the files of a store in ways that no crash does.
func TestDamage(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 8, 200)
	forged := ledgertest.Chain(t, 0, autonomics.Hash{}, 8, 201)
	d := sampleDisk(t, blocks)
	lagging := d.lag(t, 6, blocks)
	seg := func(first uint64) string { return (&segment{first: first}).name() }
	size := func(seq int) int { return recordHeader + len(blocks[seq-1]) }
	last := d[seg(7)] // blocks 7 and 8
	flipped := bytes.Clone(last)
	flipped[recordHeader+5] ^= 1
	for _, c := range []struct {
		name  string
		disk  disk
		file  string
		value []byte
		want  string
	}{
		{"the head is missing", d, "head", nil, "head, offset 0, block 0: the file is missing"},
		{"the head is empty", d, "head", []byte{}, "0 bytes, want 4148"},
		{"the head is all zeros", d, "head", make([]byte, headSize), "neither slot"},
		{"the head of another store", d, "head", sampleDisk(t, blocks)["head"], "neither slot"},
		{"the head knows another block", d, "head", d.lag(t, 5, forged)["head"], "block 5: its hash is"},
		{"the first segment is missing", d, seg(1), nil, "block 1: the segment that begins with this block is missing"},
		{"a segment is missing", d, seg(4), nil, "block 4: the segment that begins with this block is missing"},
		{"the last segment is missing", d, seg(7), nil, "head, offset 0, block 8: the log ends with block 6"},
		{"the last segment is empty", d, seg(7), []byte{}, "head, offset 0, block 8: the log ends with block 6"},
		{"an inner segment is cut", d, seg(4), d[seg(4)][:size(4)+9], fmt.Sprintf("offset %d, block 5: its header is cut short", size(4))},
		{"an inner segment lacks its last block", d, seg(4), d[seg(4)][:size(4)+size(5)], "block 6: the segment that begins"},
		{"a block is missing", d, seg(4), append(bytes.Clone(d[seg(4)][:size(4)]), d[seg(4)][size(4)+size(5):]...), "block 5: number 6 stands in its place"},
		{"a block is there twice", d, seg(4), append(bytes.Clone(d[seg(4)]), d[seg(4)][size(4)+size(5):]...), "block 7: number 6 stands in its place"},
		{"zeros behind an inner segment", d, seg(4), append(bytes.Clone(d[seg(4)]), make([]byte, 100)...), "block 7: a length of 0 bytes"},
		{"another chain's last block", d, seg(7), append(bytes.Clone(last[:size(7)]), appendRecord(nil, 8, forged[7])...), "block 8: block 8 follows"},
		{"a whole record that is no block", lagging, seg(7), appendRecord(nil, 7, []byte("hello")), "block 7: not a block"},
		{"a bad record before a good one", lagging, seg(7), flipped, "block 7: its checksum does not fit; whole records stand"},
		{"a record after the next one", lagging, seg(7), last[size(7):], "block 7: number 8 stands in its place; whole records stand"},
		{"an older record at the end", lagging, seg(7), append(bytes.Clone(last), last[:size(7)]...), "block 9: number 7 stands in its place; whole records stand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.disk.write(t, c.file, c.value)
			for _, readOnly := range []bool{true, false} {
				_, err := open(dir, Options{SegmentBytes: 1 << 20}, realSystem(), readOnly)
				if !errors.Is(err, ledger.ErrFenced) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("read only %v: %v, want ErrFenced and %q", readOnly, err, c.want)
				}
				if readOnly && len(copies(t, dir)) != 0 {
					t.Error("a copy was made in a store open for reading")
				}
			}
			if !c.disk.same(t, dir, c.file, c.value) {
				t.Error("the store was changed")
			}
			if c.value != nil && len(copies(t, dir)) != 1 {
				t.Errorf("%d copies, want one", len(copies(t, dir)))
			}
		})
	}
}

// TestTails ends the log in ways that a crash does, behind what the head knows.
func TestTails(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 9, 200)
	d := sampleDisk(t, blocks[:8])
	name := (&segment{first: 7}).name()
	spoiled := bytes.Clone(d[name])
	spoiled[len(spoiled)-3] ^= 1
	for _, c := range []struct {
		name  string
		value []byte
		left  int // blocks
	}{
		{"nothing", d[name], 8},
		{"zeros", append(bytes.Clone(d[name]), make([]byte, 5000)...), 8},
		{"half a header", append(bytes.Clone(d[name]), 0, 0, 0, 200, 0, 0), 8},
		{"a spoiled last record", spoiled, 7},
		{"the head of a record and zeros", append(bytes.Clone(d[name]), append(appendRecord(nil, 9, blocks[8])[:20], make([]byte, 900)...)...), 8},
		{"an empty segment", []byte{}, 6},
	} {
		dir := d.lag(t, 6, blocks).write(t, name, c.value)
		s := mustOpenUnsynced(t, dir)
		ledgertest.Holds(t, s.Log(), 1, blocks[:c.left])
		ledgertest.Append(t, s.Log(), uint64(c.left+1), blocks[c.left:])
		crash(s)
		s = mustOpenUnsynced(t, dir)
		ledgertest.Holds(t, s.Log(), 1, blocks)
		if s.Cut() != "" {
			t.Errorf("%s: something was left to cut: %s", c.name, s.Cut())
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestInterruptedTrim leaves segments behind that the head says are gone.
func TestInterruptedTrim(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 8, 200)
	d := sampleDisk(t, blocks)
	_, hash, err := ledger.DecodeHeader(blocks[7])
	if err != nil {
		t.Fatal(err)
	}
	id, err := readIdentity(ptr(realSystem()), d.write(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	h := head{cluster: id.Cluster}
	d["head"] = h.contents(position{8, hash, 7})
	for _, missing := range []uint64{0, 1, 4} {
		name := (&segment{first: missing}).name()
		dir := d.write(t, name, nil)
		s := mustOpenUnsynced(t, dir)
		ledgertest.Holds(t, s.Log(), 7, blocks[6:])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if names := segmentNames(readDisk(t, dir)); len(names) != 1 {
			t.Errorf("without segment %d: %q are left, want one", missing, names)
		}
	}
}
