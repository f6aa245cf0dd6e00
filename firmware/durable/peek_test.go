package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
)

// A peek sees what is there while its owner has it open, acknowledged or not,
// and leaves every byte as it was.
func TestPeekJournal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	if _, err := durable.PeekJournal(durable.Linux, dir, 9); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
	j, err := durable.OpenJournal(durable.Linux, dir, durable.Limits{Segment: 128, Total: 4096, Entry: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range 10 {
		if _, err := j.Append(fmt.Appendf(nil, "entry %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Ack(9); err != nil {
		t.Fatal(err)
	}
	before := bytesIn(t, dir)
	for _, most := range []int{0, 1, 4, 100} {
		got, err := durable.PeekJournal(durable.Linux, dir, most)
		if err != nil || len(got) != min(most, 10) {
			t.Fatalf("at most %d: %d entries, %v", most, len(got), err)
		}
		for i, e := range got {
			n := 10 - len(got) + i + 1
			if e.N != uint64(n) || string(e.Data) != fmt.Sprintf("entry %d", n) {
				t.Errorf("at most %d: entry %d is %d %q", most, n, e.N, e.Data)
			}
		}
	}
	if after := bytesIn(t, dir); after != before {
		t.Error("a peek changed the journal")
	}
}

func bytesIn(t *testing.T, dir string) (all string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all += f.Name() + string(b)
	}
	return all
}

func TestPeekSlots(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "slots")
	if _, _, err := durable.PeekSlots(durable.Linux, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a peek made the file")
	}
	s, err := durable.OpenSlots(durable.Linux, path, 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, want := range []string{"", "one", "two", "three"} {
		if i > 0 {
			if err := s.Write([]byte(want)); err != nil {
				t.Fatal(err)
			}
		}
		data, seq, err := durable.PeekSlots(durable.Linux, path)
		if string(data) != want || seq != uint64(i) || err != nil {
			t.Errorf("after %d writes: %q, %d, %v", i, data, seq, err)
		}
	}
	if err := os.WriteFile(path, []byte("no slots, but long enough to be looked at as two of them"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := durable.PeekSlots(durable.Linux, path); !errors.Is(err, durable.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if data, seq, err := durable.PeekSlots(durable.Linux, path); data != nil || seq != 0 || err != nil {
		t.Errorf("not yet at its size: %q, %d, %v", data, seq, err)
	}
}
