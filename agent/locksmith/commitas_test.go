package locksmith

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A command under somebody's lease commits with its epoch, exactly as long as
// the holder itself could.
func TestCommitAs(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	dir := folder(t)
	holder, s := open(t, dir, now.host), open(t, dir, now.host)
	l := acquire(t, holder, Claim{Role: RoleTechnician, Holder: "tess", TTL: 10 * time.Second})
	commit := func(epoch uint64) (ran bool, err error) {
		err = s.CommitAs(context.Background(), epoch, func() error { ran = true; return nil })
		return ran, err
	}
	refuse := func(when string, epoch uint64, want error) {
		t.Helper()
		if ran, err := commit(epoch); ran || !errors.Is(err, want) {
			t.Errorf("%s: written %v, %v; want %v", when, ran, err, want)
		}
	}
	if ran, err := commit(1); !ran || err != nil {
		t.Errorf("current: %v, %v", ran, err)
	}
	refuse("an epoch that was never granted", 2, ErrStale)
	refuse("no epoch", 0, ErrStale)
	now.Add(11 * sec)
	refuse("past the deadline", 1, ErrExpired)
	if err := l.Renew(); !errors.Is(err, ErrExpired) {
		t.Errorf("renew: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	refuse("released", 1, ErrStale)
	l = acquire(t, holder, claim("next"))
	refuse("another's lease", 1, ErrStale)
	holder.drop(l.fd) // as a death does
	l.fd = -1
	refuse("the holder is gone", 2, ErrStale)
	fd, err := s.take(s.commit)
	if err != nil {
		t.Fatal(err)
	}
	defer s.drop(fd)
	s.patience = time.Millisecond
	refuse("a commit is under way", 2, ErrCommitBusy)
}
