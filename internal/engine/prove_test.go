package engine_test

import (
	"strings"
	"testing"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/engine"
	"github.com/autonomics-dev/autonomics/internal/ledger/memstore"
)

// TestOverrideThatFlaps: values that make the rules undo each other are
// refused, and nothing is recorded.
func TestOverrideThatFlaps(t *testing.T) {
	d := open(t, memstore.New(), epoch)
	d.tenant("acme")
	before := len(d.lines("_system"))
	set := func(values string) engine.Result {
		return d.do(engine.Event{Command: &autonomics.Command{Principal: "local", Command: "parameters", Reason: "r",
			Scope: autonomics.Scope{Tenant: "acme", Governor: "web-cost"}, Args: map[string]string{"parameters": values}}})[0]
	}
	err := set(`{"clear": "0.9"}`).Err
	if err == nil || !strings.Contains(err.Error(), "stable --spend_high[spend=0.8]--> warning --spend_ok[spend=0.8, cost missing, forecast missing]--> stable") {
		t.Fatalf("clear above warn: %v", err)
	}
	if after := len(d.lines("_system")); after != before {
		t.Errorf("%d receipts for what was refused", after-before)
	}
	if err := set(`{"clear": "0.75"}`).Err; err != nil {
		t.Errorf("clear below warn: %v", err)
	}
}
