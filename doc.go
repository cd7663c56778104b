// Package autonomics has the nouns of Autonomics, exact decimals, and the
// receipt: the durable record of one event and of what was decided about it.
// This comment is the specification of the receipt format, byte for byte; a
// program written from it alone can verify an export.
//
// # Receipts
//
// A receipt is one JSON object in the canonical form of RFC 8785: no spaces,
// members sorted by name, no escapes but those that JSON demands. It is UTF-8
// and has at most 65,535 bytes. Members that are empty are left out, and null
// does not occur. Further:
//
//   - Integers are plain digits and lie below 2^53.
//   - Decimals are strings -?(0|[1-9][0-9]*)(\.[0-9]{0,5}[1-9])?, never -0, and
//     fit 64 bits of millionths.
//   - Times are strings 2006-01-02T15:04:05.000Z: UTC, truncated to the
//     millisecond.
//   - Durations are strings [1-9][0-9]*(ms|s|m|h|d) in the largest unit that
//     divides them.
//   - Hashes are strings of 64 lower-case hex digits.
//   - Names of tenants, governors, signals and the like match
//     [a-z0-9][a-z0-9._-]{0,62}. The tenant _system is the directory.
//
// The members of every receipt are v (1), tenant, seq, prev, at, kernel (the
// number of the kernel that decided), kind, event, verdict and hash. Where they
// apply there are also reason (unless the verdict is accepted), system (seq of
// the receipt of _system that this one carries out), and for a governor's
// receipt governor, program, from, to, cause, rule with its why, and effects.
// Words such as reasons come from the closed lists of this package.
//
// The hash is the SHA-256 of the receipt's canonical form without the member
// hash. The prev is the hash of the tenant's receipt before it, 64 zeros where
// seq is 1. The seq counts a tenant's receipts from 1 without gaps, and at
// never goes back. The idempotency key of effect n is HASH/n.
//
// # Kinds
//
// The members of event, by kind; those in parentheses may be missing:
//
//   - program: spec, (name), (profile), (mode), (targets: by slot, each with
//     name, (kind), (ref))
//   - signal: (source), (id), (readings: signal, value or absent, (unit), (at),
//     (start)), (episode and open), (key), (start), (at), (truncated); on the
//     chain of _system also (binding), (digest), (count)
//   - timer: timer, due, (signal), (action), (target), (rule), (until)
//   - effect: key, stage, (action), (target), (baseline), (value), (error),
//     (unknown: true), (reason), and where the stage is held cause and (until)
//   - entitlement: entitlement, (event), (state), (skus)
//   - command: command, principal, (scope: governor, sku, tenant), (reason), and
//     the command's own members, of any JSON whose numbers are integers
//
// A leaf of why has holds and, as it applies, signal, measure, window, over,
// value, quality, op with threshold, samples with within, for, episode with
// open, or effects. An effect has n (its index), op, action, (governor),
// (target), (with).
//
// # Exports
//
// An export is a sequence of lines, each ended by one newline: a start line,
// the receipts of one tenant, a head. The start line says the seq and the prev
// of the first receipt, the head the seq and the hash of the last. This is one,
// with a receipt of each kind:
//
//	{"kind":"start","prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,"tenant":"acme"}
//	{"at":"2026-11-23T07:40:00.000Z","event":{"entitlement":"operator","event":"payment_confirmed","skus":["cost_guard"],"state":"active"},"hash":"0947c5fd5f7787b59f006f62d88ad191069a5f73c49c7838c3cb407ba524ba7d","kernel":1,"kind":"entitlement","prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,"system":5,"tenant":"acme","v":1,"verdict":"accepted"}
//	{"at":"2026-11-23T07:40:00.000Z","cause":"created","event":{"mode":"enforce","name":"cost_guard@1.0.0","profile":"standard","spec":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","targets":{"service":{"kind":"sim.service","name":"acme-web","ref":"acme/web"}}},"from":"boot","governor":"web-cost","hash":"fef4b9e2490cca834b4bdc39413fc07b709c3eef797a66d9d7b9e770450e8571","kernel":1,"kind":"program","prev":"0947c5fd5f7787b59f006f62d88ad191069a5f73c49c7838c3cb407ba524ba7d","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","seq":2,"system":7,"tenant":"acme","to":"boot","v":1,"verdict":"accepted"}
//	{"at":"2026-11-23T07:44:00.123Z","cause":"fresh","effects":[{"action":"throttle","n":0,"op":"apply","target":"acme-web","with":{"max":"1"}},{"action":"tell","n":1,"op":"notice"}],"event":{"id":"9382106374629105","readings":[{"at":"2026-11-23T07:43:58.000Z","signal":"spend","unit":"ratio","value":"1.01"}],"source":"gcp.budget"},"from":"boot","governor":"web-cost","hash":"e8b48904efdbc97ba08c9e82ae794cbdc728776a84e0c83d58cc847381068128","kernel":1,"kind":"signal","prev":"fef4b9e2490cca834b4bdc39413fc07b709c3eef797a66d9d7b9e770450e8571","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","rule":"spend_over","seq":3,"tenant":"acme","to":"intervening","v":1,"verdict":"accepted","why":[{"holds":"yes","op":"at_least","quality":"fresh","signal":"spend","threshold":"1","value":"1.01"},{"holds":"unknown","measure":"rate","op":"above","quality":"missing","signal":"cost","threshold":"50","window":"3h"}]}
//	{"at":"2026-11-23T07:44:00.300Z","event":{"action":"throttle","baseline":{"max":"10"},"key":"e8b48904efdbc97ba08c9e82ae794cbdc728776a84e0c83d58cc847381068128/0","stage":"prepared","target":"acme-web","value":{"max":"1"}},"from":"intervening","governor":"web-cost","hash":"fbab2c0a57ee13c7c9e234e76fa76fd0bda921d81b1e40d643a8912e3849b809","kernel":1,"kind":"effect","prev":"e8b48904efdbc97ba08c9e82ae794cbdc728776a84e0c83d58cc847381068128","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","seq":4,"tenant":"acme","to":"intervening","v":1,"verdict":"accepted"}
//	{"at":"2026-11-23T07:44:00.900Z","event":{"action":"throttle","key":"e8b48904efdbc97ba08c9e82ae794cbdc728776a84e0c83d58cc847381068128/0","stage":"done","target":"acme-web","value":{"max":"1"}},"from":"intervening","governor":"web-cost","hash":"d5ec090e7abf876b7e05da6667f466f953bed21f73ab8411a2c3f0a11ffd5d26","kernel":1,"kind":"effect","prev":"fbab2c0a57ee13c7c9e234e76fa76fd0bda921d81b1e40d643a8912e3849b809","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","seq":5,"tenant":"acme","to":"intervening","v":1,"verdict":"accepted"}
//	{"at":"2026-11-23T08:44:00.900Z","event":{"action":"throttle","due":"2026-11-23T08:44:00.900Z","target":"acme-web","timer":"term","until":"2026-11-23T09:44:00.900Z"},"from":"intervening","governor":"web-cost","hash":"cceb0ea1881c1173fd2109a2acb37984570ef59a9a23d22e8a3f653c769cf1b8","kernel":1,"kind":"timer","prev":"d5ec090e7abf876b7e05da6667f466f953bed21f73ab8411a2c3f0a11ffd5d26","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","seq":6,"tenant":"acme","to":"intervening","v":1,"verdict":"accepted"}
//	{"at":"2026-11-23T09:14:00.900Z","effects":[{"action":"throttle","n":0,"op":"undo","target":"acme-web"}],"event":{"command":"mode","mode":"observe","principal":"local","reason":"traffic is expected today","scope":{"governor":"web-cost","tenant":"acme"}},"from":"intervening","governor":"web-cost","hash":"f3bcb8b957ad8f3eab46b6609f5c8afb3f67adc6bb7c256b9137184dde1c7808","kernel":1,"kind":"command","prev":"cceb0ea1881c1173fd2109a2acb37984570ef59a9a23d22e8a3f653c769cf1b8","program":"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069","seq":7,"system":12,"tenant":"acme","to":"intervening","v":1,"verdict":"accepted"}
//	{"hash":"f3bcb8b957ad8f3eab46b6609f5c8afb3f67adc6bb7c256b9137184dde1c7808","kind":"head","seq":7,"tenant":"acme"}
//
// What comes without its head is a prefix: nobody can say how many receipts
// followed. See [Verify].
package autonomics
