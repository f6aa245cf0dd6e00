package fleet

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aim-control/aimlock/agent/config"
)

// Setting is one key of the live file and its value as TOML.
type Setting struct{ Key, Value string }

// demo are the settings of every simulated drone: short times, because nobody
// watches a demonstration for ten minutes.
var demo = []Setting{
	{"version", "41"},
	{"lock.ttl", `"2s"`},
	{"lock.gc_interval", `"1s"`},
	{"safe_pause.max_hold", `"12s"`},
	{"safe_pause.confirm", `"5s"`},
	{"safe_pause.motor.clear_for", `"2s"`},
	{"safe_pause.companion.clear_for", `"2s"`},
	{"telemetry.interval", `"500ms"`},
}

// liveFile makes the first live file: the default, the demonstration's times,
// and what the scenario sets.
func liveFile(settings []Setting, now time.Time) ([]byte, error) {
	data := config.Default()
	all := append([]Setting{{"timestamp", now.UTC().Format(time.RFC3339)}}, demo...)
	for _, s := range append(all, settings...) {
		var err error
		if data, err = config.Set(data, s.Key, s.Value); err != nil {
			return nil, fmt.Errorf("fleet: live file: %s = %s: %w", s.Key, s.Value, err)
		}
	}
	if !bytes.Contains(data, []byte("[mission]")) {
		data = append(data, "\n[mission]                            # not ours: passes through untouched\naltitude_m = 40\n"...)
	}
	if _, err := config.ParseLive(config.LiveName, data); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return data, nil
}

// identity is a drone's drone.toml.
func identity(name, fleet, broker, publicKey string, f Folder) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# A simulated drone. Its files lie beside this one.\n")
	fmt.Fprintf(&b, "drone  = %q\nfleet  = %q\nboard  = \"sim\"\n", name, fleet)
	fmt.Fprintf(&b, "mqtt   = { broker = %q }\n", broker)
	fmt.Fprintf(&b, "trust  = { threshold = 1, config = [%[1]q], command = [%[1]q], keys = [%[1]q], agent = [%[1]q] }\n", publicKey)
	fmt.Fprintf(&b, "paths  = { config = %q, state = %q, run = %q }\n", f.Live(), f.State(), f.Run())
	fmt.Fprintf(&b, "lock   = { reclaim = \"dead\" }\n")
	fmt.Fprintf(&b, "safety = { motor_hot_max = 110.0, require = [\"lock\", \"config\", \"motor\"], max_hold_max = \"150s\" }\n")
	fmt.Fprintf(&b, "hooks  = { reload = [%q], checks = %q }\n", f.Reload(), f.Checks())
	return b.Bytes()
}

// linkURL is the broker's URL with the host and port of a drone's link; a
// {drone} in it, in the user's name for instance, becomes the drone's name.
func linkURL(broker, drone, addr string) (string, error) {
	u, err := brokerURL(broker, drone)
	if err != nil {
		return "", err
	}
	u.Host = addr
	return u.String(), nil
}

// brokerURL reads a broker's URL for one client.
func brokerURL(broker, client string) (*url.URL, error) {
	u, err := url.Parse(string(bytes.ReplaceAll([]byte(broker), []byte("{drone}"), []byte(client))))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fleet: broker: %w; write mqtt://HOST:PORT", err)
	case u.Scheme != "mqtt":
		return nil, fmt.Errorf("fleet: broker %q: a simulated link is plain TCP; write mqtt://HOST:PORT", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("fleet: broker %q has no host; write mqtt://HOST:PORT", u.Redacted())
	}
	if u.Port() == "" {
		u.Host += ":1883"
	}
	return u, nil
}

// build makes a drone's folder: identity, live file, state and run.
func (f Folder) build(ident, live []byte) error {
	if err := f.fits(); err != nil {
		return err
	}
	for _, dir := range []string{f.State(), f.Run()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
	}
	if err := os.WriteFile(f.Identity(), ident, 0o644); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := os.WriteFile(f.Live(), live, 0o644); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := f.buildHooks(); err != nil {
		return err
	}
	return f.boot()
}

// boot wipes the run folder, as a tmpfs is at boot, and draws a new boot id.
func (f Folder) boot() error {
	if err := os.RemoveAll(f.Run()); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := os.MkdirAll(f.Run(), 0o755); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	text := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:] + "\n"
	if err := os.WriteFile(f.BootID(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// edit replaces the live file as an editor does: beside it, then rename.
func (f Folder) edit(change func([]byte) ([]byte, error)) error {
	old, err := os.ReadFile(f.Live())
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	data, err := change(old)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	temp, err := os.CreateTemp(f.Dir, filepath.Base(f.Live())+".edit-*")
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	_, err = temp.Write(data)
	if cerr := temp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(temp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temp.Name(), f.Live())
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}
