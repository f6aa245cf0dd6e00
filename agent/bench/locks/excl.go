package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// exclKind is the file made with O_EXCL, every step of it synced.
var exclKind = kind{
	name: "O_EXCL file, fsyncs", turns: 300, runs: 9, boots: 9, durable: "the file, which then has to be judged",
	open: func(dir string) (lock, error) {
		return &excl{path: filepath.Join(dir, "lock"), make: makeExcl, syncRemoval: true}, nil
	},
	reboot: func(string) error { return nil }, age: ageFile, reuse: reusePID,
}

// resticKind is what restic's local backend and its lock do (0.18): a temporary
// file, preallocated, written, fsynced, renamed, the folder fsynced; other locks
// looked for before and after; at the end removed without a sync. Its pause of
// 200 ms between the two looks is left out here.
var resticKind = kind{
	name: "restic's way", turns: 300, runs: 9, boots: 9, durable: "the file; not its removal",
	open:   func(dir string) (lock, error) { return &excl{path: filepath.Join(dir, "lock"), make: makeRestic}, nil },
	reboot: func(string) error { return nil }, age: ageFile, reuse: reusePID,
}

// restic's rule of staleness: older than this, or its pid is not there.
const staleAfter = 30 * time.Minute

type claimFile struct {
	Time time.Time `json:"time"`
	PID  int       `json:"pid"`
	ID   int64     `json:"id"` // whose it is, for the check before a write
}

type excl struct {
	path        string
	make        func(path string, data []byte) error
	syncRemoval bool
	id          int64
}

func (e *excl) close() {}

func (e *excl) read() (c claimFile, err error) {
	data, err := os.ReadFile(e.path)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	return c, err
}

// stale says whether the holder may be taken for gone.
func (c claimFile) stale() bool {
	return time.Since(c.Time) > staleAfter || syscall.Kill(c.PID, 0) == syscall.ESRCH
}

func (e *excl) acquire(ctx context.Context) (held, error) {
	for {
		e.id = time.Now().UnixNano()
		data, err := json.Marshal(claimFile{time.Now(), os.Getpid(), e.id})
		if err != nil {
			return nil, err
		}
		err = e.make(e.path, data)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if c, err := e.read(); err == nil && c.stale() {
			if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func makeExcl(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}

func makeRestic(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return fs.ErrExist
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-tmp-")
	if err != nil {
		return err
	}
	if err := syscall.Fallocate(int(f.Fd()), 1, 0, int64(len(data))); err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(f.Name(), path), syncDir(filepath.Dir(path)), os.Chmod(path, 0o400)); err != nil {
		return err
	}
	_, err = os.Stat(path) // the second look
	return err
}

func (e *excl) await(ctx context.Context) error {
	h, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	return h.release()
}

func (e *excl) steal(ctx context.Context, _ int) (held, bool, error) {
	h, err := e.acquire(ctx)
	return h, false, err
}

func (e *excl) release() error {
	err := os.Remove(e.path)
	if e.syncRemoval {
		err = errors.Join(err, syncDir(filepath.Dir(e.path)))
	}
	return err
}

// write looks whether the file is still ours, which is all that can be done.
func (e *excl) write(path, text string, checked func()) error {
	if c, err := e.read(); err != nil || c.ID != e.id {
		return fmt.Errorf("the lock is another's: %v", err)
	}
	checked()
	return replace(path, text)
}

// ageFile makes the lock as old as a holder's that could not refresh it.
func ageFile(dir string) error {
	return changeFile(dir, func(c *claimFile) { c.Time = c.Time.Add(-staleAfter - time.Second) })
}

// reusePID leaves the lock of a holder whose pid is another's now: ours.
func reusePID(ctx context.Context, dir string) (stuck bool, err error) {
	e := excl{path: filepath.Join(dir, "lock"), make: makeExcl}
	if _, err := e.acquire(ctx); err != nil {
		return false, err
	}
	if err := changeFile(dir, func(c *claimFile) { c.PID = os.Getpid() }); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*retryEvery+retryEvery/2)
	defer cancel()
	_, err = e.acquire(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return true, nil
	}
	return false, err
}

func changeFile(dir string, change func(*claimFile)) error {
	e := excl{path: filepath.Join(dir, "lock")}
	c, err := e.read()
	if err != nil {
		return err
	}
	change(&c)
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(e.path, 0o600), os.WriteFile(e.path, data, 0o600))
}
