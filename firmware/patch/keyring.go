package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

const (
	// FileKeyring is the ring's file in a drone's state folder.
	FileKeyring = "keyring"

	maxKeyring   = 16 << 10 // bytes of its value: a ring, and who brought it
	maxRotations = 8        // remembered
)

// ErrKeyring is a keyring of which nobody can tell which keys it holds. Nothing
// that needs a signature is taken then: the identity's keys may be the very ones
// that it had revoked.
var ErrKeyring = errors.New("whom this drone trusts is not known, and no signature counts; write the keys of today into the identity's trust, then remove the file")

// Rotation is a change of the keys that was made.
type Rotation struct {
	Version int64    `json:"version"`
	SHA256  string   `json:"sha256"` // of the ring's text
	Patch   string   `json:"patch"`  // id of the patch that brought it
	By      []string `json:"by"`     // ids of the keys of the ring before that signed it
	At      int64    `json:"at"`     // Unix s by the drone's clock, for display only
}

// kept is the file's value. The ring is text, so that its hash is that of the
// bytes that were signed; the value is JSON, for a person with strings(1).
type kept struct {
	Schema  int        `json:"schema"`
	Root    string     `json:"root"` // SHA-256 of the identity's ring, from which this one descends
	Ring    string     `json:"ring"`
	History []Rotation `json:"history"` // oldest first; the last one brought the ring
}

// Keyring is the ring in force on a drone: the identity's, until a patch of kind
// keys brought a newer one, which then lies in the state folder, in two slots of
// [durable.Slots]. A power cut leaves the old or the new one.
//
// It is rooted in the identity. A ring that descends from another trust than the
// identity's is set aside: somebody with the rights of root provisioned this
// drone anew, and the identity is what he wrote. A file that is damaged, which
// no power cut can do, never falls back to the identity: see ErrKeyring.
//
// It is safe for concurrent use.
type Keyring struct {
	sys  durable.Sys
	path string
	root *Ring

	mu    sync.Mutex
	ring  *Ring // in force; nil: not known, see err
	err   error
	kept  kept
	aside int64
}

// OpenKeyring looks for the ring in force. It makes no file, and what is wrong
// with one Ring tells: a drone flies without.
func OpenKeyring(sys durable.Sys, path string, root *Ring) *Keyring {
	k := &Keyring{sys: sys, path: path, root: root}
	k.load()
	return k
}

// Ring is the ring in force, not to be changed; the error is an ErrKeyring. What
// could not be read is read again.
func (k *Keyring) Ring() (*Ring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ring == nil {
		k.load()
	}
	return k.ring, k.err
}

// Aside is the version of a ring that is there and descends from another
// identity's trust; 0: there is none.
func (k *Keyring) Aside() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.aside
}

// History are the last changes that led from the identity's ring to the one in
// force, oldest first, not to be changed.
func (k *Keyring) History() []Rotation {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept.History
}

func (k *Keyring) load() {
	if k.ring, k.err = k.read(); k.err != nil {
		k.err = fmt.Errorf("patch: keyring %s: %w: %w", k.path, ErrKeyring, k.err)
	}
}

func (k *Keyring) read() (*Ring, error) {
	if _, err := k.sys.Fstatat(unix.AT_FDCWD, k.path, unix.AT_SYMLINK_NOFOLLOW); err == unix.ENOENT {
		return k.root, nil
	}
	slots, err := durable.OpenSlots(k.sys, k.path, maxKeyring)
	if err != nil {
		return nil, err
	}
	data, seq, err := slots.Read()
	_ = slots.Close()
	if err != nil {
		return nil, err
	}
	if seq == 0 { // the power was cut during the first change
		return k.root, nil
	}
	var f kept
	if err := json.Unmarshal(data, &f); err != nil || f.Schema != Schema {
		return nil, fmt.Errorf("%w: no keyring of schema %d: %v", durable.ErrDamaged, Schema, err)
	}
	ring, err := ParseRing([]byte(f.Ring))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", durable.ErrDamaged, err)
	case f.Root == k.root.SHA256():
		k.kept = f
		return ring, nil
	case ring.SHA256() != k.root.SHA256(): // the same ring may stand in an identity of later
		k.aside = ring.Version
	}
	return k.root, nil
}

// Rotate makes the ring of a patch that Check has accepted the one in force,
// durably; at is Unix s, for display. After an error the old one is, and after
// a power cut then perhaps the new one.
func (k *Keyring) Rotate(p *Package, m *Manifest, at int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, err := ParseRing(p.Content)
	switch {
	case err != nil:
		return err
	case k.ring == nil:
		return k.err
	case next.Version != k.ring.Version+1: // it was judged on another ring
		return refuse(RefusedVersion, "version %d of the keys is in force", k.ring.Version)
	}
	f := kept{Schema: Schema, Root: k.root.SHA256(), Ring: string(p.Content)}
	f.History = append(append(f.History, k.kept.History...), Rotation{Version: next.Version, SHA256: m.SHA256, Patch: m.ID,
		By: counted(k.ring.Keys, p.Manifest, p.Signatures), At: at})
	f.History = f.History[max(0, len(f.History)-maxRotations):]
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	slots, err := durable.OpenSlots(k.sys, k.path, maxKeyring)
	if err != nil {
		return err
	}
	err = slots.Write(data)
	_ = slots.Close() // what Write reports is durable
	if err != nil {
		return err
	}
	k.ring, k.kept, k.aside = next, f, 0
	return nil
}
