package autonomics

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// AppendStart appends the first line of an export, without a newline: seq is
// that of the receipt that follows, prev its prev.
func AppendStart(b []byte, tenant Tenant, seq uint64, prev Hash) []byte {
	return fmt.Appendf(b, `{"kind":"start","prev":"%s","seq":%d,"tenant":"%s"}`, prev, seq, tenant)
}

// AppendHead appends the last line of an export, without a newline: seq and
// hash are those of the last receipt. If there is none, they are those of the
// receipt before the export.
func AppendHead(b []byte, tenant Tenant, seq uint64, hash Hash) []byte {
	return fmt.Appendf(b, `{"hash":"%s","kind":"head","seq":%d,"tenant":"%s"}`, hash, seq, tenant)
}

// An Anchor is a receipt's hash that the user already holds.
type Anchor struct {
	Seq  uint64
	Hash Hash
}

// ParseAnchor reads SEQ:HASH.
func ParseAnchor(s string) (Anchor, error) {
	digits, hash, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseUint(digits, 10, 53)
	if err != nil {
		return Anchor{}, fmt.Errorf("anchor %.80q: want SEQ:HASH, SEQ a whole number", s)
	}
	h, err := ParseHash(hash)
	if err != nil {
		return Anchor{}, fmt.Errorf("anchor %.80q: want SEQ:HASH: %w", s, err)
	}
	return Anchor{seq, h}, nil
}

// VerifyOptions say what else an export must be.
type VerifyOptions struct {
	Anchors []Anchor // all must lie in the export and fit
	Prefix  bool     // the head may be missing
}

// A Report says what an export holds. If there is an error, it says what was
// good before it.
type Report struct {
	Tenant   Tenant
	First    uint64 // seq of the first receipt
	Last     uint64 // seq of the last one; First-1 if there is none
	Hash     Hash   // of the last one
	Complete bool   // the head was there and fits
}

// A VerifyError says where an export is wrong.
type VerifyError struct {
	Line int    // counted from 1
	Seq  uint64 // of the receipt that should stand there
	Err  error
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("line %d, receipt %d: %v", e.Line, e.Seq, e.Err)
}

func (e *VerifyError) Unwrap() error { return e.Err }

// ErrNoHead: an export ends before its head, so nobody can say how many
// receipts are missing.
var ErrNoHead = errors.New("no head")

// Verify reads one export and checks that every line is canonical, every hash
// fits its receipt, and the receipts of one tenant follow each other without
// a gap from the start line to the head. It returns a *VerifyError for the
// first line that does not fit, any other error as r returned it. Memory use
// does not depend on the length of the export.
func Verify(r io.Reader, opt VerifyOptions) (Report, error) {
	v := verifier{anchors: opt.Anchors}
	in := bufio.NewReaderSize(r, MaxReceipt+1)
	for {
		line, err := in.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		v.line++
		switch {
		case err == bufio.ErrBufferFull:
			return v.report, v.fault("longer than %d bytes", MaxReceipt)
		case err != nil && err != io.EOF:
			return v.report, fmt.Errorf("line %d: %w", v.line, err)
		}
		if err := v.next(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return v.report, err
		}
	}
	v.line++
	if v.line == 1 {
		return v.report, v.fault("empty: want a start line")
	}
	if !v.report.Complete && !opt.Prefix {
		return v.report, v.fault("%w: prefix up to %d %s", ErrNoHead, v.report.Last, v.report.Hash)
	}
	for _, a := range opt.Anchors {
		if a.Seq+1 < v.report.First || a.Seq > v.report.Last {
			return v.report, v.fault("the anchor %d is not in this export", a.Seq)
		}
	}
	return v.report, nil
}

// A verifier is between two lines of an export.
type verifier struct {
	anchors []Anchor
	line    int
	at      Time // of the last receipt
	report  Report
	codec   codec   // of the line, and its scratch
	receipt Receipt // of the line
}

func (v *verifier) fault(format string, args ...any) error {
	return &VerifyError{Line: v.line, Seq: v.report.Last + 1, Err: fmt.Errorf(format, args...)}
}

func (v *verifier) next(line []byte) error {
	switch {
	case v.line == 1:
		return v.start(line)
	case v.report.Complete:
		return v.fault("there is more after the head; an export is one chain")
	case bytes.HasPrefix(line, []byte(`{"hash"`)):
		return v.head(line)
	}
	v.receipt = Receipt{}
	v.codec = codec{decoding: true, parser: parser{src: string(line)}, buf: v.codec.buf}
	r, err := &v.receipt, v.codec.sealed(&v.receipt)
	want := v.report.Last + 1
	switch {
	case err != nil:
		return v.fault("%w", err)
	case r.Tenant != v.report.Tenant:
		return v.fault("of the tenant %q, in a chain of %q", r.Tenant, v.report.Tenant)
	case r.Seq > want:
		return v.fault("missing: here stands %d", r.Seq)
	case r.Seq < want:
		return v.fault("out of order: here stands %d, twice or moved", r.Seq)
	case r.Prev != v.report.Hash:
		return v.fault("its prev is not the hash of the receipt before: one of the two was replaced")
	case r.At < v.at:
		return v.fault("its time %s is before that of the receipt before, %s", r.At, v.at)
	}
	v.report.Last, v.report.Hash, v.at = r.Seq, r.Hash, r.At
	return v.anchor(want)
}

// anchor compares the last receipt with what the user holds.
func (v *verifier) anchor(seq uint64) error {
	for _, a := range v.anchors {
		if a.Seq == v.report.Last && a.Hash != v.report.Hash {
			return &VerifyError{v.line, seq, fmt.Errorf("hash %s, but the anchor says %s", v.report.Hash, a.Hash)}
		}
	}
	return nil
}

func (v *verifier) start(line []byte) error {
	tenant, seq, prev, err := parseFrame(line, "start", AppendStart)
	if err != nil {
		return v.fault("start line: %w", err)
	}
	if seq == 0 || prev.IsZero() != (seq == 1) {
		return v.fault("start line: seq from 1, prev zeros exactly when it is 1")
	}
	v.report = Report{Tenant: tenant, First: seq, Last: seq - 1, Hash: prev}
	return v.anchor(seq - 1)
}

func (v *verifier) head(line []byte) error {
	tenant, seq, hash, err := parseFrame(line, "head", AppendHead)
	switch {
	case err != nil:
		return v.fault("head: %w", err)
	case tenant != v.report.Tenant:
		return v.fault("head of the tenant %q, in a chain of %q", tenant, v.report.Tenant)
	case seq > v.report.Last:
		return v.fault("missing: the head says that the last is %d", seq)
	case seq < v.report.Last || hash != v.report.Hash:
		return v.fault("the head says %d %s, but the last is %d %s", seq, hash, v.report.Last, v.report.Hash)
	}
	v.report.Complete = true
	return nil
}

// parseFrame reads a line that AppendStart or AppendHead, form, made.
func parseFrame(line []byte, kind string, form func([]byte, Tenant, uint64, Hash) []byte) (tenant Tenant, seq uint64, hash Hash, err error) {
	c := codec{parser: parser{src: string(line)}, decoding: true}
	c.put(kind, '{')
	if c.member("hash", true) {
		quoted(&c, "hash", &hash, ParseHash)
	}
	enum(&c, "kind", &kind, []string{kind})
	if c.member("prev", true) {
		quoted(&c, "prev", &hash, ParseHash)
	}
	if c.must("seq") {
		number(&c, "seq", &seq)
	}
	name(&c, "tenant", &tenant)
	c.end(kind)
	if c.err == nil && !bytes.Equal(line, form(nil, tenant, seq, hash)) {
		c.fault(kind, "not as an export writes it")
	}
	return tenant, seq, hash, c.err
}
