package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// agent is the aimd that runs now.
type agent struct {
	pid    atomic.Int64
	memory memory
}

// supervise runs aimd for ever. Its log goes to the console.
func (a *agent) supervise() {
	for {
		c := exec.Command(aimd, "-identity", identity)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		err := c.Start()
		if err == nil {
			a.pid.Store(int64(c.Process.Pid))
			go a.memory.watch(c.Process.Pid)
			say("aimd %d at %d", c.Process.Pid, uptime().Milliseconds())
			err = c.Wait()
		}
		a.pid.Store(0)
		out, release := exec.Command(aimd, "-identity", identity, "-release").CombinedOutput()
		say("aimd ended: %v; release: %v %s", err, release, bytes.TrimSpace(out))
		time.Sleep(3 * time.Second) // as a service manager does
	}
}

// obey carries a command out; what it returns is one line.
func (a *agent) obey(f []string) string {
	pid := int(a.pid.Load())
	switch f[0] {
	case "signal": // signal NUMBER
		n, err := strconv.Atoi(f[len(f)-1])
		if err == nil {
			err = unix.Kill(pid, unix.Signal(n))
		}
		return fmt.Sprint(err)
	case "hold": // hold TTL: somebody takes the lock and never gives it back
		c := exec.Command("/proc/self/exe", "hold", f[len(f)-1])
		c.Stderr = os.Stderr
		line, err := c.StdoutPipe()
		if err != nil {
			return err.Error()
		}
		if err := c.Start(); err != nil {
			return err.Error()
		}
		b := make([]byte, 200)
		n, _ := line.Read(b)
		unix.Sync()
		return fmt.Sprintf("%d %s", c.Process.Pid, bytes.TrimSpace(b[:n]))
	case "doctor": // doctor IDENTITY: its exit code and what it prints
		return doctor(f[len(f)-1])
	case "live":
		return live()
	case "memory":
		return a.memory.words()
	case "cpu": // over 5 s
		before, err := cpu(pid)
		began := uptime()
		time.Sleep(5 * time.Second) // what is measured is this time
		after, err2 := cpu(pid)
		return fmt.Sprintf("%d %d %v", (after - before).Microseconds(), (uptime() - began).Microseconds(), errors.Join(err, err2))
	case "sleeper":
		return sleeper()
	case "bare":
		return bare()
	case "boot":
		id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		return fmt.Sprintf("%s %d %v", bytes.TrimSpace(id), time.Now().Unix(), err)
	}
	return "unknown command"
}

// doctor is one line.
func doctor(identity string) string {
	c := exec.Command("/bin/aimctl", "--identity", "/etc/aimlock/"+identity+".toml", "doctor", "--json")
	c.Stderr = os.Stderr
	out, err := c.Output()
	var line bytes.Buffer
	if json.Compact(&line, out) != nil {
		return fmt.Sprintf("%v %q", err, out)
	}
	return fmt.Sprintf("%d %s", c.ProcessState.ExitCode(), line.String())
}

// live is the hash of the live file.
func live() string {
	b, err := os.ReadFile(filepath.Join(data, "etc/aim_lock_config.conf"))
	return fmt.Sprintf("%x %v", sha256.Sum256(b), err)
}

// hold takes the lock of the live file, says so, and keeps it.
func hold(ttl string) {
	d, err := time.ParseDuration(ttl)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	host, err := locksmith.KernelHost()
	if err == nil {
		var s *locksmith.Smith
		s, err = locksmith.Open(durable.Linux, locksmith.Paths{Run: "/run/aimlock", State: data + "/state", Name: "aim_lock_config"}, host, func() time.Duration { return time.Hour })
		if err == nil {
			_, err = s.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "fleet-updater", Reason: "nightly", TTL: d})
		}
	}
	fmt.Println("held:", err)
	for {
		time.Sleep(time.Hour)
	}
}
