package locksmith

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	good := held(nil).Encode()
	for name, data := range map[string][]byte{
		"empty":          {},
		"zeros":          make([]byte, 4096),
		"zeros, short":   make([]byte, 300),
		"garbled":        bytes.Replace(good, []byte("fleet"), []byte("fl\x00et"), 1),
		"truncated":      good[:len(good)/2],
		"too large":      bytes.Repeat(good, 100),
		"later version":  seal(strings.Replace(string(good), "record 1", "record 2", 1)),
		"another's lock": held(func(r *Record) { r.Name = "other_lock" }).Encode(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := open(t, dir, nil)
			write := func() {
				if err := os.WriteFile(s.record, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write()
			if seen := look(t, s, Free); !strings.Contains(seen.Evidence, "record") || seen.HasRecord || seen.Record != (Record{}) {
				t.Errorf("not noted: %+v", seen)
			}
			l := acquire(t, s, claim("holder"))
			look(t, s, Held)
			write()
			seen := look(t, s, Unknown)
			// Another test's child has our descriptors until its exec.
			self := slices.IndexFunc(seen.Owners, func(o Owner) bool { return o.Process == s.host.Self })
			if self < 0 || !strings.Contains(seen.Words(), seen.Owners[self].Name) {
				t.Errorf("owners %v: %s", seen.Owners, seen.Words())
			}
			if err := l.Renew(); err != nil {
				t.Errorf("renew over a damaged record: %v", err)
			}
			look(t, s, Held)
			write()
			if err := l.Release(); err != nil {
				t.Errorf("release over a damaged record: %v", err)
			}
			look(t, s, Free)
		})
	}
}

func TestRecordMissing(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	l := acquire(t, s, claim("holder"))
	if err := os.Remove(s.record); err != nil {
		t.Fatal(err)
	}
	if seen := look(t, s, Unknown); seen.Who() != "unknown" {
		t.Errorf("who %q", seen.Who())
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	look(t, s, Free)
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, m := meddled(t, folder(t))
	m.rename = func() error { return unix.ENOSPC }
	if _, err := s.Acquire(context.Background(), claim("holder")); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("grant without a record: %v", err)
	}
	look(t, s, Free)
	m.rename = nil
	l := acquire(t, s, claim("holder"))
	if l.Epoch() != 2 {
		t.Errorf("epoch %d: the first grant's was told to nobody, but may be on record", l.Epoch())
	}
	m.rename = func() error { return unix.ENOSPC }
	if err := l.Renew(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("renew: %v", err)
	}
	look(t, s, Held)
	if err := l.Release(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("release: %v", err)
	}
	look(t, s, Free)
}

func TestEpochLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"damaged": func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte{0xa5}, 8192), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := open(t, dir, nil)
			for range 5 {
				acquire(t, s, claim("earlier")).Release()
			}
			lose(t, s.epoch)
			l := acquire(t, open(t, dir, nil), claim("holder"))
			if l.Epoch() <= 5 {
				t.Errorf("epoch fell to %d", l.Epoch())
			}
			if err := l.Release(); err != nil {
				t.Error(err)
			}
			next := acquire(t, s, claim("next")) // which had the old file open
			if next.Epoch() != l.Epoch()+1 {
				t.Errorf("epoch %d after %d", next.Epoch(), l.Epoch())
			}
			next.Release()
			if name != "damaged" {
				return
			}
			lose(t, s.epoch)
			if err := os.Remove(s.record); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Acquire(context.Background(), claim("blind")); !errors.Is(err, ErrEpochLost) {
				t.Errorf("granted with nothing to go on from: %v", err)
			}
			look(t, s, Free)
		})
	}
}
