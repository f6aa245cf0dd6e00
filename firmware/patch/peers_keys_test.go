//go:build peers

package patch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
)

// A change of the keys that Debian's minisign signed, with keys that it made, is
// taken and in force; and what Sign signs there, minisign verifies.
func TestPeersMinisignRotatesKeys(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	file := func(name string) string { return filepath.Join(keys, name) }
	public := func(name string) string {
		t.Helper()
		if out, err := debianMinisign(t, "-G", "-W", "-p", file(name+".pub"), "-s", file(name)); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(file(name + ".pub"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := parsePublic(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return k.String()
	}
	w := newPeople(t)
	now, next := w.ring(1, 1), w.ring(2, 2)
	now.Keys, next.Keys = []string{public("old")}, []string{public("new"), w.k1.Public()}
	p, err := New(Manifest{Kind: KindKeys, ID: "keys-2", Fleet: "north", Targets: []string{Everyone}, ConfigVersion: 2, BaseSHA256: now.SHA256()}, next.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Sign(w.k1); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys-2")
	if err := p.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, FileManifest)
	for _, name := range []string{"old", "new"} {
		if out, err := debianMinisign(t, "-S", "-s", file(name), "-m", manifest, "-x", filepath.Join(dir, name+".minisig")); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := debianMinisign(t, "-V", "-P", w.k1.Public(), "-m", manifest, "-x", filepath.Join(dir, w.k1.ID()+".minisig")); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if p, err = ReadFolder(dir); err != nil {
		t.Fatal(err)
	}
	f := facts(now.Config[0])
	f.Ring = now
	m, err := Check(p, f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), FileKeyring)
	if err := OpenKeyring(durable.Linux, path, now).Rotate(p, m, 0); err != nil {
		t.Fatal(err)
	}
	if r, err := OpenKeyring(durable.Linux, path, now).Ring(); err != nil || r.SHA256() != next.SHA256() {
		t.Errorf("in force: %+v, %v", r, err)
	}
}
