package agent

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// keeperOn makes a persister on a file system in memory.
func keeperOn(t *testing.T, fs durable.Sys, boot string) *persister {
	t.Helper()
	state, lost := openState(fs, "/"+stateName)
	if lost != nil {
		t.Fatal(lost)
	}
	return newPersister(fs, boot, "/"+lastGoodName, state, newOutbox(fs, "/journal"), slog.New(slog.DiscardHandler))
}

// numbers are the event numbers that wait for the broker.
func numbers(t *testing.T, o *outbox) (out []uint64) {
	t.Helper()
	entries, err := o.Pending(100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var ev telemetry.Event
		if err := telemetry.Decode(e.Data, &ev); err != nil {
			t.Fatal(err)
		}
		out = append(out, ev.N)
	}
	return out
}

// TestEventNumbers counts per boot, across restarts, without a gap but for
// what was dropped.
func TestEventNumbers(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	say := func(boot string, n int) *persister {
		p := keeperOn(t, fs, boot)
		for range n {
			p.report(report{kind: "test", level: levelInfo, text: "x"})
		}
		p.drain()
		if err := p.journal.close(); err != nil {
			t.Fatal(err)
		}
		p.state.close()
		return p
	}
	say("boot-1", 2)
	say("boot-1", 1)            // the agent restarted
	say("boot-2", maxReports+3) // the board rebooted, and the disk was too slow
	p := keeperOn(t, fs, "boot-2")
	p.report(report{kind: "test", level: levelInfo, text: "x"})
	p.drain()
	got := numbers(t, p.journal)
	want := []uint64{1, 2, 3}
	for n := range uint64(maxReports) {
		want = append(want, n+4) // three were dropped before the first was written: numbers 1 … 3
	}
	if len(got) > 100 || !reflect.DeepEqual(got[:3], want[:3]) || got[3] != 4 {
		t.Errorf("got %v", got[:6])
	}
	if p.n != maxReports+4 {
		t.Errorf("the newest is number %d, want %d", p.n, maxReports+4)
	}
}

// TestFullDisk flies on with a full disk, says so once, says once that it
// works again, and loses nothing that came after.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	p := keeperOn(t, fs, "boot-1")
	var said []string
	p.trouble = func(part, why string) {
		said = append(said, part+" "+map[bool]string{true: "works", false: "fails"}[why == ""])
	}
	fs.FailFrom(1, unix.ENOSPC)
	for range 3 {
		p.report(report{kind: "test", level: levelInfo, text: "lost"})
		p.keepPause(pause.Saved{Waived: pause.Of(pause.Lock)})
		p.drain()
	}
	fs.Heal()
	p.report(report{kind: "test", level: levelInfo, text: "kept"})
	p.keepPause(pause.Saved{Waived: pause.Of(pause.Config)})
	p.drain()
	if got := strings.Join(said, ", "); got != "journal fails, state fails, journal works, state works" {
		t.Errorf("said %q", got)
	}
	if got := numbers(t, p.journal); !reflect.DeepEqual(got, []uint64{4}) {
		t.Errorf("events %v wait, want number 4 alone: the gap shows the loss", got)
	}
	if s, _ := openState(fs, "/"+stateName); s.get().Pause.Waived != pause.Of(pause.Config) {
		t.Error("the state was not saved")
	}
}

// TestDamagedState begins anew and says so; a torn one is the older of the two.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	state, _ := openState(fs, "/s")
	for n := range uint64(3) {
		if err := state.update(func(s *savedState) { s.Counter = n + 1 }); err != nil {
			t.Fatal(err)
		}
	}
	data := bytes.Clone(fs.Files()["/s"])
	for i := range data {
		data[i] ^= 0x55
	}
	bad := faultfs.New()
	bad.Put("/s", data, 0o644)
	state, lost := openState(bad, "/s")
	if lost == nil || state.get().Counter != 0 {
		t.Errorf("got counter %d, lost %v", state.get().Counter, lost)
	}
}

// TestLastGoodOutlivesPowerCuts cuts the power at every moment of an adoption:
// the file in force is the old or the new one.
func TestLastGoodOutlivesPowerCuts(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	p := keeperOn(t, fs, "boot-1")
	p.keepConfig([]byte("version = 1\n"), "h1")
	p.flush()
	promised := ""
	faultfs.Enumerate(fs, func() {
		p.keepConfig([]byte("version = 2\n"), "h2")
		p.flush()
		promised = "version = 2\n"
	}, func(disk *faultfs.FS) {
		got, err := durable.Read(disk, "/"+lastGoodName, 1<<10)
		if err != nil || (string(got) != "version = 1\n" && string(got) != "version = 2\n") || (promised != "" && string(got) != promised) {
			t.Errorf("after a power cut: %q, %v (promised %q)", got, err, promised)
		}
	})
}

// TestLogLines are what people and their tools search for.
func TestLogLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := NewLog(&b, false, false)
	report{level: levelError, text: hotLine, pairs: pairs("cause", "lock", "holder", "evil\nERROR forged", "do", `end "it"`, "empty", "")}.write(log)
	log.Debug("not shown")
	log.Warn("two", "a", 1, "b", "c d", "took", time.Second, "err", io.EOF)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	if want := `ERROR aim_lock_config.conf: HOT cause=lock holder="evil\nERROR forged" do="end \"it\""`; lines[0][13:] != want {
		t.Errorf("got  %s\nwant %s", lines[0][13:], want)
	}
	if want := `WARN two a=1 b="c d" took=1s err=EOF`; lines[1][13:] != want {
		t.Errorf("got  %s\nwant %s", lines[1][13:], want)
	}
	b.Reset()
	NewLog(&b, true, false).Error(hotLine, "cause", "lock", "n", 1, "ok", true, "took", time.Second, "at", time.Unix(0, 0), "err", io.EOF, 7)
	if !strings.Contains(b.String(), `"level":"ERROR","msg":"aim_lock_config.conf: HOT","cause":"lock","n":1,"ok":true,"took":"1s","at":"1970-01-01T00:00:00Z","err":"EOF","!BADKEY":7}`) {
		t.Errorf("JSON: %s", b.String())
	}
}

// TestClip cuts at whole characters.
func TestClip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"abc": "abc", "abcd": "abc…", "abé": "ab…", "é…é": "é…", "a\xff": "a…", "\xff\xff": "\ufffd"} {
		if got := clip(in, 3); got != want {
			t.Errorf("clip(%q) is %q, want %q", in, got, want)
		}
	}
}

// TestStatusSocket answers, keeps strangers out, and takes a dead agent's
// place.
func TestStatusSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 { // the second finds the first one's file
		l, err := listenStatus(dir)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, StatusSocket))
		if err != nil || info.Mode().Perm() != 0o660 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	l, err := listenStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in := make(chan event)
	go serveStatus(ctx, l, source{clock: func() int64 { return 1 }, out: in})
	var conns []net.Conn
	for range maxAskers + 1 { // nobody answers: the last one is turned away
		c, err := net.Dial("unix", filepath.Join(dir, StatusSocket))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	if b, err := io.ReadAll(conns[maxAskers]); err != nil || len(b) != 0 {
		t.Errorf("one too many got %q, %v", b, err)
	}
	ev := <-in
	ev.reply <- []byte("status")
	// Whoever asked first is not known here: one of them gets it.
	got := make(chan string, maxAskers)
	for _, c := range conns[:maxAskers] {
		go func() { b, _ := io.ReadAll(c); got <- string(b) }()
	}
	if s := <-got; s != "status" {
		t.Errorf("got %q", s)
	}
}

// lastEvent is the newest event in a journal, acknowledged or not.
func lastEvent(t *testing.T, o *outbox) (ev telemetry.Event) {
	t.Helper()
	err := o.with(func(j *durable.Journal) error {
		entry, _ := j.Last()
		return telemetry.Decode(entry.Data, &ev)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}
