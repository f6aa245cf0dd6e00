package fleet

import (
	"fmt"
	"os"
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
	from := f.Drones[0].Folder.Live()
	old, err := os.ReadFile(from)
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
	return f.tellPatch(w, from, dir, m, diff), nil
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

// tellPatch says what was made, and how it is made by hand.
func (f *Fleet) tellPatch(w Wish, from, dir string, m patch.Manifest, diff patch.Difference) []string {
	byHand := "aimctl patch new " + shellWord(from)
	for _, s := range w.Set {
		byHand += " --set " + shellWord(s.Key+"="+s.Value)
	}
	told := []string{byHand + " …", diff.String()}
	width := 0
	for _, c := range diff.Changes {
		width = max(width, len(c.Key))
	}
	for _, c := range diff.Changes {
		told = append(told, fmt.Sprintf("  %-*s  %s → %s", width, c.Key, orNone(c.Old), orNone(c.New)))
	}
	told = append(told, fmt.Sprintf("aimctl patch sign %s --key %s", shellWord(dir), shellWord(f.Key())))
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
	return append(told, signed)
}

func orNone(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}

// shellWord is a word as a shell takes it.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=:,%+@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
