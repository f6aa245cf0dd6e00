package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/watchdog"
)

// lastReset says what reset the board before this boot, as far as its watchdog
// knows, and whether a kernel has left a dump of its end.
func (m Machine) lastReset(b *board.Board) Check {
	const name = "last reset"
	dumps, where := m.dumps()
	var do []string
	if len(dumps) > 0 {
		do = []string{"See why the kernel crashed, and then remove it:", "\tls -l " + where}
	}
	by := "no watchdog to say what it was by"
	if b.Watchdog != "" {
		cause, err := watchdog.LastReset(m.path("/sys"), b.Watchdog)
		switch by = cause.String(); {
		case err != nil:
			by = "the kernel does not say what it was by"
		case by == "":
			by = "by power, by an ordinary reboot, or the watchdog's driver cannot tell"
		default:
			by = "BY " + strings.ToUpper(by)
			do = append(do, "See what the boot before said last (it needs a journal that is kept: mkdir /var/log/journal):", "\tjournalctl -b -1 -e")
		}
	}
	if len(dumps) > 0 {
		by += fmt.Sprintf("; a kernel crashed once: %s in %s", strings.Join(dumps, ", "), where)
	}
	if len(do) > 0 {
		return note(name, do, "%s", by)
	}
	return ok(name, "%s", by)
}

// maxDumps bounds what is listed of a folder of dumps.
const maxDumps = 4

// dumps are the kernel's dumps that pstore has kept over a reset, where systemd
// has not yet moved them, or where it moves them.
func (m Machine) dumps() (names []string, where string) {
	for _, where = range []string{"/sys/fs/pstore", "/var/lib/systemd/pstore"} {
		entries, err := os.ReadDir(m.path(where))
		if err != nil {
			continue
		}
		for _, e := range entries {
			moved := where != "/sys/fs/pstore" // a folder a crash, or its files
			if (moved || strings.HasPrefix(e.Name(), "dmesg-")) && len(names) < maxDumps {
				names = append(names, words.Clean(e.Name(), 60))
			}
		}
		if len(names) > 0 {
			return names, where
		}
	}
	return nil, ""
}

// pretimeout says when the kernel is told of a reset to come, and what it does
// then; "" if it is not.
func (m Machine) pretimeout(dev string) string {
	read := func(name string) string {
		text, err := os.ReadFile(m.path(filepath.Join("/sys", watchdog.Class(dev), name)))
		if err != nil {
			return ""
		}
		return words.Clean(strings.TrimSpace(string(text)), 20)
	}
	seconds, governor := read("pretimeout"), read("pretimeout_governor")
	if seconds == "" || seconds == "0" {
		return ""
	}
	does := "logs it"
	switch governor {
	case "panic":
		does = "panics, for a dump in pstore"
	case "noop", "":
	default:
		does = "leaves it to its governor " + governor
	}
	return fmt.Sprintf("; %s s before it resets, the kernel %s", seconds, does)
}
