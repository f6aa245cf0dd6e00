package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/NAME, or rewrites it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if bytes.Equal(got, want) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(a), len(b)) {
		var w, g string
		if i < len(a) {
			w = a[i]
		}
		if i < len(b) {
			g = b[i]
		}
		if w != g {
			t.Fatalf("%s:%d (go test -update rewrites it)\nwant %s\n got %s", path, i+1, w, g)
		}
	}
}

// cases reads testdata/NAME: files under "== title", up to the line "--" that
// begins what is said about them.
func cases(t *testing.T, name string, check func(file string, data []byte) error) {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	var out bytes.Buffer
	parts := strings.Split(string(data), "\n== ")
	out.WriteString(parts[0])
	for _, part := range parts[1:] {
		title, rest, _ := strings.Cut(part, "\n")
		input, _, found := strings.Cut(rest, "\n--\n")
		if !found {
			t.Fatalf("%s: %q has no line --", name, title)
		}
		text := input + "\n"
		if _, escaped := strings.CutPrefix(title, "bytes: "); escaped { // \xNN
			var b []byte
			if _, err := fmt.Sscanf(input, "%q", &b); err != nil {
				t.Fatalf("%s: %q: %v", name, title, err)
			}
			text = string(b)
		}
		fmt.Fprintf(&out, "\n== %s\n%s\n--\n", title, input)
		if err := check("f", []byte(text)); err != nil {
			fmt.Fprintln(&out, err)
			for _, p := range err.(Problems) {
				if p.File != "f" || p.Line < 1 || p.Col < 1 || p.What == "" || p.Remedy == "" {
					t.Errorf("%s: %+v lacks something", title, p)
				}
			}
		} else {
			fmt.Fprintln(&out, "ok")
		}
	}
	golden(t, name, out.Bytes())
}

// TestLiveErrors holds what is said of each broken live file, under the floor
// of the design's identity.
func TestLiveErrors(t *testing.T) {
	cases(t, "live.txt", func(file string, data []byte) error {
		_, err := CheckLive(file, data, Safety{MotorHotMax: 110, Require: []string{"lock", "config", "motor"}, MaxHoldMax: 150e9})
		return err
	})
}

func TestIdentityErrors(t *testing.T) {
	cases(t, "identity.txt", func(file string, data []byte) error {
		_, err := ParseIdentity(file, data)
		return err
	})
}

// TestKeys holds the documentation of every key.
func TestKeys(t *testing.T) {
	var out bytes.Buffer
	for _, docs := range [][]KeyDoc{Keys(), IdentityKeys()} {
		for _, d := range docs {
			if d.Key == "" || d.Type == "" || d.Range == "" || d.Default == "" || d.Meaning == "" {
				t.Errorf("%+v lacks something", d)
			}
			fmt.Fprintf(&out, "%s\n\t%s: %s\n\tdefault %s\n\t%s\n", d.Key, d.Type, d.Range, d.Default, d.Meaning)
		}
		out.WriteString("\n")
	}
	golden(t, "keys.txt", out.Bytes())
}

func TestDefault(t *testing.T) {
	golden(t, LiveName, Default())
	l, err := CheckLive(LiveName, Default(), Safety{MotorHotMax: 95, Require: causes, MaxHoldMax: 120e9})
	must(t, err)
	empty, err := ParseLive(LiveName, nil)
	must(t, err)
	empty.Version = 1 // the one value that the file raises above its default
	if got, want := fmt.Sprintf("%+v", l), fmt.Sprintf("%+v", empty); got != want {
		t.Errorf("the default file says\n%s, no file\n%s", got, want)
	}
	for _, d := range Keys() {
		if name := d.Key[strings.LastIndexByte(d.Key, '.')+1:]; !strings.Contains(string(Default()), name+" = ") {
			t.Errorf("%s is missing", d.Key)
		}
	}
}
