package actuate

import (
	"context"
	"log/slog"
	"time"

	"github.com/autonomics-dev/autonomics/internal/kernel"
)

// NotifyLog returns what notify.log does: each notice becomes one record of h.
func NotifyLog(h slog.Handler, now func() time.Time) func(context.Context, kernel.Work) error {
	return func(ctx context.Context, w kernel.Work) error {
		r := slog.NewRecord(now(), slog.LevelWarn, w.Text, 0)
		r.AddAttrs(slog.String("tenant", string(w.Tenant)), slog.String("governor", w.Governor),
			slog.String("sku", w.SKU), slog.String("action", w.Action), slog.String("effect", w.Key))
		return h.Handle(ctx, r)
	}
}
