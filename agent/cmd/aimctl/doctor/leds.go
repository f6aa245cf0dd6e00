package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/board"
)

// leds looks whether the kernel's LEDs of the board are there, and whether
// something else drives them. None is switched.
func (m Machine) leds(b *board.Board, runs bool) (list []Check) {
	for _, l := range []struct{ name, dir string }{{"LED blue", b.LEDs.Blue}, {"LED amber", b.LEDs.Amber}, {"LED rgb", b.LEDs.RGB}} {
		if l.dir != "" {
			list = append(list, m.led(l.name, l.dir, l.dir == b.LEDs.RGB, runs))
		}
	}
	return list
}

func (m Machine) led(name, dir string, rgb, runs bool) Check {
	info, err := os.Stat(m.path(filepath.Join(dir, "brightness")))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong(name, []string{"Load its driver, or name another LED in the board's table; LEDs here: " + m.ledNames()}, "%s is not there", dir)
	case err != nil:
		return wrong(name, []string{"Run aimctl as root."}, "%v", err)
	}
	if index, err := os.ReadFile(m.path(filepath.Join(dir, "multi_index"))); rgb {
		colours := strings.Fields(string(index))
		if !slices.Contains(colours, "red") || !slices.Contains(colours, "blue") {
			return wrong(name, []string{"Name an LED with red and blue in the board's table, or two LEDs as blue and amber."}, "%s has the colours %q (%v)", dir, colours, err)
		}
	}
	text, _ := os.ReadFile(m.path(filepath.Join(dir, "trigger"))) // some kernels have none
	trigger := "none"
	if found := chosen.FindSubmatch(text); found != nil {
		trigger = string(found[1])
	}
	switch {
	case runs && trigger != "none":
		return wrong(name, []string{"Find who sets it: a udev rule, a program. Then let the agent have it:", "\tsystemctl restart aimd"}, "%s is driven by the kernel's trigger %s although the agent runs", dir, trigger)
	case runs:
		return ok(name, "%s, driven by the agent", dir)
	case info.Mode().Perm()&0o022 == 0:
		return ok(name, "%s, free; only its owner may switch it: an aimd that is not root needs the udev rule %s", dir, rule(filepath.Base(dir)))
	}
	return ok(name, "%s, free", dir)
}

// chosen is the trigger in force, of all that there are.
var chosen = regexp.MustCompile(`\[([^\]]+)\]`)

// rule gives what the agent writes to its group.
func rule(name string) string {
	return `SUBSYSTEM=="leds", KERNEL=="` + name + `", RUN+="/bin/sh -c 'cd /sys%p && for f in trigger brightness multi_intensity; do test ! -e $$f || { chgrp aimlock $$f && chmod g+w $$f; }; done'"`
}

func (m Machine) ledNames() string {
	entries, err := os.ReadDir(m.path("/sys/class/leds"))
	if err != nil || len(entries) == 0 {
		return "none"
	}
	var names []string
	for _, e := range entries[:min(len(entries), 20)] {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}
