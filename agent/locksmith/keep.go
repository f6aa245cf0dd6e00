package locksmith

import "golang.org/x/sys/unix"

// keep brings the record of a lease that lasts to the disk, in the background
// and once for each renewal, so that after a power cut it can say whose lock it
// was. A lease of less than a second never pays for that.
func (l *Lease) keep() {
	at := l.Record().Renewed
	if l.passed != nil || !l.keepMu.TryLock() {
		return // it has no record, or the last sync is not done
	}
	if l.kept == at || l.kept < 0 {
		l.keepMu.Unlock()
		return
	}
	go func() {
		defer l.keepMu.Unlock()
		if l.s.syncRecord() == nil {
			l.kept = at
		}
	}()
}

// unkeep follows a release: the record on the disk must not go on saying held.
func (l *Lease) unkeep() {
	l.keepMu.Lock()
	defer l.keepMu.Unlock()
	if l.kept > 0 {
		_ = l.s.syncRecord()
	}
	l.kept = -1
}

// syncRecord makes the record and its name durable. It is a hint: nothing is
// promised on it, and an error is tried again a second later.
func (s *Smith) syncRecord() error {
	fd, err := s.sys.Openat(unix.AT_FDCWD, s.record, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer s.sys.Close(fd)
	// An exchange of names changes the file's ctime in the same transaction of a
	// journaling file system, so that the name comes along.
	return s.sys.Fsync(fd)
}
