package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/autonomics-dev/autonomics/internal/spec/strict"
)

// A Config is what an operator chooses. It is read from a JSON file with these
// members and no others; flags win over the file.
type Config struct {
	// Listen is the address of the API. This version has no credentials, so
	// it must be a loopback address: whoever can reach it may do everything.
	// Port 0 takes any free port; the ready line says which.
	Listen string `json:"listen,omitempty" want:"text"`
	// Metrics is the address of /metrics and of Go's /debug/pprof/, loopback
	// too.
	Metrics string `json:"metrics,omitempty" want:"text"`
	// Data is the directory of the ledger and of the in-process cloud. One that
	// does not exist is created. Relative to the working directory.
	Data string `json:"data,omitempty" want:"text"`
	// SKUs are spec files to add to the built-in SKUs. Relative to the working
	// directory.
	SKUs []string `json:"skus,omitempty" want:"text"`
}

// Defaults are what holds where neither file nor flag says anything.
func Defaults() Config {
	return Config{Listen: "127.0.0.1:8080", Metrics: "127.0.0.1:9090", Data: "autonomics-data"}
}

// ReadConfig reads a file over c.
func (c *Config) ReadConfig(file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if complaints := strict.Decode(filepath.ToSlash(file), src, c); len(complaints) > 0 {
		return fmt.Errorf("configuration %v", complaints[0])
	}
	return nil
}

func (c *Config) validate() error {
	if err := loopback("listen", c.Listen); err != nil {
		return err
	}
	if err := loopback("metrics", c.Metrics); err != nil {
		return err
	}
	if c.Data == "" {
		return errors.New("data: empty; name the directory that holds the ledger")
	}
	return nil
}

// loopback refuses addresses that others could reach.
func loopback(member, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s %q: %w; want a host and a port, for example 127.0.0.1:8080", member, address, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s %q: not a loopback address; this version has no credentials, so everybody who can reach it "+
			"could command it: use 127.0.0.1, [::1] or localhost, and a tunnel from elsewhere", member, address)
	}
	return nil
}
