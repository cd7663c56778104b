package spec

import "github.com/autonomics-dev/autonomics"

// What a spec may ask for. A governor's state has a size known from its
// program, and these bounds keep that size, the cost of one step and the
// receipt of the rule that fired small.
const (
	maxProgram    = 48 << 10 // bytes of the canonical form; it has to fit one receipt
	maxSignals    = 64       // the kernel marks signals in one word
	maxEpisodes   = 16       // each keeps its keys
	maxKeys       = 64       // of one episode; each has a few hundred bytes of state
	maxTargets    = 16       // slots, each one row when a governor is registered
	maxActions    = 32       // each may be a claim, and all claims are listed in one answer
	maxRules      = 32       // all may be evaluated in one step
	maxLeaves     = 64       // of one rule; a receipt quotes them all
	maxNodes      = 512      // of all rules together; bounds the cost of one step
	maxWindows    = 16       // each has half a KiB of state
	maxRuns       = 32       // each keeps the times of its samples
	maxCounts     = 16       // each keeps the times of its effects
	maxSamples    = 12       // each run keeps their times
	maxCount      = 64       // of an effects leaf; each keeps its times
	maxEffects    = 1000     // of the limit in any time; the gate keeps their times
	maxSteps      = 12       // of a release; each is a write to the target
	maxMisses     = 100      // before an action is disarmed; more is never
	maxProfiles   = 16       // every check compiles them all
	maxParameters = 128      // parameters; an operator has to know them
	maxScenarios  = 200      // every check runs them all
	maxPlay       = 500      // steps of one scenario
	maxTimers     = 5000     // times at which timers may be due in one scenario; each costs a step
	maxSettle     = 100      // rounds of work and answers at one instant of a scenario

	// minPace is the shortest term, release step and cooldown: each of their ends
	// may be a receipt and a write to a target.
	minPace = autonomics.Second

	defaultEffects  = 4
	defaultWithin   = autonomics.Hour
	defaultCooldown = 10 * autonomics.Minute
)
