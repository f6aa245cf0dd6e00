package telemetry

// Logger is told what goes wrong; args are keys and values in turn. A
// *slog.Logger is one. Its methods are called from several goroutines.
type Logger interface {
	Warn(msg string, args ...any)
	Error(msg string, args ...any)
}

type silent struct{}

func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
