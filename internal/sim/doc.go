// Package sim tells what governors would do, and what they did.
//
//   - Simulate runs recorded signals through the kernel, on a simulated clock
//     and before a model of the targets, with faults if that is asked for.
//   - A Backtest replays the chains of tenants through a changed spec, and says
//     which decisions that adds, removes and moves.
//   - A Scorecard is what a chain's receipts say about its governors.
//
// Everything here is a function of its input: the same input gives the same
// bytes.
package sim
