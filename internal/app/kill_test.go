package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/actuate/simcloud"
)

// asServer makes the test binary serve the directory that it names.
const asServer = "AUTONOMICS_TEST_SERVE"

func TestMain(m *testing.M) {
	dir := os.Getenv(asServer)
	if dir == "" {
		os.Exit(m.Run())
	}
	a, err := Open(context.Background(), testConfig(dir), testEnv())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(a.URL())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := a.Serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// spawn starts a server in a process of its own.
func spawn(t *testing.T, dir string) (cmd *exec.Cmd, url string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), asServer+"="+dir), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// An ack is a receipt that a sender was told of.
type ack struct {
	Tenant   string
	Governor string
	Seq      uint64
	Hash     string
}

const (
	killRounds  = 4
	killSenders = 8 // each with a tenant of its own; half of them make governors act
	killAfter   = 300
)

// TestKill: whenever a server under load is killed, the next one has every
// receipt that was acked, the same state as a reader of the directory, no
// effect twice in the cloud, and a directory that verifies.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var acked []ack
	for round := range killRounds {
		cmd, url := spawn(t, dir)
		if round == 0 {
			create(t, url)
		}
		compareStates(t, dir, url, cmd, round)
		cmd, url = spawn(t, dir)
		acked = append(acked, load(t, url, round, func() { kill(cmd) })...)
		cmd, url = spawn(t, dir)
		hasAll(t, url, acked)
		kill(cmd)
	}
	if len(acked) < killRounds*killAfter {
		t.Errorf("only %d receipts were acked: the test has shown little", len(acked))
	}
	report, err := VerifyDirectory(t.Context(), dir, nil)
	if err != nil || len(report.Tenants) != killSenders+1 {
		t.Errorf("verify: %+v %v", report, err)
	}
	changes, err := simcloud.Changes(filepath.Join(dir, "cloud"))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, c := range changes {
		if keys[c.Key] {
			t.Errorf("effect %s was done twice", c.Key)
		}
		keys[c.Key] = true
	}
	if len(keys) < killRounds {
		t.Errorf("only %d effects: the governors have hardly acted", len(keys))
	}
}

// TestTerminate: a server that is told to end under load ends well, and has
// what it acked.
func TestTerminate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cmd, url := spawn(t, dir)
	create(t, url)
	acked := load(t, url, 0, func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("told to end: %v, want exit code 0", err)
		}
	})
	_, url = spawn(t, dir)
	hasAll(t, url, acked)
}

func create(t *testing.T, url string) {
	t.Helper()
	for i := range killSenders {
		if status, body, err := send(http.DefaultClient, url+"/v1/tenants", strings.ReplaceAll(acme, "acme", tenantName(i))); status != http.StatusCreated {
			t.Fatalf("create: %d %s %v", status, body, err)
		}
	}
}

// hasAll checks that the server has what was acked.
func hasAll(t *testing.T, url string, acked []ack) {
	t.Helper()
	for _, a := range acked {
		line := fetch(t, fmt.Sprintf("%s/v1/tenants/%s/receipts/%d", url, a.Tenant, a.Seq))
		r, err := autonomics.ParseReceipt([]byte(strings.TrimSpace(line)))
		if err != nil || r.Hash.String() != a.Hash || r.Governor != a.Governor {
			t.Fatalf("acked %+v, there is %s (%v)", a, line, err)
		}
	}
}

func tenantName(i int) string { return fmt.Sprintf("t%d", i) }

// load sends signals until enough are acked, ends the server in the midst of it,
// and returns what was acked.
func load(t *testing.T, url string, round int, end func()) (acked []ack) {
	var mu sync.Mutex
	enough := make(chan struct{})
	var senders sync.WaitGroup
	for i := range killSenders {
		senders.Go(func() {
			for n := 0; ; n++ {
				value := "0.5"
				if i%2 == 1 && n%2 == 1 { // over the limit and back
					value = "1.2"
				}
				status, body, err := send(http.DefaultClient, url+"/v1/signals", fmt.Sprintf(
					`{"tenant":%q,"signal":"spend","value":%q,"source":"meter","id":"%03d-%06d"}`, tenantName(i), value, round, n))
				if err != nil || status == http.StatusServiceUnavailable {
					return // ended
				}
				var answer struct{ Results []struct{ Receipts []ack } }
				if status != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || len(answer.Results) != 1 {
					t.Errorf("signal: %d %s", status, body)
					return
				}
				mu.Lock()
				acked = append(acked, answer.Results[0].Receipts...)
				if len(acked) == killAfter {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Minute):
		t.Error("the server acks too little")
	}
	end()
	senders.Wait()
	return acked
}

// compareStates compares what a server recovered and committed with what a
// reader recovers from the directory after the server is killed.
func compareStates(t *testing.T, dir, url string, cmd *exec.Cmd, round int) {
	t.Helper()
	// Effects that a crash has cut off go on at the start: wait until nothing
	// has moved for a while. What the limits hold stays as it is.
	served := ""
	for still := 0; still < 5; still++ {
		now := fetch(t, url+"/v1/tenants")
		if now != served || strings.Count(now, `"stage":"requested"`) > strings.Count(now, `"cause":"limits"`) || strings.Contains(now, `"stage":"prepared"`) || strings.Contains(now, `"stage":"releasing"`) {
			served, still = now, 0
		}
		select {
		case <-t.Context().Done():
			t.Fatal("it does not come to rest")
		case <-time.After(20 * time.Millisecond):
		}
	}
	kill(cmd)
	offline, err := OpenOffline(t.Context(), dir, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	defer offline.Close()
	resp, err := (&http.Client{Transport: offline}).Get("http://127.0.0.1/v1/tenants")
	if err != nil {
		t.Fatal(err)
	}
	read, err := io.ReadAll(resp.Body)
	if err != nil || string(read) != served {
		t.Errorf("round %d: the server said\n%s\nits directory says (%v)\n%s", round, served, err, read)
	}
}
