package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme and TestOperating run every shell block of a document, in order,
// in one shell: what a newcomer pastes must work.

func TestReadme(t *testing.T) {
	out := paste(t, "README.md")
	for _, want := range []string{"No claim is left", "ok harbor receipts 1 to", "one of the two was changed", `"state":"intervening"`, "rule      spend_over fired"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %q:\n%s", want, out)
		}
	}
}

func TestOperating(t *testing.T) {
	out := paste(t, "docs/OPERATING.md")
	for _, want := range []string{`"verdict":"accepted"`, "throttle", "would set max to 1", "command approve", "waits for limits", "stopped: tenant acme", "ok acme receipts 1 to"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %q:\n%s", want, out)
		}
	}
}

// paste runs the shell blocks of a document of this repository in an empty
// directory that has only the repository's skus and docs, and returns what they
// print. Only the ports differ, which may be taken here.
func paste(t *testing.T, document string) string {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") == "" {
			t.Skipf("the commands of %s need %s: %v", document, tool, err)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
	}
	if strings.Count(script.String(), "\n") < 5 {
		t.Fatalf("the shell blocks of %s are:\n%s", document, &script)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "built")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range []string{"skus", "docs"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	api := freePort(t)
	body := strings.NewReplacer(
		"go run ./cmd/autonomics", bin,
		"go build -o autonomics ./cmd/autonomics", "ln -s "+bin+" autonomics",
		"--data data &", fmt.Sprintf("--data data --listen 127.0.0.1:%s --metrics 127.0.0.1:0 &\n"+
			"trap 'kill %%1; wait %%1' EXIT\nuntil curl -sf localhost:%s/readyz; do kill -0 %%1; sleep 0.1; done", api, api),
		"localhost:8080", "localhost:"+api,
	).Replace(script.String())
	body = regexp.MustCompile(`(?m)^\./autonomics (why|stop|resume|approve|reject|tenants|governors|claims|bindings|backtest|report|verdict|receipts (?:list|show|export)) .*$`).
		ReplaceAllStringFunc(body, func(line string) string {
			if strings.Contains(line, "--data") || strings.Contains(line, "--file") {
				return line
			}
			return line + " --url http://localhost:" + api
		})
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", body)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n-- of\n%s", document, err, out, body)
	}
	return string(out)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
