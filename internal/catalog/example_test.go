package catalog_test

import (
	"fmt"

	"github.com/autonomics-dev/autonomics"
	"github.com/autonomics-dev/autonomics/internal/catalog"
)

// A queue that dispatches 500 tasks a second is throttled to a tenth, and
// then taken back in two steps.
func Example() {
	a, _ := catalog.Lookup("cloudtasks.rate")
	asked := autonomics.Fields{{Name: "rate", Value: "10%"}}
	observed := autonomics.Fields{{Name: "paused", Value: "false"}, {Name: "rate", Value: "500"}}

	baseline, value, err := catalog.Resolve(a, asked, observed)
	fmt.Println(baseline, value, err)
	fmt.Println(catalog.Step(a, baseline, value, 500_000))
	fmt.Println(catalog.Step(a, baseline, value, 1_000_000))
	// Output:
	// [{rate 500}] [{rate 50}] <nil>
	// [{rate 275}]
	// [{rate 500}]
}
