package autonomics

// A Kind says what sort of event a receipt records.
type Kind string

const (
	KindProgram     Kind = "program"
	KindSignal      Kind = "signal"
	KindTimer       Kind = "timer"
	KindEffect      Kind = "effect"
	KindEntitlement Kind = "entitlement"
	KindCommand     Kind = "command"
)

// A Receipt is the durable, hash-chained record of one event and of what was
// decided about it. Fields are in the order a person reads them; the encoding
// sorts them. Invariants:
//
//  1. Prev is zero exactly when Seq is 1.
//  2. Exactly the member of Event that fits Kind is set.
//  3. Reason is set exactly when Verdict is not Accepted.
//  4. From and To are set exactly on a governor's receipt; only there may
//     Program, Cause and Rule be set.
//  5. Why is set exactly when Rule is.
type Receipt struct {
	Tenant   Tenant
	Seq      uint64
	Prev     Hash
	At       Time
	Kind     Kind
	Kernel   int    // number of the kernel that decided
	System   uint64 // seq of the _system receipt that this one carries out; 0 if none
	Governor string // absent if the event concerns the tenant
	Program  Hash   // digest of the governor's program
	Event    Event
	Verdict  Verdict
	Reason   Reason // why it was ignored or refused
	From, To State  // both set on a governor's receipt
	Cause    Cause  // the last built-in transition
	Rule     string // the rule that fired
	Why      []Leaf // every leaf of the rule that fired
	Effects  []Effect
	Hash     Hash
}

// An Event is what happened. Exactly the member that fits the receipt's kind
// is set.
type Event struct {
	Signal      *Signal
	Timer       *Timer
	Effect      *Outcome
	Entitlement *Entitlement
	Program     *ProgramEvent
	Command     *Command
}

// Kind is the kind of receipt that the event makes.
func (e *Event) Kind() Kind {
	switch {
	case e.Signal != nil:
		return KindSignal
	case e.Timer != nil:
		return KindTimer
	case e.Effect != nil:
		return KindEffect
	case e.Entitlement != nil:
		return KindEntitlement
	case e.Program != nil:
		return KindProgram
	}
	return KindCommand
}

// A Signal is a set of readings that arrived as one event, an episode that
// opened or closed, or, on the chain of _system, input that fitted no tenant.
type Signal struct {
	Source   string    // where it came from, for example gcp.budget
	ID       string    // the sender's id of the event, at most 256 bytes
	Readings []Reading // at most 64

	Episode   string // name of the declared episode
	Key       string // which one
	Start     Time   // its start; with the key its identity
	Open      bool   // encoded whenever Episode is set
	At        Time   // when it was said
	Truncated int64  // alerts that the sender cut off (Alertmanager truncatedAlerts)

	Binding string // _system only: the binding that it came through
	Digest  Hash   // _system only: SHA-256 of the payload
	Count   int64  // _system only: how many, in a summary
}

// A Reading is a normalised number, or its absence with a reason.
type Reading struct {
	Signal string
	Value  Decimal
	Absent Absence // why there is no value; empty when there is one
	Unit   string
	At     Time
	Start  Time // start of the interval that the value counts from, for signals that reset
}

// An Absence says why a reading has no value.
type Absence string

const (
	AbsentNull         Absence = "null"         // the sender said that there is none
	AbsentNaN          Absence = "nan"          // not a number, or infinite
	AbsentUnreadable   Absence = "unreadable"   // there, but not a number; or its server cannot be reached
	AbsentRange        Absence = "range"        // does not fit 64 bits of millionths
	AbsentUnit         Absence = "unit"         // in a unit that the governor does not compare
	AbsentContradicted Absence = "contradicted" // the message contradicts itself
)

// A Timer is a deadline of the governor that came due.
type Timer struct {
	Timer  TimerName
	Due    Time
	Signal string // freshness: the signal
	Action string // the claim's action
	Target string // the claim's target
	Rule   string // for, lock: the rule
	Until  Time   // term: the new end, if the claim was renewed; absent if it was released
}

// A TimerName says which deadline it is.
type TimerName string

const (
	TimerApproval    TimerName = "approval" // nobody has approved in time
	TimerBoot        TimerName = "boot"
	TimerCooldown    TimerName = "cooldown"
	TimerFor         TimerName = "for"
	TimerFreshness   TimerName = "freshness"
	TimerHelps       TimerName = "helps" // the time in which an action was to show that it helps
	TimerLock        TimerName = "lock"
	TimerReleaseStep TimerName = "release_step"
	TimerRetry       TimerName = "retry" // an effect that limits have held is tried again
	TimerTerm        TimerName = "term"
)

// An Outcome is what was found or done for an effect.
type Outcome struct {
	Key      string // idempotency key of the effect, <hash>/<n>
	Stage    Stage
	Action   string
	Target   string
	Baseline Fields // prepared, would, held for approval: what the target had
	Value    Fields // prepared, would, held for approval: the absolute value to write; done: the value written
	Cause    Hold   // held: by what
	Reason   Reason // held by limits: which one; dropped: why, where it was still wanted
	Until    Time   // held by limits: when it is tried again; for approval: when that is no longer possible
	Error    string // failed: what the target or its API answered, in short
	Unknown  bool   // failed: it is not known whether the target was changed
}

// A Stage is how far an effect has come.
type Stage string

const (
	StagePrepared Stage = "prepared" // baseline observed, nothing written yet
	StageWould    Stage = "would"    // observe mode: this would be written
	StageDone     Stage = "done"
	StageFailed   Stage = "failed"  // for good
	StageYielded  Stage = "yielded" // somebody else has changed the field since
	StageHeld     Stage = "held"    // waits; Cause says for what
	StageDropped  Stage = "dropped" // no longer wanted or allowed; nothing was written
	StageCleared  Stage = "cleared" // a hold ended: a newer version is there
)

// A Hold says what an effect waits for.
type Hold string

const (
	HeldApproval Hold = "approval"
	HeldStop     Hold = "stop"
	HeldLimits   Hold = "limits"
	HeldClaim    Hold = "claim"
)

// An Entitlement event changes one entitlement of the tenant.
type Entitlement struct {
	Entitlement string // its id
	Event       string // install_confirmed, payment_confirmed, suspend, cancel
	State       string // installed, billing_pending, active, suspended, cancelled
	SKUs        []string
}

// A ProgramEvent gives a governor its program.
type ProgramEvent struct {
	Spec    Hash   // digest of the program
	Name    string // sku@version
	Profile string
	Mode    Mode
	Targets []TargetRef
}

// A TargetRef binds a slot of the program to a target of the tenant.
type TargetRef struct {
	Slot string
	Name string
	Kind string
	Ref  string
}

// A Command is what an operator, an API client or the directory ordered.
type Command struct {
	Principal string
	Command   string
	Scope     Scope
	Reason    string            // in the operator's words
	Args      map[string]string // the command's own members, each as canonical JSON
}

// A Scope says whom a command concerns; the zero Scope is everybody.
type Scope struct {
	Tenant   Tenant
	Governor string
	SKU      string
}

// A Leaf is one evaluated leaf of the rule that fired.
type Leaf struct {
	Signal    string
	Measure   string
	Window    Duration
	Over      string
	Value     Decimal
	HasValue  bool
	Quality   Quality
	Op        string // above, at_least, below, at_most
	Threshold Decimal
	Samples   int64    // hysteresis, as in the spec
	Within    Duration // with Samples
	For       Duration
	Episode   string // an episode leaf
	Open      bool   // encoded whenever Episode is set
	Effects   string // an effect count leaf: the action
	Holds     Truth
}

// A Quality says how far a reading can be trusted.
type Quality string

const (
	Fresh   Quality = "fresh"
	Stale   Quality = "stale"
	Missing Quality = "missing"
	Partial Quality = "partial" // fresh, but its window is not yet covered
)

// A Truth is the value of a condition: yes, no or unknown.
type Truth string

const (
	Yes     Truth = "yes"
	No      Truth = "no"
	Unknown Truth = "unknown"
)

// An Effect is one requested operation on a target, or a notice.
type Effect struct {
	Op       Op
	Governor string // whose action it is, when it is not the receipt's own governor
	Action   string
	Target   string
	With     Fields // apply and step; an undo has none
}

// An Op is what an effect does.
type Op string

const (
	OpApply  Op = "apply"
	OpStep   Op = "step"
	OpUndo   Op = "undo"
	OpNotice Op = "notice"
)

// Fields are declared scalars of a target, sorted by name, each name once.
type Fields []Field

// A Field is one of them.
type Field struct{ Name, Value string }

// Get returns the value of the named field.
func (f Fields) Get(name string) (string, bool) {
	for _, x := range f {
		if x.Name == name {
			return x.Value, true
		}
	}
	return "", false
}

// Equal reports whether f and g hold the same fields.
func (f Fields) Equal(g Fields) bool {
	if len(f) != len(g) {
		return false
	}
	for i := range f {
		if f[i] != g[i] {
			return false
		}
	}
	return true
}

// A Reason says why an event was ignored or refused. The list is closed.
type Reason string

const (
	ReasonDuplicate     Reason = "duplicate"      // not newer than the last of its source
	ReasonLate          Reason = "late"           // older than the last of its source
	ReasonFuture        Reason = "future"         // more than a minute ahead of the clock
	ReasonFull          Reason = "full"           // no room for another source or key
	ReasonUndeclared    Reason = "undeclared"     // no governor concerned declares it
	ReasonClosed        Reason = "closed"         // this start of the episode was closed before
	ReasonUnbound       Reason = "unbound"        // fits no tenant of the binding
	ReasonMalformed     Reason = "malformed"      // cannot be read as its format
	ReasonUnknownTenant Reason = "unknown_tenant" // there is no such tenant
	ReasonUnknownKind   Reason = "unknown_kind"   // a message of another sort than the binding's format
	ReasonEmpty         Reason = "empty"          // the message tells nothing
	ReasonSummary       Reason = "summary"        // one receipt for many refused inputs
	ReasonNotFound      Reason = "not_found"      // the command names something that does not exist
	ReasonInvalid       Reason = "invalid"        // the command's members do not fit together
	ReasonConflict      Reason = "conflict"       // the command contradicts what there is
	ReasonUnchanged     Reason = "unchanged"      // the command changes nothing
	ReasonStale         Reason = "stale"          // the event is about something that has ended

	// Of the outcome of an effect.
	ReasonCooldown      Reason = "cooldown"       // too soon after the governor's last effect
	ReasonGovernorLimit Reason = "governor_limit" // the governor has had its effects for now
	ReasonTenantLimit   Reason = "tenant_limit"   // the tenant has
	ReasonFleetLimit    Reason = "fleet_limit"    // all tenants together have
	ReasonStalePlan     Reason = "stale_plan"     // it has waited, and its rule does not hold any more
)

// A Cause names a built-in transition. The list is closed.
type Cause string

const (
	CauseCreated     Cause = "created"      // the governor began
	CauseFresh       Cause = "fresh"        // all required signals are fresh
	CauseBlind       Cause = "blind"        // a required signal is not fresh
	CauseFailed      Cause = "failed"       // an apply failed for good
	CauseCooldown    Cause = "cooldown"     // the time after a failed apply is over
	CauseReset       Cause = "reset"        // an operator's reset
	CauseEntitlement Cause = "entitlement"  // the entitlement ended
	CauseEntitled    Cause = "entitled"     // the entitlement is back
	CauseUnlocked    Cause = "unlocked"     // the lock's time is over
	CauseClaimsEnded Cause = "claims_ended" // the last claim ended
	CauseRemoved     Cause = "removed"      // the governor was removed
)
