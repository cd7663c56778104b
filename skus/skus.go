// Package skus holds the built-in SKUs: one JSON spec in a file for each, named
// after the SKU. Package spec describes the format.
package skus

import "embed"

// FS has the specs, for example cost_guard.json.
//
//go:embed *.json
var FS embed.FS
