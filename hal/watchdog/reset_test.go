package watchdog

import (
	"os"
	"path/filepath"
	"testing"
)

// The flags as include/uapi/linux/watchdog.h has them, and words for people.
func TestCause(t *testing.T) {
	t.Parallel()
	for flags, want := range map[Cause]string{
		0x0000: "",
		0x0001: "overheating",
		0x0002: "fan failure",
		0x0004: "external signal 1",
		0x0008: "external signal 2",
		0x0010: "undervoltage",
		0x0020: "watchdog",
		0x0040: "overvoltage",
		0x0030: "watchdog, undervoltage",
		0x007F: "watchdog, overheating, undervoltage, overvoltage, fan failure, external signal 1, external signal 2",
		0x8780: "", // SETTIMEOUT, MAGICCLOSE, PRETIMEOUT, ALARMONLY, KEEPALIVEPING: no causes
	} {
		if got := flags.String(); got != want {
			t.Errorf("%#04x: %q, want %q", uint32(flags), got, want)
		}
	}
}

func TestLastReset(t *testing.T) {
	t.Parallel()
	sys := t.TempDir()
	dir := filepath.Join(sys, "class/watchdog/watchdog0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Cause{"0\n": 0, "32\n": 0x20, "0x20\n": 0x20, "49": 0x31} {
		if err := os.WriteFile(filepath.Join(dir, "bootstatus"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, dev := range []string{"/dev/watchdog", "/dev/watchdog0"} {
			if got, err := LastReset(sys, dev); err != nil || got != want {
				t.Errorf("%s, %q: %#x, %v; want %#x", dev, text, uint32(got), err, uint32(want))
			}
		}
	}
	for _, text := range []string{"", "\n", "-1\n", "4294967296\n", "card reset\n"} {
		if err := os.WriteFile(filepath.Join(dir, "bootstatus"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := LastReset(sys, "/dev/watchdog0"); err == nil || got != 0 {
			t.Errorf("%q: %#x without an error", text, uint32(got))
		}
	}
	if _, err := LastReset(sys, "/dev/watchdog1"); err == nil {
		t.Error("a watchdog that is not there has a cause")
	}
}
