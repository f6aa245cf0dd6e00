package locksmith

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// The test binary runs itself again as another process that uses the lock:
// deaths, leaked descriptors and contention are real.
func TestMain(m *testing.M) {
	switch mode := os.Getenv("LOCKSMITH_TEST_CHILD"); mode {
	case "":
		// Unless the command line says otherwise:
		_ = flag.Set("rapid.checks", "1000")
		_ = flag.Set("rapid.nofailfile", "true")
		os.Exit(m.Run())
	case "obey":
		obey()
	case "linger": // until the tester closes our standard input
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		modes[mode]()
	}
}

// obey is a process that takes commands on standard input, a line each, and
// answers with a line each. It ends with its input.
func obey() {
	host, err := KernelHost()
	if err != nil {
		panic(err)
	}
	if boot := os.Getenv("LOCKSMITH_TEST_BOOT"); boot != "" {
		host.BootID = boot
	}
	dir := os.Getenv("LOCKSMITH_TEST_DIR")
	s, err := Open(durable.Linux, paths(dir), host, ttl(time.Hour))
	if err != nil {
		panic(err)
	}
	var lease *Lease
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word := strings.Fields(in.Text())
		answer := "ok"
		switch word[0] {
		case "acquire": // acquire TTL
			d, _ := time.ParseDuration(word[1])
			lease, err = s.Acquire(context.Background(), Claim{Role: RoleOrchestrator, Holder: "fleet-updater", Reason: "update cycle 7", TTL: d})
		case "release":
			err = lease.Release()
		case "renew":
			err = lease.Renew()
		case "commit":
			err = lease.Commit(func() error { return os.WriteFile(filepath.Join(dir, "committed"), []byte("child"), 0o600) })
		case "hello":
		case "deaf":
			signal.Ignore(syscall.SIGTERM)
		case "tidy": // gives the lock back on SIGTERM and lives on
			told := make(chan os.Signal, 1)
			signal.Notify(told, syscall.SIGTERM)
			go func() { <-told; _ = lease.Release() }()
		case "hang": // in a commit, until the input ends
			err = lease.Commit(func() error { fmt.Println("hangs"); _, err := io.Copy(io.Discard, os.Stdin); return err })
		case "spawn":
			err = lease.Commit(spawn)
		case "leak":
			answer, err = leak(lease)
		case "count": // count N: so many increments of the counter, each under the lease
			n, _ := strconv.Atoi(word[1])
			for range n {
				if err = increment(s, dir); err != nil {
					break
				}
			}
		}
		if err != nil {
			answer = "error " + strings.ReplaceAll(err.Error(), "\n", " ")
			err = nil
		}
		fmt.Println(answer)
	}
}

// leak starts a child that inherits the lock's descriptor, which is what a
// program without O_CLOEXEC does, and answers its pid.
func leak(l *Lease) (string, error) {
	fd, err := unix.Dup(l.fd)
	if err != nil {
		return "", err
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LOCKSMITH_TEST_CHILD=linger")
	c.Stdin = os.NewFile(3, "tester's pipe")
	c.ExtraFiles = []*os.File{os.NewFile(uintptr(fd), "leaked lock")}
	if err := c.Start(); err != nil {
		return "", err
	}
	return strconv.Itoa(c.Process.Pid), nil
}

// increment adds one to a file without any lock but the lease.
func increment(s *Smith, dir string) error {
	l, err := s.Wait(context.Background(), claim("counter"), nil)
	if err != nil {
		return err
	}
	err = l.Commit(func() error {
		path := filepath.Join(dir, "counter")
		b, _ := os.ReadFile(path)
		n, _ := strconv.Atoi(string(b))
		return os.WriteFile(path, []byte(strconv.Itoa(n+1)), 0o600)
	})
	return errors.Join(err, l.Release())
}

func paths(dir string) Paths {
	return Paths{Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state"), Name: "aim_lock_config"}
}

func ttl(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func claim(holder string) Claim { return Claim{Role: RoleTechnician, Holder: holder} }

// folder is a fresh place for a lock's files.
func folder(t testing.TB) string {
	dir := t.TempDir()
	for _, sub := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// host is the kernel's, with changes.
func host(t testing.TB, change func(*Host)) Host {
	h, err := KernelHost()
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&h)
	}
	return h
}

// open opens the lock in dir as this process; change may alter the host.
func open(t testing.TB, dir string, change func(*Host)) *Smith {
	s, err := Open(durable.Linux, paths(dir), host(t, change), ttl(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func acquire(t testing.TB, s *Smith, c Claim) *Lease {
	t.Helper()
	l, err := s.Acquire(context.Background(), c)
	if err != nil {
		t.Fatalf("acquire: %v", err)
	}
	return l
}

func look(t testing.TB, s *Smith, want Verdict) Look {
	t.Helper()
	l, err := s.Look()
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	if l.Verdict != want {
		t.Fatalf("verdict %v, want %v: %s", l.Verdict, want, l.Evidence)
	}
	return l
}

// child is an obeying process.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	life *os.File // closing it ends a leaked grandchild
}

func start(t *testing.T, dir string, env ...string) *child {
	t.Helper()
	return startAs(t, os.Args[0], dir, env...)
}

// startAs starts the test binary under a path of its own.
func startAs(t *testing.T, path, dir string, env ...string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(path), life: w}
	c.cmd.Env = append(append(os.Environ(), "LOCKSMITH_TEST_CHILD=obey", "LOCKSMITH_TEST_DIR="+dir), env...)
	c.cmd.ExtraFiles = []*os.File{r}
	c.cmd.Stderr = os.Stderr
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() {
		w.Close()
		if c.cmd.ProcessState == nil {
			c.kill()
		}
	})
	return c
}

func (c *child) tell(line string) {
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatalf("tell the child %q: %v", line, err)
	}
}

func (c *child) answer() string {
	if !c.out.Scan() {
		c.t.Fatalf("the child said nothing: %v", c.out.Err())
	}
	return c.out.Text()
}

// do tells a command and returns the answer.
func (c *child) do(line string) string {
	c.tell(line)
	return c.answer()
}

// must is do for a command that must go well.
func (c *child) must(line string) string {
	c.t.Helper()
	a := c.do(line)
	if strings.HasPrefix(a, "error") {
		c.t.Fatalf("%s: %s", line, a)
	}
	return a
}

// kill is kill -9; it returns when the process is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// died returns when the process, which need not be ours to wait for, is dead.
func died(t *testing.T, pid int, end func()) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("pidfd of %d: %v", pid, err)
	}
	defer unix.Close(fd)
	end()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20_000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("process %d does not end: %v", pid, err)
		}
		return
	}
}
