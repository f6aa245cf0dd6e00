package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// How soon a change is noticed: after quiet, or after patience where events
// never end; without events within look, then quiet.
const (
	quiet    = 200 * time.Millisecond // no event for so long, and the writer is done
	patience = 800 * time.Millisecond // but never wait longer than this
	look     = 500 * time.Millisecond // between two looks at what events may miss
	settle   = 10 * time.Millisecond  // between two reads that must agree
	readings = 6                      // of a file that changes under the reader, then the last one counts
	rereads  = 20                     // looks until the file is read although it looks the same
)

// Change is what the live file is now.
type Change struct {
	Data     []byte // nil when it could not be read
	Hash     string // of Data; "" when it could not be read
	Live     *Live  // nil when Err
	Err      error  // Problems, or why it could not be read
	Degraded string // why changes are noticed by looking alone; "" normally
}

func (c Change) same(o Change) bool {
	return c.Hash == o.Hash && c.Degraded == o.Degraded && fmt.Sprint(c.Err) == fmt.Sprint(o.Err)
}

// Watch sends what the live file at path is: at once, and within a second of
// each change of its digest, of what is wrong with it, or of Degraded. A file
// that is missing, unreadable or no file is a Change with Err, and so is one
// that CheckLive refuses. Only the newest change waits for a slow receiver. The
// receiver owns Data. Watch returns when ctx ends, with ctx's error.
func Watch(ctx context.Context, path string, floor Safety, out chan<- Change) error {
	w := watcher{path: path, floor: floor, events: inotify(path), look: look}
	return w.run(ctx, out)
}

type watcher struct {
	path   string
	floor  Safety
	events *events
	look   time.Duration
	seen   trace // of the file, just before it was read
	again  int   // looks until the file is read in any case

	judged Change // of the last content; its Data is not handed out
}

// run waits for the first of: an event, a look that finds a difference, the end
// of the events' patience, the receiver.
func (w *watcher) run(ctx context.Context, out chan<- Change) error {
	defer func() { w.events.close() }()
	ticker := time.NewTicker(w.look)
	defer ticker.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var (
		sent    Change
		pending = w.read(ctx)
		to      = out // nil while nothing is pending
		dirty   time.Time
		first   = true
	)
	stir := func() {
		if dirty.IsZero() {
			dirty = time.Now()
		}
		timer.Reset(min(quiet, time.Until(dirty.Add(patience))))
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case to <- pending:
			sent, first, to = pending, false, nil
		case <-w.events.notify:
			stir()
		case <-ticker.C:
			if w.differs() && dirty.IsZero() {
				stir()
			}
		case <-timer.C:
			if dirty.IsZero() {
				continue // the timer's own start
			}
			dirty = time.Time{}
			if pending = w.read(ctx); first || !pending.same(sent) {
				to = out
			} else {
				to = nil
			}
		}
	}
}

// differs tells whether the file must be read, events or none: something about
// it or its folder is not as it was, or the last reading is long ago. The
// reading after a change is repeated at the next look, because a second change
// within the same tick of the file system's clock looks the same.
func (w *watcher) differs() bool {
	w.again--
	return w.again <= 0 || w.events.stale() || traceOf(w.path) != w.seen
}

// read watches, then reads, until two readings agree and what was watched is
// what was read.
func (w *watcher) read(ctx context.Context) Change {
	var data []byte
	var err error
	for i := range readings {
		w.events.renew(w.path)
		before := traceOf(w.path)
		last, lastErr := data, err
		data, err = readFile(w.path, MaxLive)
		agree := i > 0 && bytes.Equal(data, last) && fmt.Sprint(err) == fmt.Sprint(lastErr) && before == w.seen
		if w.seen != before {
			w.again = 1 // the next look reads once more
		}
		w.seen = before
		if agree || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(settle):
		case <-ctx.Done():
		}
	}
	if w.again <= 0 {
		w.again = rereads
	}
	return w.judge(data, err)
}

func (w *watcher) judge(data []byte, err error) Change {
	c := Change{Degraded: w.events.why}
	if err != nil {
		c.Err = fmt.Errorf("config: read the live file: %w; %s", err, remedyOf(err))
		return c
	}
	if w.judged.Data == nil || !bytes.Equal(data, w.judged.Data) {
		w.judged = Change{Data: bytes.Clone(data), Hash: Hash(data)}
		w.judged.Live, w.judged.Err = CheckLive(w.path, data, w.floor)
	}
	c.Data, c.Hash, c.Live, c.Err = data, w.judged.Hash, w.judged.Live, w.judged.Err
	return c
}

// remedyOf says what to do about a file that cannot be read.
func remedyOf(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "put the live file back"
	case errors.Is(err, fs.ErrPermission):
		return "let the agent read it: it should be root's, with mode 0644"
	case errors.Is(err, errNotAFile):
		return "put the live file in its place"
	}
	return "check the disk and the mounts of its folder"
}
