package fleet

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestParseLog(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, level, text string }{
		{`08:47:12.345 ERROR aim_lock_config.conf: HOT cause=lock pid=41`, "ERROR", `aim_lock_config.conf: HOT cause=lock pid=41`},
		{`08:47:12.345 INFO up`, "INFO", `up`},
		{`panic: nil`, "ERROR", "panic: nil"},
		{"08:47:12.345 WARN \x1b[31mred\u009b\xff", "WARN", " [31mred \uFFFD"},
		{`	/src/agent/loop.go:110 +0x85`, "DEBUG", " /src/agent/loop.go:110 +0x85"},
		{``, "DEBUG", ""},
	}
	for _, tt := range tests {
		if level, text := parse(printable(tt.raw)); level != tt.level || text != tt.text {
			t.Errorf("%q: %s %q, want %s %q", tt.raw, level, text, tt.level, tt.text)
		}
	}
}

func TestLogLines(t *testing.T) {
	t.Parallel()
	f := folder(t)
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(f.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got []string
	fl := &Fleet{note: func(n Note) { got = append(got, n.Level+" "+n.Text) }}
	l := &agentLog{drone: &Drone{Name: "p", fleet: fl}, file: file}
	fmt.Fprint(l, "one\ntw")
	fmt.Fprint(l, "o\n")
	for range 3 {
		fmt.Fprint(l, strings.Repeat("x", maxLogLine/2))
	}
	fmt.Fprint(l, "\nend\n")
	if len(got) != 4 || got[1] != "DEBUG two" || len(got[2]) > maxLogLine+10 || got[3] != "DEBUG end" {
		t.Fatalf("%d lines: %.60q", len(got), got)
	}
	data, _ := os.ReadFile(f.Log())
	if n := strings.Count(string(data), "\n"); n != 4 {
		t.Fatalf("agent.log has %d lines", n)
	}
}
