package models

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const (
	live  = "/etc/live.conf"
	slots = "/etc/slots"
)

// value is version v's content: two pieces and a bit, different in each.
func value(piece int, v uint64) []byte {
	b := make([]byte, 2*piece+300)
	for i := range b {
		b[i] = byte(v)*16 + byte(i/piece)
	}
	return b
}

// versionOf says which of the versions up to tried data are.
func versionOf(piece int, data []byte, tried uint64) (uint64, error) {
	for v := uint64(1); v <= tried; v++ {
		if bytes.Equal(data, value(piece, v)) {
			return v, nil
		}
	}
	return 0, errTorn
}

// found judges a version.
func (w *Witness) found(v uint64) error {
	switch {
	case v < w.Told:
		return fmt.Errorf("%w: %d, told was %d", errOld, v, w.Told)
	case v > w.Tried:
		return fmt.Errorf("%w: %d, tried was %d", errTorn, v, w.Tried)
	}
	return nil
}

// write notes the promises around write.
func (w *Witness) write(v uint64, write func() error) error {
	w.Tried = max(w.Tried, v)
	if err := write(); err != nil {
		return err
	}
	w.Told = v
	return nil
}

// folders makes folders, durably.
func folders(d Disk, names ...string) error {
	var err error
	for _, name := range names {
		err = errors.Join(err, d.Mkdirat(-100, name, 0o755))
	}
	return errors.Join(err, durable.SyncDir(d, "/"))
}

// replaceWith is a way to replace the file.
func replaceWith(name string, replace func(sys durable.Sys, path string, data []byte, mode uint32) error) Protocol {
	write := func(sys durable.Sys, piece int, w *Witness, v uint64) error {
		return w.write(v, func() error { return replace(sys, live, value(piece, v), 0o644) })
	}
	return Protocol{
		Name: name,
		Prepare: func(d Disk, sys durable.Sys) (run func(*Witness) error, w Witness, err error) {
			err = errors.Join(folders(d, "/etc"), write(d, d.Piece(), &w, 1))
			return func(w *Witness) error { return write(sys, d.Piece(), w, 2) }, w, err
		},
		Restart: func(sys durable.Sys, piece int, w *Witness) error {
			data, err := durable.Read(sys, live, 1<<20)
			if err != nil {
				return err
			}
			v, err := versionOf(piece, data, w.Tried)
			if err == nil {
				err = w.found(v)
			}
			return errors.Join(err, durable.Sweep(sys, live), write(sys, piece, w, v+1))
		},
	}
}

func stageAndSwitch(sys durable.Sys, path string, data []byte, mode uint32) error {
	if err := durable.Stage(sys, path, "shadow", data, mode); err != nil {
		return err
	}
	return durable.Switch(sys, path, "shadow")
}

func writeSlots(sys durable.Sys, piece int, w *Witness, n int) error {
	s, err := durable.OpenSlots(sys, slots, 2*piece+300)
	if err != nil {
		return err
	}
	defer s.Close()
	for range n {
		data, seq, err := s.Read()
		if err != nil {
			return err
		}
		if v, verr := versionOf(piece, data, w.Tried); seq > 0 && (verr != nil || v != seq) {
			return errTorn
		}
		if err := w.found(seq); err != nil {
			return err
		}
		if err := w.write(seq+1, func() error { return s.Write(value(piece, seq+1)) }); err != nil {
			return err
		}
	}
	return nil
}

// slotsAfter is two values more; unsynced: the value before them was written by
// a process that did not live to sync it.
func slotsAfter(name string, prepared int, unsynced bool) Protocol {
	return Protocol{
		Name: name,
		Prepare: func(d Disk, sys durable.Sys) (run func(*Witness) error, w Witness, err error) {
			err = folders(d, "/etc")
			if err == nil && prepared > 0 {
				err = writeSlots(d, d.Piece(), &w, prepared)
			}
			if err == nil && unsynced {
				told := w.Told
				err = writeSlots(faultfs.SkipSync(d, 2), d.Piece(), &w, 1) // 1: what was there
				w.Told = told
			}
			return func(w *Witness) error { return writeSlots(sys, d.Piece(), w, 2) }, w, err
		},
		Restart: func(sys durable.Sys, piece int, w *Witness) error { return writeSlots(sys, piece, w, 1) },
	}
}
