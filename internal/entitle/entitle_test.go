package entitle

import "testing"

// The whole table: rows are states, columns events.
func TestNext(t *testing.T) {
	const refused = "-"
	table := map[State][4]string{ // install, payment, suspend, cancel
		None:           {"billing_pending", refused, refused, refused},
		Installed:      {"billing_pending", refused, refused, "cancelled"},
		BillingPending: {"billing_pending", "active", refused, "cancelled"},
		Active:         {refused, "active", "suspended", "cancelled"},
		Suspended:      {refused, "active", "suspended", "cancelled"},
		Cancelled:      {refused, refused, refused, "cancelled"},
	}
	for s, row := range table {
		for i, e := range Events() {
			next, ok := Next(s, e)
			if want := row[i]; ok != (want != refused) || ok && string(next) != want || !ok && next != s {
				t.Errorf("Next(%q, %s) = %q, %v, want %s", s, e, next, ok, want)
			}
		}
	}
}
