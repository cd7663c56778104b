package filestore

import (
	"testing"

	"github.com/autonomics-dev/autonomics/internal/ledger"
	"github.com/autonomics-dev/autonomics/internal/ledger/ledgertest"
)

func TestConformance(t *testing.T) {
	for name, limit := range map[string]int64{"one segment": 0, "small segments": 4096, "a segment for each block": 1} {
		t.Run(name, func(t *testing.T) {
			ledgertest.Run(t, func(t *testing.T) ledgertest.Opener {
				dir := t.TempDir()
				var s *Store
				t.Cleanup(func() { s.Close() })
				return func() (ledger.Log, ledger.Blobs) {
					if s != nil {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
					}
					var err error
					if s, err = Open(dir, Options{SegmentBytes: limit}); err != nil {
						t.Fatal(err)
					}
					if s.Cut() != "" {
						t.Errorf("cut: %s", s.Cut())
					}
					return s.Log(), s.Blobs()
				}
			})
		})
	}
}
