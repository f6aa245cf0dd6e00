package watchdog

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Cause is what the watchdog's driver says of the reset before this boot: a set
// of flags, WDIOF_* of include/uapi/linux/watchdog.h. None set: a power-up, an
// ordinary reboot, or a driver that cannot tell (bcm2835_wdt, softdog).
type Cause uint32

// causes are the flags that GETBOOTSTATUS may have (Documentation/watchdog/
// watchdog-api.rst), the watchdog's own first.
var causes = [...]struct {
	flag Cause
	word string
}{
	{unix.WDIOF_CARDRESET, "watchdog"},
	{unix.WDIOF_OVERHEAT, "overheating"},
	{unix.WDIOF_POWERUNDER, "undervoltage"},
	{unix.WDIOF_POWEROVER, "overvoltage"},
	{unix.WDIOF_FANFAULT, "fan failure"},
	{unix.WDIOF_EXTERN1, "external signal 1"},
	{unix.WDIOF_EXTERN2, "external signal 2"},
}

// String names the causes: "watchdog, undervoltage"; "" when none is known.
func (c Cause) String() string {
	var words []string
	for _, k := range causes {
		if c&k.flag != 0 {
			words = append(words, k.word)
		}
	}
	return strings.Join(words, ", ")
}

// Class is the folder of a watchdog's attributes below /sys, for its device:
// "/dev/watchdog" is the first one's other name.
func Class(dev string) string {
	name := filepath.Base(dev)
	if name == "watchdog" {
		name = "watchdog0"
	}
	return filepath.Join("class/watchdog", name)
}

// LastReset reads the cause of the reset before this boot from sysfs, which lies
// at sys. The device is not opened, which would arm it, and it does not matter
// who has it open. An error is a kernel without CONFIG_WATCHDOG_SYSFS.
func LastReset(sys, dev string) (Cause, error) {
	path := filepath.Join(sys, Class(dev), "bootstatus")
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("watchdog: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 32)
	if err != nil {
		return 0, fmt.Errorf("watchdog: %s is no number", path)
	}
	return Cause(n), nil
}

// LastReset asks the driver for the cause of the reset before this boot.
func (d *Dev) LastReset() (Cause, error) {
	n, err := unix.IoctlGetUint32(d.fd, unix.WDIOC_GETBOOTSTATUS)
	if err != nil {
		return 0, fmt.Errorf("watchdog: %s: boot status: %w", d.path, err)
	}
	return Cause(n), nil
}
