//go:build !race

package why_test

const raced = false
