package fleet

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// died waits for a process by its pidfd, which no other process can take over.
func died(t *testing.T, pidfd int, within time.Duration) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	deadline := time.Now().Add(within)
	for {
		n, err := unix.Poll(fds, int(time.Until(deadline).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n == 1
		}
	}
}

// TestChildDiesWithParent kills a parent with SIGKILL: it cannot clean up, so
// the kernel must.
func TestChildDiesWithParent(t *testing.T) {
	t.Parallel()
	parent := role("parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	if died(t, child, 0) {
		t.Fatal("the child is dead before its parent")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if !died(t, child, 10*time.Second) {
		_ = unix.PidfdSendSignal(child, unix.SIGKILL, nil, 0)
		t.Fatal("the child outlives its parent")
	}
}

// TestChildSurvivesThreads ends many of this program's threads, the way Go
// does when a goroutine ends that keeps its thread. The kernel kills a child
// when the thread ends that started it, so that one must never be among them.
func TestChildSurvivesThreads(t *testing.T) {
	t.Parallel()
	s := newSpawner()
	defer s.close()
	p, err := s.start(sleeper())
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	for range 50 {
		var all sync.WaitGroup
		for range 20 {
			all.Go(runtime.LockOSThread)
		}
		all.Wait()
	}
	select {
	case <-p.ended:
		t.Fatalf("the child ended: %s", p.how())
	default:
	}
}

// TestBackground: what a shell command leaves in the background ends with it.
func TestBackground(t *testing.T) {
	t.Parallel()
	f := &Fleet{exe: []string{"/proc/self/exe"}, spawn: newSpawner()}
	defer f.spawn.close()
	out, err := f.Shell(t.Context(), &Drone{Name: "p"}, "sleep 100 & echo $!")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(out)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // gone already
	}
	defer unix.Close(fd)
	if !died(t, fd, 10*time.Second) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		t.Fatal("it is left")
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	s := newSpawner()
	defer s.close()
	p, err := s.start(sleeper())
	if err != nil {
		t.Fatal(err)
	}
	p.stop(10 * time.Second)
	if p.how() != "signal: terminated" {
		t.Errorf("it ended by %q", p.how())
	}
	deaf := role("deaf")
	r, w := io.Pipe()
	deaf.Stdout = w
	if p, err = s.start(deaf); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.stop(time.Millisecond)
	if p.how() != "signal: killed" {
		t.Errorf("it ended by %q", p.how())
	}
	s.close()
	if _, err := s.start(sleeper()); !errors.Is(err, errSpawnerClosed) {
		t.Errorf("started after the end: %v", err)
	}
}
