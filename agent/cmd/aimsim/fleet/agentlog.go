package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// agentLog takes an agent's standard error apart into lines, writes them to
// agent.log as a person reads them and notes them. An agent writes JSON
// (slog); anything else, a stack trace for instance, goes through as it is.
type agentLog struct {
	drone *Drone
	mu    sync.Mutex
	file  *os.File
	size  int64
	part  []byte
}

func (l *agentLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		l.line(append(l.part, p[:i]...))
		l.part = l.part[:0]
		p = p[i+1:]
	}
	if len(l.part)+len(p) <= maxLogLine {
		l.part = append(l.part, p...)
	}
	return n, nil
}

func (l *agentLog) line(raw []byte) {
	level, text := plain(raw)
	line := time.Now().UTC().Format("2006-01-02T15:04:05.000Z ") + level + " " + text + "\n"
	if l.size += int64(len(line)); l.size <= maxLogFile {
		_, _ = l.file.WriteString(line)
	}
	l.drone.fleet.note(Note{Drone: l.drone.Name, Kind: NoteAgent, Level: level, Text: text})
}

// plain makes "level" and "message key=value …" of a slog JSON line.
func plain(raw []byte) (level, text string) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "ERROR", printable(string(raw))
	}
	var msg string
	var rest []string
	for d.More() { // by hand: a map would lose the order of the keys
		key, err := d.Token()
		var value any
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return "ERROR", printable(string(raw))
		}
		switch key {
		case "time":
		case "level":
			level = fmt.Sprint(value)
		case "msg":
			msg = fmt.Sprint(value)
		default:
			rest = append(rest, fmt.Sprint(key)+"="+quoteValue(value))
		}
	}
	return level, printable(strings.Join(append([]string{msg}, rest...), " "))
}

func quoteValue(v any) string {
	s, ok := v.(string)
	if !ok {
		b, _ := json.Marshal(v)
		return string(b)
	}
	if s == "" || strings.ContainsAny(s, " \"=") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// printable keeps a hostile line from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
