package config

import (
	"errors"
	"path/filepath"
	"syscall"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// trace is what a look at a file compares. A writer that sets the times back,
// or that keeps the size, still changes ctime.
type trace struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
	err          syscall.Errno
}

func traceOf(path string) trace {
	var s unix.Stat_t
	err := unix.Stat(path, &s)
	for err == unix.EINTR {
		err = unix.Stat(path, &s)
	}
	if err != nil {
		var t trace
		errors.As(err, &t.err)
		return t
	}
	return trace{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim, 0}
}

// file tells which file is at a path, whatever its contents.
func (t trace) file() trace { return trace{dev: t.dev, ino: t.ino, err: t.err} }

// events turns whatever inotify reports of a file and its folder into one bit:
// something happened. The watch of the folder sees renames, new files and a
// swapped ..data; the watch of the file sees writes through a bind mount or to
// a link's target elsewhere. Neither survives the replacement of what it
// watches, so both are renewed then.
type events struct {
	notify chan struct{} // holds one
	why    string        // inotify does not serve; "": it does
	add    func(path string) error
	remove func(path string) error
	close  func()

	path      string
	dir, file trace         // what is watched, without its contents
	lost      chan struct{} // holds one: events were dropped
	retry     int           // looks until inotify is tried again
}

const retries = 20 // looks, ten seconds

func inotify(path string) *events {
	e := &events{notify: make(chan struct{}, 1), lost: make(chan struct{}, 1), path: path, close: func() {}}
	e.start()
	return e
}

// start opens an inotify instance; without one, looking must do.
func (e *events) start() {
	e.dir, e.file = trace{}, trace{}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		e.why = degraded(err)
		return
	}
	e.add, e.remove, e.close = w.Add, w.Remove, func() { w.Close() }
	go e.drain(w)
}

// drain empties the watcher until it is closed, so that it never blocks.
func (e *events) drain(w *fsnotify.Watcher) {
	for {
		select {
		case _, ok := <-w.Events:
			if !ok {
				return
			}
		case _, ok := <-w.Errors: // an overflow, mostly
			if !ok {
				return
			}
			raise(e.lost)
		}
		raise(e.notify)
	}
}

// raise sets a flag: a channel that holds one.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// stale tells whether the watches no longer watch what is there, or may be had
// again.
func (e *events) stale() bool {
	if e.why != "" {
		e.retry--
		return e.retry <= 0
	}
	return traceOf(filepath.Dir(e.path)).file() != e.dir || traceOf(e.path).file() != e.file
}

// renew makes the watches fit what is there. It comes before reading: what
// changes afterwards is an event.
func (e *events) renew(path string) {
	select {
	case <-e.lost:
		e.dir, e.file = trace{}, trace{}
	default:
	}
	if e.why != "" && e.retry > 0 {
		return
	}
	e.retry = retries
	if e.add == nil {
		e.why = ""
		if e.start(); e.why != "" {
			return
		}
	}
	folder := filepath.Dir(path)
	err := e.watch(folder, &e.dir)
	if fileErr := e.watch(path, &e.file); err == nil && !errors.Is(fileErr, unix.EACCES) {
		err = fileErr // a file that may not be watched may not be read, which the reading says
	}
	if e.why = ""; err != nil && !errors.Is(err, unix.ENOENT) { // gone since the look: the next one sees it
		e.why = degraded(err)
	}
}

// watch watches path, unless the watch that is there still does.
func (e *events) watch(path string, watched *trace) error {
	now := traceOf(path).file()
	if now == *watched && now.err == 0 {
		return nil
	}
	e.remove(path) // of what was there before; it may be gone with it
	*watched = trace{}
	if now.err != 0 {
		*watched = now
		return nil // the reading says so
	}
	if err := e.add(path); err != nil {
		return err
	}
	*watched = now
	return nil
}

// degraded says why events are off, and what would bring them back.
func degraded(err error) string {
	why := err.Error()
	switch {
	case errors.Is(err, unix.ENOSPC):
		why = "inotify has no watches left: raise fs.inotify.max_user_watches"
	case errors.Is(err, unix.EMFILE):
		why = "inotify has no instances left: raise fs.inotify.max_user_instances"
	}
	return why + "; the live file is looked at every " + short(look)
}
