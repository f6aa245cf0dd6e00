//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// losing is a board that has nothing but a disk. It is booted once and its
// memory kept in a file, from before it has seen a disk. Each life is a QEMU of
// its own that goes on from there, and the end of that process is the power cut:
// nothing of one life's memory reaches the next, and none waits for a boot.
type losing struct {
	tg     target
	k      *kernel
	initrd string
	memory string // the file
}

// boardC is QEMU's "virt" with a disk that knows flushes.
var boardC = target{
	arch: "arm64", kernel: "linux-image-cloud-arm64", goarch: []string{"GOARCH=arm64"}, qemu: "qemu-system-aarch64",
	modules: []string{"virtio_mmio", "crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "nls_iso8859_1"},
	args: func(_ *machine, disk string) []string {
		return []string{"-M", "virt", "-cpu", "cortex-a53", "-m", "192M", "-append", "console=ttyAMA0 quiet panic=-1 rdinit=/init", "-nic", "none",
			"-drive", "if=none,id=d0,format=raw,cache=writeback,file=" + disk, "-device", "virtio-blk-device,drive=d0"}
	},
}

// newLosing boots the board and keeps its memory.
func newLosing(t *testing.T) *losing {
	t.Helper()
	l := &losing{tg: boardC}
	installed(t, need{l.tg.qemu, "qemu-system-arm"}, need{"mkfs.vfat", "dosfstools"})
	l.k = openKernel(t, fetchKernel(t, l.tg.arch, l.tg.kernel), "")
	dir := shortDir(t)
	l.initrd, l.memory = filepath.Join(dir, "initrd.cpio"), filepath.Join(dir, "memory")
	a := &archive{}
	guest := filepath.Join(dir, "init")
	l.tg.build(t, guest, "./guest")
	a.file("init", modeExec, read(t, guest))
	addModules(t, a, l.k, "modules", l.tg.modules)
	a.file("modules/late/virtio_blk.ko", modeFile, read(t, l.k.modules["virtio_blk"]))
	write(t, l.initrd, a.bytes())

	disk := serveLossy(t, dir, make([]byte, diskSize), 512, 0)
	m := power(t, &l.tg, l.k, l.initrd, dir, disk.path)
	defer m.off()
	m.says(0, "@e2e waits", bootIn)
	booted := time.Since(m.began)
	for _, c := range []struct {
		name string
		args map[string]any
	}{{"migrate-set-parameters", map[string]any{"max-bandwidth": 4 << 30}}, {"migrate", map[string]any{"uri": "exec:cat >" + l.memory}}} {
		if err := m.q.do(c.name, c.args, nil); err != nil {
			t.Fatal(err)
		}
	}
	m.status("query-migrate", "completed")
	at, err := os.Stat(l.memory)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("booted in %.1f s; %d MB of memory kept after %.1f s", booted.Seconds(), at.Size()>>20, time.Since(m.began).Seconds())
	return l
}

// status waits until a query of QEMU answers with this status.
func (m *machine) status(query, want string) {
	m.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); ; <-tick.C {
		var st struct{ Status string }
		err := m.q.do(query, nil, &st)
		switch {
		case err != nil || st.Status == "failed" || time.Now().After(deadline):
			m.t.Fatalf("%s: %q, want %q: %v", query, st.Status, want, err)
		case st.Status == want:
			return
		}
	}
}

// life is one life with a disk, until the power goes or the guest tells a line
// that has all is heard of: until returns true. It returns what the guest told.
func (l *losing) life(t *testing.T, dir string, disk *lossyDisk, order string, until func(told string) bool) (told []string) {
	t.Helper()
	m := power(t, &l.tg, l.k, l.initrd, dir, disk.path, "-incoming", "exec:cat "+l.memory)
	defer m.off()
	m.status("query-status", "running")
	if _, err := fmt.Fprintln(m.stdin, order); err != nil {
		t.Fatal(err)
	}
	late := time.After(bootIn)
	for from, on := 0, true; on; {
		m.mu.Lock()
		more, lines := m.more, m.lines[from:]
		from = len(m.lines)
		m.mu.Unlock()
		if slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "@e2e ") && (until(line[5:]) || strings.HasPrefix(line, "@e2e failed"))
		}) {
			break
		}
		select {
		case <-more:
		case <-disk.cut:
			on = false
		case <-m.ended:
			on = false
		case <-late:
			t.Errorf("a life does not end: %s", m.tail())
			on = false
		}
	}
	m.off() // and what had left the guest before
	for _, line := range m.lines {
		if what, ok := strings.CutPrefix(line, "@e2e "); ok {
			told = append(told, what)
		}
	}
	return told
}

// blank is an empty file system.
func blank(t *testing.T, kind string) []byte {
	t.Helper()
	image := filepath.Join(t.TempDir(), kind)
	write(t, image, make([]byte, diskSize))
	args := []string{"-F", "32", "-s", "1", "-i", "a1b0c2d3", image} // FAT32, as boards boot from
	if kind == "ext4" {
		args = []string{"-q", "-F", "-b", "1024", "-E", "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", image}
	}
	c := exec.Command("mkfs."+kind, args...)
	c.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/sbin:/usr/sbin")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v: %s", kind, err, out)
	}
	return read(t, image)
}
