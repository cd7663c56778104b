package simcloud

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate"
)

const journal = "cloud.ndjson"

// A Change is one change of a target's field.
type Change struct {
	At     time.Time         `json:"at"`
	Tenant autonomics.Tenant `json:"tenant"`
	Target string            `json:"target"` // its ref, or its name where it has none
	Kind   string            `json:"kind"`
	Field  string            `json:"field"`
	Before string            `json:"before"`
	After  string            `json:"after"`
	Key    string            `json:"key,omitempty"` // idempotency key of the write; none: from outside
}

// Changes returns every change that was made to the cloud in dir, in order.
func Changes(dir string) ([]Change, error) {
	f, err := os.Open(filepath.Join(dir, journal))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Change
	_, err = scan(f, func(c Change) error {
		all = append(all, c)
		return nil
	})
	return all, err
}

// scan calls fn for each whole line, and returns how many bytes they have.
func scan(f *os.File, fn func(Change) error) (whole int64, err error) {
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil // a line that was cut off was never seen, and is written over
		}
		var c Change
		if err == nil {
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			err = d.Decode(&c)
		}
		if err == nil {
			err = fn(c)
		}
		if err != nil {
			return whole, fmt.Errorf("%s, line %d: %w", f.Name(), n, err)
		}
		whole += int64(len(line))
	}
}

// open folds the journal and readies it for the next line.
func (c *Cloud) open(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	c.file, err = os.OpenFile(filepath.Join(dir, journal), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	c.size, err = scan(c.file, c.fold)
	if err == nil {
		err = c.file.Sync() // before what was read is seen
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return errors.Join(err, c.file.Close())
	}
	return nil
}

func (c *Cloud) fold(ch Change) error {
	t := actuate.Target{Tenant: ch.Tenant, Ref: ch.Target, Kind: ch.Kind}
	if err := c.Register(t); err != nil {
		return err
	}
	x := c.targets[address(t)]
	if have := x.get(ch.Field); have == "" || have != ch.Before {
		return fmt.Errorf("%s of %s was %q, not %q", ch.Field, ch.Target, have, ch.Before)
	}
	x.fold(ch)
	return nil
}

// change makes a change durable, then visible. It needs the lock.
func (c *Cloud) change(t actuate.Target, field, value, key string) error {
	x := c.targets[address(t)]
	ch := Change{At: c.now().UTC(), Tenant: t.Tenant, Target: t.Ref, Kind: x.kind,
		Field: field, Before: x.get(field), After: value, Key: key}
	if ch.Target == "" {
		ch.Target = t.Name
	}
	line, err := json.Marshal(ch)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	_, err = c.file.WriteAt(line, c.size)
	if err == nil {
		err = c.file.Sync()
	}
	if err != nil {
		return errors.Join(err, c.file.Truncate(c.size))
	}
	c.size += int64(len(line))
	x.fold(ch)
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
