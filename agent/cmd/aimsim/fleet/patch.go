package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Wish is what a patch is made of.
type Wish struct {
	ID      string
	Set     []Setting
	Despite string        // holder of the lock that it goes past; "": none
	Kill    bool          // that holder may be ended
	Expires time.Duration // from now; 0: never
	Notes   string
}

// NewPatch makes a patch from the first drone's live file, signs it with the
// operator's key and leaves its folder in Patches, as "aimctl patch new" and
// "sign" do. told is what an operator looks at before it is offered.
func (f *Fleet) NewPatch(w Wish) (told []string, err error) {
	dir := f.Patch(w.ID)
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("fleet: %s is there already; a drone knows a patch by its name: choose another one", dir)
	}
	old, err := os.ReadFile(f.Drones[0].Folder.Live())
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	now := time.Now()
	shadow, live, err := shadow(old, w.Set, now)
	if err != nil {
		return nil, err
	}
	m := patch.Manifest{ID: w.ID, Fleet: f.o.Fleet, Targets: []string{patch.Everyone}, ConfigVersion: live.Version,
		BaseSHA256: config.Hash(old), Created: now, Notes: w.Notes}
	if w.Expires > 0 {
		m.Expires = now.Add(w.Expires)
	}
	if w.Despite != "" {
		m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: w.Despite, Kill: w.Kill}
	}
	p, err := patch.New(m, shadow)
	if err == nil {
		err = p.Sign(f.key)
	}
	if err == nil {
		err = p.WriteFolder(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	diff, err := patch.Diff(old, shadow)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return f.tellPatch(w, m, diff), nil
}

// shadow is the next configuration: the old one with a new timestamp, the next
// version, and what is set.
func shadow(old []byte, set []Setting, now time.Time) ([]byte, *config.Live, error) {
	live, err := config.ParseLive(config.LiveName, old)
	if err != nil {
		return nil, nil, fmt.Errorf("fleet: the live file that the patch is made from: %w", err)
	}
	data := old
	all := []Setting{{"timestamp", now.UTC().Format(time.RFC3339)}, {"version", strconv.FormatInt(live.Version+1, 10)}}
	for _, s := range append(all, set...) {
		if data, err = config.Set(data, s.Key, s.Value); err != nil {
			return nil, nil, fmt.Errorf("fleet: %s = %s: %w", s.Key, s.Value, err)
		}
	}
	if live, err = config.ParseLive("aim_lock_config_shadow.conf", data); err != nil {
		return nil, nil, fmt.Errorf("fleet: %w", err)
	}
	return data, live, nil
}

// tellPatch says what was made, and how it is made by hand in the fleet's
// folder.
func (f *Fleet) tellPatch(w Wish, m patch.Manifest, diff patch.Difference) []string {
	made := []string{"aimctl", "--identity", f.inside(f.Drones[0].Folder.Identity()), "patch", "new"}
	for _, s := range w.Set {
		made = append(made, "--set", s.Key+"="+s.Value)
	}
	if w.Despite != "" {
		made = append(made, "--despite-lock", w.Despite)
	}
	if w.Kill {
		made = append(made, "--kill")
	}
	dir := f.inside(f.Patch(w.ID))
	told := []string{shellLine(append(made, "--id", w.ID, "--out", dir)), diff.String()}
	width := 0
	for _, c := range diff.Changes {
		width = max(width, len(c.Key))
	}
	for _, c := range diff.Changes {
		told = append(told, fmt.Sprintf("  %-*s  %s → %s", width, c.Key, orNone(c.Old), orNone(c.New)))
	}
	signed := "signed by " + f.key.ID()
	if o := m.DespiteLock; o != nil {
		signed += ", despite the lock of " + o.Holder
		if o.Kill {
			signed += ", who may be ended once overdue"
		}
	}
	if !m.Expires.IsZero() {
		signed += fmt.Sprintf("; for %v", m.Expires.Sub(m.Created).Round(time.Second))
	}
	return append(told, shellLine([]string{"aimctl", "patch", "sign", dir, "--key", f.inside(f.Key())}), signed)
}

// inside is a path as somebody in the fleet's folder writes it.
func (f *Fleet) inside(path string) string {
	if rel, err := filepath.Rel(f.Dir, path); err == nil {
		return rel
	}
	return path
}

func orNone(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}

// shellLine is a command as a shell takes it.
func shellLine(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=:,%+@") != "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}
