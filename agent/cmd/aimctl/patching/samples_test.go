package patching

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/patch"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var nextFile = strings.NewReplacer("41 ", "42 ", "23T20:00:00", "24T10:00:00", "10s", "2s").Replace(liveFile)

// key is the n-th signer; its id never changes.
func key(t *testing.T, n byte) patch.SecretKey {
	t.Helper()
	var b [158]byte // minisign's secret key file: algorithms, no encryption, id, key
	copy(b[:], "Ed\x00\x00B2")
	binary.LittleEndian.PutUint64(b[54:], 0xA1A1A1A1A1A1A100+uint64(n))
	copy(b[62:], ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)))
	k, err := patch.ParseSecretKey([]byte("untrusted comment: test\n"+base64.StdEncoding.EncodeToString(b[:])+"\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// manifest is a patch of five minutes ago for two drones.
func manifest() patch.Manifest {
	return patch.Manifest{
		ID: "north-42-261124-100000", Fleet: "north", Targets: []string{"patrol-01", "patrol-03"}, ConfigVersion: 42,
		BaseSHA256: patch.Hash([]byte(liveFile)), Created: now.Add(-5 * time.Minute),
	}
}

// pack makes a patch and signs it.
func pack(t *testing.T, m patch.Manifest, content string, keys ...patch.SecretKey) *patch.Package {
	t.Helper()
	p, err := patch.New(m, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if err := p.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// golden compares a page with a committed one, and asks of each that a terminal
// and a narrow one can show it.
func golden(t *testing.T, name string, r words.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, 80, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, &b, want)
	}
	for _, c := range b.String() {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
			t.Errorf("%s: a control character %q in\n%s", name, c, &b)
		}
	}
}
