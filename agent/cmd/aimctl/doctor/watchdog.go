package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aim-control/aimlock/board"
)

// agentName is what the agent's process is called.
const agentName = "aimd"

// watchdog looks whether the device is there and who has it open. It is not
// opened: to open it is to arm it.
func (m Machine) watchdog(b *board.Board, runs bool) Check {
	const name = "watchdog"
	if b.Watchdog == "" {
		return ok(name, "the board has none")
	}
	if _, err := os.Stat(m.path(b.Watchdog)); errors.Is(err, fs.ErrNotExist) {
		do := []string{"Load the driver of the board's watchdog."}
		if b.Name == "rpi" {
			do = []string{"Switch it on in /boot/firmware/config.txt, and reboot:", "\tdtparam=watchdog=on"}
		}
		return wrong(name, do, "%s is not there: a hung drone would stay hung", b.Watchdog)
	}
	pid, who, all := m.holder(b.Watchdog)
	switch {
	case who == agentName:
		return ok(name, "%s, fed by the agent (pid %d)%s", b.Watchdog, pid, m.pretimeout(b.Watchdog))
	case who == "systemd":
		return wrong(name, []string{"systemd feeds it, even while the agent hangs. Let the agent have it: RuntimeWatchdogSec=0 in /etc/systemd/system.conf, then reboot."}, "%s is held by systemd (pid %d)", b.Watchdog, pid)
	case pid > 0:
		return wrong(name, []string{"Stop that program: it feeds the watchdog even while the agent hangs."}, "%s is held by %s (pid %d)", b.Watchdog, who, pid)
	case !all:
		return note(name, []string{"Look again as root, to see who has it open:", "\tsudo aimctl doctor"}, "%s is there", b.Watchdog)
	case runs:
		return wrong(name, []string{"The agent says at its start why it does not feed it:", "\tjournalctl -u aimd | grep watchdog"}, "%s is fed by nobody although the agent runs", b.Watchdog)
	}
	return ok(name, "%s, free", b.Watchdog)
}

// holder is the process that has a device open; all is false when other
// processes' files could not be seen. The first watchdog has two names.
func (m Machine) holder(dev string) (pid int, name string, all bool) {
	names := map[string]bool{dev: true}
	if dev == "/dev/watchdog0" || dev == "/dev/watchdog" {
		names["/dev/watchdog0"], names["/dev/watchdog"] = true, true
	}
	procs, err := os.ReadDir(m.path("/proc"))
	all = err == nil
	for _, p := range procs {
		n, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := m.path(filepath.Join("/proc", p.Name()))
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if denied(err) {
			all = false
		}
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && names[to] {
				comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
				return n, strings.TrimSpace(string(comm)), true
			}
		}
	}
	return 0, "", all
}
