package ledger

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The two codecs are made once and then only used; both are safe for
// concurrent use.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			panic("unreachable: the options are constants: " + err.Error())
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxSlice), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic("unreachable: the options are constants: " + err.Error())
		}
		return d
	})
)

// deflate appends data to out as one frame.
func deflate(out, data []byte) []byte { return encoder().EncodeAll(data, out) }

// deflatedBound is the most that deflate appends for size bytes.
func deflatedBound(size int) int { return encoder().MaxEncodedSize(size) }

// inflate returns what frames hold, which must be size bytes. The caller has
// checked size against its limit; no more than that is set aside.
func inflate(frames []byte, size int) ([]byte, error) {
	out, err := decoder().DecodeAll(frames, make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("inflate %d bytes to %d: %w", len(frames), size, err)
	}
	if len(out) != size {
		return nil, fmt.Errorf("inflate %d bytes: got %d, its header says %d", len(frames), len(out), size)
	}
	return out, nil
}
