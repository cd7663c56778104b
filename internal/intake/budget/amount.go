package budget

import (
	"bytes"
	"math/big"
	"strconv"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/intake/strictjson"
)

// A number longer than maxText or with an exponent beyond maxExponent is taken
// for out of range: no currency needs it, and exact arithmetic on it would
// cost without bound.
const (
	maxText     = 64
	maxExponent = 64
)

var millionths = big.NewRat(1_000_000, 1)

// An amount is a number of the message, or why there is none.
type amount struct {
	sent    bool
	exact   *big.Rat // nil if there is no number
	rounded autonomics.Decimal
	absent  autonomics.Absence // why rounded is no value
}

func (a *amount) read(r *strictjson.Reader) error {
	a.sent = true
	switch r.Peek() {
	case strictjson.Number:
		text, err := r.Number()
		if err != nil {
			return err
		}
		a.set(text)
		return nil
	case strictjson.Null:
		a.absent = autonomics.AbsentNull
	default:
		a.absent = autonomics.AbsentUnreadable
	}
	return r.Skip()
}

// set takes the text of a JSON number.
func (a *amount) set(text []byte) {
	a.absent = autonomics.AbsentRange
	exponent := 0
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(text[i+1:])); err != nil {
			return
		}
	}
	if len(text) > maxText || exponent > maxExponent || exponent < -maxExponent {
		return
	}
	a.exact, _ = new(big.Rat).SetString(string(text))
	rounded, err := autonomics.RoundDecimal(string(text))
	if err == nil {
		a.rounded, a.absent = rounded, ""
	}
}
