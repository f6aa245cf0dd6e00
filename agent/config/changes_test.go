package config

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWatchStorm rewrites the file in place without a pause: the changes are
// few, and the last state is reported in the end.
func TestWatchStorm(t *testing.T) {
	t.Parallel()
	path := place(t)
	next := watching(t, &watcher{path: path, events: inotify(path), look: look})
	next()
	for v := range 300 {
		must(t, write(path, live(v)))
	}
	want, changes := Hash([]byte(live(299))), 0
	for c := next(); c.Hash != want; c = next() {
		if changes++; changes > 3 {
			t.Fatalf("change %d of a burst: %q, %v", changes, c.Data, c.Err)
		}
	}
}

// TestWatchHalf lets a writer take its time between two halves of the file:
// while it stirs, nobody reads. One try of five must do, because on a shared
// machine the writer itself may be held up for longer than the watcher waits.
func TestWatchHalf(t *testing.T) {
	t.Parallel()
	path := place(t)
	next := watching(t, &watcher{path: path, events: inotify(path), look: time.Hour})
	next()
	for try := range 5 {
		must(t, write(path, "[lock]\nttl = "))
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
			must(t, write(path+".log", "stir"))
		}
		text := live(try+2) + "[lock]\nttl = \"7s\"\n"
		must(t, write(path, text))
		halves := 0
		for c := next(); string(c.Data) != text; c = next() {
			halves++
		}
		if halves == 0 {
			return
		}
	}
	t.Error("half a file was reported in each of five tries")
}

// TestWatchQuiet proves that the same bytes in another file are no change.
func TestWatchQuiet(t *testing.T) {
	t.Parallel()
	path := place(t)
	out := running(t, &watcher{path: path, events: inotify(path), look: 20 * time.Millisecond})
	<-out
	must(t, write(path+".tmp", live(1)), os.Rename(path+".tmp", path))
	select {
	case c := <-out:
		t.Errorf("the same bytes are a change: %+v", c)
	case <-time.After(3 * quiet):
	}
}

// TestWatchSame proves that only a changed digest is a change, and that a
// change which events miss and a look cannot tell is read all the same.
func TestWatchSame(t *testing.T) {
	t.Parallel()
	path := place(t)
	w := &watcher{path: path, events: inotify(path), look: time.Hour}
	defer w.events.close()
	ctx := t.Context()
	if first, again := w.read(ctx), w.read(ctx); !again.same(first) || again.Hash == "" {
		t.Fatalf("%+v is no longer %+v", again, first)
	}
	must(t, write(path+".tmp", live(1)), os.Rename(path+".tmp", path))
	if !w.differs() {
		t.Error("another file in its place goes unseen")
	}
	if c := w.read(ctx); c.Hash != Hash([]byte(live(1))) {
		t.Errorf("read: %+v", c)
	}
	if !w.differs() { // a second write within the clock's tick looks the same
		t.Error("the reading after a change is not repeated")
	}
	w.read(ctx)
	for i := range rereads {
		if got := w.differs(); got != (i == rereads-1) {
			t.Errorf("look %d at an unchanged file: differs is %v", i, got)
		}
	}
	w.read(ctx)
	info, err := os.Stat(path)
	must(t, err, write(path, live(2)), os.Chtimes(path, info.ModTime(), info.ModTime()))
	if !w.differs() {
		t.Error("an edit in place that kept size and times goes unseen")
	}
}

// TestEventsRecover takes inotify's watches away and gives them back.
func TestEventsRecover(t *testing.T) {
	t.Parallel()
	path := place(t)
	e := inotify(path)
	defer e.close()
	add := e.add
	e.add = func(string) error { return unix.ENOSPC }
	e.renew(path)
	if !strings.Contains(e.why, "raise fs.inotify.max_user_watches") {
		t.Fatalf("degraded: %q", e.why)
	}
	e.add = add
	looks := 1
	for ; !e.stale(); looks++ {
		e.renew(path)
	}
	if e.renew(path); e.why != "" || looks != retries {
		t.Errorf("after %d looks: %q", looks, e.why)
	}
	if e.stale() {
		t.Error("fresh watches are stale")
	}
	raise(e.lost)
	if e.renew(path); e.why != "" || e.stale() {
		t.Errorf("after an overflow: %q", e.why)
	}
}

// TestWatchSoon takes the best of a few edits, because the machine is shared.
func TestWatchSoon(t *testing.T) {
	t.Parallel()
	path := place(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan Change), make(chan error, 1)
	go func() { ended <- Watch(ctx, path, Safety{}, out) }()
	<-out
	best := time.Hour
	for v := 2; v < 12 && best > time.Second; v++ {
		start := time.Now()
		must(t, write(path, live(v)))
		<-out
		best = min(best, time.Since(start))
	}
	if best > time.Second {
		t.Errorf("a change is noticed after %v, want 1s at most", best)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v", err)
	}
}
