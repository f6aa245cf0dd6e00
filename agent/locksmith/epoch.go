package locksmith

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// epochSize is what a slot of the epoch's file carries: a big-endian uint64.
const epochSize = 8

// epochLeap is added to the record's epoch when the epoch's own file is lost.
// The record is not synced, so it may lag behind grants of its last seconds;
// nobody makes 2³² grants in those.
const epochLeap = 1 << 32

// lockCommit takes the commit lock. It waits at most s.patience, or until
// ctx ends; the caller calls unlock exactly once.
func (s *Smith) lockCommit(ctx context.Context) (unlock func(), err error) {
	var tick *time.Timer
	for end := time.Now().Add(s.patience); ; {
		fd, err := s.take(s.commit)
		if err == nil {
			return func() { s.drop(fd) }, nil
		}
		if !errors.Is(err, errBusy) {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, ErrCommitBusy
		}
		if tick == nil {
			tick = time.NewTimer(time.Millisecond)
			defer tick.Stop()
		}
		tick.Reset(time.Millisecond)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrCommitBusy, context.Cause(ctx))
		}
	}
}

// epochFile keeps the epoch's slots open: a fresh handle syncs the folder at
// its first write, which costs more than all the rest of a grant.
type epochFile struct {
	mu    sync.Mutex
	slots *durable.Slots
	at    durable.Stat // of the file when it was opened
}

// open returns the slots, reopened if the path leads to another file by now.
// The caller has e.mu.
func (e *epochFile) open(sys durable.Sys, path string) (*durable.Slots, error) {
	st, err := sys.Fstatat(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && e.slots != nil && st.Dev == e.at.Dev && st.Ino == e.at.Ino {
		return e.slots, nil
	}
	e.close()
	under := sys
	if mutant == grantBeforeSync {
		under = deaf{sys}
	}
	slots, err := durable.OpenSlots(under, path, epochSize)
	if err != nil {
		return nil, err
	}
	if st, err = sys.Fstatat(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		_ = slots.Close()
		return nil, err
	}
	e.slots, e.at = slots, st
	return slots, nil
}

func (e *epochFile) close() {
	if e.slots != nil {
		_ = e.slots.Close()
		e.slots = nil
	}
}

// read is the current epoch, 0 before the first grant.
func (e *epochFile) read(sys durable.Sys, path string) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	slots, err := e.open(sys, path)
	if err != nil {
		return 0, err
	}
	data, seq, err := slots.Read()
	switch {
	case err != nil:
		e.close()
		return 0, err
	case seq == 0:
		return 0, nil
	case len(data) != epochSize:
		return 0, fmt.Errorf("%w: %d bytes instead of %d", durable.ErrDamaged, len(data), epochSize)
	}
	return binary.BigEndian.Uint64(data), nil
}

// write makes epoch the current one, durably. After an error the handle is
// given up: nothing can be promised over it any more.
func (e *epochFile) write(sys durable.Sys, path string, epoch uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	slots, err := e.open(sys, path)
	if err == nil {
		err = slots.Write(binary.BigEndian.AppendUint64(nil, epoch))
	}
	if err != nil {
		e.close()
	}
	return err
}

func (s *Smith) readEpoch() (uint64, error) { return s.slots.read(s.sys, s.epoch) }

// raiseEpoch makes the next epoch durable and returns it. The caller has the
// commit lock. The record found bounds the epoch from below.
func (s *Smith) raiseEpoch(found sight) (uint64, error) {
	epoch, err := s.readEpoch()
	recorded := uint64(0)
	if found.state == ValidRecord {
		recorded = found.record.Epoch
	}
	switch {
	case errors.Is(err, durable.ErrDamaged) && recorded == 0:
		return 0, fmt.Errorf("%s: %w (%w)", s.epoch, ErrEpochLost, err)
	case errors.Is(err, durable.ErrDamaged):
		// A power cut damages one slot at most: this is a foreign write or
		// dying storage. Begin a new file above everything granted.
		epoch = 0
		if err := s.sys.Unlinkat(unix.AT_FDCWD, s.epoch, 0); err != nil {
			return 0, fmt.Errorf("remove the damaged epoch: %w", err)
		}
	case err != nil:
		return 0, fmt.Errorf("read the epoch: %w", err)
	}
	if recorded > epoch {
		epoch = recorded + min(epochLeap, math.MaxUint64-recorded)
	}
	if epoch == math.MaxUint64 {
		return 0, fmt.Errorf("%s: epoch %d is the last: %w", s.epoch, epoch, ErrEpochLost)
	}
	if err := s.slots.write(s.sys, s.epoch, epoch+1); err != nil {
		return 0, fmt.Errorf("write the epoch: %w", err)
	}
	return epoch + 1, nil
}
