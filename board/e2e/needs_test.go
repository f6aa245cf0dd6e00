//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

type need struct{ program, pkg string }

// needs are programs and how to install them.
var needs = []need{
	{"mosquitto", "mosquitto"}, {"mkfs.ext4", "e2fsprogs"}, {"dpkg-deb", "dpkg"}, {"apt-get", "apt"},
}

// installed sees that programs are there.
func installed(t *testing.T, list ...need) {
	t.Helper()
	for _, n := range list {
		if _, err := exec.LookPath(n.program); err != nil {
			t.Fatalf("%s is missing; on Debian: apt-get install %s", n.program, n.pkg)
		}
	}
}

// shortDir is a folder for sockets, whose paths are short.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addModules packs modules, with what they need, and the order of loading.
func addModules(t *testing.T, a *archive, k *kernel, dir string, names []string) {
	t.Helper()
	files, err := k.load(names...)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range files {
		order = append(order, filepath.Base(f))
		a.file(dir+"/"+filepath.Base(f), modeFile, read(t, f))
	}
	a.file(dir+"/order", modeFile, []byte(strings.Join(order, "\n")))
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// build makes a program for the board.
func (tg *target) build(t *testing.T, to, pkg string) {
	t.Helper()
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	c.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), tg.goarch...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", pkg, err, out)
	}
}
