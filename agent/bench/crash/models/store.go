package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

func openStore(sys durable.Sys) (*store.Store, error) {
	return store.Open(sys, store.Options{Live: live, Dir: "/etc/store", Keep: 2})
}

func meta(piece int, v uint64) store.Meta {
	sum := sha256.Sum256(value(piece, v))
	return store.Meta{Patch: fmt.Sprint("patch-", v), Version: int64(v), SHA256: hex.EncodeToString(sum[:])}
}

func free(write func() error) error { return write() }

// tried stages version v and switches to it.
func (w *Witness) tries(s *store.Store, piece int, v uint64) error {
	w.Confirm, w.Phase = false, ""
	if err := s.Stage(value(piece, v), meta(piece, v)); err != nil {
		return err
	}
	w.Phase = "STAGED TRIAL"
	if err := s.Try(free); err != nil {
		return err
	}
	w.Phase = "TRIAL COMMITTED REVERTING REVERTED"
	return nil
}

// patch is a whole patch.
func patch(s *store.Store, piece int, w *Witness, v uint64) error {
	return w.write(v, func() error {
		if err := w.tries(s, piece, v); err != nil {
			return err
		}
		w.Confirm = true
		return w.ended(s, s.Commit())
	})
}

// ended notes what was reported.
func (w *Witness) ended(s *store.Store, err error) error {
	if err == nil {
		w.Phase = s.Status().Phase.String()
	}
	return err
}

// storePlay is a play of the store on a drone with version 1, and what before
// does to it.
func storePlay(name string, before, play func(s *store.Store, piece int, w *Witness) error) Protocol {
	return Protocol{
		Name: name,
		Prepare: func(d Disk, sys durable.Sys) (run func(*Witness) error, w Witness, err error) {
			err = errors.Join(folders(d, "/etc"), durable.Replace(d, live, value(d.Piece(), 1), 0o644))
			if err != nil {
				return nil, w, err
			}
			s, err := openStore(sys)
			if err != nil {
				return nil, w, err
			}
			w = Witness{Tried: 1, Told: 1}
			if err = s.Adopt(value(d.Piece(), 1)); err == nil {
				err = before(s, d.Piece(), &w)
			}
			return func(w *Witness) error { return play(s, d.Piece(), w) }, w, err
		},
		Restart: restartStore,
		Recover: recoverStore,
	}
}

// restartStore is what the agent does after a power cut; then comes the next
// patch.
func restartStore(sys durable.Sys, piece int, w *Witness) error {
	s, err := recovered(sys, piece, w)
	if err == nil {
		err = patch(s, piece, w, max(w.Tried, uint64(s.HighVersion()))+1)
	}
	return err
}

func recoverStore(sys durable.Sys, piece int, w *Witness) error {
	_, err := recovered(sys, piece, w)
	return err
}

// recovered opens the store, judges it, brings what is open to an end and
// judges that.
func recovered(sys durable.Sys, piece int, w *Witness) (*store.Store, error) {
	s, err := openStore(sys)
	if err != nil {
		return nil, err
	}
	if got := s.Status().Phase.String(); w.Phase != "" && !strings.Contains(w.Phase, got) {
		return nil, fmt.Errorf("%w: %s, told was %s", errOld, got, w.Phase)
	}
	w.Phase = "" // from here on it may be another
	st, err := s.Recover(free)
	if err != nil {
		return nil, err
	}
	if st.Phase == store.Trial || st.Phase == store.Reverting || st.Phase == store.Staged {
		return nil, fmt.Errorf("%w: %v", errTrial, st.Phase)
	}
	data, err := durable.Read(sys, live, 1<<20)
	if err != nil {
		return nil, err
	}
	v, err := versionOf(piece, data, w.Tried)
	if err != nil {
		return nil, err
	}
	if kept, _, ok := s.Committed(); !ok || !bytes.Equal(kept, data) {
		return nil, fmt.Errorf("%w: version %d is live and not the committed one", errTrial, v)
	}
	if v == w.Tried && v > w.Told && !w.Confirm {
		return nil, fmt.Errorf("%w: version %d, which was never confirmed", errTrial, v)
	}
	return s, w.found(v)
}

func nothing(*store.Store, int, *Witness) error { return nil }

// second is a whole patch to version 2.
func second(s *store.Store, piece int, w *Witness) error { return patch(s, piece, w, 2) }

// onTrial stages version 2 and switches to it.
func onTrial(s *store.Store, piece int, w *Witness) error {
	w.Tried++
	return w.tries(s, piece, w.Tried)
}

// takenBack ends a trial, as a check does: the version before is what counts.
func takenBack(s *store.Store, _ int, w *Witness) error {
	return w.ended(s, s.Revert(free, "check", true))
}

// restored goes back to version 1 after version 2 was committed: until it is
// told, either may be in force; then 2 may not.
func restored(s *store.Store, _ int, w *Witness) error {
	told := w.Told
	w.Told, w.Confirm, w.Phase = 1, true, ""
	err := w.ended(s, s.Restore("", free))
	if err == nil {
		w.Tried, w.Confirm = told, false // 2 in force would now be a trial that was left
	}
	return err
}
