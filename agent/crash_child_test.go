package agent

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/hal/sim"
)

// The environment that makes the test program a drone's process.
const (
	childDir    = "AIM_TEST_DRONE"  // its folder
	childBroker = "AIM_TEST_BROKER" // URL
	childKeys   = "AIM_TEST_KEYS"   // author's and operator's public keys
	childKill   = "AIM_TEST_KILL"   // dies at its n-th system call that changes something; odd: after it, even: before
	childHold   = "AIM_TEST_HOLD"   // it is no drone: it takes that drone's lock for a second and keeps it
	childArmed  = "AIM_TEST_ARMED"  // "start": counts from its start, else from "arm" on standard input
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childHold); dir != "" {
		os.Exit(holderProcess(dir))
	}
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(droneProcess(dir))
	}
	os.Exit(m.Run())
}

// mortal is a kernel at which the process dies, as by kill -9, at one of the
// calls that change something.
type mortal struct {
	durable.Sys
	armed atomic.Bool
	calls atomic.Int64
	at    int64 // 2n: before the n-th call, 2n+1: after it; 0: never
}

func (m *mortal) around(call func() error) error {
	if !m.armed.Load() {
		return call()
	}
	n := m.calls.Add(1)
	if m.at == 2*n {
		die()
	}
	err := call()
	if m.at == 2*n+1 {
		die()
	}
	return err
}

func die() {
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {} // nothing more happens here
}

func (m *mortal) Pwrite(fd int, p []byte, off int64) (n int, err error) {
	err = m.around(func() error { n, err = m.Sys.Pwrite(fd, p, off); return err })
	return n, err
}
func (m *mortal) Fsync(fd int) error { return m.around(func() error { return m.Sys.Fsync(fd) }) }
func (m *mortal) Fdatasync(fd int) error {
	return m.around(func() error { return m.Sys.Fdatasync(fd) })
}
func (m *mortal) Ftruncate(fd int, size int64) error {
	return m.around(func() error { return m.Sys.Ftruncate(fd, size) })
}
func (m *mortal) Renameat(od int, op string, nd int, np string) error {
	return m.around(func() error { return m.Sys.Renameat(od, op, nd, np) })
}
func (m *mortal) Unlinkat(dirfd int, path string, flags int) error {
	return m.around(func() error { return m.Sys.Unlinkat(dirfd, path, flags) })
}
func (m *mortal) Fchmod(fd int, mode uint32) error {
	return m.around(func() error { return m.Sys.Fchmod(fd, mode) })
}
func (m *mortal) Fchown(fd, uid, gid int) error {
	return m.around(func() error { return m.Sys.Fchown(fd, uid, gid) })
}
func (m *mortal) SetLock(fd int) error { return m.around(func() error { return m.Sys.SetLock(fd) }) }
func (m *mortal) Unlock(fd int) error  { return m.around(func() error { return m.Sys.Unlock(fd) }) }

// droneProcess runs an agent until standard input ends.
func droneProcess(dir string) int {
	at, _ := strconv.ParseInt(os.Getenv(childKill), 10, 64)
	kernel := &mortal{Sys: durable.Linux, at: at}
	kernel.armed.Store(os.Getenv(childArmed) == "start")
	keys := strings.Split(os.Getenv(childKeys), ",")
	b, err := board.Lookup("sim")
	if err != nil {
		panic(err)
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		panic(err)
	}
	world := sim.New(b, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go world.Run(ctx)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			kernel.armed.Store(true)
			fmt.Println("armed")
		}
		stop()
	}()
	id := &config.Identity{Drone: "patrol-01", Fleet: "north", Board: "sim", MQTT: config.MQTT{Broker: os.Getenv(childBroker)},
		Trust: config.Trust{Threshold: 1, Config: keys[:1], Command: keys[1:]},
		Paths: config.Paths{Config: filepath.Join(dir, config.LiveName), State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")}}
	err = Run(ctx, Start{Identity: id, Board: b, Opener: world, Host: host, Version: "test", Log: NewLog(os.Stderr, false, false),
		Jitter: func() time.Duration { return 0 }, Clock: func() (time.Time, bool) { return time.Now(), true },
		Notify: func(state string) {
			if state == "READY=1" {
				fmt.Println("ready")
			}
		}, sys: kernel, watch: 50 * time.Millisecond})
	fmt.Println("calls", kernel.calls.Load())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// holderProcess is the incident's updater: it takes the lock, its lease passes,
// it stays. SIGTERM ends it.
func holderProcess(dir string) int {
	host, err := locksmith.KernelHost()
	if err != nil {
		panic(err)
	}
	smith, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state"), Name: LockName}, host,
		func() time.Duration { return time.Minute })
	if err != nil {
		panic(err)
	}
	if _, err := smith.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "fleet-updater", Reason: "nightly", TTL: time.Second}); err != nil {
		panic(err)
	}
	fmt.Println("holding")
	<-time.After(time.Hour) // a select for nothing would be called a deadlock once the lease is over
	return 0
}
