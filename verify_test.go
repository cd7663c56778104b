package autonomics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// chain seals n receipts of one tenant, the first with the seq first after
// prev, and returns their export, line by line.
func chain(tenant Tenant, first uint64, prev Hash, n int) (lines []string, hashes []Hash) {
	lines = append(lines, string(AppendStart(nil, tenant, first, prev)))
	for i := range n {
		r := Receipt{
			Tenant: tenant, Seq: first + uint64(i), Prev: prev, At: 1_700_000_000_000 + Time(i)*1000, Kernel: 1,
			Kind: KindSignal, Verdict: Accepted, Governor: "g", From: Stable, To: Stable,
			Event: Event{Signal: &Signal{ID: fmt.Sprint("m", i), Readings: []Reading{{Signal: "spend", Value: Decimal(i) * 1000, Unit: "ratio"}}}},
		}
		line, err := r.Seal()
		if err != nil {
			panic(err)
		}
		prev = r.Hash
		lines, hashes = append(lines, string(line)), append(hashes, prev)
	}
	return append(lines, string(AppendHead(nil, tenant, first+uint64(n)-1, prev))), hashes
}

func export(lines []string) io.Reader { return strings.NewReader(strings.Join(lines, "\n") + "\n") }

func TestVerify(t *testing.T) {
	good, hashes := chain("acme", 1, Hash{}, 5) // line 1 start, 2 to 6 receipts, 7 head
	other, _ := chain("globex", 1, Hash{}, 5)
	reseal := func(i int, change func(*Receipt)) string {
		r, err := ParseReceipt([]byte(good[i]))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		line, err := r.Seal()
		if err != nil {
			t.Fatal(err)
		}
		return string(line)
	}
	with := func(i int, lines ...string) []string { return slices.Replace(slices.Clone(good), i, i+1, lines...) }
	for _, x := range []struct {
		name  string
		lines []string
		opt   VerifyOptions
		line  int // 0: good
		seq   uint64
		want  string
	}{
		{name: "good", lines: good},
		{name: "good, pinned", lines: good, opt: VerifyOptions{Anchors: []Anchor{{3, hashes[2]}, {5, hashes[4]}}}},
		{name: "prefix accepted", lines: good[:4], opt: VerifyOptions{Prefix: true}},
		{name: "a whole one as prefix", lines: good, opt: VerifyOptions{Prefix: true}},
		{"prefix", good[:4], VerifyOptions{}, 5, 4, "no head: prefix up to 3 " + hashes[2].String()},
		{"only a start", good[:1], VerifyOptions{}, 2, 1, "no head: prefix up to 0"},
		{"empty", nil, VerifyOptions{Prefix: true}, 1, 1, "want"},
		{"no start", good[1:], VerifyOptions{}, 1, 1, "start line"},
		{"flipped", with(3, strings.Replace(good[3], `"0.002"`, `"0.003"`, 1)), VerifyOptions{}, 4, 3, "does not fit the content"},
		{"deleted", with(3), VerifyOptions{}, 4, 3, "missing: here stands 4"},
		{"deleted first", with(1), VerifyOptions{}, 2, 1, "missing: here stands 2"},
		{"deleted last", with(5), VerifyOptions{}, 6, 5, "missing: the head says that the last is 5"},
		{"duplicated", with(3, good[3], good[3]), VerifyOptions{}, 5, 4, "here stands 3, twice or moved"},
		{"reordered", with(3, good[4], good[3]), VerifyOptions{}, 4, 3, "missing: here stands 4"},
		{"truncated", append(slices.Clone(good[:4]), good[4][:300]), VerifyOptions{Prefix: true}, 5, 4, "member"},
		{"replaced", with(3, reseal(3, func(r *Receipt) { r.Event.Signal.ID = "forged" })), VerifyOptions{}, 5, 4, "prev is not the hash"},
		{"last replaced", with(5, reseal(5, func(r *Receipt) { r.Event.Signal.ID = "forged" })), VerifyOptions{}, 7, 6, "but the last is 5"},
		{"other tenant's", with(3, other[3]), VerifyOptions{}, 4, 3, `of the tenant "globex"`},
		{"back in time", with(3, reseal(3, func(r *Receipt) { r.At = 1 })), VerifyOptions{}, 4, 3, "before"},
		{"blank line", with(3, "", good[3]), VerifyOptions{}, 4, 3, "want"},
		{"carriage return", with(3, good[3]+"\r"), VerifyOptions{}, 4, 3, "more after it"},
		{"spaces", with(3, strings.Replace(good[3], ":", ": ", 1)), VerifyOptions{}, 4, 3, `member "at"`},
		{"another export", append(slices.Clone(good), good...), VerifyOptions{}, 8, 6, "more after the head"},
		{"head twice", with(6, good[6], good[6]), VerifyOptions{}, 8, 6, "more after the head"},
		{"head of another", with(6, other[6]), VerifyOptions{}, 7, 6, `head of the tenant "globex"`},
		{"head too low", with(6, string(AppendHead(nil, "acme", 4, hashes[3]))), VerifyOptions{}, 7, 6, "but the last is 5"},
		{"head's hash", with(6, string(AppendHead(nil, "acme", 5, hashes[3]))), VerifyOptions{}, 7, 6, "but the last is 5"},
		{"head with more", with(6, good[6]+" "), VerifyOptions{}, 7, 6, "not as an export"},
		{"start twice", with(0, good[0], good[0]), VerifyOptions{}, 2, 1, "member"},
		{"start at 0", with(0, string(AppendStart(nil, "acme", 0, Hash{}))), VerifyOptions{}, 1, 1, "seq from 1"},
		{"start at 0 after another", with(0, string(AppendStart(nil, "acme", 0, hashes[0]))), VerifyOptions{}, 1, 1, "seq from 1"},
		{"start's prev", with(0, string(AppendStart(nil, "acme", 1, hashes[0]))), VerifyOptions{}, 1, 1, "zeros exactly"},
		{"start of another", with(0, other[0]), VerifyOptions{}, 2, 1, `of the tenant "acme"`},
		{"too long", with(3, strings.Repeat("x", MaxReceipt+1)), VerifyOptions{}, 4, 3, "longer than 65535"},
		{"anchor", good, VerifyOptions{Anchors: []Anchor{{3, hashes[0]}}}, 4, 3, "the anchor says"},
		{"anchor beyond", good, VerifyOptions{Anchors: []Anchor{{6, hashes[0]}}}, 8, 6, "anchor 6 is not in"},
	} {
		report, err := Verify(export(x.lines), x.opt)
		if x.line == 0 {
			n := len(x.lines) - 1
			complete := n == 6
			if complete {
				n--
			}
			if want := (Report{"acme", 1, uint64(n), hashes[n-1], complete}); err != nil || report != want {
				t.Errorf("%s: %+v, %v; want %+v", x.name, report, err, want)
			}
			continue
		}
		var at *VerifyError
		if !errors.As(err, &at) || at.Line != x.line || at.Seq != x.seq || !strings.Contains(at.Error(), x.want) {
			t.Errorf("%s: %v; want line %d, receipt %d: %s", x.name, err, x.line, x.seq, x.want)
		}
		if errors.Is(err, ErrNoHead) != strings.Contains(x.want, "no head") {
			t.Errorf("%s: %v: errors.Is ErrNoHead is wrong", x.name, err)
		}
	}
}

func TestVerifyPart(t *testing.T) {
	all, hashes := chain("acme", 1, Hash{}, 5)
	lines := append([]string{string(AppendStart(nil, "acme", 3, hashes[1]))}, all[3:]...)
	opt := VerifyOptions{Anchors: []Anchor{{2, hashes[1]}}}
	if report, err := Verify(export(lines), opt); err != nil || report != (Report{"acme", 3, 5, hashes[4], true}) {
		t.Errorf("part: %+v, %v", report, err)
	}
	opt.Anchors[0].Hash = hashes[0]
	if _, err := Verify(export(lines), opt); err == nil || !strings.Contains(err.Error(), "line 1, receipt 2: ") {
		t.Errorf("the anchor before the first receipt: %v", err)
	}
	opt.Anchors[0] = Anchor{1, hashes[0]}
	if _, err := Verify(export(lines), opt); err == nil || !strings.Contains(err.Error(), "anchor 1 is not in") {
		t.Errorf("the anchor before the export: %v", err)
	}
	none := []string{string(AppendStart(nil, "acme", 3, hashes[1])), string(AppendHead(nil, "acme", 2, hashes[1]))}
	if report, err := Verify(export(none), VerifyOptions{}); err != nil || report != (Report{"acme", 3, 2, hashes[1], true}) {
		t.Errorf("no receipts: %+v, %v", report, err)
	}
	whole := strings.Join(all, "\n")
	if _, err := Verify(iotest.OneByteReader(strings.NewReader(whole)), VerifyOptions{}); err != nil {
		t.Errorf("without the last newline: %v", err)
	}
	broken := errors.New("broken")
	_, err := Verify(io.MultiReader(strings.NewReader(whole[:900]), iotest.ErrReader(broken)), VerifyOptions{Prefix: true})
	if at := new(*VerifyError); !errors.Is(err, broken) || errors.As(err, at) {
		t.Errorf("a reader's error: %v", err)
	}
}

// TestEveryFlip changes every byte of an export in turn.
func TestEveryFlip(t *testing.T) {
	lines, _ := chain("acme", 1, Hash{}, 3)
	whole := []byte(strings.Join(lines, "\n") + "\n")
	for i := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << bit
			if _, err := Verify(bytes.NewReader(flipped), VerifyOptions{}); err == nil {
				t.Errorf("byte %d, bit %d: not found: %q", i, bit, flipped[max(0, i-20):min(len(flipped), i+20)])
			}
		}
	}
}

// TestTampering: what is not the export is refused, and what was good before
// the first change is still reported so.
func TestTampering(t *testing.T) {
	lines, hashes := chain("acme", 1, Hash{}, 8)
	whole := strings.Join(lines, "\n") + "\n"
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(whole)-2).Draw(t, "from")
		to := rapid.IntRange(from, len(whole)-1).Draw(t, "to")
		put := rapid.SampledFrom([]string{"", "x", "\n", whole[from:to] + whole[from:to], string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))}).Draw(t, "put")
		changed := whole[:from] + put + whole[to:]
		if strings.TrimSuffix(changed, "\n") == strings.TrimSuffix(whole, "\n") {
			t.Skip("unchanged")
		}
		report, err := Verify(strings.NewReader(changed), VerifyOptions{})
		var at *VerifyError
		if !errors.As(err, &at) {
			t.Fatalf("not found: %v", err)
		}
		intact := strings.Count(whole[:from], "\n") // lines before the change
		if at.Line <= intact {
			t.Fatalf("%v, but the first %d lines are intact", err, intact)
		}
		if intact > 1 && intact <= len(hashes) && (report.Last < uint64(intact-1) || report.First != 1) {
			t.Fatalf("report %+v, but %d lines are intact", report, intact)
		}
	})
}

func TestParseAnchor(t *testing.T) {
	h := hashOf("a")
	if a, err := ParseAnchor("42:" + h.String()); err != nil || a != (Anchor{42, h}) {
		t.Errorf("%v, %v", a, err)
	}
	for _, s := range []string{"", "42", "42:", ":" + h.String(), "-1:" + h.String(), "x:" + h.String(), "1:" + h.String()[1:], "1:" + strings.ToUpper(h.String()), "9007199254740992:" + h.String()} {
		if a, err := ParseAnchor(s); err == nil {
			t.Errorf("ParseAnchor(%q) = %v", s, a)
		}
	}
}
