package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// folder is a drone's folder whose path is short enough for sockets, which
// t.TempDir's need not be.
func folder(t *testing.T) Folder {
	t.Helper()
	dir, err := os.MkdirTemp("", "aimsim-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Layout{dir}.Folder("patrol-01")
}

func TestBuildBootEdit(t *testing.T) {
	t.Parallel()
	f := folder(t)
	live, err := liveFile([]Setting{{"safe_pause.max_hold", `"7s"`}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := identity("patrol-01", "north", "mqtt://127.0.0.1:1", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", f)
	if err := f.build(text, live); err != nil {
		t.Fatal(err)
	}
	id, err := config.LoadIdentity(f.Identity())
	if err != nil {
		t.Fatal(err)
	}
	if id.Board != "sim" || id.Paths.Config != f.Live() || id.Drone != "patrol-01" {
		t.Errorf("identity %+v", id)
	}
	first, err := os.ReadFile(f.BootID())
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(f.State(), "kept")
	for _, name := range []string{kept, filepath.Join(f.Run(), "wiped")} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.boot(); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(f.BootID())
	if err != nil || string(second) == string(first) || len(second) != 37 {
		t.Errorf("boot ids %q, %q, %v", first, second, err)
	}
	if list, _ := os.ReadDir(f.Run()); len(list) != 1 {
		t.Errorf("a boot left %v", list)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a boot wiped the state: %v", err)
	}
	d := &Drone{Folder: f}
	if err := d.Edit("version", "42"); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(f.Live())
	parsed, err := config.ParseLive("live", data)
	if err != nil || parsed.Version != 42 || parsed.SafePause.MaxHold != 7*time.Second {
		t.Errorf("edited: %+v, %v", parsed, err)
	}
	if err := d.Garble(); err != nil {
		t.Fatal(err)
	}
	data, _ = os.ReadFile(f.Live())
	if _, err := config.ParseLive("live", data); err == nil {
		t.Error("garbled, and still valid")
	}
	if list, _ := os.ReadDir(f.Dir); len(list) != 6 {
		t.Errorf("an edit left something behind: %v", list)
	}
}

func TestLongFolder(t *testing.T) {
	t.Parallel()
	f := Layout{"/tmp/" + strings.Repeat("x", 100)}.Folder("patrol-01")
	if err := f.fits(); err == nil || !strings.Contains(err.Error(), "choose a shorter --dir") {
		t.Errorf("got %v", err)
	}
}

func TestBrokerURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"mqtt://127.0.0.1:1884", "mqtt://127.0.0.1:9"},
		{"mqtt://localhost", "mqtt://127.0.0.1:9"},
		{"mqtt://{drone}:secret@127.0.0.1:1884", "mqtt://patrol-01:secret@127.0.0.1:9"},
	}
	for _, tt := range tests {
		if got, err := linkURL(tt.url, "patrol-01", "127.0.0.1:9"); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.url, got, err, tt.want)
		}
	}
	for _, url := range []string{"mqtts://x", "http://x", "127.0.0.1:1883", "mqtt://", "mqtt://a b"} {
		if _, err := linkURL(url, "patrol-01", "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), "write mqtt://HOST:PORT") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestAccess: a drone that writes as another drone, or as the operator, is
// refused and told of.
func TestAccess(t *testing.T) {
	t.Parallel()
	denied := 0
	a := &access{drones: map[string]bool{"north/patrol-01": true}, denied: func(string, string) { denied++ }}
	topic := func(drone, leaf string) string { return telemetry.Topic("north", drone, leaf) }
	tests := []struct {
		user, topic string
		write, ok   bool
	}{
		{"north/patrol-01", topic("patrol-01", telemetry.LeafStatus), true, true},
		{"north/patrol-01", topic("patrol-01", telemetry.LeafReply+"7"), true, true},
		{"north/patrol-01", topic("patrol-02", telemetry.LeafStatus), true, false},
		{"north/patrol-01", topic("patrol-01", telemetry.LeafOffer), true, false},
		{"north/patrol-01", topic("patrol-01", telemetry.LeafCommand+"7"), true, false},
		{"north/patrol-01", "aim/v1/north/_controller", true, false},
		{"north/patrol-01", "anything", true, false},
		{"north/patrol-01", telemetry.Topic("south", "patrol-01", telemetry.LeafStatus), true, false},
		{"north/patrol-01", topic("patrol-01", telemetry.LeafCommand+"+"), false, true},
		{"north/patrol-01", topic("patrol-02", telemetry.LeafCommand+"+"), false, false},
		{"north/patrol-01", topic("patrol-02", telemetry.LeafStatus), false, false},
		{"operator", topic("patrol-01", telemetry.LeafOffer), true, true},
	}
	refused := 0
	for _, tt := range tests {
		client := &mqtt.Client{Properties: mqtt.ClientProperties{Username: []byte(tt.user)}}
		if ok := a.OnACLCheck(client, tt.topic, tt.write); ok != tt.ok {
			t.Errorf("%+v: %v", tt, ok)
		}
		if !tt.ok {
			refused++
		}
	}
	if denied != refused {
		t.Errorf("%d refusals told, %d made", denied, refused)
	}
}
