package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
)

// A faulty system fails the calls from number at on, span of them.
type faulty struct {
	system
	at, span int
	mode     string // before, after, half
	err      error
	calls    int
	hits     []string
	synced   map[string]int64 // sizes known to be durable
}

func newFaulty(at, span int, mode string, err error) *faulty {
	f := &faulty{at: at, span: span, mode: mode, err: err, synced: map[string]int64{}}
	ok := realSystem()
	f.system = system{
		open: func(path string, flag int) (*os.File, error) {
			return call(f, "open "+path, func() (*os.File, error) { return ok.open(path, flag) },
				func(file *os.File) { file.Close() })
		},
		readAt: func(file *os.File, b []byte, off int64) (int, error) {
			return call(f, "read "+file.Name(), func() (int, error) { return ok.readAt(file, b, off) }, nil)
		},
		writeAt: func(file *os.File, b []byte, off int64) (int, error) {
			if f.next("write " + file.Name()) {
				switch mode {
				case "after":
					ok.writeAt(file, b, off)
				case "half":
					ok.writeAt(file, b[:len(b)/2], off)
				}
				return 0, f.err
			}
			return ok.writeAt(file, b, off)
		},
		truncate: func(file *os.File, size int64) error {
			return f.do("truncate "+file.Name(), func() error { return ok.truncate(file, size) })
		},
		rename: func(from, to string) error {
			return f.do("rename "+to, func() error { return ok.rename(from, to) })
		},
		remove: func(path string) error { return f.do("remove "+path, func() error { return ok.remove(path) }) },
		mkdir:  func(path string) error { return f.do("mkdir "+path, func() error { return ok.mkdir(path) }) },
		readDir: func(path string) ([]os.DirEntry, error) {
			return call(f, "list "+path, func() ([]os.DirEntry, error) { return ok.readDir(path) }, nil)
		},
	}
	f.sync = func(file *os.File) error { return f.syncFile("sync "+file.Name(), file) }
	f.datasync = func(file *os.File) error { return f.syncFile("datasync "+file.Name(), file) }
	return f
}

// next counts a call and reports whether it fails.
func (f *faulty) next(what string) bool {
	f.calls++
	if f.calls <= f.at || f.calls > f.at+f.span {
		return false
	}
	f.hits = append(f.hits, fmt.Sprintf("%s (%s)", what, f.mode))
	return true
}

func (f *faulty) do(what string, do func() error) error {
	_, err := call(f, what, func() (int, error) { return 0, do() }, nil)
	return err
}

// call fails before or after do; undo gives back what a call after all did.
func call[T any](f *faulty, what string, do func() (T, error), undo func(T)) (T, error) {
	var none T
	if !f.next(what) {
		return do()
	}
	if f.mode == "after" {
		if v, err := do(); err == nil && undo != nil {
			undo(v)
		}
	}
	return none, f.err
}

// syncFile makes nothing durable. Where it fails, the bytes behind those synced
// before are lost, as the kernel may drop them.
func (f *faulty) syncFile(what string, file *os.File) error {
	fails := f.next(what)
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		if fails {
			return f.err
		}
		return err
	}
	was := f.synced[file.Name()]
	if !fails {
		f.synced[file.Name()] = info.Size()
		return nil
	}
	if lost := info.Size() - was; f.mode == "half" && lost > 0 {
		realSystem().writeAt(file, make([]byte, lost), was)
	}
	return f.err
}

// A trial is a store under faults, and what it has promised.
type trial struct {
	t     *testing.T
	f     *faulty
	dir   string
	s     *Store
	acked [][]byte
	first uint64 // no block before it is asked for
	tried []byte // the block whose append failed last
	errs  int
}

// attempt does something until it succeeds, while faults may explain errors.
func (tr *trial) attempt(what string, do func() error) {
	tr.t.Helper()
	for {
		err := do()
		if err == nil {
			return
		}
		tr.errs++
		if tr.errs > len(tr.f.hits) {
			tr.t.Fatalf("faults %q: %s: error without a fault: %v", tr.f.hits, what, err)
		}
		for _, not := range []error{ledger.ErrFenced, ledger.ErrConflict, ledger.ErrUnknown} {
			if errors.Is(err, not) {
				tr.t.Fatalf("faults %q: %s: %v", tr.f.hits, what, err)
			}
		}
	}
}

func (tr *trial) open() {
	tr.attempt("open", func() (err error) {
		tr.s, err = open(tr.dir, Options{SegmentBytes: 900}, tr.f.system, false)
		return err
	})
}

// append commits one block. After an error it is another one, since nothing
// was committed, if there is to be another attempt.
func (tr *trial) append(again bool) {
	seq := uint64(len(tr.acked) + 1)
	var prev autonomics.Hash
	if seq > 1 {
		_, hash, err := ledger.DecodeHeader(tr.acked[seq-2])
		if err != nil {
			tr.t.Fatal(err)
		}
		prev = hash
	}
	size := 50
	tr.attempt("append", func() error {
		size++
		block := ledgertest.Chain(tr.t, seq-1, prev, 1, size)[0]
		err := tr.s.Log().Append(tr.t.Context(), seq, block)
		if err != nil {
			tr.tried = block
			if !again {
				tr.errs++
				return nil
			}
			return err
		}
		tr.acked = append(tr.acked, block)
		return nil
	})
}

// holds checks that the log has what was acked, and nothing else but, after a
// crash, the block that failed last.
func (tr *trial) holds(crashed bool) {
	tr.t.Helper()
	want := tr.acked
	last, err := tr.s.Log().Last(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	if crashed && last == uint64(len(want)+1) {
		want = append(want[:len(want):len(want)], tr.tried)
	}
	tr.attempt("read", func() error {
		n := tr.first
		err := tr.s.Log().Read(tr.t.Context(), tr.first, func(seq uint64, b []byte) error {
			if seq != n || seq > uint64(len(want)) || !bytes.Equal(b, want[seq-1]) {
				tr.t.Fatalf("faults %q: block %d is not the one acked", tr.f.hits, seq)
			}
			n++
			return nil
		})
		if err == nil && n != uint64(len(want)+1) {
			tr.t.Fatalf("faults %q: the log ends before %d, acked are %d", tr.f.hits, n, len(want))
		}
		return err
	})
}

// An ending is what follows the first error of an append.
type ending int

const (
	goesOn ending = iota
	crashes
	closes
)

// run does all that a store can do, or ends as it is told.
func (tr *trial) run(end ending) {
	tr.open()
	for i := range 12 {
		had := tr.errs
		tr.append(end == goesOn)
		if tr.errs > had && end != goesOn {
			if end == closes && tr.s.Close() == nil {
				tr.tried = nil
				tr.open()
				tr.holds(false)
			}
			return
		}
		if i == 4 {
			tr.attempt("put", func() error { return tr.s.Blobs().Put(tr.t.Context(), "a/b", []byte("value")) })
		}
		if i == 8 {
			tr.attempt("trim", func() error { return tr.s.Log().Trim(tr.t.Context(), 6) })
			tr.first = 6
		}
	}
	tr.holds(false)
	tr.attempt("get", func() error {
		v, err := tr.s.Blobs().Get(tr.t.Context(), "a/b")
		if err == nil && string(v) != "value" {
			tr.t.Fatalf("faults %q: blob is %q", tr.f.hits, v)
		}
		return err
	})
	tr.attempt("delete", func() error { return tr.s.Blobs().Delete(tr.t.Context(), "a/b") })
	tr.attempt("close", func() error {
		err := tr.s.Close()
		if errors.Is(err, errClosed) {
			return nil
		}
		return err
	})
	tr.open()
	tr.holds(true)
}

// TestFaultEverywhere fails every call to the operating system in turn, in
// every way, once alone and once together with those after it. The store goes
// on by itself, and loses nothing.
func TestFaultEverywhere(t *testing.T) {
	dirs := scratch(t)
	trials := 0
	once := func(at, span int, mode string, end ending) bool {
		trials++
		dir := fmt.Sprintf("%s/%d", dirs, trials)
		f := newFaulty(at, span, mode, syscall.EIO)
		tr := &trial{t: t, f: f, dir: dir, first: 1}
		tr.run(end)
		crash(tr.s)
		tr.open()
		tr.holds(true)
		tr.append(true)
		tr.holds(false)
		crash(tr.s)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		return len(f.hits) > 0
	}
	for _, mode := range []string{"before", "after", "half"} {
		for _, span := range []int{1, 5} {
			for _, end := range []ending{goesOn, crashes, closes} {
				at := 0
				for once(at, span, mode, end) {
					at += span
				}
				if at < 100 {
					t.Errorf("only %d calls could fail", at)
				}
			}
		}
	}
	t.Logf("%d trials", trials)
}

// TestDiskFull fills the disk and makes room again.
func TestDiskFull(t *testing.T) {
	for name, errno := range map[string]error{"full": syscall.ENOSPC, "read only": syscall.EROFS} {
		sys := realSystem()
		bad := false
		sys.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
			if bad {
				return 0, &os.PathError{Op: "write", Path: f.Name(), Err: errno}
			}
			return f.WriteAt(b, off)
		}
		dir := t.TempDir()
		s, err := open(dir, Options{SegmentBytes: 1 << 20}, sys, false)
		if err != nil {
			t.Fatal(err)
		}
		blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 6, 100)
		ledgertest.Append(t, s.Log(), 1, blocks[:3])
		bad = true
		for range 5 {
			err := s.Log().Append(t.Context(), 4, blocks[3])
			if !errors.Is(err, errno) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: %v, want the cause and the path", name, err)
			}
			ledgertest.Holds(t, s.Log(), 1, blocks[:3])
		}
		bad = false
		ledgertest.Append(t, s.Log(), 4, blocks[3:])
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		s = mustOpen(t, dir, Options{})
		ledgertest.Holds(t, s.Log(), 1, blocks)
		s.Close()
	}
}
