// Package archtest holds the rules of the house as tests: who may import whom,
// what pure packages may not touch, and how large things may become. The
// sources are read with go/parser, so that nothing is served from a cache.
package archtest
