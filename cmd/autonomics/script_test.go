package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// asMain makes the test binary behave as the program.
const asMain = "AUTONOMICS_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestScripts runs the scripts of testdata/script. Their own commands are:
//
//	exits CODE ARGS…   runs the program, which must exit with CODE
//	serve DATA         starts a server; sets $URL when it is ready
//	end                sends it SIGTERM; it must exit with 0
//	post PATH FILE     posts the file to it as JSON; the body goes to stdout
//	held TENANT        waits for an effect that waits for approval; sets $EFFECT to its key
//	flip FILE AT       changes one bit of the byte at an offset, from the end if negative
func TestScripts(t *testing.T) {
	engine := script.NewEngine()
	engine.Cmds = scripttest.DefaultCmds()
	engine.Cmds["exits"] = command("runs the program, which must exit with CODE", "CODE ARGS...", exits)
	engine.Cmds["serve"] = command("starts a server and waits until it is ready", "DATA", serve(t))
	engine.Cmds["end"] = command("ends the server by SIGTERM", "", end)
	engine.Cmds["post"] = command("posts a file to the server", "PATH FILE", post)
	engine.Cmds["held"] = command("waits for an effect that waits for approval", "TENANT", held)
	engine.Cmds["flip"] = command("changes one bit of a file", "FILE AT", flip)
	scripttest.Test(t, context.Background(), engine, []string{"NO_COLOR=1"}, "testdata/script/*.txt")
}

// command makes a script command of a function that has run when it returns.
func command(summary, args string, run func(s *script.State, args []string) (stdout, stderr string, err error)) script.Cmd {
	return script.Command(script.CmdUsage{Summary: summary, Args: args}, func(s *script.State, args ...string) (script.WaitFunc, error) {
		stdout, stderr, err := run(s, args)
		return func(*script.State) (string, string, error) { return stdout, stderr, err }, nil
	})
}

func selfCommand(s *script.State, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(s.Context(), self, args...)
	cmd.Dir, cmd.Env = s.Getwd(), append(s.Environ(), asMain+"=1")
	return cmd
}

func exits(s *script.State, args []string) (string, string, error) {
	if len(args) < 1 {
		return "", "", script.ErrUsage
	}
	var stdout, stderr bytes.Buffer
	cmd := selfCommand(s, args[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if code := strconv.Itoa(cmd.ProcessState.ExitCode()); code != args[0] {
		return stdout.String(), stderr.String(), fmt.Errorf("exit code %s, want %s: %v", code, args[0], err)
	}
	return stdout.String(), stderr.String(), nil
}

// running has the servers of the scripts, by process id.
var running sync.Map

var ready = regexp.MustCompile(`^autonomics ready: (http://127\.0\.0\.1:\d+) metrics (http://127\.0\.0\.1:\d+) data \S+$`)

type server struct {
	cmd *exec.Cmd
	err *bytes.Buffer
}

func serve(t *testing.T) func(s *script.State, args []string) (string, string, error) {
	return func(s *script.State, args []string) (string, string, error) {
		if len(args) < 1 {
			return "", "", script.ErrUsage
		}
		cmd := selfCommand(s, append([]string{"serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data", args[0]}, args[1:]...)...)
		errs := &bytes.Buffer{}
		cmd.Stderr = errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			return "", "", err
		}
		if err := cmd.Start(); err != nil {
			return "", "", err
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		line, err := bufio.NewReader(out).ReadString('\n')
		m := ready.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			return line, errs.String(), fmt.Errorf("no ready line: %v", err)
		}
		s.Setenv("URL", m[1])
		s.Setenv("METRICS", m[2])
		s.Setenv("PID", strconv.Itoa(cmd.Process.Pid))
		running.Store(cmd.Process.Pid, server{cmd, errs})
		return line, "", nil
	}
}

func end(s *script.State, _ []string) (string, string, error) {
	pid, ok := s.LookupEnv("PID")
	n, _ := strconv.Atoi(pid)
	v, found := running.LoadAndDelete(n)
	if !ok || !found {
		return "", "", errors.New("no server runs")
	}
	one := v.(server)
	if err := one.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return "", "", err
	}
	err := one.cmd.Wait()
	return "", one.err.String(), err
}

func post(s *script.State, args []string) (string, string, error) {
	if len(args) != 2 {
		return "", "", script.ErrUsage
	}
	body, err := os.ReadFile(s.Path(args[1]))
	if err != nil {
		return "", "", err
	}
	url, _ := s.LookupEnv("URL")
	resp, err := http.Post(url+args[0], "application/json", bytes.NewReader(body))
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.Status + "\n" + string(text), "", err
}

var heldEffect = regexp.MustCompile(`"held":\[\{"effect":"([^"]+)","action":"[^"]+","cause":"approval"`)

func held(s *script.State, args []string) (string, string, error) {
	if len(args) != 1 {
		return "", "", script.ErrUsage
	}
	url, _ := s.LookupEnv("URL")
	for ctx := s.Context(); ctx.Err() == nil; {
		resp, err := http.Get(url + "/v1/tenants/" + args[0])
		if err != nil {
			return "", "", err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return "", "", err
		}
		if m := heldEffect.FindSubmatch(text); m != nil {
			s.Setenv("EFFECT", string(m[1]))
			return "", "", nil
		}
	}
	return "", "", s.Context().Err()
}

func flip(s *script.State, args []string) (string, string, error) {
	if len(args) != 2 {
		return "", "", script.ErrUsage
	}
	names, err := filepath.Glob(s.Path(args[0]))
	if err != nil || len(names) != 1 {
		return "", "", fmt.Errorf("%s: want one file, have %v", args[0], names)
	}
	at, err := strconv.Atoi(args[1])
	if err != nil {
		return "", "", err
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		return "", "", err
	}
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 1
	return "", "", os.WriteFile(names[0], text, 0o600)
}
