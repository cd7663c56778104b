package autonomics

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a receipt: what its line and a sender's id may have in bytes, and
// how many readings one event has.
const (
	MaxReceipt  = 65535
	MaxID       = 256
	MaxReadings = 64
)

// hashMember is the length of the member hash with the comma before it.
const hashMember = len(`,"hash":""`) + 2*len(Hash{})

// ErrHash: a receipt does not have the hash that it says.
var ErrHash = errors.New(`member "hash": does not fit the content: one of the two was changed`)

// Seal computes r.Hash and returns r's line, without a newline. It refuses a
// receipt that breaks an invariant or is too long.
func (r *Receipt) Seal() (line []byte, err error) {
	c := codec{buf: make([]byte, 0, 1024)}
	c.receipt(r)
	if c.err == nil {
		c.err = r.valid()
	}
	if n := len(c.buf) + hashMember; c.err == nil && n > MaxReceipt {
		c.err = fmt.Errorf("%d bytes, at most %d", n, MaxReceipt)
	}
	if c.err != nil {
		return nil, fmt.Errorf("seal receipt %.63q %d: %w", r.Tenant, r.Seq, c.err)
	}
	r.Hash = sha256.Sum256(c.buf)
	var member [hashMember]byte
	hash := append(r.Hash.AppendTo(append(member[:0], `,"hash":"`...)), '"')
	return slices.Insert(c.buf, c.hashAt, hash...), nil
}

// ParseReceipt reads a line that Seal made, without its newline, and refuses
// any other: sealing the result gives the same bytes.
func ParseReceipt(line []byte) (*Receipt, error) {
	r := new(Receipt)
	c := codec{decoding: true, parser: parser{src: string(line)}, keep: true, buf: make([]byte, 0, len(line))}
	if err := c.sealed(r); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// sealed reads a whole line.
func (c *codec) sealed(r *Receipt) error {
	if len(c.src) > MaxReceipt {
		return fmt.Errorf("%d bytes, at most %d", len(c.src), MaxReceipt)
	}
	// The event stands before the kind, which says how to read it. Within a
	// receipt no other member of that name comes later.
	const kind = `,"kind":"`
	if i := strings.LastIndex(c.src, kind); i >= 0 {
		word, _, _ := strings.Cut(c.src[i+len(kind):], `"`)
		r.Kind = Kind(word)
	}
	if c.receipt(r); c.pos < len(c.src) {
		c.fault("receipt", "there is more after it")
	}
	if c.err == nil {
		c.err = r.valid()
	}
	if c.err == nil {
		c.buf = append(append(c.buf[:0], c.src[:c.hashAt]...), c.src[c.hashAt+hashMember:]...)
		if sha256.Sum256(c.buf) != r.Hash {
			c.err = ErrHash
		}
	}
	return c.err
}

// valid checks what holds between the members; the codec checks each by
// itself. The order is that of the type's comment.
func (r *Receipt) valid() error {
	set := 0
	for _, is := range [...]bool{
		r.Event.Signal != nil, r.Event.Timer != nil, r.Event.Effect != nil,
		r.Event.Entitlement != nil, r.Event.Program != nil, r.Event.Command != nil,
	} {
		if is {
			set++
		}
	}
	governor := r.Governor != ""
	for _, x := range [...]struct {
		ok   bool
		want string
	}{
		{r.Prev.IsZero() == (r.Seq == 1), `member "prev": zeros exactly when seq is 1`},
		{set == 1, `member "event": one, and of the receipt's kind`},
		{(r.Reason == "") == (r.Verdict == Accepted), `member "reason": exactly when the verdict is not accepted`},
		{governor == (r.From != 0) && governor == (r.To != 0), `members "from" and "to": exactly on a governor's receipt`},
		{governor || r.Program.IsZero() && r.Cause == "" && r.Rule == "", `members "program", "cause", "rule": only on a governor's receipt`},
		{(r.Rule == "") == (len(r.Why) == 0), `member "why": exactly when a rule fired`},
	} {
		if !x.ok {
			return errors.New(x.want)
		}
	}
	return nil
}

// The closed lists.
var (
	kinds     = []Kind{KindProgram, KindSignal, KindTimer, KindEffect, KindEntitlement, KindCommand}
	modes     = []Mode{Observe, Approve, Enforce}
	verdicts  = []Verdict{Accepted, Ignored, Refused}
	absences  = []Absence{AbsentNull, AbsentNaN, AbsentUnreadable, AbsentRange, AbsentUnit, AbsentContradicted}
	timers    = []TimerName{TimerApproval, TimerBoot, TimerCooldown, TimerFor, TimerFreshness, TimerHelps, TimerLock, TimerReleaseStep, TimerRetry, TimerTerm}
	stages    = []Stage{StagePrepared, StageWould, StageDone, StageFailed, StageYielded, StageHeld, StageDropped, StageCleared}
	holds     = []Hold{HeldApproval, HeldStop, HeldLimits, HeldClaim}
	qualities = []Quality{Fresh, Stale, Missing, Partial}
	truths    = []Truth{Yes, No, Unknown}
	ops       = []Op{OpApply, OpStep, OpUndo, OpNotice}
	measures  = []string{"avg", "max", "min", "rate", "growth", "difference"}
	compares  = []string{"above", "at_least", "below", "at_most"}
	grants    = []string{"install_confirmed", "payment_confirmed", "suspend", "cancel"}
	rights    = []string{"installed", "billing_pending", "active", "suspended", "cancelled"}
	reasons   = []Reason{
		ReasonDuplicate, ReasonLate, ReasonFuture, ReasonFull, ReasonUndeclared, ReasonClosed, ReasonUnbound,
		ReasonMalformed, ReasonUnknownTenant, ReasonUnknownKind, ReasonEmpty, ReasonSummary, ReasonNotFound, ReasonInvalid,
		ReasonConflict, ReasonUnchanged, ReasonStale,
		ReasonCooldown, ReasonGovernorLimit, ReasonTenantLimit, ReasonFleetLimit, ReasonStalePlan,
	}
	causes = []Cause{
		CauseCreated, CauseFresh, CauseBlind, CauseFailed, CauseCooldown, CauseReset, CauseEntitlement,
		CauseEntitled, CauseUnlocked, CauseClaimsEnded, CauseRemoved,
	}
	// The members of a command, sorted, among them those with a field of
	// their own.
	commandMembers = []string{
		"action", "binding", "claims", "command", "effect", "entitlement", "event", "expires", "for", "governor",
		"key", "mode", "name", "parameters", "principal", "profile", "program", "reason", "receipt", "scope", "skus", "state", "system",
		"target", "tenant", "until", "verbs", "verdict",
	}
)
