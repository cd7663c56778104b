package autonomics

// A Binding says who may send what to which tenants' governors, and how it is
// decoded. Its JSON form is the member "binding" of the command bind.
type Binding struct {
	Name    string   `json:"name"`
	Format  string   `json:"format"`            // pubsub, gcp.budget, alertmanager
	Carries string   `json:"carries,omitempty"` // pubsub: the format inside the message; signals, gcp.budget or alertmanager
	Auth    string   `json:"auth,omitempty"`    // none: no credentials, only on a loopback listener
	Key     []string `json:"key,omitempty"`     // alertmanager: the labels that make an episode's key; all if empty
	Select  []Select `json:"select"`
}

// A Select sends what matches to one tenant, and there to one governor or to
// all that declare the signal.
type Select struct {
	Match    map[string]string `json:"match,omitempty"` // all of these attributes or labels
	Tenant   Tenant            `json:"tenant"`
	Governor string            `json:"governor,omitempty"`
	Episode  string            `json:"episode,omitempty"` // alertmanager: the episode that alerts open; alert if absent
}
