package fleet

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"sync"
)

// agentLog takes an agent's standard error apart into lines, writes them to
// agent.log and notes them.
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
	line := printable(string(raw))
	if l.size += int64(len(line) + 1); l.size <= maxLogFile {
		_, _ = l.file.WriteString(line + "\n")
	}
	level, text := parse(line)
	l.drone.fleet.note(Note{Drone: l.drone.Name, Kind: NoteAgent, Level: level, Text: text})
}

// logForm is how the agent begins a line: a time of day and the level.
var logForm = regexp.MustCompile(`^[0-9:.]{12} (DEBUG|INFO|WARN|ERROR) (.*)$`)

// lastWords begin what a program says when it cannot go on; what follows is
// for agent.log alone.
var lastWords = regexp.MustCompile(`^(panic|fatal error|aimsim): `)

// parse takes level and text out of a line. Anything else is detail, a stack
// trace for instance.
func parse(line string) (level, text string) {
	if m := logForm.FindStringSubmatch(line); m != nil {
		return m[1], m[2]
	}
	if lastWords.MatchString(line) {
		return "ERROR", line
	}
	return "DEBUG", line
}

// printable keeps a hostile line from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
