package locksmith

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMayEnd: the one way to yes, and each way to no, one thing changed.
func TestMayEnd(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*candidate)
		want   error
		says   string
	}{
		"proven":               {func(c *candidate) {}, nil, ""},
		"named by pid":         {func(c *candidate) { c.expect = Expect{PID: 123} }, nil, ""},
		"named by epoch":       {func(c *candidate) { c.expect = Expect{Epoch: 7} }, nil, ""},
		"a bridge's argument":  {func(c *candidate) { c.names = []string{"fleet-updater", "mavlink"} }, nil, ""},
		"free":                 {func(c *candidate) { c.look.Verdict = Free }, ErrGone, "FREE"},
		"dead":                 {func(c *candidate) { c.look.Verdict = Dead }, ErrGone, "DEAD"},
		"of another boot":      {func(c *candidate) { c.look.Verdict = Boot }, ErrGone, "BOOT"},
		"no verdict":           {func(c *candidate) { c.look.Verdict = 0 }, ErrGone, ""},
		"inside its lease":     {func(c *candidate) { c.look.Verdict = Held }, ErrNotOverdue, "fleet-updater"},
		"orphan":               {func(c *candidate) { c.look.Verdict = Orphan }, ErrNotProven, "ORPHAN"},
		"unknown":              {func(c *candidate) { c.look.Verdict = Unknown }, ErrNotProven, "UNKNOWN"},
		"another holder":       {func(c *candidate) { c.expect.Holder = "patrol" }, ErrOther, "fleet-updater (pid 123"},
		"another pid":          {func(c *candidate) { c.expect.PID = 124 }, ErrOther, ""},
		"another epoch":        {func(c *candidate) { c.expect.Epoch = 6 }, ErrOther, "epoch 7"},
		"nobody named":         {func(c *candidate) { c.expect = Expect{} }, ErrOther, "nobody"},
		"named unknown":        {func(c *candidate) { c.expect = Expect{Holder: "unknown"} }, ErrOther, ""},
		"itself":               {func(c *candidate) { c.self = 123 }, ErrProtected, ""},
		"pid 1":                {func(c *candidate) { c.look.Record.Process.PID, c.pid, c.expect.PID = 1, 1, 1 }, ErrProtected, "process 1"},
		"pid 0":                {func(c *candidate) { c.look.Record.Process.PID, c.pid, c.expect.PID = 0, 0, 0 }, ErrProtected, ""},
		"ended since":          {func(c *candidate) { c.pid = 0 }, ErrGone, ""},
		"pidfd of another":     {func(c *candidate) { c.pid = 99 }, ErrNotProven, "of process 99"},
		"has no such lock":     {func(c *candidate) { c.has = HasItNot }, ErrNotProven, "inode 42"},
		"descriptors not seen": {func(c *candidate) { c.has = HasNotSeen }, ErrNotProven, ""},
		"name not seen":        {func(c *candidate) { c.names = nil }, ErrNotProven, ""},
		"bridge":               {func(c *candidate) { c.names = []string{"python3", "mavproxy"} }, ErrProtected, "mavproxy"},
		"bridge, upper case":   {func(c *candidate) { c.names = []string{"MAVProxy"} }, ErrProtected, ""},
		"bridge as a script":   {func(c *candidate) { c.names = []string{"/usr/bin/mavproxy.py"} }, ErrProtected, ""},
		"bridge of this drone": {func(c *candidate) { c.protected = []string{"fleet-updater"} }, ErrProtected, ""},
		"bridge, name cut short": {func(c *candidate) {
			c.protected = []string{"a-bridge-with-a-long-name"}
			c.names = []string{"a-bridge-with-a"}
		}, ErrProtected, ""},
		"bridge, replaced file": {func(c *candidate) { c.names = []string{"/usr/bin/mavlink-routerd (deleted)"} }, ErrProtected, ""},
	} {
		l := Look{Verdict: Overdue, Record: held(nil), HasRecord: true, At: 130 * sec, Deadline: 110 * sec}
		l.Record.Epoch = 7
		c := candidate{look: l, inode: 42, expect: Expect{"fleet-updater", 123, 7}, self: 1000, has: HasIt,
			names: []string{"fleet-updater"}, pid: 123}
		row.change(&c)
		err := mayEnd(c)
		if !errors.Is(err, row.want) || row.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q does not say %q", name, err, row.says)
		}
	}
}

// TestMayPass: superseding needs a HOT verdict and the right name.
func TestMayPass(t *testing.T) {
	t.Parallel()
	recorded, none := Look{Record: held(nil), HasRecord: true}, Look{}
	for _, row := range []struct {
		look    Look
		verdict Verdict
		expect  Expect
		want    error
	}{
		{recorded, Overdue, Expect{Holder: "fleet-updater"}, nil},
		{recorded, Orphan, Expect{Holder: "fleet-updater"}, nil},
		{none, Unknown, Expect{Holder: "unknown"}, nil},
		{none, Unknown, Expect{Holder: "fleet-updater"}, ErrOther},
		{none, Unknown, Expect{PID: 123}, ErrOther},
		{recorded, Overdue, Expect{Holder: "patrol"}, ErrOther},
		{recorded, Overdue, Expect{}, ErrOther},
		{recorded, Held, Expect{Holder: "fleet-updater"}, ErrNotOverdue},
		{recorded, Free, Expect{Holder: "fleet-updater"}, ErrGone},
		{recorded, Dead, Expect{Holder: "fleet-updater"}, ErrGone},
		{recorded, Boot, Expect{Holder: "fleet-updater"}, ErrGone},
		{recorded, 0, Expect{Holder: "fleet-updater"}, ErrGone},
	} {
		row.look.Verdict = row.verdict
		if err := mayPass(row.look, row.expect); !errors.Is(err, row.want) || row.want == nil && err != nil {
			t.Errorf("%v, %+v: %v, want %v", row.verdict, row.expect, err, row.want)
		}
	}
}

func TestCallNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ comm, exe, cmdline, has, hasNot string }{
		{"fleet-updater\n", "/opt/fleet-updater", "fleet-updater\x00--restart\x00mavproxy\x00", "fleet-updater", "mavproxy"},
		{"mavlink-routerd\n", "/usr/bin/x", "x\x00", "mavlink-routerd", "y"},
		{"x\n", "/usr/bin/MAVLink-routerd (deleted)", "x\x00", "mavlink-routerd", "y"},
		{"x\n", "/x", "mavproxy: on /dev/ttyAMA0\x00", "mavproxy", "y"},
		{"python3\n", "/usr/bin/python3.13", "python3\x00/usr/bin/mavproxy.py\x00--master\x00/dev/x\x00", "mavproxy", "--master"},
		{"python3\n", "/usr/bin/python3.13", "python3\x00-u\x00-m\x00MAVProxy.mavproxy\x00", "mavproxy", "-m"},
		{"sh\n", "/usr/bin/dash", "sh\x00/opt/mavp2p\x00", "mavp2p", "y"},
		{"x\n", "/x", "", "x", "y"},
		{"a\x1b[31m\n", "/x", "x\x00", "a?[31m", "a\x1b[31m"},
	} {
		names := callNames(row.comm, row.exe, row.cmdline)
		if !slices.Contains(names, row.has) || slices.Contains(names, row.hasNot) {
			t.Errorf("%q: %q", row.cmdline, names)
		}
	}
}

func FuzzCallNames(f *testing.F) {
	f.Add("python3\n", "/usr/bin/python3.13", "python3\x00-m\x00MAVProxy.mavproxy\x00")
	f.Add("", "", "")
	f.Add("x\x1b\n", "/x (deleted)", "x:\xff\x00\x00")
	f.Fuzz(func(t *testing.T, comm, exe, cmdline string) {
		for _, name := range callNames(comm, exe, cmdline) {
			if len(name) > maxName || !printable(name) {
				t.Fatalf("%q", name)
			}
		}
	})
}

func TestPidIn(t *testing.T) {
	t.Parallel()
	if pid, err := pidIn([]byte("pos:\t0\nflags:\t02000002\nPid:\t4711\nNSpid:\t4711\n")); pid != 4711 || err != nil {
		t.Error(pid, err)
	}
	for _, bad := range []string{"", "pos:\t0\n", "Pid:\n", "Pid:\tx\n", "NSpid:\t12\n"} {
		if _, err := pidIn([]byte(bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// The runtime signals its threads to make them yield; a wait for a process's
// end must not be cut short by that and be taken for "it lives".
func TestWaitForAProcessIsNotInterrupted(t *testing.T) {
	t.Parallel()
	c := start(t, folder(t))
	fd, err := openProcess(c.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(t.Context())
	var signaller sync.WaitGroup
	defer signaller.Wait()
	defer cancel()
	thread := unix.Gettid()
	signaller.Go(func() {
		for tick := time.Tick(time.Millisecond); ctx.Err() == nil; <-tick {
			_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
		}
	})
	const patience = 60 * time.Millisecond
	began := time.Now()
	if over, err := exited(fd, patience); over || err != nil || time.Since(began) < patience {
		t.Errorf("after %v: over %v, %v", time.Since(began), over, err)
	}
}

func TestPidfd(t *testing.T) {
	t.Parallel()
	c := start(t, folder(t))
	pid := c.cmd.Process.Pid
	fd, err := openProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if n, err := processOf(fd); n != pid || err != nil {
		t.Errorf("pidfd of %d: %d, %v", pid, n, err)
	}
	if err := send(fd, 0); err != nil {
		t.Error(err)
	}
	if err := send(fd, 999); !errors.Is(err, ErrSurvived) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("a signal that the kernel refuses: %v", err)
	}
	died(t, pid, func() { _ = c.cmd.Process.Kill() })
	if n, err := processOf(fd); n != 0 || err != nil {
		t.Errorf("zombie: %d, %v", n, err)
	}
	_ = c.cmd.Wait()
	if n, err := processOf(fd); n != 0 || err != nil {
		t.Errorf("reaped: %d, %v", n, err)
	}
	if err := send(fd, 0); !errors.Is(err, ErrGone) {
		t.Errorf("signal to nobody: %v", err)
	}
	if fd, err := openProcess(1 << 22); !errors.Is(err, ErrGone) || fd >= 0 {
		t.Errorf("no process: %d, %v", fd, err)
	}
	if fd, err := openProcess(-1); !errors.Is(err, ErrNotProven) || fd >= 0 {
		t.Errorf("no pid: %d, %v", fd, err)
	}
}
