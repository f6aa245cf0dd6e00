package locksmith

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Record{
		"held":     held(nil),
		"released": held(func(r *Record) { r.Held = false }),
		"words":    held(func(r *Record) { r.Reason = `wartet auf "Prüfung" \ 検査` }),
		"longest": held(func(r *Record) {
			r.Holder, r.Reason = strings.Repeat(`"`, maxName), strings.Repeat(`\`, maxReason)
			r.Name, r.BootID = strings.Repeat(`"`, maxName), strings.Repeat(`"`, maxName)
			r.Epoch, r.Process = 1<<64-1, Process{1 << 30, 1<<64 - 1}
			r.Acquired, r.Renewed, r.Deadline, r.WallMS = maxTime, maxTime, maxTime, -1<<63
		}),
		"clock at 1970": held(func(r *Record) { r.WallMS = 0 }),
	} {
		data := r.Encode()
		if len(data) > MaxRecord {
			t.Errorf("%s: %d bytes", name, len(data))
		}
		got, err := DecodeRecord(data)
		if err != nil || got != r {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, r)
		}
	}
}

// A technician reads the record with cat; other versions read it too.
func TestRecordGolden(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "held.rec"))
	if err != nil {
		t.Fatal(err)
	}
	if got := held(nil).Encode(); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// seal replaces the checksum by the right one.
func seal(text string) []byte {
	body, _, _ := strings.Cut(text, "crc ")
	return fmt.Appendf([]byte(body), "crc %08x\n", crc32.Checksum([]byte(body), castagnoli))
}

func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	good := string(held(nil).Encode())
	swap := func(old, new string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the record", old)
		}
		return seal(strings.Replace(good, old, new, 1))
	}
	for name, data := range map[string][]byte{
		"empty":                  nil,
		"zeros, as after a cut":  make([]byte, len(good)),
		"too large":              bytes.Repeat([]byte("x"), MaxRecord+1),
		"text":                   []byte("somebody else's file\n"),
		"another version":        swap("record 1", "record 2"),
		"a bit turned":           []byte(strings.Replace(good, "epoch 7", "epoch 5", 1)),
		"trailing bytes":         []byte(good + "\n"),
		"two records":            []byte(good + good),
		"line missing":           swap("pid 123\n", ""),
		"lines in another order": swap("pid 123\nstart 4567\n", "start 4567\npid 123\n"),
		"line too many":          swap("pid 123\n", "pid 123\nsudo yes\n"),
		"number with a plus":     swap("pid 123", "pid +123"),
		"number too large":       swap("epoch 7", "epoch 99999999999999999999"),
		"epoch 0":                swap("epoch 7", "epoch 0"),
		"pid 0":                  swap("pid 123", "pid 0"),
		"pid -1 kills all":       swap("pid 123", "pid -1"),
		"unknown state":          swap(`"held"`, `"maybe"`),
		"unknown role":           swap(`"orchestrator"`, `"root"`),
		"terminal escape":        swap("fleet-updater", `\x1b[2J`),
		"not canonical":          swap("fleet-updater", `\x66leet-updater`),
		"no holder":              swap("fleet-updater", ""),
		"renewed before grant":   swap("renewed 100", "renewed 99"),
		"negative time":          swap("acquired 1", "acquired -1"),
		"time that overflows":    swap("deadline 110000000000", "deadline 9223372036854775807"),
	} {
		r, err := DecodeRecord(data)
		if !errors.Is(err, ErrRecord) || r != (Record{}) {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
	for n := range good { // every truncation
		if _, err := DecodeRecord([]byte(good[:n])); !errors.Is(err, ErrRecord) {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(held(nil).Encode())
	f.Add(held(func(r *Record) { r.Held, r.Reason = false, "" }).Encode())
	f.Add([]byte(recordHead + "crc 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum would keep nearly every input out: try both.
		for _, in := range [][]byte{data, seal(string(data))} {
			r, err := DecodeRecord(in)
			if err != nil {
				if !errors.Is(err, ErrRecord) || r != (Record{}) {
					t.Fatalf("error %v with %+v", err, r)
				}
				continue
			}
			if !bytes.Equal(r.Encode(), in) {
				t.Fatalf("decoded %q, encodes as %q", in, r.Encode())
			}
			Judge(Facts{Refused: true, State: ValidRecord, Record: r, BootID: r.BootID, Alive: true, MaxTTL: maxLease})
			look := Look{Verdict: Overdue, Record: r, HasRecord: true}
			if !printable(look.Words()) || !printable(look.Who()) {
				t.Fatalf("unfit for a terminal: %q", look.Words())
			}
		}
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":          "plain",
		"a\x1b[31mred\n": "a?[31mred?",
		"bad\xffutf8":    "bad?utf8",
		"tenbytes-äöü":   "tenbytes-",
		"\u202ereversed": "?reversed",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}
