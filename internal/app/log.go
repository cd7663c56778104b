package app

import (
	"io"
	"log/slog"
)

// NewLog returns a logger that writes one JSON object a line, with the members
// that Cloud Logging looks for: severity, message and time.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.MessageKey:
			a.Key = "message"
		case a.Key == slog.LevelKey:
			a.Key = "severity"
			if a.Value.String() == slog.LevelWarn.String() {
				a.Value = slog.StringValue("WARNING")
			}
		}
		return a
	}}))
}
