//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// live is the drone's configuration at first; its successors differ in version
// and altitude.
func live(version int64) []byte {
	return fmt.Appendf(nil, `version = %d

[lock]
ttl = "2s"
gc_interval = "1s"

[update_window]
flight = "paused"

[safe_pause]
motor = { warm = 80.0, hot = 95.0, clear = 80.0, clear_for = "1s" }

[mission]
altitude_m = %d
`, version, 40+version)
}

// hashed is what the guest says of a live file of that version.
func hashed(version int64) string { return fmt.Sprintf("%x <nil>", sha256.Sum256(live(version))) }

// rig is everything around one drone.
type rig struct {
	*operator
	tg     *target
	k      *kernel
	dir    string // of sockets: a short path
	initrd string
	m      *machine
	disk   *nbdDisk
	w      *wires
	stop   context.CancelFunc // of the flight controller
}

// newRig makes the initramfs, the certificates and the broker. Nothing is
// switched on yet.
func newRig(t *testing.T, tg target) *rig {
	t.Helper()
	installed(t, append(needs, need{tg.qemu, "qemu-system-arm"})...)
	dir := shortDir(t)
	r := &rig{tg: &tg, dir: dir, k: openKernel(t, fetchKernel(t, tg.arch, tg.kernel), tg.dtb)}
	certificates(t, dir, map[string]string{"broker": "broker", "drone": fleetName + "/" + droneName, "operator": "operator"})
	port := mosquitto(t, dir)
	r.operator = newOperator(t, dir, port)
	r.initrd = filepath.Join(dir, "initrd.cpio")
	write(t, r.initrd, r.root(t, port))
	return r
}

// root is the root file system: aimd, its identity, our init, the modules.
func (r *rig) root(t *testing.T, port string) []byte {
	t.Helper()
	guest, aimd := filepath.Join(r.dir, "init"), filepath.Join("../../dist", r.tg.dist, "aimd")
	r.tg.build(t, guest, "./guest")
	if _, err := os.Stat(aimd); err != nil {
		t.Fatalf("aimd for %s is not built; run make e2e, or make cross before: %v", r.tg.dist, err)
	}
	a := &archive{}
	a.file("init", modeExec, read(t, guest))
	a.file("bin/aimd", modeExec, read(t, aimd))
	for name, mode := range map[string]int{"ca": modeFile, "drone": modeFile, "drone-key": modeSecret} {
		a.file("etc/aimlock/"+name+".pem", mode, read(t, filepath.Join(r.dir, name+".pem")))
	}
	identity := func(board string) []byte {
		return fmt.Appendf(nil, `drone = %q
fleet = %q
board = %q
mqtt  = { broker = "mqtts://10.0.2.2:%s", ca = "/etc/aimlock/ca.pem", cert = "/etc/aimlock/drone.pem", key = "/etc/aimlock/drone-key.pem" }
trust = { threshold = 1, config = [%q], command = [%q] }
paths = { config = "/data/etc/aim_lock_config.conf", state = "/data/state", run = "/run/aimlock" }
`, droneName, fleetName, board, port, r.sign.Public(), r.key.Public())
	}
	a.file("etc/aimlock/drone.toml", modeFile, identity(r.tg.board))
	if r.tg.aimctl {
		a.file("bin/aimctl", modeExec, read(t, filepath.Join(filepath.Dir(aimd), "aimctl")))
		a.file("etc/aimlock/mistaken.toml", modeFile, identity("/etc/aimlock/mistaken-board.toml"))
		a.file("etc/aimlock/mistaken-board.toml", modeFile, []byte(mistaken))
	}
	if r.tg.table != "" {
		a.file("etc/aimlock/board.toml", modeFile, []byte(r.tg.table))
	}
	addModules(t, a, r.k, "modules", r.tg.modules)
	fresh := make([]byte, 64)
	_, _ = rand.Read(fresh)
	a.file("etc/seed", modeSecret, fresh)
	a.file("etc/nic", modeFile, []byte(r.tg.nic))
	return a.bytes()
}

// lastCommit is when the last commit was made, or 1970 without git, as in the
// Makefile.
func lastCommit() time.Time {
	out, err := exec.Command("git", "log", "-1", "--format=%cI").Output()
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	return at
}

// flashed is the disk of a drone that has flown before: its configuration, and
// the lock of somebody who had it when an earlier boot ended.
func flashed(t *testing.T) []byte {
	t.Helper()
	content, gone := t.TempDir(), t.TempDir()
	for _, d := range []string{"etc", "state"} {
		if err := os.MkdirAll(filepath.Join(content, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(content, "etc/aim_lock_config.conf"), live(7), 0o644); err != nil {
		t.Fatal(err)
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		t.Fatal(err)
	}
	host.BootID = "an-earlier-boot"
	s, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: gone, State: filepath.Join(content, "state"), Name: "aim_lock_config"}, host, func() time.Duration { return time.Hour })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "fleet-updater", Reason: "nightly"}); err != nil {
		t.Fatal(err)
	}
	return makeDisk(t, content)
}

// on switches the board on with a disk, and the flight controller with it.
func (r *rig) on(t *testing.T, data []byte) *nbdDisk {
	t.Helper()
	r.disk = serveDisk(t, r.dir, data, r.tg.flushes)
	r.m = power(t, r.tg, r.k, r.initrd, r.dir, r.disk.path)
	p, err := r.tg.pins(r.m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.w = attach(ctx, r.m.q, p)
	m := r.m
	t.Cleanup(func() {
		if t.Failed() && m == r.m { // the last one
			t.Logf("the end of the console:\n%s", m.tail())
		}
		r.off()
	})
	return r.disk
}

// off takes the power away.
func (r *rig) off() {
	r.stop()
	r.m.off()
	r.disk.l.Close()
	if c, ok := r.w.p.(io.Closer); ok {
		c.Close()
	}
}
