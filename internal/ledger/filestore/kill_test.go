package filestore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/ledger"
)

// childDir names the variable that makes this test binary a process that
// appends to the store in that directory until it is killed.
const childDir = "AUTONOMICS_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, appendForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver prints the number and the hash of each block once it is acked.
func appendForEver(dir string) error {
	s, err := Open(dir, Options{SegmentBytes: 20_000})
	if err != nil {
		return err
	}
	seq, hash := s.log.at.seq, s.log.at.hash
	for {
		seq++
		size := 1 + rand.IntN(3000)
		b := ledger.Block{Seq: seq, Prev: hash, Node: "n1"}
		text := make([]byte, size)
		for i := range text {
			text[i] = 'a' + byte(rand.IntN(26))
		}
		b.Lines = []ledger.Line{{Tenant: "acme", Seq: seq, Bytes: text}}
		var data []byte
		if data, hash, err = ledger.Encode(&b); err != nil {
			return err
		}
		if err := s.Log().Append(context.Background(), seq, data); err != nil {
			return err
		}
		fmt.Printf("%d %v\n", seq, hash)
	}
}

// TestKill kills an appending process twenty times; each time all that it was
// told to be durable must be there, and the next one goes on.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	acked := map[uint64]string{}
	for round := range 20 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(stdout)
		for n, killAt := 0, 1+rand.IntN(40); ; n++ {
			if n == killAt {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break
			}
			var seq uint64
			var hash string
			if _, err := fmt.Sscanf(line, "%d %s\n", &seq, &hash); err != nil {
				t.Fatalf("round %d: %q: %v", round, line, err)
			}
			acked[seq] = hash
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("round %d: the process ended by itself: %s", round, &stderr)
		}
		checkAcked(t, dir, acked)
	}
	if len(acked) < 20 {
		t.Errorf("only %d blocks in all rounds", len(acked))
	}
}

func checkAcked(t *testing.T, dir string, acked map[uint64]string) {
	t.Helper()
	s, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := 0
	err = ledger.Walk(t.Context(), s.Log(), 1, autonomics.Hash{}, func(b *ledger.Block, hash autonomics.Hash) error {
		if want, ok := acked[b.Seq]; ok {
			found++
			if want != hash.String() {
				return fmt.Errorf("block %d is %v, acked was %s", b.Seq, hash, want)
			}
		}
		return nil
	})
	if err != nil || found != len(acked) {
		t.Fatalf("%d of %d acked blocks are there: %v", found, len(acked), err)
	}
}
