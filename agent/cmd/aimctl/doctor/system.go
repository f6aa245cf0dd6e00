package doctor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/hal/thermal"
)

// Least room that a drone needs, bytes: a patch, the journal's megabyte and
// the generations fit many times.
const (
	leastMemory = 32 << 20
	leastDisk   = 16 << 20
	leastFiles  = 64
)

func clock(m Machine) Check {
	const name = "clock"
	synced, err := m.Synced()
	switch {
	case err != nil:
		return note(name, nil, "the kernel's clock cannot be asked: %v", err)
	case !synced:
		return note(name, []string{"Patches that expire and update windows wait for it. With a link to a time server:", "\ttimedatectl set-ntp true"}, "not synchronised")
	}
	return ok(name, "synchronised")
}

func kernel(m Machine) (list []Check) {
	for _, f := range m.Features() {
		if f.Err != nil {
			list = append(list, wrong("kernel "+f.Name, []string{f.Remedy}, "%v", f.Err))
		} else {
			list = append(list, ok("kernel "+f.Name, "there"))
		}
	}
	return list
}

func space(m Machine, path string) Check {
	const name = "disk"
	v, err := m.Volume(path)
	switch {
	case err != nil:
		return note(name, nil, "%s: %v", path, err)
	case v.Free < leastDisk:
		return wrong(name, []string{"Make room. What uses it:", "\tdu -xh -d2 / | sort -h | tail"}, "%s: %s free of %s, want %s at least", path, size(v.Free), size(v.Size), size(leastDisk))
	case !v.NoInodes && v.Files < leastFiles:
		return wrong(name, []string{"Remove files that are not needed."}, "%s: no more than %d files can be made", path, v.Files)
	}
	return ok(name, "%s: %s free of %s", path, size(v.Free), size(v.Size))
}

func memory(m Machine) Check {
	const name = "memory"
	data, err := os.ReadFile(m.path("/proc/meminfo"))
	if err != nil {
		return note(name, nil, "%v", err)
	}
	free, ok1 := field(data, "MemAvailable:")
	total, ok2 := field(data, "MemTotal:")
	switch {
	case !ok1 || !ok2:
		return note(name, nil, "/proc/meminfo does not say how much is available")
	case free < leastMemory:
		return wrong(name, []string{"Find what uses it:", "\tps -eo rss,comm --sort=-rss | head"}, "%s available of %s, want %s at least", size(free), size(total), size(leastMemory))
	}
	return ok(name, "%s available of %s", size(free), size(total))
}

// companion looks whether the companion computer's own temperature can be read.
func (m Machine) companion(file string) Check {
	const name = "companion"
	data, err := os.ReadFile(m.path(file))
	var t physic.Temperature
	if err == nil {
		t, err = thermal.Parse(data)
	}
	if err != nil {
		return wrong(name, []string{"The kernel needs CONFIG_THERMAL and the driver of the board's sensor. Name another zone in the board's table, or none; what there is:", "\tgrep . /sys/class/thermal/thermal_zone*/type"}, "%s: %v", file, err)
	}
	return ok(name, "%s: %.0f °C", file, t.Celsius())
}

// field is a value of /proc/meminfo in bytes.
func field(data []byte, key string) (uint64, bool) {
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) < 2 || string(f[0]) != key {
			continue
		}
		kib, err := strconv.ParseUint(string(f[1]), 10, 54)
		return kib << 10, err == nil
	}
	return 0, false
}

func size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
