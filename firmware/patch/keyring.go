package patch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

const (
	// FileKeyring is the ring's file in a drone's state folder.
	FileKeyring = "keyring"

	maxKeyring = 8 << 10 // bytes of its value: a ring, and the changes
	maxChanges = 8       // remembered
)

// ErrKeyring is a keyring of which nobody can tell which keys it holds. Nothing
// that needs a signature is taken then: the identity's keys may be the very ones
// that it had revoked.
var ErrKeyring = errors.New("whom this drone trusts is not known, and no signature counts; write the keys of today into the identity's trust, then remove the file")

// The file's value is text, for a person with strings(1): a line that says what
// it is; the hash of the identity's ring, from which this one descends; a line
// for each of the last changes, oldest first: version, hash, Unix time by the
// drone's clock, id of the patch; an empty line; keyring.json.
const keyringMark = "aimlock keyring 1\nroot "

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

	mu      sync.Mutex
	ring    *Ring // in force; nil: not known, see err
	err     error
	changes []string // lines, as above
	aside   int64
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

// Changes are the last changes that led from the identity's ring to the one in
// force, oldest first: version, hash, Unix time by the drone's clock and the
// patch's id, with a space between them. Not to be changed.
func (k *Keyring) Changes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changes
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
	head, text, _ := strings.Cut(string(data), "\n\n")
	head, ok := strings.CutPrefix(head, keyringMark)
	changes := strings.Split(head, "\n")
	ring, err := ParseRing([]byte(text))
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: %v", durable.ErrDamaged, err)
	}
	if root := k.root.SHA256(); changes[0] == root {
		k.changes = changes[1:]
		return ring, nil
	} else if ring.SHA256() != root { // the same ring may stand in an identity of later
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
	changes := append(slices.Clone(k.changes), fmt.Sprintf("%d %s %d %s", next.Version, m.SHA256, at, m.ID))
	changes = changes[max(0, len(changes)-maxChanges):]
	value := keyringMark + k.root.SHA256() + "\n" + strings.Join(changes, "\n") + "\n\n" + string(p.Content)
	slots, err := durable.OpenSlots(k.sys, k.path, maxKeyring)
	if err != nil {
		return err
	}
	err = slots.Write([]byte(value))
	_ = slots.Close() // what Write reports is durable
	if err != nil {
		return err
	}
	k.ring, k.changes, k.aside = next, changes, 0
	return nil
}
