package durable_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

func numbers(t *testing.T, j *durable.Journal, max int) (out []uint64) {
	t.Helper()
	pending, err := j.Pending(max)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range pending {
		if want := pattern(byte(e.N), 500); string(e.Data) != string(want) {
			t.Errorf("entry %d has another's data", e.N)
		}
		out = append(out, e.N)
	}
	return out
}

// useJournal takes a journal through its whole life, restarts included.
func useJournal(t *testing.T, sys durable.Sys, dir string) {
	t.Helper()
	open := func() *durable.Journal {
		t.Helper()
		j, err := durable.OpenJournal(sys, dir, tight)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	appendUpTo := func(j *durable.Journal, from, to uint64) {
		t.Helper()
		for n := from; n <= to; n++ {
			if got, err := j.Append(pattern(byte(n), 500)); err != nil || got != n {
				t.Fatalf("appended %d, %v; want %d", got, err, n)
			}
		}
	}
	expect := func(j *durable.Journal, max int, want []uint64, last, lost uint64) {
		t.Helper()
		if got := numbers(t, j, max); !slices.Equal(got, want) {
			t.Errorf("pending %v, want %v", got, want)
		}
		if e, ok := j.Last(); ok != (last > 0) || e.N != last {
			t.Errorf("last %d, want %d", e.N, last)
		}
		if j.Lost() != lost {
			t.Errorf("lost %d, want %d", j.Lost(), lost)
		}
	}
	j := open()
	expect(j, 10, nil, 0, 0)
	appendUpTo(j, 1, 5)
	expect(j, 3, []uint64{1, 2, 3}, 5, 0)
	if _, err := durable.OpenJournal(sys, dir, tight); !errors.Is(err, durable.ErrBusy) {
		t.Errorf("second open: %v, want ErrBusy", err)
	}
	if err := errors.Join(j.Ack(2), j.Ack(1), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open()
	expect(j, 10, []uint64{3, 4, 5}, 5, 0)
	if err := j.Ack(6); err == nil || !strings.Contains(err.Error(), "never appended") {
		t.Errorf("acknowledging what is not there: %v", err)
	}
	if err := errors.Join(j.Ack(5), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open()
	expect(j, 10, nil, 5, 0) // the last one stays, though acknowledged
	appendUpTo(j, 6, 15)     // room for 4 … 6 of them: 11 and so on stay
	expect(j, 10, []uint64{11, 12, 13, 14, 15}, 15, 5)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open()
	expect(j, 10, []uint64{11, 12, 13, 14, 15}, 15, 5)
	if err := errors.Join(j.Ack(15), j.Close()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{j.Close(), func() error { _, err := j.Append([]byte("x")); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "is closed") {
			t.Errorf("used after close: %v", err)
		}
	}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	useJournal(t, disk, "/journal")
	if n := disk.Descriptors(); n != 0 {
		t.Errorf("%d descriptors leaked", n)
	}
	total, segments := 0, 0
	for name, data := range disk.Files() {
		total += len(data)
		if strings.HasSuffix(name, ".jnl") {
			segments++
		}
	}
	if int64(total) > tight.Total || segments > 4 {
		t.Errorf("%d bytes in %d segments", total, segments)
	}
}

func TestJournalRefusesBadUse(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	for _, l := range []durable.Limits{
		{}, {Segment: 1000, Total: 4000}, {Segment: 1000, Total: 4000, Entry: 961}, {Segment: 1000, Total: 3999, Entry: 10},
		{Segment: 1 << 30, Total: 1 << 40, Entry: 10}, {Segment: 16 << 20, Total: 1 << 40, Entry: 2 << 20},
	} {
		if _, err := durable.OpenJournal(disk, "/journal", l); err == nil || !strings.Contains(err.Error(), "must be") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	j, err := durable.OpenJournal(disk, "/journal", tight)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(make([]byte, 601)); !errors.Is(err, durable.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := j.Append(nil); err == nil {
		t.Error("an empty entry is taken")
	}
	// After a failed sync nothing more is promised.
	if _, err := j.Append([]byte("one")); err != nil {
		t.Fatal(err)
	}
	disk.FailAt(2, unix.EIO)
	if _, err := j.Append([]byte("two")); !errors.Is(err, unix.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	if _, err := j.Append([]byte("two")); !errors.Is(err, durable.ErrDead) {
		t.Errorf("%v, want ErrDead", err)
	}
}

// The torn tail and what is no segment are gone after opening; other files stay.
func TestJournalCleansUp(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	j, err := durable.OpenJournal(disk, "/journal", tight)
	if err != nil {
		t.Fatal(err)
	}
	for n := range byte(2) {
		if _, err := j.Append(pattern(n+1, 500)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	const name = "/journal/0000000000000001.jnl"
	whole := disk.Files()[name]
	disk.Put(name, append(whole, pattern('t', 700)...), 0o600)
	disk.Put("/journal/0000000000000002.jnl", append([]byte("AIMJRNL1"), whole[8+532:]...), 0o600) // overlaps
	disk.Put("/journal/0000000000000004.jnl", []byte("AIMJRNL1 torn"), 0o600)
	disk.Put("/journal/0000000000000003.jnl", whole, 0o600) // another's content
	disk.Put("/journal/note.txt", []byte("keep"), 0o600)
	if j, err = durable.OpenJournal(disk, "/journal", tight); err != nil {
		t.Fatal(err)
	}
	if got := numbers(t, j, 10); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("pending %v", got)
	}
	files := disk.Files()
	if string(files[name]) != string(whole) || len(files) != 3 || files["/journal/note.txt"] == nil {
		t.Errorf("%d bytes in the segment, want %d; %d files, want 3", len(files[name]), len(whole), len(files))
	}
}
