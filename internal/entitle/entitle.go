// Package entitle is the life of an entitlement:
//
//	installed → billing_pending → active ⇄ suspended → cancelled
//
// Cancel is possible from every state but cancelled, and final: a new order
// has a new id. Only active entitles.
package entitle

// A State of an entitlement; the empty State is before it exists.
type State string

const (
	None           State = ""
	Installed      State = "installed"
	BillingPending State = "billing_pending"
	Active         State = "active"
	Suspended      State = "suspended"
	Cancelled      State = "cancelled"
)

// An Event moves an entitlement.
type Event string

const (
	Install Event = "install_confirmed" // the order is known and approved; payment is awaited
	Payment Event = "payment_confirmed"
	Suspend Event = "suspend"
	Cancel  Event = "cancel"
)

// Events are all there are.
func Events() []Event { return []Event{Install, Payment, Suspend, Cancel} }

// Next returns the state after an event, or false if the event does not apply.
// An event that is repeated changes nothing and applies.
func Next(s State, e Event) (State, bool) {
	switch {
	case e == Cancel && s != None:
		return Cancelled, true
	case e == Install && (s == None || s == Installed || s == BillingPending):
		return BillingPending, true
	case e == Payment && (s == BillingPending || s == Suspended || s == Active):
		return Active, true
	case e == Suspend && (s == Active || s == Suspended):
		return Suspended, true
	}
	return s, false
}
