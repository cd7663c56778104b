package conform

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/autonomics-dev/autonomics"
)

// victim is the tenant whose receipts are tampered with.
const victim = autonomics.Tenant("acme")

// An exported chain is what an auditor gets: lines, and what was said of them.
type exported struct {
	lines [][]byte
	head  autonomics.Anchor
}

// text is the export with the first n receipts; head says that they are all.
func (x *exported) text(n int, head bool) []byte {
	out := append(autonomics.AppendStart(nil, victim, 1, autonomics.Hash{}), '\n')
	for _, l := range x.lines[:n] {
		out = append(append(out, l...), '\n')
	}
	if head {
		out = append(autonomics.AppendHead(out, victim, uint64(n), x.anchor(n).Hash), '\n')
	}
	return out
}

// anchor is what a witness keeps of receipt n.
func (x *exported) anchor(n int) autonomics.Anchor {
	r, err := autonomics.ParseReceipt(x.lines[n-1])
	if err != nil {
		panic("unreachable: verified before: " + err.Error())
	}
	return autonomics.Anchor{Seq: r.Seq, Hash: r.Hash}
}

func verify(text []byte, anchors ...autonomics.Anchor) error {
	_, err := autonomics.Verify(bytes.NewReader(text), autonomics.VerifyOptions{Anchors: anchors})
	return err
}

// tamper deletes, forks and damages what the run has left, and requires that
// the offline verifier finds it. Witnesses hold the anchors of receipts in the
// middle and ten before the end.
func (w *world) tamper(seed uint64) error {
	lines, head, err := w.lines(victim)
	if err != nil {
		return err
	}
	x := &exported{lines, head}
	n := len(lines)
	witnessed := []autonomics.Anchor{x.anchor(n / 2), x.anchor(n - 10)}
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(verify(x.text(n, true), witnessed...) == nil, "the whole export does not verify")
	want(errors.Is(verify(x.text(n-10, false), witnessed...), autonomics.ErrNoHead), "the newest 10 are missing, and nobody says so")
	want(verify(x.text(n-300, true), witnessed...) != nil, "the newest 300 are missing, in spite of a witness")
	errs = append(errs, w.crowd(seed), w.fork(n), x.flips(seed))
	return errors.Join(errs...)
}

// crowd appends from many sides at once.
func (w *world) crowd(seed uint64) error {
	const writers = 64
	each := 10
	if seed == 0 {
		each = 160
	}
	before := w.node.view.Tenant(victim).Seq
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				body := fmt.Sprintf(`{"tenant":"%s","episode":"alert","key":"w%d-%d","start":"%s","open":false}`, victim, i, j, w.start)
				r, err := http.NewRequest("POST", "http://localhost/v1/signals", strings.NewReader(body))
				if err != nil {
					panic("unreachable: " + err.Error())
				}
				r.Header.Set("Content-Type", "application/json")
				w.node.handler.ServeHTTP(&answer{header: http.Header{}}, r)
			}
		})
	}
	all.Wait()
	receipts, err := w.export(victim)
	if err != nil {
		return fmt.Errorf("%d at once: %w", writers, err)
	}
	for i, r := range receipts {
		if r.Seq != uint64(i)+1 {
			return fmt.Errorf("%d at once: receipt %d has the number %d", writers, i+1, r.Seq)
		}
	}
	if got, want := uint64(len(receipts))-before, uint64(writers*each); got != want {
		return fmt.Errorf("%d at once: %d receipts, want %d", writers, got, want)
	}
	return nil
}

// fork lets two copies of the disk go on by themselves: whoever holds the head
// of one must see that the other is not its continuation.
func (w *world) fork(n int) error {
	var told [2]*exported
	for i := range told {
		c, err := newWorld(w.now, 0, w.suite, w.store)
		if err != nil {
			return err
		}
		c.open()
		for j := range 5 {
			c.request("POST", "/v1/signals", fmt.Appendf(nil, `{"tenant":"%s","episode":"alert","key":"fork %d, %d","start":"%s","open":false}`, victim, i, j, c.start))
		}
		lines, head, err := c.lines(victim)
		if err = errors.Join(append(c.errs, err, c.close())...); err != nil {
			return err
		}
		told[i] = &exported{lines, head}
	}
	a, b := told[0], told[1]
	if len(a.lines) < n+5 || len(a.lines) != len(b.lines) {
		return fmt.Errorf("copies of a disk have %d and %d receipts", len(a.lines), len(b.lines))
	}
	if err := verify(b.text(len(b.lines), true), b.head); err != nil {
		return fmt.Errorf("a copy of the disk that goes on by itself: %w", err)
	}
	if verify(b.text(len(b.lines), true), a.head) == nil {
		return errors.New("two copies that went on apart are not told apart")
	}
	return nil
}

// flips changes one bit of each class of byte: the start, what receipts say,
// their numbers and hashes, and the head. Each seed takes other bytes.
func (x *exported) flips(seed uint64) error {
	const stride = 11
	text := x.text(8, true)
	for i := int(seed % stride); i < len(text); i += stride {
		text[i] ^= 1 << (seed % 8)
		err := verify(text)
		text[i] ^= 1 << (seed % 8)
		if where := (*autonomics.VerifyError)(nil); !errors.As(err, &where) {
			return fmt.Errorf("bit %d of byte %d is flipped: %v", seed%8, i, err)
		}
	}
	return nil
}
