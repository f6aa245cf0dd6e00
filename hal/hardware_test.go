//go:build hardware

package hal

import (
	"errors"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/tmp102"
)

// A sensor on the real bus, through our bus and our driver; AIM_HW_CHIP says
// which. It allocates nothing a sample, kernel included.
func TestHardwareSensor(t *testing.T) {
	open, ok := drivers[setting(t, "AIM_HW_CHIP", "tmp102")]
	if !ok {
		t.Fatalf("AIM_HW_CHIP: choose one of tmp102, tmp105, lm75")
	}
	bus, err := Kernel{}.Bus(board.Bus{Name: "motors", Dev: setting(t, "AIM_HW_BUS", "/dev/i2c-1")})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	d, err := open(bus, settingAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	var v physic.Temperature
	for began := time.Now(); ; {
		if v, err = d.Temperature(); !errors.Is(err, tmp102.ErrNotReady) {
			break
		}
		if time.Since(began) > time.Second {
			t.Fatalf("after a second: %v", err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v: %v", d, v)
	if n := testing.AllocsPerRun(100, func() { _, err = d.Temperature() }); n != 0 || err != nil {
		t.Errorf("%v allocations a sample, %v", n, err)
	}
}
