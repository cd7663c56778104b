package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemoServes: when the story is told, the three commands that it offers
// work as they are pasted, what they cause is printed, and an interrupt ends it
// well.
func TestDemoServes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "" {
		t.Skipf("one of the commands needs curl: %v", err)
	}
	env := append(os.Environ(), asMain+"=1")
	cmd := exec.Command(self, "demo", "--speed", "1000000", "--data", filepath.Join(t.TempDir(), "data"))
	cmd.Env, cmd.Stderr = env, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	deadline := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer deadline.Stop()
	lines := bufio.NewScanner(out)
	until := func(what string) (said []string) {
		for lines.Scan() {
			if said = append(said, lines.Text()); strings.Contains(lines.Text(), what) {
				return said
			}
		}
		t.Fatalf("the demo ended without %q:\n%s", what, strings.Join(said, "\n"))
		return nil
	}
	until("Try next, in another terminal:")
	offered := until("Serving until interrupted")
	wants := []string{"ok lumen receipts 1 to ", "apply throttle harbor-web", `"verdict":"accepted"`}
	if len(offered) != len(wants)+1 {
		t.Fatalf("it offers %q, want %d commands", offered, len(wants))
	}
	for i, want := range wants {
		line := strings.TrimSpace(offered[i])
		pasted := exec.Command("sh", "-c", strings.Replace(line, "go run ./cmd/autonomics", self, 1))
		pasted.Env = env
		if answer, err := pasted.CombinedOutput(); err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%s\n%s\n%v, want %q", line, answer, err, want)
		}
	}
	until("spend 1.2")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v, want exit code 0", err)
	}
}
