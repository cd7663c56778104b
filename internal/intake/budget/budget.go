// Package budget reads the notifications that Google Cloud Billing publishes
// for a budget (schema version 1.0), the data of a Pub/Sub message:
//
//	{"budgetDisplayName": "web", "costAmount": 503.11, "budgetAmount": 1000,
//	 "costIntervalStart": "2026-03-01T08:00:00Z", "currencyCode": "USD",
//	 "alertThresholdExceeded": 0.5, "forecastThresholdExceeded": 1}
//
// Source of the format: cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications.
// It becomes up to three readings, all at the time of publication and with the
// start of the cost interval as their start:
//
//	spend     costAmount / budgetAmount, floored to millionths; unit ratio
//	cost      costAmount; unit currencyCode
//	forecast  forecastThresholdExceeded, if it is there; unit ratio
//
// A number that is null, no number, or too large makes its reading absent
// (null, unreadable, range). Where budgetAmount is missing, not a number, zero
// or negative, spend is absent (unreadable). Where the message claims that a
// threshold was exceeded but its own cost lies below it, spend and cost are
// absent (contradicted). Thresholds that are not crossed are not sent: that is
// the commonest message. budgetAmountType is an open list and not looked at.
//
// A JSON object without costAmount, or of another schema version, is a message
// of another kind. All arithmetic is exact. The package is pure: bytes in,
// values out.
package budget

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// Source is the source of all readings.
const Source = "gcp.budget"

// ErrOtherKind says that the message is not a budget notification.
var ErrOtherKind = errors.New("not a budget notification of schema version 1.0")

// schemaVersion is the attribute that names the schema.
const schemaVersion = "schemaVersion"

// Readings reads one notification, published at the given time with the given
// attributes. Errors other than ErrOtherKind mean that it is malformed.
func Readings(data []byte, attributes map[string]string, at autonomics.Time) ([]autonomics.Reading, error) {
	if v, ok := attributes[schemaVersion]; ok && v != "1.0" {
		return nil, fmt.Errorf("%w: %s is %q", ErrOtherKind, schemaVersion, v)
	}
	var n notification
	if err := n.read(data); err != nil {
		return nil, err
	}
	spend := autonomics.Reading{Signal: "spend", Unit: "ratio", At: at, Start: n.start}
	cost := autonomics.Reading{Signal: "cost", Unit: n.currency, At: at, Start: n.start}
	if n.contradicted() {
		spend.Absent, cost.Absent = autonomics.AbsentContradicted, autonomics.AbsentContradicted
	} else {
		spend.Value, spend.Absent = n.spend()
		cost.Value, cost.Absent = n.cost.rounded, n.cost.absent
	}
	readings := []autonomics.Reading{spend, cost}
	if n.forecast.sent {
		forecast := autonomics.Reading{Signal: "forecast", Unit: "ratio", At: at, Start: n.start}
		forecast.Value, forecast.Absent = n.forecast.rounded, n.forecast.absent
		readings = append(readings, forecast)
	}
	return readings, nil
}

type notification struct {
	cost, budget, threshold, forecast amount
	start                             autonomics.Time
	currency                          string
}

func (n *notification) read(data []byte) error {
	r := strictjson.NewReader(data)
	err := r.Object(func(name []byte) (err error) {
		switch string(name) {
		case "costAmount":
			err = n.cost.read(r)
		case "budgetAmount":
			err = n.budget.read(r)
		case "alertThresholdExceeded":
			err = n.threshold.read(r)
		case "forecastThresholdExceeded":
			err = n.forecast.read(r)
		case "costIntervalStart":
			n.start, err = r.Time()
		case "currencyCode":
			n.currency, err = currency(r)
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return err
	}
	if !n.cost.sent {
		return fmt.Errorf("%w: no member costAmount", ErrOtherKind)
	}
	if n.start == 0 {
		return strictjson.Errorf("no member costIntervalStart")
	}
	if n.currency == "" {
		return strictjson.Errorf("no member currencyCode")
	}
	return nil
}

// contradicted reports whether the message claims a threshold above its cost.
func (n *notification) contradicted() bool {
	if n.threshold.exact == nil || n.budget.exact == nil || n.cost.exact == nil {
		return false
	}
	claimed := new(big.Rat).Mul(n.threshold.exact, n.budget.exact)
	return claimed.Cmp(n.cost.exact) > 0
}

// spend returns the share of the budget that is spent, floored.
func (n *notification) spend() (autonomics.Decimal, autonomics.Absence) {
	if n.cost.exact == nil {
		return 0, n.cost.absent
	}
	if n.budget.exact == nil || n.budget.exact.Sign() <= 0 {
		return 0, autonomics.AbsentUnreadable
	}
	share := new(big.Rat).Quo(n.cost.exact, n.budget.exact)
	share.Mul(share, millionths)
	floor := new(big.Int).Div(share.Num(), share.Denom())
	if !floor.IsInt64() {
		return 0, autonomics.AbsentRange
	}
	return autonomics.Decimal(floor.Int64()), ""
}

// currency reads a code that has the form of ISO 4217.
func currency(r *strictjson.Reader) (string, error) {
	text, err := r.Text()
	if err != nil {
		return "", err
	}
	capital := func(c rune) bool { return c >= 'A' && c <= 'Z' }
	if len(text) != 3 || len(bytes.TrimFunc(text, capital)) > 0 {
		return "", strictjson.Errorf("want three capital letters, have %s", strictjson.Quote(text))
	}
	return string(text), nil
}
