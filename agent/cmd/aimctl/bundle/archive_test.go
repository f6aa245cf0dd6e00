package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/bundle"
)

// unpack reads an archive back, and its manifest.
func unpack(t *testing.T, packed []byte) (files map[string]string, members map[string]bundle.Member) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o600 || !strings.HasPrefix(h.Name, "drone/") {
			t.Errorf("%s has mode %o", h.Name, h.Mode)
		}
		files[strings.TrimPrefix(h.Name, "drone/")] = string(data)
	}
	var m struct{ Members []bundle.Member }
	if err := json.Unmarshal([]byte(files["manifest.json"]), &m); err != nil {
		t.Fatal(err)
	}
	members = map[string]bundle.Member{}
	for _, one := range m.Members {
		members[one.Name] = one
	}
	return files, members
}

// Whatever is added, and however badly it shrinks: the bound holds, and the
// manifest says what is missing.
func TestArchiveIsBounded(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	a := bundle.Archive{Folder: "drone", Made: time.Unix(1e9, 0)}
	a.Add("small", []byte("first"))
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		a.Add(name, noise)
	}
	for range 300 {
		a.Missing("tiny", errors.New(strings.Repeat("x", 9999)))
	}
	packed, err := a.Pack(map[string]any{})
	if err != nil || len(packed) > bundle.MaxArchive {
		t.Fatalf("%d bytes, %v", len(packed), err)
	}
	files, members := unpack(t, packed)
	if files["small"] != "first" || len(files["a"]) != bundle.MaxMember || !members["a"].Cut || members["small"].Cut {
		t.Errorf("small %q, a %d bytes, %+v", files["small"], len(files["a"]), members["a"])
	}
	if m := members["f"]; !strings.Contains(m.Error, "full") || files["f"] != "" {
		t.Errorf("f: %+v, %d bytes", m, len(files["f"]))
	}
}

func TestArchiveHoldsNoKeys(t *testing.T) {
	t.Parallel()
	a := bundle.Archive{Folder: "drone"}
	for name, data := range map[string]string{
		"pem":      "# mine\n-----BEGIN EC PRIVATE KEY-----\nhush\n",
		"pkcs8":    "x = '''-----BEGIN PRIVATE KEY-----\nhush",
		"ssh":      "-----BEGIN OPENSSH PRIVATE KEY-----\nhush",
		"minisign": "untrusted comment: minisign encrypted secret key\nhush",
	} {
		a.Add(name, []byte(data))
	}
	a.Add("public", []byte("-----BEGIN CERTIFICATE-----\n"))
	packed, err := a.Pack(map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	files, members := unpack(t, packed)
	for name, data := range files {
		if strings.Contains(data, "hush") {
			t.Errorf("%s holds a key", name)
		}
	}
	if members["pem"].Error == "" || len(files) != 2 {
		t.Errorf("pem: %+v; %d files", members["pem"], len(files))
	}
}
