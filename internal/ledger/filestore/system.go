package filestore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A system is what the store asks of the operating system. Tests replace
// single functions to inject errors.
type system struct {
	open     func(path string, flag int) (*os.File, error)
	readAt   func(f *os.File, b []byte, off int64) (int, error)
	writeAt  func(f *os.File, b []byte, off int64) (int, error)
	datasync func(f *os.File) error // contents and size
	sync     func(f *os.File) error // all, also of directories
	truncate func(f *os.File, size int64) error
	rename   func(from, to string) error
	remove   func(path string) error
	mkdir    func(path string) error
	readDir  func(path string) ([]os.DirEntry, error)
}

func realSystem() system {
	return system{
		open:     func(path string, flag int) (*os.File, error) { return os.OpenFile(path, flag, 0o600) },
		readAt:   (*os.File).ReadAt,
		writeAt:  (*os.File).WriteAt,
		datasync: datasync,
		sync:     (*os.File).Sync,
		truncate: (*os.File).Truncate,
		rename:   os.Rename,
		remove:   os.Remove,
		mkdir:    func(path string) error { return os.Mkdir(path, 0o700) },
		readDir:  os.ReadDir,
	}
}

// lock takes the directory for this process: alone, or together with others
// that only read. The kernel gives the lock back when the process ends.
func lock(dir *os.File, exclusive bool) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("the directory is in use by another process; end that process or choose another directory")
	}
	return err
}

// syncDir makes the names in a directory durable.
func (s *system) syncDir(path string) error {
	d, err := s.open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer d.Close()
	return s.sync(d)
}

// makeDir creates a directory if there is none, and makes its name durable.
func (s *system) makeDir(path string) error {
	err := s.mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(path))
}

// temporary begins the names of files that are not finished.
const temporary = ".tmp-"

// replace makes value the durable contents of path, atomically.
func (s *system) replace(path string, value []byte) error {
	dir, name := filepath.Split(path)
	tmp := filepath.Join(dir, temporary+name)
	f, err := s.open(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = s.writeAt(f, value, 0)
	if err == nil {
		err = s.sync(f)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = s.rename(tmp, path)
	}
	if err == nil {
		err = s.syncDir(dir)
	}
	return err
}

// readFile returns the contents of a file.
func (s *system) readFile(path string) ([]byte, error) {
	f, err := s.open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.readFrom(f, 0)
}

// readFrom returns what a file holds from an offset on.
func (s *system) readFrom(f *os.File, off int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	out := make([]byte, max(info.Size()-off, 0))
	if n, err := s.readAt(f, out, off); err != nil && !(errors.Is(err, io.EOF) && n == len(out)) {
		return nil, err
	}
	return out, nil
}

// A source reads a file through the system.
type source struct {
	sys *system
	f   *os.File
}

func (s source) ReadAt(b []byte, off int64) (int, error) { return s.sys.readAt(s.f, b, off) }
