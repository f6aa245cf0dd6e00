package lights_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/lights"
	"github.com/aim-control/aimlock/hal/led"
)

var update = flag.Bool("update", false, "rewrite the golden file")

var (
	all    = lights.Scene{Patterns: led.Patterns(), Note: "Which one a drone shows now: run this on the drone, or say --drone NAME."}
	follow = lights.Scene{Patterns: led.Patterns(), Drone: "patrol-03", Now: led.Asking, Known: true, Note: "→ what patrol-03 shows now."}
	lost   = lights.Scene{Patterns: led.Patterns(), Drone: "patrol-03", Note: "What patrol-03 shows now is not known: OFFLINE 3 s"}
	single = lights.Scene{Patterns: []led.Pattern{led.Trial}}
)

// The pictures that a reader of a terminal sees, for a reader of this test.
func TestGoldenPictures(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, c := range []struct {
		name          string
		scene         lights.Scene
		at            time.Duration
		width, height int
	}{
		{"all", all, 10 * time.Millisecond, 80, 24}, {"all, 250 ms later", all, 260 * time.Millisecond, 80, 24},
		{"wide", all, 0, 140, 24}, {"narrow", all, 0, 34, 40}, {"low", all, 0, 80, 8},
		{"a drone", follow, 0, 80, 30}, {"a drone, low", follow, 0, 80, 16}, {"a drone that is lost", lost, 0, 60, 24},
		{"one pattern", single, 0, 80, 24}, {"one pattern, dark", single, 100 * time.Millisecond, 80, 24}, {"one pattern, tiny", single, 0, 14, 6},
	} {
		c.scene.At = int64(c.at)
		fmt.Fprintf(&b, "== %s\n%s\n", c.name, lights.View(c.scene, lights.Look{Width: c.width, Height: c.height, Style: fleet.NewPlain()}))
	}
	const golden = "testdata/pictures.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("pictures differ from %s (rewrite with -update and look at the difference):\n%s", golden, b.String())
	}
}

// Whatever the terminal's size, nothing is wider or longer than it, the keys
// are told, and scrolling reaches the last pattern.
func TestFits(t *testing.T) {
	t.Parallel()
	for name, scene := range map[string]lights.Scene{"all": all, "follow": follow, "lost": lost, "single": single} {
		for width := 8; width <= 150; width += 7 {
			for height := 2; height <= 40; height += 2 {
				look := lights.Look{Width: width, Height: height, Style: fleet.NewPlain()}
				lines := strings.Split(lights.View(scene, look), "\n")
				if len(lines) > height || !strings.HasPrefix(lines[len(lines)-1], " q quit") {
					t.Fatalf("%s in %d × %d: %d lines, the last %q", name, width, height, len(lines), lines[len(lines)-1])
				}
				for _, line := range lines {
					if w := ansi.StringWidth(line); w > width {
						t.Fatalf("%s in %d × %d: %d cells: %q", name, width, height, w, line)
					}
				}
			}
		}
	}
	low := lights.Look{Width: 80, Height: 8, Scroll: 99, Style: fleet.NewPlain()}
	if v := lights.View(all, low); !strings.Contains(v, "healthy") {
		t.Errorf("scrolled down:\n%s", v)
	}
}

// The rows blink as the patterns do, each change is waited for, and no colour
// is needed to tell lit from dark.
func TestBlinksTruly(t *testing.T) {
	t.Parallel()
	look := lights.Look{Width: 200, Height: 40, Style: fleet.NewPlain()}
	scene := all
	looks := 0
	for scene.At < int64(4*time.Second) {
		rows := strings.Split(lights.View(scene, look), "\n")
		for i, p := range led.Patterns() {
			blue, amber, next := p.At(scene.At)
			want := fmt.Sprintf("  %s %s   %s ", mark(blue), mark(amber), p)
			if !strings.HasPrefix(rows[i+1], want) {
				t.Fatalf("at %v: %q, want %q", time.Duration(scene.At), rows[i+1], want)
			}
			if d := scene.Next(scene.At); d > time.Duration(next) && d > 5*time.Millisecond || d > time.Second {
				t.Fatalf("at %v: waits %v although %v changes in %v", time.Duration(scene.At), d, p, time.Duration(next))
			}
		}
		scene.At += int64(scene.Next(scene.At))
		looks++
	}
	if looks < 64 {
		t.Errorf("%d looks in 4 s; the flicker alone has 64 changes", looks)
	}
}

func mark(lit bool) string {
	if lit {
		return "●"
	}
	return "○"
}
