package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"golang.org/x/sys/unix"
)

// settle is the age at which memory is looked at: the agent gives back what its
// start needed after seconds, and what comes back is what it does need.
const settle = time.Minute

// CPU is counted over windows of a length, of which the least counts: whatever
// else runs only adds.
const window, windows = 4 * time.Second, 5

// beginResident starts two agents with eight sensors on a board that is
// blocking system calls, with TLS up. What it returns measures their memory
// once they have settled, and one's CPU.
func beginResident(ctx context.Context, dir string) func(context.Context, string) ([]row, error) {
	arch := "386" // the budget is armv7's: 32 bits as well
	if runtime.GOARCH != "amd64" {
		arch = runtime.GOARCH
	}
	native, small, err := twoDrones(ctx, dir, arch)
	return func(ctx context.Context, dir string) ([]row, error) {
		if err != nil {
			return nil, err
		}
		defer native.stop()
		defer small.stop()
		for _, s := range []*settling{native, small} {
			if err := s.wait(ctx); err != nil {
				return nil, err
			}
		}
		rss, anon, err1 := memory(native.pid)
		smallRSS, smallAnon, err2 := memory(small.pid)
		small.stop()
		cpu, err3 := besideBare(ctx, native.pid, filepath.Join(dir, "drone-native", droneBin))
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		return []row{
			{What: "resident memory, TLS up", Budget: "≤ 7 MB", Measured: fmt.Sprintf("%.1f MB on %s (%.1f MB on %s)", smallRSS, arch, rss, runtime.GOARCH), OK: smallRSS <= 7,
				Note: fmt.Sprintf("after %v; the budget is armv7's, which the emulated board will measure; 386 has its word size", settle)},
			{What: "of which anonymous", Budget: "≤ 2 MB", Measured: fmt.Sprintf("%.1f MB on %s (%.1f MB on %s)", smallAnon, arch, anon, runtime.GOARCH), OK: smallAnon <= 2},
			{What: "CPU at 10 Hz over eight sensors", Budget: "< 1 % of a core", Measured: fmt.Sprintf("%.2f %%; a bare process that makes the same transfers: %.2f %%", cpu[0], cpu[1]), OK: cpu[0] < 1,
				Note: "all of the process, MQTT over TLS included, on a core of this machine; a transfer is a system call that blocks for its bits' time; least of five windows"},
		}, nil
	}
}

func twoDrones(ctx context.Context, dir, arch string) (native, small *settling, err error) {
	server, ca, err := certificate(dir)
	if err != nil {
		return nil, nil, err
	}
	addr, err := tlsBroker(ctx, server)
	if err != nil {
		return nil, nil, err
	}
	if native, err = start(ctx, filepath.Join(dir, "drone-native"), runtime.GOARCH, "mqtts://"+addr, ca); err != nil {
		return nil, nil, err
	}
	if small, err = start(ctx, filepath.Join(dir, "drone-"+arch), arch, "mqtts://"+addr, ca); err != nil {
		native.stop()
	}
	return native, small, err
}

// settling is a drone process that has been started.
type settling struct {
	pid     int
	stop    func()
	up      chan time.Time // when the broker was reached
	refused atomic.Value   // the last warning: why it was not
}

func start(ctx context.Context, dir, arch, broker, ca string) (*settling, error) {
	if _, err := identity(dir, broker, `clear_for = "1s"`, fmt.Sprintf("ca = %q", ca)); err != nil {
		return nil, err
	}
	if err := build(ctx, dir, arch); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &settling{up: make(chan time.Time, 1)}
	cmd, _, err := drone(ctx, dir, "blocking", func(line string) {
		if strings.Contains(line, "the broker is reached") {
			select {
			case s.up <- time.Now():
			default:
			}
		} else if strings.Contains(line, "ERROR") || strings.Contains(line, "WARN") {
			s.refused.Store(line)
		}
	})
	if err != nil {
		cancel()
		return nil, err
	}
	s.pid, s.stop = cmd.Process.Pid, sync.OnceFunc(func() { cancel(); _ = cmd.Wait() })
	return s, nil
}

// wait returns once TLS has been up for settle.
func (s *settling) wait(ctx context.Context) error {
	select {
	case at := <-s.up:
		time.Sleep(settle - time.Since(at))
		return nil
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
	}
	return fmt.Errorf("TLS did not come up: %v", s.refused.Load())
}

// besideBare is the CPU of a process and of a bare one at the same time.
func besideBare(ctx context.Context, pid int, bin string) ([]float64, error) {
	bare := exec.CommandContext(ctx, bin, "bare")
	bare.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := bare.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = bare.Process.Kill(); _ = bare.Wait() }()
	return leastCPU(pid, bare.Process.Pid)
}

// leastCPU is what share of a core each process needs, in percent.
func leastCPU(pids ...int) (least []float64, err error) {
	before := make([]time.Duration, len(pids))
	for range windows {
		for i, pid := range pids {
			if before[i], err = cpuTime(pid); err != nil {
				return nil, err
			}
		}
		start := time.Now()
		time.Sleep(window)
		for i, pid := range pids {
			after, err := cpuTime(pid)
			if err != nil {
				return nil, err
			}
			if len(least) == i {
				least = append(least, 100)
			}
			least[i] = min(least[i], 100*float64(after-before[i])/float64(time.Since(start)))
		}
	}
	return least, nil
}

func tlsBroker(ctx context.Context, cert tls.Certificate) (string, error) {
	s := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(allowAll), nil); err != nil {
		return "", err
	}
	l := listeners.NewTCP(listeners.Config{ID: "tls", Address: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err := s.AddListener(l); err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return l.Address(), s.Serve()
}

// memory reads resident and anonymous memory in MB from smaps_rollup, which
// counts exactly where status does not.
func memory(pid int) (rss, anon float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	return field(string(text), "Rss:"), field(string(text), "Anonymous:"), nil
}

// field is a value of smaps_rollup ("Rss:   5120 kB") in MB of 10^6 bytes.
func field(text, name string) float64 {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == name {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}

// cpuTime is a process's user and system time, its ended threads' included, by
// the clock of clock_getcpuclockid(3): nanoseconds, where /proc/PID/stat has
// ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
