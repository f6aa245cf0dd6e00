package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/natefinch/atomic"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const (
	file     = "/etc/live.conf"
	slotSize = 1300 // bytes: three sectors
)

var (
	oldData = pattern('a', 700)
	newData = pattern('n', 1300)
)

// pattern is n bytes that differ from those of another seed in every sector.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i/512)
	}
	return b
}

// way is one way to replace a file.
type way struct {
	name   string
	module string // of the library; its version is shown
	ours   bool
	taped  bool
	// prepare makes the old file at path, durably.
	prepare func(sys durable.Sys, path string) error
	// replace is what a program calls.
	replace func(path string) error
	// direct is the same on any file system, if it can; the file is at path file.
	direct func(sys durable.Sys) error
	read   func(sys durable.Sys) ([]byte, error)
}

func (w way) label() string {
	if w.module != "" {
		return w.name + " " + version(w.module)
	}
	return w.name
}

var ways = []way{
	{name: "truncate in place, write, fsync", taped: true, prepare: plain, read: readFile,
		replace: func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				return err
			}
			_, err = f.Write(newData)
			return errors.Join(err, f.Sync(), f.Close())
		}},
	{name: "temporary + rename, no fsync", taped: true, prepare: plain, read: readFile,
		replace: func(path string) error {
			tmp := path + ".tmp"
			return errors.Join(os.WriteFile(tmp, newData, 0o644), os.Rename(tmp, path))
		}},
	{name: "google/renameio", module: "github.com/google/renameio/v2", taped: true, prepare: plain, read: readFile,
		replace: func(path string) error {
			// In the file's own folder, as it does by itself where /tmp is another
			// file system.
			return renameio.WriteFile(path, newData, 0o644, renameio.WithTempDir(filepath.Dir(path)))
		}},
	{name: "natefinch/atomic", module: "github.com/natefinch/atomic", taped: true, prepare: plain, read: readFile,
		replace: func(path string) error { return atomic.WriteFile(path, bytes.NewReader(newData)) }},
	{name: "Replace (firmware/durable)", ours: true, taped: true, prepare: plain, read: readFile,
		replace: func(path string) error { return durable.Replace(durable.Linux, path, newData, 0o644) },
		direct:  func(sys durable.Sys) error { return durable.Replace(sys, file, newData, 0o644) }},
	{name: "Slots (firmware/durable)", ours: true, taped: true, read: readSlots,
		prepare: func(sys durable.Sys, path string) error { return writeSlots(sys, path, oldData) },
		replace: func(path string) error { return writeSlots(durable.Linux, path, newData) },
		direct:  func(sys durable.Sys) error { return writeSlots(sys, file, newData) }},
}

// plain makes the old file.
func plain(sys durable.Sys, path string) error { return durable.Replace(sys, path, oldData, 0o644) }

func readFile(sys durable.Sys) ([]byte, error) { return durable.Read(sys, file, 1<<16) }

func writeSlots(sys durable.Sys, path string, data []byte) error {
	s, err := durable.OpenSlots(sys, path, slotSize)
	if err != nil {
		return err
	}
	return errors.Join(s.Write(data), s.Close())
}

func readSlots(sys durable.Sys) ([]byte, error) {
	data, _, err := durable.PeekSlots(sys, file)
	return data, err
}

// counts is what the enumeration found.
type counts struct{ states, torn, missing, old int }

// enumerate runs the replacement with the power cut at every moment.
func (w way) enumerate(replace func(durable.Sys) error, fat bool) (n counts, err error) {
	disk := faultfs.New()
	disk.SplitRename = fat
	disk.Put("/etc/other", []byte("x"), 0o644)
	if err := w.prepare(disk, file); err != nil {
		return n, fmt.Errorf("prepare: %w", err)
	}
	disk = disk.Crash(func(int) bool { return true }) // all of it is on the disk
	acked := false
	c := faultfs.Enumerate(disk, func() {
		err = replace(disk)
		acked = true
	}, func(after *faultfs.FS) {
		switch got, rerr := w.read(after); {
		case errors.Is(rerr, fs.ErrNotExist):
			n.missing++
		case rerr != nil:
			n.torn++
		case bytes.Equal(got, newData):
		case !bytes.Equal(got, oldData):
			n.torn++
		case acked:
			n.old++
		}
	})
	n.states = c.States
	if got, _ := w.read(disk); err == nil && !bytes.Equal(got, newData) {
		err = errors.New("the new content is not there in the end")
	}
	return n, err
}

// beChild replaces the file in another process, for the tracer.
func beChild(name, path string) error {
	for _, w := range ways {
		if w.name == name {
			return w.replace(path)
		}
	}
	return errors.New("no such way")
}
