package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// accepts is a driver that grants what is asked, up to 15 s as bcm2835_wdt.
func accepts(_ int, seconds int) (int, error) { return min(seconds, 15), nil }

// hasNone is a driver without a pretimeout.
func hasNone(int, int) (int, error) { return 0, unix.EOPNOTSUPP }

// A plain file shows every byte that a watchdog would get.
func file(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFeedAndMagicClose(t *testing.T) {
	t.Parallel()
	path := file(t)
	d, err := open(path, 12*time.Second+900*time.Millisecond, accepts, hasNone)
	if err != nil {
		t.Fatal(err)
	}
	if d.Timeout() != 12*time.Second {
		t.Errorf("time-out %v, want 12s", d.Timeout())
	}
	for range 3 {
		if err := d.Feed(); err != nil {
			t.Fatal(err)
		}
	}
	if got := content(t, path); got != "\x00\x00\x00" {
		t.Errorf("fed %q; a feed must never disarm", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "\x00\x00\x00V" {
		t.Errorf("after Close %q, want a V at the end", got)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := d.Feed(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Feed after Close: %v", err)
	}
}

func TestDriverShortensTimeout(t *testing.T) {
	t.Parallel()
	d, err := open(file(t), time.Minute, accepts, hasNone)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Timeout() != 15*time.Second {
		t.Errorf("time-out %v, want the driver's 15s", d.Timeout())
	}
}

// A fifth of what the driver granted is asked for; what it says is what holds,
// and that it has none is no reason to fly without a watchdog.
func TestPretimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		timeout    time.Duration
		asks, gets int
		err        error
		want       time.Duration
	}{
		{15 * time.Second, 3, 3, nil, 3 * time.Second},
		{time.Minute, 3, 2, nil, 2 * time.Second}, // granted 15 s; coarse steps
		{5 * time.Second, 1, 1, nil, time.Second},
		{4 * time.Second, 0, 9, nil, 0},
		{15 * time.Second, 3, 0, unix.EOPNOTSUPP, 0},
		{15 * time.Second, 3, 3, unix.EINVAL, 0},
	} {
		asked := 0
		d, err := open(file(t), c.timeout, accepts, func(_, seconds int) (int, error) { asked = seconds; return c.gets, c.err })
		if err != nil {
			t.Fatal(err)
		}
		if asked != c.asks || d.Pretimeout() != c.want {
			t.Errorf("time-out %v: asked for %d s, holds %v; want %d s, %v", c.timeout, asked, d.Pretimeout(), c.asks, c.want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Opening armed it: a time-out that is refused must disarm it again, or the
// machine would be reset.
func TestRefusedTimeoutDisarms(t *testing.T) {
	t.Parallel()
	path := file(t)
	refuses := func(int, int) (int, error) { return 0, unix.EINVAL }
	if _, err := open(path, 20*time.Second, refuses, hasNone); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "15 s") {
		t.Errorf("error %v", err)
	}
	if got := content(t, path); got != "V" {
		t.Errorf("wrote %q, want V", got)
	}
}

func TestWhatIsNoWatchdog(t *testing.T) {
	t.Parallel()
	if _, err := Open(file(t), 10*time.Second); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a plain file: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), 10*time.Second); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "driver") {
		t.Errorf("no file: %v", err)
	}
	for _, bad := range []time.Duration{0, -time.Second, 999 * time.Millisecond, time.Hour} {
		if _, err := Open(file(t), bad); err == nil || !strings.Contains(err.Error(), "1s to 10m0s") {
			t.Errorf("time-out %v: %v", bad, err)
		}
	}
}

// A full pipe stands for a device that fails: the error shows, with its cause.
func TestFailedFeedShows(t *testing.T) {
	t.Parallel()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	d := &Dev{path: "pipe", fd: p[1]}
	defer d.Close()
	var err error
	for err == nil {
		err = d.Feed()
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("error %v", err)
	}
}

func TestFeedAllocatesNothing(t *testing.T) {
	d, err := open(file(t), 10*time.Second, accepts, hasNone)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Feed(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a feed", n)
	}
}
