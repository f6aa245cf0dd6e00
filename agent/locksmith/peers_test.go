//go:build peers

package locksmith_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// peer is one of the examples: another program, in another language, that
// shares the lock with us.
type peer struct {
	holder string // what its record says
	argv   func(p *place, command string) []string
}

// The examples run as they are, with Debian's gcc and python3.
func examplePeers(t *testing.T) map[string]peer {
	t.Helper()
	bin := t.TempDir()
	dir, err := filepath.Abs("examples")
	if err != nil {
		t.Fatal(err)
	}
	build := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	lease := filepath.Join(bin, "lease")
	build("gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", lease, filepath.Join(dir, "lease.c"))
	build("go", "build", "-o", filepath.Join(bin, "aimctl"), "../cmd/aimctl")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	program := func(argv ...string) func(*place, string) []string {
		return func(p *place, command string) []string {
			return append(argv, p.path("run"), p.path("state"), p.live, p.path("new.conf"), command)
		}
	}
	return map[string]peer{
		"C":      {"example-c", program(lease)},
		"Python": {"example-python", program("/usr/bin/python3", filepath.Join(dir, "lease.py"))},
		"shell": {"tess", func(p *place, command string) []string {
			return []string{"/bin/sh", filepath.Join(dir, "lease.sh"), p.path("new.conf"), command}
		}},
	}
}

// place is a drone's folder.
type place struct {
	t         *testing.T
	dir, live string
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir()}
	p.live = p.path("aim_lock_config.conf")
	identity := fmt.Sprintf(`drone = "patrol-03"
fleet = "north"
board = "sim"
mqtt  = { broker = "mqtt://127.0.0.1:1" }
paths = { config = "%s", state = "%s", run = "%s" }
safety = { motor_hot_max = 100.0, require = ["lock"], max_hold_max = "2m" }
`, p.live, p.path("state"), p.path("run"))
	if err := errors.Join(os.Mkdir(p.path("run"), 0o755), os.Mkdir(p.path("state"), 0o755),
		os.WriteFile(p.path("drone.toml"), []byte(identity), 0o644), os.WriteFile(p.live, config(0), 0o644)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func config(count int) []byte { return fmt.Appendf(nil, "version = 1\n[mission]\ncount = %d\n", count) }

var countLine = regexp.MustCompile(`(?m)^count = (\d+)$`)

// count is the live file's; -1: it is missing or torn.
func (p *place) count() int {
	data, _ := os.ReadFile(p.live)
	m := countLine.FindSubmatch(data)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// add is a command that makes the next file of the live one.
func (p *place) add() string {
	return fmt.Sprintf(`awk '/^count/ { $3 += 1 } { print }' %s >%s`, p.live, p.path("new.conf"))
}

func (p *place) smith(ttl time.Duration) *locksmith.Smith {
	p.t.Helper()
	host, err := locksmith.KernelHost()
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: p.path("run"), State: p.path("state"), Name: "aim_lock_config"},
		host, func() time.Duration { return ttl })
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// run starts a peer in a process group of its own, which ends with the test.
func (p *place) run(who peer, command string) (cmd *exec.Cmd, said *strings.Builder) {
	p.t.Helper()
	argv := who.argv(p, command)
	cmd, said = exec.Command(argv[0], argv[1:]...), &strings.Builder{}
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "AIM_IDENTITY="+p.path("drone.toml"), "USER=tess", "LOGNAME=tess")
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	group := cmd.Process.Pid
	p.t.Cleanup(func() {
		_ = syscall.Kill(-group, syscall.SIGKILL)
		if cmd.ProcessState == nil {
			_ = cmd.Wait()
		}
	})
	return cmd, said
}

// hold starts a peer that holds the lease until the fifo "go" is written to,
// and then has a new file to put in place. It returns once it has the lease.
func (p *place) hold(who peer) (*exec.Cmd, *strings.Builder) {
	p.t.Helper()
	for _, fifo := range []string{"up", "go"} {
		if err := syscall.Mkfifo(p.path(fifo), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	cmd, said := p.run(who, fmt.Sprintf("echo >up; read x <go; %s", p.add()))
	if _, err := os.ReadFile(p.path("up")); err != nil {
		p.t.Fatal(err)
	}
	return cmd, said
}

func (p *place) letGo() {
	p.t.Helper()
	if err := os.WriteFile(p.path("go"), []byte("\n"), 0); err != nil {
		p.t.Fatal(err)
	}
}

// until polls with a deadline.
func (p *place) until(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			p.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

var us = locksmith.Claim{Role: locksmith.RoleTechnician, Holder: "ours", Reason: "test"}

func TestPeerExamples(t *testing.T) {
	peers := examplePeers(t)
	for name, who := range peers {
		t.Run(name, func(t *testing.T) {
			t.Run("excludes us and is excluded", func(t *testing.T) { t.Parallel(); excludes(t, who) })
			t.Run("its death is reclaimed", func(t *testing.T) { t.Parallel(); dies(t, who) })
			t.Run("its late write is refused", func(t *testing.T) { t.Parallel(); comesLate(t, who) })
		})
	}
	t.Run("four languages count together", func(t *testing.T) { countTogether(t, peers) })
}

func excludes(t *testing.T, who peer) {
	p, ctx := newPlace(t), context.Background()
	s := p.smith(time.Minute)
	cmd, said := p.hold(who)
	_, err := s.Acquire(ctx, us)
	var refused *locksmith.Refused
	if !errors.As(err, &refused) || refused.Look.Verdict != locksmith.Held || refused.Look.Record.Holder != who.holder {
		t.Fatalf("while the peer has it: %v", err)
	}
	if pid := refused.Look.Record.Process.PID; pid != cmd.Process.Pid {
		t.Errorf("its record says pid %d, it is %d", pid, cmd.Process.Pid)
	}
	p.letGo()
	if err := cmd.Wait(); err != nil || p.count() != 1 {
		t.Fatalf("%v, count %d\n%s", err, p.count(), said)
	}
	lease, err := s.Acquire(ctx, us)
	if err != nil || lease.Reclaimed() != nil || lease.Epoch() != 2 {
		t.Fatalf("after it: %v, epoch %d, reclaimed %v", err, lease.Epoch(), lease.Reclaimed())
	}
	// We have it now. A peer that did not wait would be done long before.
	cmd, said = p.run(who, "echo >ran; "+p.add())
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		if err := lease.Commit(func() error { return durable.Replace(durable.Linux, p.live, config(10), 0o644) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(p.path("ran")); err == nil || p.count() != 10 {
		t.Fatalf("the peer did not wait: count %d", p.count())
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || p.count() != 11 {
		t.Errorf("%v, count %d\n%s", err, p.count(), said)
	}
	if look, err := s.Look(); err != nil || look.Verdict != locksmith.Free || look.Record.Epoch != 3 {
		t.Errorf("%+v, %v", look, err)
	}
}

func dies(t *testing.T, who peer) {
	p := newPlace(t)
	s := p.smith(time.Minute)
	cmd, _ := p.hold(who)
	pid := cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // it alone: its command lives on
		t.Fatal(err)
	}
	p.until("DEAD", func() bool {
		look, err := s.Look()
		return err == nil && look.Verdict == locksmith.Dead
	})
	gone, err := s.Reclaim(context.Background(), us)
	if err != nil || gone == nil || gone.Holder != who.holder || gone.PID != pid || gone.Verdict != locksmith.Dead {
		t.Fatalf("%v, %v", gone, err)
	}
	t.Log(gone)
	if p.count() != 0 {
		t.Errorf("count %d", p.count())
	}
}

func comesLate(t *testing.T, who peer) {
	p, ctx := newPlace(t), context.Background()
	s := p.smith(time.Second) // our longest lease: after it the peer is overdue
	cmd, said := p.hold(who)
	pid := cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.until("OVERDUE", func() bool {
		look, err := s.Look()
		return err == nil && look.Verdict == locksmith.Overdue
	})
	lease, err := s.Supersede(ctx, us, locksmith.Expect{Holder: who.holder, PID: pid})
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Commit(func() error { return durable.Replace(durable.Linux, p.live, config(100), 0o644) }); err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	p.letGo()
	p.until("the late file is there", func() bool { _, err := os.Stat(p.path("new.conf")); return err == nil })
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// aimctl may end the command before that has been refused.
	if code := cmd.ProcessState.ExitCode(); code != 75 && code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if p.count() != 100 {
		t.Errorf("the late write got through: count %d", p.count())
	}
	if next, err := s.Acquire(ctx, us); err != nil || next.Epoch() != 3 {
		t.Errorf("%v", err)
	}
}

// Nothing but the lease protects the counter: one lost update shows.
func countTogether(t *testing.T, peers map[string]peer) {
	const each = 10
	p := newPlace(t)
	done := make(chan error, len(peers)+1)
	for name, who := range peers {
		go func() {
			for range each {
				// Each has a file of its own: what is staged is part of the work.
				q := *p
				argv := who.argv(&q, strings.ReplaceAll(q.add(), "new.conf", "new."+name))
				for i := range argv {
					argv[i] = strings.ReplaceAll(argv[i], "/new.conf", "/new."+name)
				}
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir, cmd.Env = q.dir, append(os.Environ(), "AIM_IDENTITY="+q.path("drone.toml"), "USER=tess")
				if out, err := cmd.CombinedOutput(); err != nil {
					done <- fmt.Errorf("%s: %w\n%s", name, err, out)
					return
				}
			}
			done <- nil
		}()
	}
	go func() { done <- p.countOurs(each) }()
	for range len(peers) + 1 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if want := each * (len(peers) + 1); p.count() != want {
		t.Errorf("count %d, want %d: updates were lost", p.count(), want)
	}
	last, err := p.smith(time.Minute).Acquire(context.Background(), us)
	if err != nil || last.Epoch() != each*uint64(len(peers)+1)+1 || last.Reclaimed() != nil {
		t.Errorf("%v: epoch %d, reclaimed %v", err, last.Epoch(), last.Reclaimed())
	}
}

func (p *place) countOurs(times int) error {
	s := p.smith(time.Minute)
	for range times {
		lease, err := s.Wait(context.Background(), us, nil)
		if err != nil {
			return err
		}
		err = lease.Commit(func() error { return durable.Replace(durable.Linux, p.live, config(p.count()+1), 0o644) })
		if err := errors.Join(err, lease.Release()); err != nil {
			return err
		}
	}
	return nil
}
