package agent

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/firmware/plainjson"
)

// Logger is told what happens; args are keys and values in turn. A *Log is one,
// a *slog.Logger as well.
type Logger interface {
	Debug(msg string, args ...any)
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
	Error(msg string, args ...any)
}

// Log writes one line a record, for people: the message as it is, right behind
// the level, so that they find "ERROR aim_lock_config.conf: HOT"; or JSON.
// log/slog would link its handlers and encoding/json, 5 % of aimd. Safe for
// concurrent use.
type Log struct {
	json, debug bool

	mu sync.Mutex
	w  io.Writer // under mu
}

// NewLog makes the agent's log on w: lines for people ("15:04:05.000 ERROR
// aim_lock_config.conf: HOT cause=lock …", times in UTC), or JSON objects with
// time, level, msg and the record's keys. Without debug, Debug is not written.
func NewLog(w io.Writer, json, debug bool) *Log { return &Log{w: w, json: json, debug: debug} }

// Debug writes details, if they are wanted.
func (l *Log) Debug(msg string, args ...any) {
	if l.debug {
		l.write("DEBUG", msg, args)
	}
}

// Info writes what is as it should be.
func (l *Log) Info(msg string, args ...any) { l.write("INFO", msg, args) }

// Warn writes what somebody may have to look at.
func (l *Log) Warn(msg string, args ...any) { l.write("WARN", msg, args) }

// Error writes what is not as it should be.
func (l *Log) Error(msg string, args ...any) { l.write("ERROR", msg, args) }

func (l *Log) write(level, msg string, args []any) {
	now, b := time.Now().UTC(), make([]byte, 0, 256)
	if l.json {
		b = append(b, `{"time":"`+now.Format(time.RFC3339Nano)+`","level":"`+level+`","msg":`...)
		b = plainjson.AppendText(b, msg)
	} else {
		b = append(b, now.Format("15:04:05.000 ")+level+" "+oneLine(msg)...)
	}
	for i := 0; i < len(args); i += 2 {
		key, ok := args[i].(string)
		if !ok || i+1 == len(args) { // a mistake in the program: shown, not lost
			b = l.attr(b, "!BADKEY", args[i])
			continue
		}
		b = l.attr(b, key, args[i+1])
	}
	if l.json {
		b = append(b, '}')
	}
	b = append(b, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(b)
}

func (l *Log) attr(b []byte, key string, value any) []byte {
	if t, ok := value.(time.Time); ok {
		value = t.UTC().Format(time.RFC3339Nano)
	}
	s := fmt.Sprint(value)
	if !l.json {
		if s == "" || strings.ContainsAny(s, " \"=") || oneLine(s) != s {
			s = strconv.Quote(s)
		}
		return append(b, " "+key+"="+s...)
	}
	b = append(plainjson.AppendText(append(b, ','), key), ':')
	switch value.(type) {
	case int, int64, uint64, bool:
		return append(b, s...)
	}
	return plainjson.AppendText(b, s)
}

// oneLine keeps a message from forging a second line and from steering a
// terminal: C1 controls, line separators and changes of direction included.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
