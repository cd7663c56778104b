package spec_test

import (
	"fmt"

	"github.com/autonomics-dev/autonomics/internal/spec"
)

const small = `{
  "sku": "disk_guard", "version": "0.1.0", "code": "DSK-001", "class": "safety",
  "title": "Disk guard", "summary": "Tells somebody when a disk fills up.",
  "signals": {"used": {"unit": "ratio", "stale_after": "10m", "required": true}},
  "parameters": {"full": {"unit": "ratio"}, "free": {"unit": "percent"}},
  "profiles": {"standard": {"full": "0.9", "free": "0.7"}},
  "rules": [
    {"id": "fills", "in": ["stable"], "go": "warning", "do": ["tell"], "when": {"signal": "used", "above": "$full"}},
    {"id": "fine", "in": ["warning"], "go": "stable", "when": {"signal": "used", "below": "$free"}}
  ],
  "actions": {"tell": {"uses": "notify.mail"}}
}`

func ExampleCheck() {
	for _, c := range spec.Check("disk_guard.json", []byte(small)) {
		fmt.Println(c)
	}
	// Output:
	// disk_guard.json: $.actions.tell.uses: there is no action "notify.mail" in the catalog; use one of: cloudrun.max_instances, cloudrun.traffic, cloudtasks.pause, cloudtasks.rate, kubernetes.rollback, kubernetes.scale, notify.log
	// disk_guard.json: $.rules[1].when.below: parameter "free" is in "percent", what it is used for in "ratio"; give the parameter that unit, or use another one
}
