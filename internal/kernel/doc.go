// Package kernel decides. It maps a tenant's state and one event to receipts,
// and folds receipts back into the state; it has no clock, no goroutine and no
// randomness, and all its numbers are integers.
//
// Step takes one event at the writer's time: timers that are due come first,
// then each governor that the event concerns, in the order of their names:
//
//	admit     is it new and sound? what will absorb take?       (decides)
//	absorb    the event changes the state                       (evolves)
//	decide    built-in transitions, then at most one rule       (decides)
//	transit   the transition changes state and claims           (evolves)
//	effects   what targets have, against what claims want       (decides)
//	seal      the receipt gets its hash
//	dispatch  the receipt's effects are in flight               (evolves)
//
// Evolve runs the evolving parts alone, from what a receipt records. So a fold
// of the receipts gives the state of the process that wrote them, to the byte.
//
// What a step returns must be durable before anything is answered or done.
// Work lists what is to be done: it is a function of the state, so a restart
// finds the same operations, under the same keys. Their outcomes come back as
// events.
//
// A refusal is a receipt with a reason, never an error. Events have passed the
// door: names are valid, strings are UTF-8, lists are within their limits, a
// command's members fit it, an entitlement event carries the whole entitlement.
package kernel
