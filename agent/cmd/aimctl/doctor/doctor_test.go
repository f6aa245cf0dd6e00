package doctor_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
)

func TestHealthy(t *testing.T) {
	t.Parallel()
	found := healthy(t).examine()
	for name, c := range found {
		if c.Grade != doctor.OK {
			t.Errorf("%s: %s: %s", name, c.Grade, c.Found)
		}
	}
	for _, name := range []string{"identity", "live file", "state folder", "run folder", "lock", "agent", "broker", "clock", "bus motors", "chip motor4",
		"line PAUSE_REQ", "watchdog", "kernel pidfd", "reload hook", "checks", "disk", "memory"} {
		if _, there := found[name]; !there {
			t.Errorf("no check %s", name)
		}
	}
}

// Each ailment is found by its check and by no other, with its remedy.
func TestAilments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		break_              func(*drone)
		check, grade        string
		foundHas, remedyHas string
	}{
		"unknown board":    {func(d *drone) { d.id.Board = "toaster" }, "identity", doctor.Wrong, "toaster", "board"},
		"open identity":    {func(d *drone) { d.chmod("drone.toml", 0o666) }, "identity", doctor.Wrong, "everybody may write", "chmod o-w"},
		"no live file":     {func(d *drone) { d.remove("aim_lock_config.conf") }, "live file", doctor.Wrong, "no such file", "last good"},
		"bad live file":    {func(d *drone) { d.write("aim_lock_config.conf", "version = -1\n") }, "live file", doctor.Wrong, ":1:", "aimctl config check"},
		"open live file":   {func(d *drone) { d.chmod("aim_lock_config.conf", 0o666) }, "live file", doctor.Wrong, "everybody", "chmod o-w"},
		"live file on FAT": {func(d *drone) { d.volumes[d.dir] = doctor.Volume{Magic: unix.MSDOS_SUPER_MAGIC} }, "live file", doctor.Note, "lies on vfat", "After=aimd.service"},
		"state on tmpfs":   {func(d *drone) { d.volume("state", unix.TMPFS_MAGIC) }, "state folder", doctor.Wrong, "does not survive a reboot", "paths.state"},
		"state on FAT":     {func(d *drone) { d.volume("state", unix.MSDOS_SUPER_MAGIC) }, "state folder", doctor.Wrong, "FAT", "ext4"},
		"state overlaid":   {func(d *drone) { d.volume("state", unix.OVERLAYFS_SUPER_MAGIC) }, "state folder", doctor.Note, "overlay", "findmnt"},
		"read-only state": {func(d *drone) {
			v := d.volumes[d.id.Paths.State]
			v.ReadOnly = true
			d.volumes[d.id.Paths.State] = v
		}, "state folder", doctor.Wrong, "read-only", "failing"},
		"run on disk":     {func(d *drone) { d.volume("run", unix.EXT4_SUPER_MAGIC) }, "run folder", doctor.Wrong, "tmpfs", "/run"},
		"no run folder":   {func(d *drone) { d.remove("run") }, "run folder", doctor.Wrong, "no such file", "mkdir"},
		"open run folder": {func(d *drone) { d.chmod("run", 0o777) }, "run folder", doctor.Wrong, "everybody", "chmod o-w"},
		"unsynced":        {func(d *drone) { d.m.Synced = func() (bool, error) { return false, nil } }, "clock", doctor.Note, "not synchronised", "timedatectl"},
		"no pidfd": {func(d *drone) {
			d.m.Features = func() []doctor.Feature { return []doctor.Feature{{Name: "pidfd", Remedy: "update", Err: unix.ENOSYS}} }
		}, "kernel pidfd", doctor.Wrong, "not implemented", "update"},
		"no reload hook": {func(d *drone) { d.remove("reload") }, "reload hook", doctor.Wrong, "no such file", "Install"},
		"dull hook":      {func(d *drone) { d.chmod("reload", 0o644) }, "reload hook", doctor.Wrong, "not executable", "chmod +x"},
		"open checks":    {func(d *drone) { d.chmod("checks", 0o775) }, "checks", doctor.Wrong, "others may write", "chmod go-w"},
		"open check":     {func(d *drone) { d.chmod("checks/10-nav", 0o777) }, "check 10-nav", doctor.Wrong, "others may write", "chmod go-w"},
		"no checks":      {func(d *drone) { d.remove("checks") }, "checks", doctor.Note, "not there", "executables"},
		"full disk": {func(d *drone) {
			d.volumes[d.id.Paths.State] = doctor.Volume{Magic: unix.EXT4_SUPER_MAGIC, Free: 1 << 20, Files: 1e6}
		}, "disk", doctor.Wrong, "1 MiB free", "du -xh"},
		"full memory": {func(d *drone) { d.write("root/proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 9000 kB\n") }, "memory", doctor.Wrong, "8 MiB available", "ps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := healthy(t)
			tt.break_(d)
			found := d.examine()
			c := found[tt.check]
			if c.Grade != tt.grade || !contains([]string{c.Found}, tt.foundHas) || !contains(c.Do, tt.remedyHas) {
				t.Errorf("%+v; want %s with %q and the remedy %q", c, tt.grade, tt.foundHas, tt.remedyHas)
			}
			for other, c := range found {
				if other != tt.check && c.Grade != doctor.OK {
					t.Errorf("%s as well: %s", other, c.Found)
				}
			}
		})
	}
}

func (d *drone) volume(folder string, magic int64) {
	v := d.volumes[d.path(folder)]
	v.Magic = magic
	d.volumes[d.path(folder)] = v
}

// Somebody else's file is a way in, root's is not.
func TestOwner(t *testing.T) {
	t.Parallel()
	d := healthy(t)
	d.m.User = os.Geteuid() + 1
	c := d.examine()["state folder"]
	if os.Geteuid() == 0 {
		d.m.User = 5
		if err := os.Chown(d.path("state"), 7, 7); err != nil {
			t.Fatal(err)
		}
		c = d.examine()["state folder"]
	}
	if c.Grade != doctor.Wrong || !contains(c.Do, "chown root") {
		t.Errorf("%+v", c)
	}
}

// Without an identity, what does not need it is examined all the same.
func TestNoIdentity(t *testing.T) {
	t.Parallel()
	d := healthy(t)
	list := doctor.Examine(t.Context(), d.m, doctor.Subject{File: "drone.toml", Err: errors.New("it is gone\x1b[2J")})
	if list[0].Grade != doctor.Wrong || list[0].Found != "it is gone [2J" || doctor.Count(list, doctor.OK) != 3 {
		t.Errorf("%+v", list)
	}
}
