package patch

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

const (
	older = "version = 41\n[lock]\nttl = \"30s\"\n"
	newer = "version = 42\n[lock]\nttl = \"20s\"\n"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// sample is a manifest with every field set.
func sample() Manifest {
	return Manifest{
		Schema: Schema, Kind: KindConfig, ID: "p-2026-11-24.a", Fleet: "north", Targets: []string{"patrol-01", "patrol-03"},
		ConfigVersion: 42, SHA256: Hash([]byte(newer)), BaseSHA256: Hash([]byte(older)), Size: int64(len(newer)),
		Created: noon.Add(-time.Minute), Expires: noon.Add(50 * time.Minute),
		DespiteLock: &Override{Nonce: "00112233445566778899aabbccddeeff", Holder: "fleet-updater", Kill: true},
		Notes:       "shorter lease; update window \"disarmed\" <b>\nsecond line: ä",
	}
}

// golden compares with a committed file: its bytes are a contract.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// facts are what patrol-03 knows; all is well.
func facts(keys ...string) Facts {
	return Facts{
		Fleet: "north", Drone: "patrol-03", Keys: keys, Threshold: 1,
		HighVersion: 41, LiveSHA256: Hash([]byte(older)), Now: noon, ClockTrusted: true, Floor: noon.Add(-24 * time.Hour),
		Quarantined: func(int64, string) (string, bool) { return "", false },
		NonceUsed:   func(string) bool { return false },
		CheckContent: func(b []byte) (int64, error) {
			if strings.Contains(string(b), "version = 42") {
				return 42, nil
			}
			return 0, errors.New("config.toml:1:1: bad")
		},
		CheckFloor: func([]byte) error { return nil },
	}
}

// make1 makes a signed patch of sample after a change.
func make1(t testing.TB, keys []SecretKey, content string, change func(*Manifest)) *Package {
	t.Helper()
	m := sample()
	if change != nil {
		change(&m)
	}
	p, err := New(m, []byte(content))
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

// resignAs signs whatever bytes as a manifest.
func resignAs(t testing.TB, p *Package, k SecretKey, manifest []byte) {
	t.Helper()
	p.Manifest = manifest
	p.Signatures = [][]byte{sign(t, k, string(manifest))}
}
