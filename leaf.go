package autonomics

// MarshalJSON writes a leaf as receipts have it.
func (l Leaf) MarshalJSON() ([]byte, error) {
	var c codec
	c.leaf(&l, 0)
	return c.buf, c.err
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *Leaf) UnmarshalJSON(text []byte) error {
	c := codec{decoding: true, parser: parser{src: string(text)}, keep: true}
	*l = Leaf{}
	c.leaf(l, 0)
	return c.err
}
