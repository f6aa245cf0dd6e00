package locksmith

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openProcess opens a pidfd: from then on the number may be used again, but
// the descriptor stays this process's.
func openProcess(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0) // close-on-exec by itself
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ESRCH):
		return -1, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return -1, fmt.Errorf("pidfd of process %d: %w: %w", pid, err, ErrNotProven)
}

// exited waits at most d for the process behind a pidfd to end. Its files are
// closed by then.
func exited(fd int, d time.Duration) (bool, error) {
	for end := time.Now().Add(d); ; d = time.Until(end) {
		ms := int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, ms)
		switch {
		case err == nil:
			return n > 0, nil
		case !errors.Is(err, unix.EINTR): // the runtime signals its threads
			return false, fmt.Errorf("poll a pidfd: %w", err)
		}
	}
}

// processOf is the pid of the process behind a pidfd in this /proc; 0 once it
// has ended.
func processOf(fd int) (int, error) {
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, fmt.Errorf("whose pidfd: %w", err)
	}
	pid, err := pidIn(info)
	if err != nil || pid < 0 {
		return 0, err // -1: ended and reaped
	}
	// A zombie has its pid still.
	if over, err := exited(fd, 0); over || err != nil {
		return 0, err
	}
	return pid, nil
}

// pidIn reads the line "Pid:\t123" of a pidfd's fdinfo.
func pidIn(info []byte) (int, error) {
	for line := range bytes.Lines(info) {
		if text, ok := strings.CutPrefix(string(line), "Pid:"); ok {
			return strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return 0, errors.New("whose pidfd: fdinfo does not say")
}

// send signals the process behind a pidfd.
func send(fd int, sig unix.Signal) error {
	err := unix.PidfdSendSignal(fd, sig, nil, 0)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ESRCH):
		return ErrGone
	}
	return fmt.Errorf("%s: %w: %w", unix.SignalName(sig), err, ErrSurvived)
}

// interpreters run scripts, whose names are among their arguments.
var interpreters = []string{"python", "perl", "ruby", "lua", "node", "sh", "bash", "dash", "env"}

// procNames is everything that a process is called: comm, its executable, its
// first argument, and the script if it runs one. nil: not all could be read.
func procNames(pid int) []string {
	dir := "/proc/" + strconv.Itoa(pid)
	name, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return nil
	}
	exe, err := os.Readlink(dir + "/exe")
	if err != nil {
		return nil
	}
	line, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return nil
	}
	return callNames(string(name), exe, string(line))
}

func callNames(comm, exe, cmdline string) []string {
	names := []string{program(comm), program(exe)}
	args := strings.SplitN(cmdline, "\x00", 6)
	// A process may rewrite its first argument: "mavproxy: on /dev/ttyAMA0".
	title, _, _ := strings.Cut(args[0], ":")
	names = append(names, program(args[0]), program(title))
	if !runsScripts(names) {
		return cleanNames(names)
	}
	for i, arg := range args[1:min(len(args), 5)] {
		if args[i] == "-m" { // a module of Python
			arg = arg[strings.LastIndexByte(arg, '.')+1:]
		}
		if !strings.HasPrefix(arg, "-") {
			names = append(names, program(arg))
		}
	}
	return cleanNames(names)
}

func runsScripts(names []string) bool {
	for _, name := range names {
		for _, i := range interpreters {
			// python3, python3.13, lua5.4
			if rest, ok := strings.CutPrefix(name, i); ok && strings.Trim(rest, "0123456789.") == "" {
				return true
			}
		}
	}
	return false
}

// cleanNames makes names fit for a terminal: a process chooses them.
func cleanNames(names []string) []string {
	for i, name := range names {
		names[i] = clean(name, maxName)
	}
	return names
}
