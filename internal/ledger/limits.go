package ledger

// Limits of a block. They are checked before anything is inflated.
const (
	// MaxReceipts bounds the time that a block takes to fold; more callers
	// than this never wait at once.
	MaxReceipts = 4096
	// MaxBlock is the size of an encoded block: below the 1 MiB that a message
	// broker takes as one message, with room for its headers.
	MaxBlock = 1_000_000
	// MaxInflated is the size of a block's lines with their framing: what a
	// reader has to set aside.
	MaxInflated = 8 << 20
	// MaxLine is the size of one receipt, as the receipt format has it.
	MaxLine = 65_535
	// MaxSlices is how many snapshot slices one block can record. Slices are
	// written in turn, so that few end between two blocks.
	MaxSlices = 64
	// MaxNode is the length of a node's name, that of every name.
	MaxNode = 63
	// MaxSlice is the inflated size of one snapshot slice; the state of 10,000
	// governors of the largest kind fits.
	MaxSlice = 16 << 20
	// MaxBlobName is the length of a blob's name: with a suffix of its own a
	// store can use it as the name of a file.
	MaxBlobName = 200
)
