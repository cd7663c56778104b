// Package filestore keeps a ledger in a directory of the local disk, for one
// process on one machine.
//
//	DIR/store.json          what the store is; it must fit
//	DIR/head                two slots with the last positions of the log
//	DIR/log/NNN….seg        segments: records of blocks, named after their first
//	DIR/blobs/              one file for each blob
//	DIR/damaged/            copies of what was found damaged, never read again
//
// The directory is locked before anything in it is read; the lock goes with
// the process. A block is one record, written at once and followed by one
// fdatasync; then its position goes to the head, and then the caller is told.
// The head is made durable at least every second. Hence a killed process loses
// nothing, and a power cut loses nothing that was acked, but for up to a second
// of blocks before it the store cannot tell whether their end was cut off.
//
// A failed write or sync commits nothing. The segment is cut back to where it
// was durable and another one is begun; until both have worked, all appends
// fail, and each tries again. So a full disk heals by itself once there is room.
//
// Opening reads and checks all records and the chain of blocks. A record at the
// very end that is cut short or spoiled, and that the head does not know, was
// never acked: it is copied to damaged/ and cut off. Everything else that is
// not as it was written is ledger.ErrFenced, and nothing is changed but that
// the file is copied to damaged/.
package filestore

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/autonomics-dev/autonomics/internal/ledger"
)

var (
	errReadOnly = errors.New("the store is open for reading only")
	errClosed   = errors.New("the store is closed")
)

// Options are the choices of a store.
type Options struct {
	// SegmentBytes is the size at which another segment is begun, 64 MiB if 0.
	// Trimming removes whole segments.
	SegmentBytes int64
}

// A Store is an open directory. Its log has one writer and any number of
// readers; its blobs are safe for concurrent use.
type Store struct {
	dir   *os.File // holds the lock
	id    identity
	log   *fileLog
	blobs *blobs
}

// An identity is what store.json holds.
type identity struct {
	Format     int    `json:"format"`
	Cluster    string `json:"cluster"`
	Mode       string `json:"mode"`
	Partitions int    `json:"partitions"`
}

const storeFormat = 1

// Open opens the store in dir for reading and writing. A directory that is
// empty or not there yet becomes a new store.
func Open(dir string, o Options) (*Store, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	return open(dir, o, realSystem(), false)
}

// OpenReadOnly opens the store in dir for reading, while no process has it open
// for writing. It writes nothing.
func OpenReadOnly(dir string) (*Store, error) {
	return open(dir, Options{}, realSystem(), true)
}

func open(path string, o Options, sys system, readOnly bool) (*Store, error) {
	fail := func(err error) (*Store, error) { return nil, fmt.Errorf("open store %s: %w", path, err) }
	if !readOnly {
		if err := sys.makeDir(path); err != nil {
			return fail(err)
		}
	}
	dir, err := sys.open(path, os.O_RDONLY)
	if err != nil {
		return fail(err)
	}
	if err := lock(dir, !readOnly); err != nil {
		dir.Close()
		return fail(err)
	}
	s := &Store{dir: dir}
	if err := s.load(path, o, &sys, readOnly); err != nil {
		dir.Close()
		return fail(err)
	}
	return s, nil
}

// load reads what the locked directory holds, or makes it a store.
func (s *Store) load(path string, o Options, sys *system, readOnly bool) (err error) {
	s.id, err = readIdentity(sys, path)
	if errors.Is(err, fs.ErrNotExist) {
		if readOnly {
			return errors.New("not a store: it has no store.json")
		}
		s.id, err = create(sys, path)
	}
	if err != nil {
		return err
	}
	s.blobs = &blobs{sys: sys, dir: filepath.Join(path, "blobs"), readOnly: readOnly}
	if !readOnly {
		if err := s.blobs.tidy(); err != nil {
			return err
		}
	}
	s.log = newLog(sys, path, s.id.Cluster, o.SegmentBytes, readOnly)
	return s.log.recover()
}

// Cluster returns the id that the store was created with.
func (s *Store) Cluster() string { return s.id.Cluster }

// Log returns the store's log.
func (s *Store) Log() ledger.Log { return s.log }

// Blobs returns the store's blobs.
func (s *Store) Blobs() ledger.Blobs { return s.blobs }

// Cut says what was cut off the log when it was opened, and where the copy is;
// empty if nothing was.
func (s *Store) Cut() string { return s.log.cut }

// Close makes the head durable and gives the directory free. Nothing may run
// any more.
func (s *Store) Close() error {
	err := s.log.close()
	if e := s.dir.Close(); err == nil {
		err = e
	}
	return err
}

// contents returns the bytes of store.json.
func (id identity) contents() []byte {
	out, err := json.Marshal(id)
	if err != nil {
		panic("unreachable: strings and integers always encode: " + err.Error())
	}
	return append(out, '\n')
}

// readIdentity reads store.json, which must be what this version would write.
func readIdentity(sys *system, path string) (id identity, err error) {
	data, err := sys.readFile(filepath.Join(path, "store.json"))
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(data, &id); err != nil {
		return id, fmt.Errorf("store.json: %w; put back an undamaged copy", err)
	}
	switch {
	case id.Format != storeFormat:
		return id, fmt.Errorf("store.json: format %d: this version reads format %d only", id.Format, storeFormat)
	case id.Mode != "single" || id.Partitions != 1:
		return id, fmt.Errorf("store.json: mode %q with %d partitions: a directory has mode single with 1", id.Mode, id.Partitions)
	case !bytes.Equal(data, id.contents()):
		return id, errors.New("store.json is not as it was written; put back an undamaged copy")
	}
	return id, nil
}

// create makes an empty directory a store. store.json comes last: a directory
// without it, but with nothing else than what create makes, is still empty.
func create(sys *system, path string) (id identity, err error) {
	if err := checkEmpty(sys, path); err != nil {
		return id, err
	}
	for _, name := range []string{"log", "blobs"} {
		if err := sys.makeDir(filepath.Join(path, name)); err != nil {
			return id, err
		}
	}
	id = identity{Format: storeFormat, Cluster: strings.ToLower(rand.Text()), Mode: "single", Partitions: 1}
	h := head{sys: sys, path: filepath.Join(path, "head"), cluster: id.Cluster}
	defer h.close()
	if err := h.replace(position{first: 1}); err != nil {
		return id, err
	}
	return id, sys.replace(filepath.Join(path, "store.json"), id.contents())
}

func checkEmpty(sys *system, path string) error {
	entries, err := sys.readDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); name {
		case "head", temporary + "head", temporary + "store.json", "lost+found":
			continue
		case "log", "blobs":
			sub, err := sys.readDir(filepath.Join(path, name))
			if err != nil {
				return err
			}
			if len(sub) > 0 {
				return fmt.Errorf("it has %s/%s, but no store.json; put store.json back or choose an empty directory", name, sub[0].Name())
			}
		default:
			return fmt.Errorf("it is not a store and not empty: it has %s; choose an empty directory", name)
		}
	}
	return nil
}
