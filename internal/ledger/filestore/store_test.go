package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
)

func TestSecondOpener(t *testing.T) {
	dir := t.TempDir()
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 1, 100)
	s := mustOpen(t, dir, Options{})
	for _, open := range []func() (*Store, error){
		func() (*Store, error) { return Open(dir, Options{}) },
		func() (*Store, error) { return OpenReadOnly(dir) },
	} {
		before := readDisk(t, dir)
		if _, err := open(); err == nil || !strings.Contains(err.Error(), dir+": the directory is in use") {
			t.Errorf("second opener: %v", err)
		}
		if !before.same(t, dir, "", nil) {
			t.Error("the second opener changed something")
		}
	}
	ledgertest.Append(t, s.Log(), 1, blocks)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// Readers share it among themselves, not with a writer.
	r1, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	r2, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a writer beside readers")
	}
	ledgertest.Holds(t, r1.Log(), 1, blocks)
	ledgertest.Holds(t, r2.Log(), 1, blocks)
	r1.Close()
	r2.Close()
	s = mustOpen(t, dir, Options{})
	s.Close()
}

// TestLockComesFirst shows that nothing in the directory is touched before the
// lock is taken.
func TestLockComesFirst(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	defer s.Close()
	sys := realSystem()
	sys.open = func(path string, flag int) (*os.File, error) {
		if path != dir {
			t.Errorf("opened %s", path)
		}
		return os.OpenFile(path, flag, 0o600)
	}
	sys.readDir = func(path string) ([]os.DirEntry, error) {
		t.Errorf("read %s", path)
		return os.ReadDir(path)
	}
	if _, err := open(dir, Options{}, sys, false); err == nil {
		t.Error("opened twice")
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 8, 200)
	d := sampleDisk(t, blocks).lag(t, 6, blocks)
	dir := d.write(t, "", nil)
	s, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	ledgertest.Holds(t, s.Log(), 1, blocks)
	next := ledgertest.Chain(t, 8, autonomics.Hash{1}, 1, 10)[0]
	for what, err := range map[string]error{
		"append": s.Log().Append(t.Context(), 9, next),
		"trim":   s.Log().Trim(t.Context(), 8),
		"put":    s.Blobs().Put(t.Context(), "x", nil),
		"delete": s.Blobs().Delete(t.Context(), "a/b"),
	} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !d.same(t, dir, "", nil) {
		t.Error("the store was changed")
	}
}

func TestWhatIsNoStore(t *testing.T) {
	id := identity{Format: 1, Cluster: "c", Mode: "single", Partitions: 1}
	good := string(id.contents())
	for _, c := range []struct {
		name  string
		files disk
		want  string // of the error; none: a new store can be made
	}{
		{"empty", disk{}, ""},
		{"a fresh file system", disk{"lost+found/x": {}}, ""},
		{"creation was interrupted", disk{"head": {}, ".tmp-store.json": {}, "log/": nil}, ""},
		{"somebody's files", disk{"notes.txt": {}}, "it has notes.txt; choose an empty directory"},
		{"a lost store.json", disk{"log/00000000000000000001.seg": {1}}, "it has log/00000000000000000001.seg, but no store.json"},
		{"lost store.json, blobs", disk{"blobs/a": {1}}, "it has blobs/a, but no store.json"},
		{"a later format", disk{"store.json": []byte(strings.Replace(good, "1", "2", 1))}, "format 2: this version reads format 1"},
		{"a cluster's", disk{"store.json": []byte(strings.Replace(good, "single", "cluster", 1))}, `mode "cluster"`},
		{"two partitions", disk{"store.json": []byte(strings.Replace(good, `ns":1`, `ns":2`, 1))}, "with 2 partitions"},
		{"another member", disk{"store.json": []byte(strings.Replace(good, "}", `,"x":1}`, 1))}, "not as it was written"},
		{"no JSON", disk{"store.json": []byte("hello")}, "store.json: "},
		{"an empty store.json", disk{"store.json": {}}, "store.json: "},
	} {
		dir := t.TempDir()
		for name, data := range c.files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if data == nil {
				if err := os.MkdirAll(path, 0o700); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := readDisk(t, dir)
		if _, err := OpenReadOnly(dir); err == nil {
			t.Errorf("%s: opened for reading", c.name)
		}
		s, err := Open(dir, Options{})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			ledgertest.Append(t, s.Log(), 1, ledgertest.Chain(t, 0, autonomics.Hash{}, 1, 10))
			s.Close()
			mustOpen(t, dir, Options{}).Close()
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q and the directory", c.name, err, c.want)
		}
		if !before.same(t, dir, "", nil) {
			t.Errorf("%s: something was changed", c.name)
		}
	}
}

func TestNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := OpenReadOnly(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading: %v", err)
	}
	s := mustOpen(t, dir, Options{})
	if len(s.Cluster()) < 20 {
		t.Errorf("cluster id %q", s.Cluster())
	}
	id := s.Cluster()
	s.Close()
	s = mustOpen(t, dir, Options{})
	if s.Cluster() != id {
		t.Errorf("cluster id %q became %q", id, s.Cluster())
	}
	s.Close()
	if _, err := Open(filepath.Join(dir, "no", "parent"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a parent: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "store.json"), Options{}); err == nil {
		t.Error("a file was opened as a store")
	}
}

func TestClosed(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	log := s.Log()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), 1, ledgertest.Chain(t, 0, autonomics.Hash{}, 1, 10)[0]); !errors.Is(err, errClosed) {
		t.Errorf("append: %v", err)
	}
	if err := log.Trim(t.Context(), 1); !errors.Is(err, errClosed) {
		t.Errorf("trim: %v", err)
	}
	if err := s.Close(); !errors.Is(err, errClosed) {
		t.Errorf("close: %v", err)
	}
}

// TestHeadIsMadeDurable counts the syncs of the head: one within a second of
// the first block, however many follow, and none while nothing is written.
func TestHeadIsMadeDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		sys := realSystem()
		syncs := 0
		sys.datasync = func(f *os.File) error {
			if filepath.Base(f.Name()) == "head" {
				syncs++
			}
			return datasync(f)
		}
		s, err := open(dir, Options{SegmentBytes: 1 << 20}, sys, false)
		if err != nil {
			t.Fatal(err)
		}
		blocks := ledgertest.Chain(t, 0, autonomics.Hash{}, 12, 100)
		want := func(n int) {
			t.Helper()
			if synctest.Wait(); syncs != n {
				t.Errorf("the head was synced %d times, want %d", syncs, n)
			}
		}
		<-time.After(10 * time.Second)
		want(0)
		ledgertest.Append(t, s.Log(), 1, blocks[:10])
		<-time.After(time.Second)
		want(1)
		<-time.After(10 * time.Second)
		want(1)
		ledgertest.Append(t, s.Log(), 11, blocks[10:11])
		<-time.After(time.Second)
		want(2)
		ledgertest.Append(t, s.Log(), 12, blocks[11:])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want(3)
		<-time.After(10 * time.Second)
		want(3)
	})
}

// TestHeadSlots shows that positions go to the two slots in turn, so that the
// last but one is there when the last is spoiled.
func TestHeadSlots(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	defer s.Close()
	ledgertest.Append(t, s.Log(), 1, ledgertest.Chain(t, 0, autonomics.Hash{}, 5, 10))
	path := filepath.Join(dir, "head")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, at := range []int{0, slotApart} {
		bad := append([]byte(nil), good...)
		bad[at+3] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := s.log.head.read()
		if err != nil {
			t.Fatal(err)
		}
		seen[p.seq] = true
	}
	if !seen[4] || !seen[5] {
		t.Errorf("the slots hold blocks %v, want 4 and 5", seen)
	}
}

func TestDamagedBlob(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	defer s.Close()
	for _, name := range []string{"a", "b"} {
		if err := s.Blobs().Put(t.Context(), name, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	// A whole blob under another name is not that blob.
	if err := os.Rename(filepath.Join(dir, "blobs", "a"), filepath.Join(dir, "blobs", "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blobs().Get(t.Context(), "b"); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("%v, want ErrFenced", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", "b"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blobs().Get(t.Context(), "b"); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("%v, want ErrFenced", err)
	}
}

func TestUnfinishedBlobsGo(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{}).Close()
	left := filepath.Join(dir, "blobs", ".tmp-a")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir, Options{})
	defer s.Close()
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
