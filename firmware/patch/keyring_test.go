package patch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const keyringPath = "/" + FileKeyring

// chain is a drone's keys over time: rings[0] is the identity's, each of the
// others is brought by the patch of the same index.
type chain struct {
	people
	rings []*Ring
	p     []*Package
	m     []*Manifest
}

func newChain(t testing.TB, n int) *chain {
	t.Helper()
	c := &chain{people: newPeople(t)}
	hold := []SecretKey{c.k1, c.k2, c.k3, c.k4}
	c.rings, c.p, c.m = []*Ring{c.ring(1, 1, c.k1)}, []*Package{nil}, []*Manifest{nil}
	for i := 1; i <= n; i++ {
		c.add(t, hold[(i-1)%4], c.ring(int64(i+1), 1, hold[i%4]), hold[i%4])
	}
	return c
}

// add appends next, signed by the holder of the newest ring and of next.
func (c *chain) add(t testing.TB, old SecretKey, next *Ring, by SecretKey) {
	t.Helper()
	now := c.rings[len(c.rings)-1]
	m := Manifest{Kind: KindKeys, ID: fmt.Sprintf("keys-%d", next.Version), Fleet: "north", Targets: []string{Everyone},
		ConfigVersion: next.Version, BaseSHA256: now.SHA256(), Created: noon}
	p, err := New(m, next.Encode())
	for _, k := range []SecretKey{old, by} {
		if err == nil {
			err = p.Sign(k)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	f := facts(c.config.Public())
	f.Ring = now
	got, err := Check(p, f)
	if err != nil {
		t.Fatal(err)
	}
	c.rings, c.p, c.m = append(c.rings, next), append(c.p, p), append(c.m, got)
}

// in is the index of the ring in force; -1: not known.
func (c *chain) in(k *Keyring) int {
	r, err := k.Ring()
	if err != nil {
		return -1
	}
	for i := range c.rings {
		if r.SHA256() == c.rings[i].SHA256() {
			return i
		}
	}
	return -1
}

func (c *chain) open(sys durable.Sys) *Keyring { return OpenKeyring(sys, keyringPath, c.rings[0]) }

func TestKeyring(t *testing.T) {
	t.Parallel()
	c := newChain(t, maxChanges+3)
	disk := faultfs.New()
	k := c.open(disk)
	if c.in(k) != 0 || len(disk.Files()) != 0 {
		t.Fatalf("a new drone: ring %d, files %v", c.in(k), disk.Files())
	}
	for i := 1; i < len(c.rings); i++ {
		if err := k.Rotate(c.p[i], c.m[i], int64(i)); err != nil {
			t.Fatal(err)
		}
		again := c.open(disk)
		if c.in(k) != i || c.in(again) != i || k.Aside() != 0 || len(again.Changes()) != min(i, maxChanges) {
			t.Fatalf("after %d: ring %d, and %d with %d entries after a restart", i, c.in(k), c.in(again), len(again.Changes()))
		}
		last, want := again.Changes()[min(i, maxChanges)-1], fmt.Sprintf("%d %s %d %s", i+1, c.rings[i].SHA256(), i, c.m[i].ID)
		if last != want {
			t.Fatalf("last change %q, want %q", last, want)
		}
		if err := k.Rotate(c.p[i], c.m[i], 0); err == nil || c.in(k) != i {
			t.Fatalf("the same rotation again: %v", err)
		}
	}
	if err := k.Rotate(c.p[2], c.m[2], 0); err == nil || c.in(c.open(disk)) != len(c.rings)-1 {
		t.Errorf("an old rotation: %v", err)
	}
	if n := disk.Descriptors(); n != 0 {
		t.Errorf("%d descriptors leaked", n)
	}
}

// The largest value there can be fits its slot.
func TestKeyringLargest(t *testing.T) {
	t.Parallel()
	big := func(version int64) (r *Ring, keys []SecretKey) {
		r = &Ring{Version: version, Threshold: MaxThreshold}
		for range MaxRoleKeys {
			keys = append(keys, newKey(t))
			r.Keys = append(r.Keys, keys[len(keys)-1].Public())
		}
		r.Config, r.Command, r.Agent = r.Keys, r.Keys, r.Keys
		return r, keys
	}
	root, old := big(maxVersion - maxChanges - 1)
	disk := faultfs.New()
	k := OpenKeyring(disk, keyringPath, root)
	for now, i := root, 0; i < maxChanges; i++ {
		next, keys := big(now.Version + 1)
		m := Manifest{Kind: KindKeys, ID: strings.Repeat("p", 64), Fleet: "north", Targets: []string{Everyone}, ConfigVersion: next.Version, BaseSHA256: now.SHA256(), Created: noon}
		p, err := New(m, next.Encode())
		for _, key := range append(old[:MaxThreshold:MaxThreshold], keys[:MaxThreshold]...) { // everybody is replaced at once
			if err == nil {
				err = p.Sign(key)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		f := facts(root.Config[0])
		f.Ring = now
		got, err := Check(p, f)
		if err == nil {
			err = k.Rotate(p, got, 1<<40)
		}
		if err != nil {
			t.Fatal(err)
		}
		now, old = next, keys
	}
}

// A technician who writes another trust into the identity is believed: a ring
// of the former one is set aside, until a new one replaces it. The same keys in
// a new identity are the same ring.
func TestKeyringOfAnotherIdentity(t *testing.T) {
	t.Parallel()
	c, other := newChain(t, 3), newChain(t, 1)
	disk := faultfs.New()
	k := c.open(disk)
	for i := 1; i <= 2; i++ {
		if err := k.Rotate(c.p[i], c.m[i], 0); err != nil {
			t.Fatal(err)
		}
	}
	re := other.open(disk)
	if other.in(re) != 0 || re.Aside() != 3 || len(re.Changes()) != 0 {
		t.Errorf("ring %d, aside %d", other.in(re), re.Aside())
	}
	if back := c.open(disk); c.in(back) != 2 || back.Aside() != 0 {
		t.Errorf("the former identity again: ring %d", c.in(back))
	}
	same := OpenKeyring(disk, keyringPath, c.rings[2])
	if r, err := same.Ring(); err != nil || r.Version != 3 || same.Aside() != 0 {
		t.Errorf("an identity with the keys of today: %v, aside %d", err, same.Aside())
	}
	if err := same.Rotate(c.p[3], c.m[3], 0); err != nil || c.in(same) != 3 {
		t.Errorf("and the next rotation: %v", err)
	}
	if err := re.Rotate(other.p[1], other.m[1], 0); err != nil || other.in(other.open(disk)) != 1 || re.Aside() != 0 {
		t.Errorf("the next ring of the new identity: %v", err)
	}
}

// A damaged file gives no keys at all, least of all the identity's; what could
// only not be read is read again.
func TestKeyringDamaged(t *testing.T) {
	t.Parallel()
	c := newChain(t, 2)
	disk := faultfs.New()
	k := c.open(disk)
	for i := 1; i <= 2; i++ {
		if err := k.Rotate(c.p[i], c.m[i], 0); err != nil {
			t.Fatal(err)
		}
	}
	whole := disk.Files()[keyringPath]
	for name, damage := range map[string]func([]byte) []byte{
		"both-slots":  func(b []byte) []byte { b[100] ^= 1; b[len(b)/2+100] ^= 1; return b },
		"longer":      func(b []byte) []byte { return append(b, 0) },
		"other-value": func([]byte) []byte { return slotOf(t, "ring") },
		"no-mark":     func([]byte) []byte { return slotOf(t, "\n\n"+string(c.rings[1].Encode())) },
		"no-ring":     func([]byte) []byte { return slotOf(t, keyringMark+c.rings[0].SHA256()) },
		"bad-ring":    func([]byte) []byte { return slotOf(t, keyringMark+c.rings[0].SHA256()+"\n\n{}\n") },
	} {
		sick := faultfs.New()
		sick.Put(keyringPath, damage([]byte(string(whole))), 0o644)
		k := c.open(sick)
		if r, err := k.Ring(); !errors.Is(err, ErrKeyring) || r != nil || !strings.Contains(err.Error(), "identity") {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		if err := k.Rotate(c.p[1], c.m[1], 0); !errors.Is(err, ErrKeyring) {
			t.Errorf("%s: a rotation: %v", name, err)
		}
	}
	disk.FailFrom(1, faultfs.Errnos[0])
	k = c.open(disk)
	if _, err := k.Ring(); !errors.Is(err, ErrKeyring) || !errors.Is(err, faultfs.Errnos[0]) {
		t.Errorf("a disk that cannot be read: %v", err)
	}
	disk.Heal()
	if c.in(k) != 2 {
		t.Errorf("the disk works again: ring %d", c.in(k))
	}
}

// slotOf is a file of slots with one value.
func slotOf(t *testing.T, value string) []byte {
	t.Helper()
	fs := faultfs.New()
	s, err := durable.OpenSlots(fs, "/s", maxKeyring)
	if err == nil {
		err = errors.Join(s.Write([]byte(value)), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return fs.Files()["/s"]
}

// Whatever lies in the file's slot: a sound ring of this root, the identity's, or
// an error, and never a ring beside an error.
func FuzzKeyringFile(f *testing.F) {
	c := newChain(f, 1)
	f.Add([]byte(keyringMark + c.rings[0].SHA256() + "\n2 x y z\n\n" + string(c.rings[1].Encode())))
	f.Add([]byte(keyringMark + "00\n\n{}"))
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > maxKeyring {
			return
		}
		disk := faultfs.New()
		disk.Put(keyringPath, slotOf(t, string(value)), 0o644)
		k := c.open(disk)
		r, err := k.Ring()
		if (r == nil) != errors.Is(err, ErrKeyring) || r != nil && r.Validate() != nil {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}
