package fleet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/firmware/patch"
)

// still is a fleet of one drone that does not run.
func still(t *testing.T) *Fleet {
	t.Helper()
	d := folder(t)
	f := &Fleet{Layout: Layout{filepath.Dir(filepath.Dir(d.Dir))}, o: Options{Fleet: "north"}}
	if err := os.MkdirAll(f.Rollouts(), 0o755); err != nil {
		t.Fatal(err)
	}
	public, err := f.makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	live, err := liveFile(nil, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.build(identity("patrol-01", "north", "mqtt://127.0.0.1:1", public, d), live); err != nil {
		t.Fatal(err)
	}
	f.Drones = []*Drone{{Name: "patrol-01", Folder: d, fleet: f}}
	return f
}

func TestNewPatch(t *testing.T) {
	t.Parallel()
	f := still(t)
	w := Wish{ID: "unstick-42", Set: []Setting{{"lock.gc_interval", `"3s"`}}, Despite: "fleet-updater", Kill: true, Expires: time.Minute, Notes: "n"}
	told, err := f.NewPatch(w)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`aimctl --identity drones/patrol-01/drone.toml patch new --set 'lock.gc_interval="3s"' --despite-lock fleet-updater --kill --id unstick-42 --out patches/unstick-42`,
		"identical but for version, timestamp, lock.gc_interval",
		"  version           41 → 42",
	} {
		if told[i] != want {
			t.Errorf("told %q, want %q", told[i], want)
		}
	}
	p, err := patch.ReadFolder(f.Patch("unstick-42"))
	if err != nil {
		t.Fatal(err)
	}
	if err := patch.Verify([]string{f.key.Public()}, 1, p.Manifest, p.Signatures); err != nil {
		t.Error(err)
	}
	m, err := patch.ParseManifest(p.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	live, _ := os.ReadFile(f.Drones[0].Folder.Live())
	if m.BaseSHA256 != patch.Hash(live) || m.ConfigVersion != 42 || m.DespiteLock == nil || !m.DespiteLock.Kill || m.Expires.Sub(m.Created) != time.Minute {
		t.Errorf("manifest %+v", m)
	}
	if _, err := f.NewPatch(w); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("made twice: %v", err)
	}
	for _, set := range []Setting{{"lock.ttl", `"2h"`}, {"lock.ttk", "1"}, {"version", "x"}} {
		if _, err := f.NewPatch(Wish{ID: "bad", Set: []Setting{set}}); err == nil {
			t.Errorf("%v: made", set)
		}
	}
	if _, err := os.Stat(f.Patch("bad")); err == nil {
		t.Error("a patch that could not be made left a folder")
	}
}

// TestNextRollout: no two rollouts have one name, or one state file.
func TestNextRollout(t *testing.T) {
	t.Parallel()
	f := still(t)
	for _, want := range []string{"p", "p-2", "p-3"} {
		if id, err := f.nextRollout("p"); id != want || err != nil {
			t.Errorf("got %s, %v; want %s", id, err, want)
		}
	}
	p := Plan{Patch: "p", Canary: rollout.Canary{Names: []string{"a", "b"}}, Waves: []rollout.Size{{Count: 2}, {Percent: 50}}, Bake: time.Second, Heartbeats: 3}
	want := "aimctl rollout start patches/p --key operator.key --canary a,b --waves 2,50% --bake 1s --heartbeats 3 --approve none --id p-2 --state rollouts/p-2.json --broker $(cat broker.url)"
	if got := f.byHand("p-2", p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestShellLine: a shell reads the words that were meant.
func TestShellLine(t *testing.T) {
	t.Parallel()
	words := []string{"printf", `%s\n`, `a="b c"`, "it's", "$HOME", "", "x;y", "50%"}
	out, err := exec.Command("/bin/sh", "-c", shellLine(words)).Output()
	if want := strings.Join(words[2:], "\n") + "\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// TestHooks runs what the agent would run. By the shell's name: a program that
// a test next to this one forks just now may still have the script open.
func TestHooks(t *testing.T) {
	t.Parallel()
	f := still(t)
	d := f.Drones[0]
	for altitude, ok := range map[string]bool{"40": true, "120": true, "121": false} {
		if err := d.Edit("mission.altitude_m", altitude); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/bin/sh", filepath.Join(d.Folder.Checks(), "10-mission")).CombinedOutput()
		if (err == nil) != ok || ok == strings.Contains(string(out), "altitude_m = "+altitude) {
			t.Errorf("%s m: %v, %q", altitude, err, out)
		}
		if out, err := exec.Command("/bin/sh", d.Folder.Reload()).CombinedOutput(); err != nil {
			t.Errorf("reload: %v, %q", err, out)
		}
		if b, err := os.ReadFile(filepath.Join(d.Folder.Dir, "mission")); string(b) != "altitude "+altitude+" m\n" {
			t.Errorf("reloaded %q, %v", b, err)
		}
	}
}
