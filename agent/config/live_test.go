package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestLiveValues reads the file of the design into its values.
func TestLiveValues(t *testing.T) {
	got, err := ParseLive("f", []byte(`
version   = 41
timestamp = 2026-11-23T22:00:00+02:00
lock = { reclaim_on_boot = false, ttl = "1m30s", gc_interval = "1h" }
[update_window]
flight = "paused"
days = ["sun", "mon", "sat"]
start = "23:59"
length = "24h"
[safe_pause]
on = ["motor"]
max_hold = "1s"
confirm = "100ms"
motor     = { warm = 70, hot = 9.5e1, clear = 65.5, clear_for = "0s" }
companion = { warm = 75.0, hot = 80.0, clear = 70.0, clear_for = "10m" }
[telemetry]
interval = "1m"
[mission]
altitude_m = 40
[[mission.legs]]
x = 1
`))
	must(t, err)
	want := &Live{
		Version:   41,
		Timestamp: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC),
		Lock:      LockPolicy{false, 90 * time.Second, time.Hour},
		Window:    Window{"paused", []time.Weekday{time.Sunday, time.Monday, time.Saturday}, 24*time.Hour - time.Minute, 24 * time.Hour},
		SafePause: SafePause{
			On: []string{"motor"}, MaxHold: time.Second, Confirm: 100 * time.Millisecond,
			Motor:     Thermal{70, 95, 65.5, 0},
			Companion: Thermal{75, 80, 70, 10 * time.Minute},
		},
		Telemetry: Telemetry{time.Minute},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestDefaults holds what an absent key means, and that no two files share it.
func TestDefaults(t *testing.T) {
	got, err := CheckLive("f", nil, Safety{110, []string{"lock", "config", "motor"}, 150 * time.Second})
	must(t, err)
	want := &Live{
		Lock:   LockPolicy{true, 30 * time.Second, 10 * time.Second},
		Window: Window{Flight: "disarmed"},
		SafePause: SafePause{
			On: []string{"lock", "config", "motor", "companion", "command"}, MaxHold: 2 * time.Minute, Confirm: 10 * time.Second,
			Motor:     Thermal{80, 95, 80, 30 * time.Second},
			Companion: Thermal{75, 80, 70, 30 * time.Second},
		},
		Telemetry: Telemetry{time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got.SafePause.On[0] = "changed"
	if again, _ := ParseLive("f", nil); again.SafePause.On[0] != "lock" {
		t.Error("two files share their defaults")
	}
	warm, err := ParseLive("f", []byte("[safe_pause.motor]\nhot = 60\nclear = 50"))
	must(t, err)
	if warm.SafePause.Motor.Warm != 60 {
		t.Errorf("warm by default is %v under hot = 60", warm.SafePause.Motor.Warm)
	}
}

func TestIdentityValues(t *testing.T) {
	key := "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	got, err := ParseIdentity("f", []byte(`
drone = "patrol-03"
fleet = "north"
board = "rpi"
mqtt   = { broker = "mqtts://broker:8883", ca = "/ca", cert = "/cert", key = "/key" }
trust  = { threshold = 1, config = ["`+key+`"] }
lock   = { reclaim = "overdue" }
paths.state = "/s"
safety = { motor_hot_max = 100, require = [], max_hold_max = "10s" }
hooks  = { reload = ["/bin/true", "x"], checks = "/c" }
`))
	must(t, err)
	want := &Identity{
		Drone: "patrol-03", Fleet: "north", Board: "rpi",
		MQTT:   MQTT{"mqtts://broker:8883", "/ca", "/cert", "/key"},
		Trust:  Trust{1, 1, []string{key}, []string{}, []string{}, []string{}},
		Paths:  Paths{"/etc/aimlock/aim_lock_config.conf", "/s", "/run/aimlock"},
		Lock:   Reclaim{"overdue"},
		Safety: Safety{100, []string{}, 10 * time.Second},
		Hooks:  Hooks{[]string{"/bin/true", "x"}, "/c"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLoadIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drone.toml")
	if _, err := LoadIdentity(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: %v", err)
	}
	must(t, write(path, "drone = 3\n"))
	var ps Problems
	if _, err := LoadIdentity(path); !errors.As(err, &ps) || !strings.HasPrefix(err.Error(), path+":1:1: fleet") {
		t.Errorf("a broken file: %v", err)
	}
	must(t, write(path, "drone = \"a\"\nfleet = \"b\"\nboard = \"sim\"\nmqtt.broker = \"mqtt://[::1]\"\n"))
	if id, err := LoadIdentity(path); err != nil || id.Drone != "a" {
		t.Errorf("%+v, %v", id, err)
	}
	if _, err := ParseIdentity("f", []byte("mqtt.broker = \"mqtt://u:secret@h:x\"")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an error tells a password: %v", err)
	}
}

// TestLimit holds the size at which reading ends.
func TestLimit(t *testing.T) {
	fill := strings.Repeat("#", MaxLive)
	if _, err := ParseLive("f", []byte(fill)); err != nil {
		t.Errorf("a file of the largest size: %v", err)
	}
	var ps Problems
	if _, err := ParseLive("f", []byte(fill+"#")); !errors.As(err, &ps) || ps[0].Line != 1 || ps[0].Col != MaxLive+1 {
		t.Errorf("a file beyond it: %v", err)
	}
}

// TestBounded holds that hostile files make small errors, and fast ones.
func TestBounded(t *testing.T) {
	for _, unit := range []string{"[", "{a=", "a=[", "a.", "x", "\"", "'''", "x=1\n", "x\n", "[a]\n", "[[a]]\n", "=", "\x00", "é", "a=\"\\", "\r", "k=[[[\n"} {
		_, err := CheckLive("f", []byte(strings.Repeat(unit, MaxLive/len(unit))), Safety{})
		if err != nil && (len(err.Error()) > 8<<10 || len(err.(Problems)) > MaxProblems) {
			t.Errorf("%q makes an error of %d bytes", unit, len(err.Error()))
		}
	}
}
