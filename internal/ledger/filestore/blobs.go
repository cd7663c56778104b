package filestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// blobs keep each value in a file of its own: the CRC-32C of name and value (4
// bytes), and the value. A slash in the name is a tilde in that of the file.
type blobs struct {
	sys      *system
	dir      string
	readOnly bool
	mu       sync.Mutex // one change at a time
}

func (b *blobs) path(name string) string {
	return filepath.Join(b.dir, strings.ReplaceAll(name, "/", "~"))
}

func blobSum(name string, value []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(name), castagnoli), castagnoli, value)
}

func (b *blobs) Put(ctx context.Context, name string, value []byte) error {
	err := b.change(ctx, name, func() error {
		sum := binary.BigEndian.AppendUint32(nil, blobSum(name, value))
		return b.sys.replace(b.path(name), append(sum, value...))
	})
	if err != nil {
		return fmt.Errorf("put blob %q: %w", name, err)
	}
	return nil
}

func (b *blobs) Delete(ctx context.Context, name string) error {
	err := b.change(ctx, name, func() error {
		err := b.sys.remove(b.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return b.sys.syncDir(b.dir)
	})
	if err != nil {
		return fmt.Errorf("delete blob %q: %w", name, err)
	}
	return nil
}

func (b *blobs) change(ctx context.Context, name string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.readOnly {
		return errReadOnly
	}
	if err := ledger.CheckBlobName(name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return do()
}

func (b *blobs) Get(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := ledger.CheckBlobName(name); err != nil {
		return nil, fmt.Errorf("get blob: %w", err)
	}
	data, err := b.sys.readFile(b.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("get blob %q: %w", name, ledger.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("get blob %q: %w", name, err)
	}
	if len(data) < 4 || binary.BigEndian.Uint32(data) != blobSum(name, data[4:]) {
		return nil, fmt.Errorf("get blob %q: %w: the checksum of %s does not fit", name, ledger.ErrFenced, b.path(name))
	}
	return data[4:], nil
}

func (b *blobs) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := b.sys.readDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("list blobs %q: %w", prefix, err)
	}
	var names []string
	for _, e := range entries {
		name := strings.ReplaceAll(e.Name(), "~", "/")
		if strings.HasPrefix(name, prefix) && ledger.CheckBlobName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// tidy removes what interrupted changes have left.
func (b *blobs) tidy() error {
	entries, err := b.sys.readDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			if err := b.sys.remove(filepath.Join(b.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
