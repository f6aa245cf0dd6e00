package patch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestFolder(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	dir := filepath.Join(t.TempDir(), "deep", "p")
	p := make1(t, []SecretKey{a, b}, newer, nil)
	if err := p.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	want := []string{FileContent, FileManifest, FileRevert, a.ID() + ".minisig", b.ID() + ".minisig", "revert." + a.ID() + ".minisig", "revert." + b.ID() + ".minisig"}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	back, err := ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := facts(a.Public(), b.Public())
	f.Threshold = 2
	if _, err := Check(back, f); err != nil {
		t.Error(err)
	}
	if err := back.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadFolder(dir); err != nil || !equalPackage(again, back) {
		t.Errorf("written again: %v", err)
	}

	// Another patch in the same folder leaves none of the old signatures.
	write1(t, dir, "notes.txt", "mine")
	if err := make1(t, []SecretKey{a}, newer, func(m *Manifest) { m.ID = "p-2" }).WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	want = []string{FileContent, "notes.txt", FileManifest, FileRevert, a.ID() + ".minisig", "revert." + a.ID() + ".minisig"}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	unsigned := make1(t, nil, newer, nil)
	unsigned.Revert = nil
	if err := unsigned.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("files %v", got)
	}
}

func write1(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A change of the keys has a folder with a ring in the place of a configuration;
// with both in it nobody could tell what is signed.
func TestFolderOfKeys(t *testing.T) {
	t.Parallel()
	c := newChain(t, 1)
	dir := filepath.Join(t.TempDir(), "p")
	if err := make1(t, []SecretKey{c.config}, newer, nil).WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.p[1].WriteFolder(dir); err != nil { // nothing of another patch is left
		t.Fatal(err)
	}
	want := []string{FileRing, FileManifest, c.k1.ID() + ".minisig", c.k2.ID() + ".minisig"}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	f := facts(c.config.Public())
	f.Ring = c.rings[0]
	back, err := ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(back, f); err != nil {
		t.Error(err)
	}
	write1(t, dir, FileContent, newer)
	if _, err := ReadFolder(dir); !errors.Is(err, ErrFolder) {
		t.Errorf("a configuration beside the ring: %v", err)
	}
}

// What Debian's minisign signed, under the names that it or a person chose, is
// accepted. The folder was made by it: testdata/minisign.sh.
func TestFolderOfMinisign(t *testing.T) {
	t.Parallel()
	p, err := ReadFolder("testdata/minisign")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile("testdata/minisign/key.pub")
	if err != nil {
		t.Fatal(err)
	}
	f := facts(string(pub))
	if _, err := Check(p, f); err != nil {
		t.Error(err)
	}
	s, err := ParseSignedRevert(p.Revert)
	if err != nil || len(s.Signatures) != 1 {
		t.Fatalf("%d signatures, %v", len(s.Signatures), err)
	}
	if _, err := CheckRevert(s, RevertFacts{Fleet: "north", Drone: "patrol-01", Keys: f.Keys, Threshold: 1, Patch: sample().ID,
		BeforeSHA256: Hash([]byte(older)), NonceUsed: func(string) bool { return false }}); err != nil {
		t.Error(err)
	}
}

func TestFolderRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for name, row := range map[string]struct {
		do   func(t *testing.T, dir string) error
		want error
	}{
		"no-manifest":         {func(t *testing.T, dir string) error { return os.Remove(dir + "/" + FileManifest) }, ErrFolder},
		"no-content":          {func(t *testing.T, dir string) error { return os.Remove(dir + "/" + FileContent) }, ErrFolder},
		"revert-lost":         {func(t *testing.T, dir string) error { return os.Remove(dir + "/" + FileRevert) }, ErrFolder},
		"no-folder":           {func(t *testing.T, dir string) error { return os.RemoveAll(dir) }, fs.ErrNotExist},
		"manifest-is-a-pipe":  {func(t *testing.T, dir string) error { return pipe(dir, FileManifest) }, nil},
		"signature-is-a-pipe": {func(t *testing.T, dir string) error { return pipe(dir, "a.minisig") }, nil},
		"content-is-a-folder": {func(t *testing.T, dir string) error {
			os.Remove(dir + "/" + FileContent)
			return os.Mkdir(dir+"/"+FileContent, 0o755)
		}, nil},
		"content-long":    {func(t *testing.T, dir string) error { return os.Truncate(dir+"/"+FileContent, MaxContent+1) }, nil},
		"manifest-long":   {func(t *testing.T, dir string) error { return os.Truncate(dir+"/"+FileManifest, 1<<40) }, nil},
		"signature-long":  {func(t *testing.T, dir string) error { return os.Truncate(dir+"/"+key.ID()+".minisig", MaxSignature+1) }, nil},
		"signatures-many": {func(t *testing.T, dir string) error { return many(t, dir, "") }, ErrFolder},
		"reverts-many":    {func(t *testing.T, dir string) error { return many(t, dir, "revert.") }, ErrFolder},
	} {
		dir := t.TempDir()
		if err := make1(t, []SecretKey{key}, newer, nil).WriteFolder(dir); err != nil {
			t.Fatal(err)
		}
		if err := row.do(t, dir); err != nil {
			t.Fatal(err)
		}
		if p, err := ReadFolder(dir); err == nil || p != nil || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pipe(dir, name string) error {
	os.Remove(dir + "/" + name)
	return syscall.Mkfifo(dir+"/"+name, 0o644)
}

func many(t *testing.T, dir, prefix string) error {
	for i := range MaxSignatures {
		write1(t, dir, prefix+string(rune('a'+i))+".minisig", "x")
	}
	return nil
}

func TestWriteFolderRefuses(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for name, change := range map[string]func(*Package){
		"signature-none":  func(p *Package) { p.Signatures = [][]byte{[]byte("x")} },
		"signature-twice": func(p *Package) { p.Signatures = append(p.Signatures, p.Signatures[0]) },
		"revert-none":     func(p *Package) { p.Revert = []byte("x") },
	} {
		p := make1(t, []SecretKey{key}, newer, nil)
		change(p)
		dir := filepath.Join(t.TempDir(), "p")
		if err := p.WriteFolder(dir); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something is written: %v", name, err)
		}
	}
}

// Signing again replaces one's own signature; what is not in order is not
// signed.
func TestSignPackage(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	p := make1(t, []SecretKey{a, b, a, a}, newer, nil)
	s, err := ParseSignedRevert(p.Revert)
	if err != nil || len(p.Signatures) != 2 || len(s.Signatures) != 2 {
		t.Errorf("%d and %d signatures, %v", len(p.Signatures), len(s.Signatures), err)
	}
	f := facts(a.Public(), b.Public())
	f.Threshold = 2
	if _, err := Check(p, f); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Package){
		"content-changed": func(p *Package) { p.Content = append(p.Content, '#') },
		"manifest-none":   func(p *Package) { p.Manifest = []byte("{}") },
		"revert-none":     func(p *Package) { p.Revert = []byte("x") },
		"revert-other":    func(p *Package) { p.Revert = make1(t, nil, newer, func(m *Manifest) { m.ID = "q" }).Revert },
		"zero-key":        func(p *Package) { p.Revert = nil },
	} {
		p := make1(t, []SecretKey{a}, newer, nil)
		change(p)
		before, k := clonePackage(p), b
		if name == "zero-key" {
			k = SecretKey{}
		}
		if err := p.Sign(k); err == nil || !equalPackage(before, p) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
