package locksmith

import (
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside runs the calling test once more as pid 1 of a pid namespace with
// mounts of its own, and reports true there. Outside it returns false when that
// run is over. A kernel that refuses is a failure, not a skip.
func inside(t *testing.T) bool {
	t.Helper()
	const mark = "LOCKSMITH_TEST_INSIDE"
	if os.Getenv(mark) == t.Name() {
		if os.Getpid() != 1 {
			t.Fatalf("pid %d in a pid namespace of its own", os.Getpid())
		}
		mount(t, "", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") // nothing of this is seen outside
		mount(t, "proc", "/proc", "proc", 0, "")
		return true
	}
	run := func(flags uintptr) (*exec.Cmd, []byte, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), mark+"="+t.Name())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | flags}
		if flags&unix.CLONE_NEWUSER != 0 {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		return cmd, out, err
	}
	cmd, out, err := run(0) // root's
	if cmd.Process == nil {
		cmd, out, err = run(unix.CLONE_NEWUSER)
	}
	if cmd.Process == nil {
		t.Fatalf("no pid namespace: %v; run as root, or allow user namespaces (sysctl user.max_user_namespaces)", err)
	}
	t.Logf("inside:\n%s", out)
	if err != nil {
		t.Errorf("inside: %v", err)
	}
	return false
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v; this needs CAP_SYS_ADMIN in the namespace", target, err)
	}
	if kind == "tmpfs" { // before the test's folder is removed
		t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	}
}
