//go:build peers

package patch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// debianMinisign runs Debian's.
func debianMinisign(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("minisign", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%v; apt-get install minisign", err)
	}
	return string(out), err
}

func write(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Debian's minisign verifies what Sign signed, and no other bytes.
func TestPeersMinisignVerifiesOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := newKey(t)
	msg := write(t, filepath.Join(dir, "patch.json"), []byte("a patch\n"))
	sig := write(t, filepath.Join(dir, k.ID()+".minisig"), sign(t, k, "a patch\n"))
	pub := write(t, filepath.Join(dir, "key.pub"), k.PublicFile())
	for _, key := range [][]string{{"-P", k.Public()}, {"-p", pub}} {
		out, err := debianMinisign(t, append([]string{"-V", "-m", msg, "-x", sig}, key...)...)
		if err != nil || !strings.Contains(out, "kind:test") {
			t.Errorf("%v: %v: %s", key[0], err, out)
		}
	}
	write(t, msg, []byte("another\n"))
	if out, err := debianMinisign(t, "-V", "-m", msg, "-x", sig, "-P", k.Public()); err == nil {
		t.Errorf("other bytes verified: %s", out)
	}
}

// Verify accepts what Debian's minisign signed, with its key or with ours;
// its legacy signatures it does not.
func TestPeersMinisignSigns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours := newKey(t)
	text, err := ours.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "ours.key"), text)
	if out, err := debianMinisign(t, "-G", "-W", "-p", filepath.Join(dir, "theirs.pub"), "-s", filepath.Join(dir, "theirs.key")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	theirs, err := os.ReadFile(filepath.Join(dir, "theirs.pub"))
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{ours.Public(), string(theirs)}
	msg := write(t, filepath.Join(dir, "patch.json"), []byte("a patch\n"))
	var sigs, legacy [][]byte
	for _, name := range []string{"ours", "theirs"} {
		for _, kind := range []string{"-H", "-l"} {
			x := filepath.Join(dir, name+kind)
			if out, err := debianMinisign(t, "-S", kind, "-s", filepath.Join(dir, name+".key"), "-m", msg, "-x", x, "-t", "comment"); err != nil {
				t.Fatalf("%s: %v: %s", name, err, out)
			}
			b, err := os.ReadFile(x)
			if err != nil {
				t.Fatal(err)
			}
			if kind == "-l" {
				legacy = append(legacy, b)
			} else {
				sigs = append(sigs, b)
			}
		}
	}
	if err := Verify(keys, 2, []byte("a patch\n"), sigs); err != nil {
		t.Error(err)
	}
	if err := Verify(keys, 1, []byte("a patch\n"), legacy); !errors.Is(err, ErrSignature) {
		t.Errorf("legacy: %v", err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "theirs.key"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := KeyID(string(theirs)); err != nil || id != k.ID() || !strings.Contains(string(theirs), strings.TrimLeft(id, "0")) {
		t.Errorf("id %s of %s, %v", id, theirs, err)
	}
}
