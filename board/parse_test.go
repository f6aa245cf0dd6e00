package board

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func example(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/board.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParse(t *testing.T) {
	t.Parallel()
	b, err := Lookup("testdata/board.toml")
	if err != nil {
		t.Fatal(err)
	}
	const chip = "pinctrl-bcm2*"
	want := &Board{
		Name: "quad-pi", Companion: "/sys/class/thermal/thermal_zone0/temp", Watchdog: "/dev/watchdog0",
		Buses: []Bus{{"motors", "/dev/i2c-1"}},
		Motors: []Sensor{
			{Name: "motor1", Chip: "tmp102", Bus: "motors", Addr: 0x48},
			{Name: "motor2", Chip: "tmp102", Bus: "motors", Addr: 0x49},
			{Name: "motor3", Chip: "tmp102", Bus: "motors", Addr: 0x4A},
			{Name: "motor4", Chip: "ina228", Bus: "motors", Addr: 0x44},
		},
		Supplies: []Sensor{{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 500, MaxAmps: 120}},
		RGB:      RGB{Chip: "tca62724", Bus: "motors", Addr: 0x55},
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Offset: 17, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Offset: 27, PullDown: true, Debounce: 10 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Line: "GPIO5", PullDown: true},
			{Name: Button, Chip: chip, Offset: 22, PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{{Name: PauseReq, Chip: chip, Offset: 23}},
	}
	if !reflect.DeepEqual(b, want) {
		t.Errorf("got\n%+v\nwant\n%+v", b, want)
	}
}

// The same board, however TOML lets one write it.
func TestParseForms(t *testing.T) {
	t.Parallel()
	want, err := Parse("f", []byte(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, swap := range map[string][2]string{
		"decimal":  {"addr = 0x49", "addr = 73"},
		"section":  {"[rgb] ", "[\"rgb\"]"},
		"dotted":   {`motor1 = { chip = "tmp102", bus = "motors", addr = 0x48 }`, "motor1.chip = 'tmp102'\nmotor1.bus = 'motors'\nmotor1.addr = 0x48"},
		"windows":  {"\n", "\r\n"},
		"defaults": {`offset = 17 }`, `offset = 17, debounce = "5ms" }`},
	} {
		text := strings.ReplaceAll(example(t), swap[0], swap[1])
		got, err := Parse("f", []byte(text))
		if err != nil || text == example(t) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Lookup(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "orin-nano, rpi, sim") {
		t.Errorf("no file: %v; it must list the boards", err)
	}
	if _, err := Lookup(dir); err == nil {
		t.Error("a folder is no board")
	}
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, []byte(example(t)+strings.Repeat("#\n", MaxFile/2)), 0o644); err != nil {
		t.Fatal(err)
	}
	var ps Problems
	if _, err := Lookup(big); !errors.As(err, &ps) || ps[0].File != big || !strings.Contains(err.Error(), "16384 bytes") {
		t.Errorf("a big file: %v", err)
	}
}
