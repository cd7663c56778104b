package autonomics_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/autonomics-dev/autonomics"
)

// Seal two receipts, export them, verify the export, and see what a changed
// byte does.
func ExampleVerify() {
	const tenant = "acme"
	export := append(autonomics.AppendStart(nil, tenant, 1, autonomics.Hash{}), '\n')
	var prev autonomics.Hash
	for seq := range uint64(2) {
		r := autonomics.Receipt{
			Tenant: tenant, Seq: seq + 1, Prev: prev, Kernel: 1,
			At:   autonomics.TimeOf(time.Date(2026, 11, 23, 7, 44, int(seq), 0, time.UTC)),
			Kind: autonomics.KindEntitlement, Verdict: autonomics.Accepted,
			Event: autonomics.Event{Entitlement: &autonomics.Entitlement{Entitlement: "operator", State: "active", SKUs: []string{"cost_guard"}}},
		}
		line, err := r.Seal()
		if err != nil {
			fmt.Println(err)
			return
		}
		export = append(append(export, line...), '\n')
		prev = r.Hash
	}
	prefix := bytes.Clone(export)
	export = append(autonomics.AppendHead(export, tenant, 2, prev), '\n')

	report, err := autonomics.Verify(bytes.NewReader(export), autonomics.VerifyOptions{})
	fmt.Println(report.Tenant, report.First, report.Last, report.Complete, err)
	_, err = autonomics.Verify(bytes.NewReader(prefix), autonomics.VerifyOptions{})
	fmt.Println(err)
	_, err = autonomics.Verify(bytes.NewReader(bytes.Replace(export, []byte("active"), []byte("absent"), 1)), autonomics.VerifyOptions{})
	fmt.Println(err)
	_, err = autonomics.Verify(bytes.NewReader(bytes.Replace(export, []byte("07:44:00"), []byte("07:45:00"), 1)), autonomics.VerifyOptions{})
	fmt.Println(err)
	// Output:
	// acme 1 2 true <nil>
	// line 4, receipt 3: no head: prefix up to 2 6784c03551ce936acf31a6ccd4f430136b2b9229b1fcf397c3fdbd8829204d69
	// line 2, receipt 1: member "state": "absent" is none of [installed billing_pending active suspended cancelled] (byte 106)
	// line 2, receipt 1: member "hash": does not fit the content: one of the two was changed
}

func ExampleRoundDecimal() {
	for _, s := range []string{"1.01", "1e-3", "0.0000005", "1e999999999", "NaN"} {
		d, err := autonomics.RoundDecimal(s)
		fmt.Println(d, err)
	}
	// Output:
	// 1.01 <nil>
	// 0.001 <nil>
	// 0 <nil>
	// 0 decimal "1e999999999": out of range
	// 0 decimal "NaN": not a decimal number
}

func ExampleCanonical() {
	out, err := autonomics.Canonical([]byte(`{"max": 1, "kind": "sim.service", "note": "\u20ac"}`))
	fmt.Println(string(out), err)
	_, err = autonomics.Canonical([]byte(`{"max": 1.5}`))
	fmt.Println(err)
	// Output:
	// {"kind":"sim.service","max":1,"note":"€"} <nil>
	// canonical JSON: byte 9: number "1.5": want an integer below 2^53 in plain digits; write others as strings
}
