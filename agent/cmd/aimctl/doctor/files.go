package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
)

func identity(m Machine, s Subject) (*board.Board, Check) {
	const name = "identity"
	if s.Identity == nil {
		return nil, wrong(name, []string{"Mend " + s.File + ", or name the right one with --identity FILE. The rest of the checks need it."}, "%v", s.Err)
	}
	b, err := board.Lookup(s.Identity.Board)
	if err != nil {
		return nil, wrong(name, []string{"Correct the key board in " + s.File + "."}, "%v", err)
	}
	if do, err := m.owned(s.File); err != nil {
		return b, wrong(name, do, "%v", err)
	}
	return b, ok(name, "%s of fleet %s on board %s, %s is valid", s.Identity.Drone, s.Identity.Fleet, s.Identity.Board, s.File)
}

func live(m Machine, id *config.Identity) Check {
	const name = "live file"
	path := id.Paths.Config
	data, err := durable.Read(durable.Linux, path, config.MaxLive)
	if errors.Is(err, fs.ErrNotExist) {
		return wrong(name, []string{"Put the fleet's configuration there. The agent goes on with the last good one meanwhile."}, "%v", err)
	}
	if err != nil {
		return wrong(name, nil, "%v", err)
	}
	conf, err := config.CheckLive(path, data, id.Safety)
	if err != nil {
		return wrong(name, []string{"Mend the file, and see all that is wrong with it:", "\taimctl config check " + path}, "%v", err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		if do, err := m.owned(p); err != nil {
			return wrong(name, do, "%v", err)
		}
	}
	v, err := m.Volume(filepath.Dir(path))
	if fs := durable.FileSystem(v.Magic); err == nil && id.Board != simulated && !fs.Proven() {
		return note(name, []string{"Let each program that reads it start after the agent, which mends it after a power cut; in its unit:", "\tAfter=aimd.service", "Or move it to ext4 and correct paths.config in the identity."},
			"%s version %d is valid; it lies on %s, where a power cut can take it, and is kept in two slots", path, conf.Version, fs)
	}
	return ok(name, "%s version %d is valid", path, conf.Version)
}

// owned is what is wrong with the owner or the mode of a file, and the remedy.
func (m Machine) owned(path string) (do []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	st, isStat := info.Sys().(*syscall.Stat_t)
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	switch {
	case isStat && st.Uid != 0 && int(st.Uid) != m.User:
		return []string{"\tchown root " + path}, fmt.Errorf("%s belongs to user %d: who owns it may change what the drone does", path, st.Uid)
	case info.Mode().Perm()&0o002 != 0 && !sticky:
		return []string{"\tchmod o-w " + path}, fmt.Errorf("everybody may write to %s", path)
	}
	return nil, nil
}

// volumeKind is what a folder needs of its file system.
type volumeKind struct {
	memory bool // it must be wiped by a reboot; else it must survive one
}

var (
	durableKinds  = volumeKind{memory: false}
	volatileKinds = volumeKind{memory: true}
)

func (m Machine) folder(name, path string, id *config.Identity, want volumeKind) Check {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return wrong(name, []string{"Make it, or correct paths in the identity:", "\tmkdir -p -m 755 " + path}, "%v", err)
	case !info.IsDir():
		return wrong(name, []string{"Move it away, or correct paths in the identity."}, "%s is no folder", path)
	}
	if do, err := m.owned(path); err != nil {
		return wrong(name, do, "%v", err)
	}
	v, err := m.Volume(path)
	if err != nil {
		return note(name, nil, "%s: its file system cannot be asked: %v", path, err)
	}
	if v.ReadOnly {
		return wrong(name, []string{"Mount it writable. A card that went read-only by itself is failing: look at dmesg, replace it."}, "%s lies on a file system that is mounted read-only", path)
	}
	if id.Board == simulated {
		return ok(name, "%s (of a simulated drone: any file system will do)", path)
	}
	return want.judge(name, path, v.Magic)
}

// judge looks at what kind of file system a folder lies on.
func (k volumeKind) judge(name, path string, magic int64) Check {
	memory := magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC
	switch {
	case k.memory && !memory:
		return wrong(name, []string{"Use a folder below /run, or mount a tmpfs there: a lock must not outlive a reboot."}, "%s does not lie on a tmpfs", path)
	case k.memory:
		return ok(name, "%s, on a tmpfs", path)
	case memory:
		return wrong(name, []string{"Use a folder on the card, correct paths.state in the identity: locks' owners, the committed configuration and unsent events would be lost."}, "%s lies in memory and does not survive a reboot", path)
	case magic == unix.MSDOS_SUPER_MAGIC || magic == unix.EXFAT_SUPER_MAGIC:
		return wrong(name, []string{"Use a folder on ext4 or another file system that renames atomically; correct paths.state in the identity."}, "%s lies on FAT, where a power cut in a rename loses the file", path)
	case magic == unix.OVERLAYFS_SUPER_MAGIC:
		return note(name, []string{"See that the overlay's upper folder is on the card, not in memory:", "\tfindmnt -T " + path}, "%s lies on an overlay", path)
	case magic == unix.NFS_SUPER_MAGIC:
		return wrong(name, []string{"Use a folder on the drone itself; correct paths.state in the identity."}, "%s lies on the network", path)
	}
	return ok(name, "%s, on a durable file system", path)
}

// maxHooks bounds the look into the folder of checks.
const maxHooks = 64

// hooks looks at what the agent runs: whoever may write there is root.
func hooks(m Machine, h config.Hooks) (list []Check) {
	if len(h.Reload) > 0 {
		list = append(list, m.hook("reload hook", h.Reload[0], true))
	}
	if h.Checks == "" {
		return append(list, note("checks", nil, "the identity names no folder of checks: a patch is committed without any of the drone's own"))
	}
	entries, err := os.ReadDir(h.Checks)
	if errors.Is(err, fs.ErrNotExist) {
		return append(list, note("checks", []string{"Put executables there that fail when a new configuration is no good."}, "%s is not there: a patch is committed without checks of the drone's own", h.Checks))
	}
	if err != nil {
		return append(list, wrong("checks", nil, "%v", err))
	}
	list = append(list, m.hook("checks", h.Checks, false))
	for _, e := range entries[:min(len(entries), maxHooks)] {
		if c := m.hook("check "+e.Name(), filepath.Join(h.Checks, e.Name()), false); c.Grade != OK {
			list = append(list, c)
		}
	}
	return list
}

// hook looks at one file, or folder of files, that the agent runs.
func (m Machine) hook(name, path string, runs bool) Check {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return wrong(name, []string{"Install it, or correct hooks in the identity."}, "%v", err)
	case info.Mode().Perm()&0o022 != 0:
		return wrong(name, []string{"\tchmod go-w " + path}, "others may write to %s: the agent refuses it", path)
	case runs && info.Mode().Perm()&0o111 == 0:
		return wrong(name, []string{"\tchmod +x " + path}, "%s is not executable", path)
	}
	if do, err := m.owned(path); err != nil {
		return wrong(name, do, "%v: the agent refuses it", err)
	}
	return ok(name, "%s, nobody else may write to it", path)
}
