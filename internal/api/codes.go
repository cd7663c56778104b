package api

// A code is the machine-readable name of an error: the last part of a
// problem's type.
type code int

const (
	malformed code = iota
	invalid
	unknownTenant
	unknownGovernor
	unknownSignal
	unknownSKU
	wrongUnit
	crossOrigin
	foreignHost
	notFound
	unknownReceipt
	unknownBinding
	methodNotAllowed
	slowBody
	conflict
	trimmed
	tooLarge
	tooManyItems
	mediaType
	internal
	fenced
	overloaded
	unavailable
)

// codes is the table of all errors; docs/ERRORS.md is made of it.
var codes = [...]struct {
	name   string
	title  string
	status int
	help   string
}{
	malformed:        {"malformed", "The body cannot be read", 400, "The body, or an item of it, is not JSON, has a member that is unknown, twice there or missing, or a value of another form. Nothing of the item was recorded. At `/in/` the message was recorded as refused."},
	invalid:          {"invalid", "A value does not fit", 400, "The body can be read, but what it asks for does not fit together, or a parameter of the query is out of bounds. The pointer names the member."},
	unknownTenant:    {"unknown_tenant", "No such tenant", 403, "There is no such tenant, or it is not the caller's; the two are not told apart. The status is 404 where the path names the tenant."},
	unknownGovernor:  {"unknown_governor", "No such governor", 400, "The tenant has no governor of this name."},
	unknownSignal:    {"unknown_signal", "No such signal", 400, "No governor that the item is for declares this signal or episode."},
	unknownSKU:       {"unknown_sku", "No such SKU", 400, "There is no SKU of this name."},
	wrongUnit:        {"wrong_unit", "Wrong unit", 400, "The signal is declared in another unit. Convert the value, or leave the unit out if it is in the declared one."},
	crossOrigin:      {"cross_origin", "Sent by a page of another origin", 403, "A browser sent this request for a page of another origin. Without credentials only pages of this server, and programs, are answered."},
	foreignHost:      {"foreign_host", "Not addressed to this machine", 403, "Without credentials the Host of a request must be localhost, 127.0.0.1 or [::1], so that no foreign name that resolves to this machine reaches it."},
	notFound:         {"not_found", "Nothing there", 404, "There is no such path."},
	unknownReceipt:   {"unknown_receipt", "No such receipt", 404, "The tenant's chain has no receipt of this number yet."},
	unknownBinding:   {"unknown_binding", "No such binding", 404, "There is no binding of this name. Make one by the command `bind`."},
	methodNotAllowed: {"method_not_allowed", "Method not allowed", 405, "The path is there, but not with this method. The header `Allow` lists those it has."},
	slowBody:         {"slow_body", "The body took too long", 408, "The body did not arrive within 10 seconds."},
	conflict:         {"conflict", "Contradicts what there is", 409, "What is asked for exists already and is different, or would take a target away from a claim. Nothing was changed."},
	trimmed:          {"trimmed", "No longer kept", 410, "The receipts before the first one kept were archived and removed. `first` of the tenant says where the kept ones begin."},
	tooLarge:         {"too_large", "The body is too large", 413, "The body has more bytes than the route takes: 1 MiB, at `/in/` 15 MiB."},
	tooManyItems:     {"too_many_items", "Too many items", 413, "One body has at most 10,000 items. Nothing of it was recorded; send it in parts."},
	mediaType:        {"unsupported_media_type", "Wrong content type", 415, "The route takes another content type, or the body is compressed."},
	internal:         {"internal", "A fault of the server", 500, "Something in the server went wrong that should not, and is in its log. Whether the request was carried out is not known; repeating it is safe."},
	fenced:           {"fenced", "The tenant is fenced", 503, "What is recorded of the tenant cannot be trusted, so nothing more is decided for it until an operator has looked. Other tenants are not concerned."},
	overloaded:       {"overloaded", "Too much is waiting", 503, "More is waiting to be committed than the server takes in. Repeat the whole after `Retry-After`."},
	unavailable:      {"unavailable", "Cannot commit", 503, "Not all of it could be committed. In a batch, `results` says what was. Repeating the whole is safe: what was recorded is recognised."},
}

// codeNamed finds the code of an error that another package has named.
func codeNamed(name string) code {
	for i := range codes {
		if codes[i].name == name {
			return code(i)
		}
	}
	return internal
}
