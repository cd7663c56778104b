//go:build race

package why_test

// raced: the race detector makes all of this ten times slower, and there is
// only one goroutine.
const raced = true
