package durable_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// Whatever the two slots hold: an error that says so, or slots that work.
func FuzzSlotsFile(f *testing.F) {
	disk := faultfs.New()
	s, err := durable.OpenSlots(disk, "/s", 100)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []string{"", "one", "two", "three"} {
		if err := s.Write([]byte(v)); err != nil {
			f.Fatal(err)
		}
		file := disk.Files()["/s"]
		f.Add(file[:30], file[4096:4126])
		f.Add(file[4096:4126], file[:30])
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		file := make([]byte, 8192)
		copy(file, a[:min(len(a), 4096)])
		copy(file[4096:], b)
		disk := faultfs.New()
		disk.Put("/s", file, 0o644)
		s, err := durable.OpenSlots(disk, "/s", 100)
		if err != nil {
			t.Fatal(err)
		}
		_, seq, err := s.Read()
		if err == nil {
			err = s.Write([]byte("next"))
		}
		if err != nil {
			if !errors.Is(err, durable.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if got, q, err := s.Read(); err != nil || q != seq+1 || string(got) != "next" {
			t.Fatalf("%q, seq %d, %v; want seq %d", got, q, err, seq+1)
		}
	})
}

// seal gives the records of a segment the CRCs that they should have, so that
// the fuzzer comes past them.
func seal(b []byte) []byte {
	b = bytes.Clone(b)
	table := crc32.MakeTable(crc32.Castagnoli)
	for off := 8; off+32 <= len(b); {
		end := off + 32 + int(binary.LittleEndian.Uint32(b[off:]))
		if end > len(b) {
			break
		}
		sum := crc32.Update(crc32.Checksum(b[off:off+4], table), table, b[off+8:end])
		binary.LittleEndian.PutUint32(b[off+4:], sum)
		off = end
	}
	return b
}

// Whatever the newest segment holds: the journal opens, appends, and finds
// what it appended after a restart.
func FuzzJournalSegment(f *testing.F) {
	disk := faultfs.New()
	j, err := durable.OpenJournal(disk, "/j", tight)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []string{"one", "two"} {
		if _, err := j.Append([]byte(v)); err != nil {
			f.Fatal(err)
		}
		f.Add(disk.Files()["/j/0000000000000001.jnl"], false)
	}
	if err := j.Ack(1); err != nil {
		f.Fatal(err)
	}
	f.Add(disk.Files()["/j/0000000000000001.jnl"], true)
	f.Add([]byte("AIMJRNL1"), false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			b = seal(b)
		}
		disk := faultfs.New()
		disk.Put("/j/0000000000000001.jnl", b, 0o600)
		j, err := durable.OpenJournal(disk, "/j", tight)
		if err != nil {
			t.Fatal(err)
		}
		n, err := j.Append([]byte("new"))
		if errors.Is(err, durable.ErrDamaged) { // a number beyond all bounds
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err = durable.OpenJournal(disk, "/j", tight); err != nil {
			t.Fatal(err)
		}
		if e, ok := j.Last(); !ok || e.N != n || string(e.Data) != "new" {
			t.Fatalf("last is %d %q, want %d", e.N, e.Data, n)
		}
	})
}
