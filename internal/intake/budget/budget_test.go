package budget

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autonomics-dev/autonomics"
)

const (
	published autonomics.Time = 1_774_577_000_000
	start     autonomics.Time = 1_772_352_000_000 // 2026-03-01T08:00:00Z
)

// notice makes a notification with these members beside the usual ones.
func notice(members string) []byte {
	return fmt.Appendf(nil, `{%s,"costIntervalStart":"2026-03-01T08:00:00Z","currencyCode":"USD"}`, members)
}

// brief writes readings as "signal value" or "signal (absence)".
func brief(readings []autonomics.Reading) string {
	var words []string
	for _, r := range readings {
		value := r.Value.String()
		if r.Absent != "" {
			value = "(" + string(r.Absent) + ")"
		}
		words = append(words, r.Signal+" "+value)
	}
	return strings.Join(words, ", ")
}

func TestReadings(t *testing.T) {
	for _, c := range []struct{ members, want string }{
		{`"costAmount":212.4,"budgetAmount":1000.0`, `spend 0.2124, cost 212.4`},
		{`"costAmount":1000,"budgetAmount":1000,"alertThresholdExceeded":1`, `spend 1, cost 1000`},
		{`"costAmount":2,"budgetAmount":3`, `spend 0.666666, cost 2`},         // floored
		{`"costAmount":-2,"budgetAmount":3`, `spend -0.666667, cost -2`},      // floored, a credit
		{`"costAmount":0.9999999,"budgetAmount":1`, `spend 0.999999, cost 1`}, // a ratio never rounds up to its limit
		{`"costAmount":1e2,"budgetAmount":1.0E+3`, `spend 0.1, cost 100`},     // exponents
		{`"costAmount":1e20,"budgetAmount":1e20`, `spend 1, cost (range)`},    // only one of them fits
		{`"costAmount":1e20,"budgetAmount":1`, `spend (range), cost (range)`}, //
		{`"costAmount":1e64,"budgetAmount":1e64`, `spend 1, cost (range)`},
		{`"costAmount":1e65,"budgetAmount":1e65`, `spend (range), cost (range)`},
		{`"costAmount":1e-65,"budgetAmount":1`, `spend (range), cost (range)`},
		{`"costAmount":1e999999999,"budgetAmount":1`, `spend (range), cost (range)`},
		{`"costAmount":1e99999999999999999999,"budgetAmount":1`, `spend (range), cost (range)`},
		{`"costAmount":1,"budgetAmount":1e-999999999`, `spend (unreadable), cost 1`},
		{`"costAmount":1.` + strings.Repeat("0", 80) + `,"budgetAmount":1`, `spend (range), cost (range)`},
		{`"costAmount":null,"budgetAmount":1`, `spend (null), cost (null)`},
		{`"costAmount":"12","budgetAmount":1`, `spend (unreadable), cost (unreadable)`},
		{`"costAmount":{"units":12},"budgetAmount":1`, `spend (unreadable), cost (unreadable)`},
		{`"costAmount":12`, `spend (unreadable), cost 12`},
		{`"costAmount":12,"budgetAmount":null`, `spend (unreadable), cost 12`},
		{`"costAmount":12,"budgetAmount":0`, `spend (unreadable), cost 12`},
		{`"costAmount":12,"budgetAmount":-5`, `spend (unreadable), cost 12`},
		{`"costAmount":3.1,"budgetAmount":25.0,"alertThresholdExceeded":2.0`, `spend (contradicted), cost (contradicted)`},
		{`"costAmount":0.3,"budgetAmount":3,"alertThresholdExceeded":0.1`, `spend 0.1, cost 0.3`}, // equal, and not so in binary
		{`"costAmount":0.3,"budgetAmount":3,"alertThresholdExceeded":0.1000001`, `spend (contradicted), cost (contradicted)`},
		{`"costAmount":640,"budgetAmount":1000,"forecastThresholdExceeded":1.0`, `spend 0.64, cost 640, forecast 1`},
		{`"costAmount":640,"budgetAmount":1000,"forecastThresholdExceeded":null`, `spend 0.64, cost 640, forecast (null)`},
		{`"costAmount":3.1,"budgetAmount":25,"alertThresholdExceeded":2,"forecastThresholdExceeded":3`, `spend (contradicted), cost (contradicted), forecast 3`},
		{`"costAmount":10,"budgetAmount":1000,"budgetAmountType":"NO_SUCH_TYPE","novelty":[{}]`, `spend 0.01, cost 10`},
	} {
		readings, err := Readings(notice(c.members), nil, published)
		if have := brief(readings); err != nil || have != c.want {
			t.Errorf("%.80s: have %s, %v; want %s", c.members, have, err, c.want)
		}
	}
}

func TestEveryField(t *testing.T) {
	have, err := Readings(notice(`"costAmount":640,"budgetAmount":1000,"forecastThresholdExceeded":1.5`),
		map[string]string{"schemaVersion": "1.0"}, published)
	if err != nil {
		t.Fatal(err)
	}
	want := []autonomics.Reading{
		{Signal: "spend", Value: 640_000, Unit: "ratio", At: published, Start: start},
		{Signal: "cost", Value: 640_000_000, Unit: "USD", At: published, Start: start},
		{Signal: "forecast", Value: 1_500_000, Unit: "ratio", At: published, Start: start},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		data, version string
		other         bool
		want          string
	}{
		{`{"anomalyDisplayName":"a","expectedSpend":10}`, "1.0", true, `no member costAmount`},
		{`{}`, "", true, `no member costAmount`},
		{string(notice(`"costAmount":1`)), "2.0", true, `schemaVersion is "2.0"`},
		{`[]`, "", false, `want an object, have an array`},
		{`{"costAmount":1`, "", false, `want a comma`},
		{string(notice(`"costAmount":1,"costAmount":2`)), "", false, `/costAmount: the member occurs twice`},
		{string(notice(`"costAmount":01`)), "", false, `/costAmount: byte 15: "01" is not a JSON number`},
		{string(notice(`"costAmount":1`)) + "x", "", false, `more text after`},
		{`{"costAmount":1,"currencyCode":"USD"}`, "", false, `no member costIntervalStart`},
		{`{"costAmount":1,"costIntervalStart":"2026-03-01T08:00:00Z"}`, "", false, `no member currencyCode`},
		{`{"costAmount":1,"costIntervalStart":"March","currencyCode":"USD"}`, "", false, `/costIntervalStart: time "March"`},
		{`{"costAmount":1,"currencyCode":"usd"}`, "", false, `/currencyCode: want three capital letters, have "usd"`},
		{`{"costAmount":1,"currencyCode":""}`, "", false, `/currencyCode: want three capital letters, have ""`},
		{`{"costAmount":1,"currencyCode":"US$"}`, "", false, `/currencyCode: want three capital letters, have "US$"`},
		{`{"costAmount":1,"currencyCode":"EURO"}`, "", false, `/currencyCode: want three capital letters, have "EURO"`},
	} {
		attributes := map[string]string{}
		if c.version != "" {
			attributes["schemaVersion"] = c.version
		}
		readings, err := Readings([]byte(c.data), attributes, published)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrOtherKind) != c.other || readings != nil {
			t.Errorf("%s: have %v, %v; want %s, other kind %v", c.data, readings, err, c.want, c.other)
		}
	}
}

// FuzzReadings checks spend against a floor that is looked for, not computed.
func FuzzReadings(f *testing.F) {
	f.Add("1000.01", "1000.0", "1.0")
	f.Add("-3.5e-2", "7", "0")
	f.Add("1e64", "1e-64", "null")
	f.Fuzz(func(t *testing.T, cost, budget, threshold string) {
		data := notice(fmt.Sprintf(`"costAmount":%s,"budgetAmount":%s,"alertThresholdExceeded":%s`, cost, budget, threshold))
		readings, err := Readings(data, nil, published)
		if err != nil || readings[0].Absent != "" {
			return
		}
		c, ok1 := new(big.Rat).SetString(cost)
		b, ok2 := new(big.Rat).SetString(budget)
		if !ok1 || !ok2 {
			return // more than a number was smuggled in
		}
		low := new(big.Rat).Mul(b, big.NewRat(int64(readings[0].Value), 1_000_000))
		high := new(big.Rat).Add(low, new(big.Rat).Mul(b, big.NewRat(1, 1_000_000)))
		if low.Cmp(c) > 0 || high.Cmp(c) <= 0 {
			t.Errorf("cost %s of %s is not the share %v", cost, budget, readings[0].Value)
		}
	})
}
