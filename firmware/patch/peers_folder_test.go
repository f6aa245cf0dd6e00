//go:build peers

package patch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What Debian's minisign signs in a patch's folder, a drone accepts: the patch
// alone, and the patch with its revert.
func TestPeersMinisignSignsFolder(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	secret, pub := filepath.Join(keys, "key"), filepath.Join(keys, "key.pub")
	if out, err := debianMinisign(t, "-G", "-W", "-p", pub, "-s", secret); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(pub)
	if err != nil {
		t.Fatal(err)
	}
	id, err := KeyID(string(public))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "p")
	if err := make1(t, nil, newer, nil).WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	accepted := func() *Package {
		t.Helper()
		p, err := ReadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(p, facts(string(public))); err != nil {
			t.Fatal(err)
		}
		return p
	}
	minisignIn := func(file, x string) {
		t.Helper()
		args := []string{"-S", "-s", secret, "-m", filepath.Join(dir, file)}
		if x != "" {
			args = append(args, "-x", filepath.Join(dir, x))
		}
		if out, err := debianMinisign(t, args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	minisignIn(FileManifest, id+".minisig")
	accepted()
	minisignIn(FileRevert, "")
	s, err := ParseSignedRevert(accepted().Revert)
	if err != nil {
		t.Fatal(err)
	}
	f := RevertFacts{Fleet: "north", Drone: "patrol-01", Keys: []string{string(public)}, Threshold: 1, Patch: sample().ID,
		BeforeSHA256: Hash([]byte(older)), NonceUsed: func(string) bool { return false }}
	if _, err := CheckRevert(s, f); err != nil {
		t.Error(err)
	}
}

// And what Sign signs in a folder, Debian's minisign verifies.
func TestPeersMinisignVerifiesFolder(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	dir := t.TempDir()
	if err := make1(t, []SecretKey{k}, newer, nil).WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{FileManifest: "kind:config patch:" + sample().ID + " version:42", FileRevert: "kind:revert patch:" + sample().ID} {
		x := k.ID() + ".minisig"
		if file == FileRevert {
			x = "revert." + x
		}
		out, err := debianMinisign(t, "-V", "-P", k.Public(), "-m", filepath.Join(dir, file), "-x", filepath.Join(dir, x))
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s", file, err, out)
		}
	}
}
