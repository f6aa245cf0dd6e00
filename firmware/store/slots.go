package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// On a file system that is not proven ([durable.FileSystem.Proven]: FAT and
// whatever nobody has tried) a rename may leave nothing, or rubbish, at the live
// path when the power goes in it. There the content that the path is to have is
// written first to a file of two slots beside it, with sequence number and CRC,
// which needs no rename: one slot holds the committed generation at every
// moment, the other one the trial's. Then the live file is rebuilt from it, by
// the same rename as elsewhere, because while the power lasts a reader sees the
// old file or the new one by it, which no writing in place can promise; an open
// file goes on giving the old content.
//
// What a power cut leaves of the live file until Recover has run may be old,
// new, missing or torn: readers start after the agent (After=aimd.service, which
// is ready once it has recovered). While TRIAL or REVERTING is on disk a rebuild
// may have been under way: it is begun again, whatever the live file holds. In
// every other phase the live file was durable before the phase was written, and
// what differs from it is somebody's edit, and left alone; a file that is missing
// or empty, which no edit leaves but an interrupted one, is rebuilt (Lost).

// SlotsName is the file of two slots for a live file.
func SlotsName(live string) string {
	dir, name := filepath.Split(live)
	return dir + "." + name + ".slots"
}

// Slotted names the file system of the live file if it is kept in two slots
// beside it, because that file system is not proven; else "".
func (s *Store) Slotted() string {
	if k := durable.FileSystemOf(s.sys, s.o.Live); !k.Proven() {
		return k.String()
	}
	return ""
}

// hold makes data the newest value of the slots, where there are any. Stage
// holds the committed generation, so that Try's trial overwrites the other slot.
func (s *Store) hold(data []byte) (err error) {
	if data == nil || s.Slotted() == "" {
		return nil
	}
	slots, err := durable.OpenSlots(s.sys, SlotsName(s.o.Live), MaxContent)
	if err != nil {
		return err
	}
	newest, seq, err := slots.Read()
	if err == nil && (seq == 0 || string(newest) != string(data)) {
		err = slots.Write(data)
	}
	return errors.Join(err, slots.Close())
}

// held is the content with this hash from the slots; nil: they do not have it.
func (s *Store) held(sha string) []byte {
	if s.Slotted() == "" {
		return nil
	}
	data, _, _ := durable.PeekSlot(s.sys, SlotsName(s.o.Live), func(data []byte) bool { return hash(data) == sha })
	return data
}

// Lost reports that the live file is missing or empty on a file system where a
// power cut can do that, and that Recover with a fence rebuilds it.
func (s *Store) Lost() bool {
	st, err := s.sys.Fstatat(unix.AT_FDCWD, s.o.Live, 0)
	return (errors.Is(err, fs.ErrNotExist) || err == nil && st.Regular() && st.Size == 0) && len(s.cur.Load().data) > 0 && s.Slotted() != ""
}

// rebuild makes the live file what is committed. It does so even where the live
// file reads right: a killed run may have put it there without the sync.
func (s *Store) rebuild(f Fence) error {
	st := s.cur.Load()
	if hash(st.data) != st.current().SHA256 { // never an empty file, whatever went wrong before
		return ErrDamaged
	}
	if err := s.hold(st.data); err != nil {
		return err
	}
	if err := s.stage(st.data); err != nil {
		return err
	}
	if _, err := s.shift(f); err != nil {
		return err
	}
	return s.proves(s.o.Live, st.current())
}
