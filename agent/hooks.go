package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
)

// Limits of what the identity lets the agent run.
const (
	reloadWithin = 10 * time.Second
	checkWithin  = 30 * time.Second // each
	maxChecks    = 32
	maxOutput    = 400 // bytes of a command's output that are reported
)

// hooks are the commands of the identity. They run without the agent's
// descriptors, with nothing to read, in a process group of their own that is
// killed when their time is over.
type hooks struct {
	config.Hooks
	env []string // beside the agent's own
	low bool     // at the lowest priority
}

// reload runs the reload command; none is fine. output is its first bytes, one
// line.
func (h hooks) reload(ctx context.Context) (output string, err error) {
	if len(h.Reload) == 0 {
		return "", nil
	}
	return h.exec(ctx, reloadWithin, h.Reload...)
}

// check runs the executables of the checks folder in the order of their names
// until one fails, as greenboot does; name is its name. A folder that is not
// there has no checks. What others than root and the agent's user could change
// is refused: it decides what a drone flies with.
func (h hooks) check(ctx context.Context) (name, output string, err error) {
	if h.Checks == "" {
		return "", "", nil
	}
	entries, err := os.ReadDir(h.Checks) // sorted
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", nil
	case err != nil:
		return h.Checks, "", err
	case len(entries) > maxChecks:
		return h.Checks, "", fmt.Errorf("%d files, at most %d", len(entries), maxChecks)
	}
	if _, err := owned(h.Checks); err != nil {
		return h.Checks, "", err
	}
	for _, e := range entries {
		path := filepath.Join(h.Checks, e.Name())
		info, err := owned(path)
		if err != nil {
			return e.Name(), "", err
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		if out, err := h.exec(ctx, checkWithin, path); err != nil {
			return e.Name(), out, err
		}
	}
	return "", "", nil
}

// owned refuses what others may write to.
func owned(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("it belongs to another user: chown root %s", path)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("others may write to it: chmod go-w %s", path)
	}
	return info, nil
}

func (h hooks) exec(ctx context.Context, within time.Duration, argv ...string) (string, error) {
	limit, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(limit, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), h.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a grandchild that keeps the pipe
	out := &firstBytes{}
	cmd.Stdout, cmd.Stderr = out, out // one writer: the package serialises it
	err := h.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() == nil && limit.Err() != nil {
		err = fmt.Errorf("it took longer than %v and was killed", within)
	}
	return strings.Join(strings.Fields(clip(out.b.String(), maxOutput)), " "), err
}

// start starts a command. What shall run at the lowest priority is started by a
// thread that has it, which the command inherits; the thread ends with its
// goroutine, since nobody but root can raise a priority again.
func (h hooks) start(cmd *exec.Cmd) error {
	if !h.low {
		return cmd.Start()
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
		started <- cmd.Start()
	}()
	return <-started
}

// firstBytes keeps the first bytes and swallows the rest.
type firstBytes struct{ b bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b.Write(p[:min(len(p), maxOutput-min(maxOutput, f.b.Len()))])
	return len(p), nil
}
