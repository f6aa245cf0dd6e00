package locksmith

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Look is what one look found. It is a value: nothing of it is kept.
type Look struct {
	Verdict
	Record    Record  // when HasRecord
	HasRecord bool    // the record is whole and ours
	At        int64   // CLOCK_BOOTTIME ns
	Deadline  int64   // effective end of the recorded lease, CLOCK_BOOTTIME ns; 0 without a record
	Evidence  string  // on what the verdict rests, for a log
	Owners    []Owner // ORPHAN and UNKNOWN: the processes that have the lock open, as far as /proc shows them
}

// Look derives the verdict. It takes nothing and writes nothing. An error means
// that the files could not be read, not that the lock is in a bad state.
func (s *Smith) Look() (Look, error) {
	look, seen, err := s.look()
	if err != nil {
		return Look{}, err
	}
	s.findOwners(&look, seen)
	return look, nil
}

// sight is what a look saw of the record and of the lock's file.
type sight struct {
	state    RecordState
	record   Record
	note     string // what is wrong with a damaged record
	dev, ino uint64 // of the lock's file; 0 without one
	locked   bool   // the kernel refuses
}

// look is Look without the search for owners, which reads all of /proc.
//
// The record is read before and after the kernel is asked, until both are the
// same: else the question could fall before another's grant and the record
// after it, and a live holder would look dead.
func (s *Smith) look() (Look, sight, error) {
	before, err := s.readRecord()
	if err != nil {
		return Look{}, sight{}, err
	}
	for turn := 0; ; turn++ {
		seen := before
		if err := s.askKernel(&seen); err != nil {
			return Look{}, sight{}, err
		}
		facts := s.facts(seen)
		after, err := s.readRecord()
		if err != nil {
			return Look{}, sight{}, err
		}
		if after == before || turn == 8 {
			return s.conclude(facts, seen), seen, nil
		}
		before = after
	}
}

// readRecord reads and checks the record. What is wrong with its content is
// judged, not returned as an error.
func (s *Smith) readRecord() (sight, error) {
	data, err := durable.Read(s.sys, s.record, MaxRecord)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sight{state: NoRecord}, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM):
		return sight{}, fmt.Errorf("locksmith: read the record: %w", err) // says nothing about the record
	case err != nil:
		return sight{state: DamagedRecord, note: ErrRecord.Error() + ": " + err.Error()}, nil
	}
	rec, err := DecodeRecord(data)
	if err == nil && rec.Name != s.name {
		err = fmt.Errorf("%w: it is of the lock %q", ErrRecord, rec.Name)
	}
	if err != nil {
		return sight{state: DamagedRecord, note: err.Error()}, nil
	}
	return sight{state: ValidRecord, record: rec}, nil
}

// askKernel asks with F_OFD_GETLK. No file means that nobody has the lock.
func (s *Smith) askKernel(seen *sight) error {
	fd, err := s.sys.Openat(unix.AT_FDCWD, s.lock, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("locksmith: open %s: %w", s.lock, err)
	}
	defer s.sys.Close(fd)
	st, err := s.sys.Fstat(fd)
	if err != nil {
		return fmt.Errorf("locksmith: stat %s: %w", s.lock, err)
	}
	seen.dev, seen.ino = st.Dev, st.Ino
	if seen.locked, err = s.refused(fd); err != nil {
		return fmt.Errorf("locksmith: ask for the lock on %s: %w", s.lock, err)
	}
	return nil
}

func (s *Smith) refused(fd int) (bool, error) {
	if mutant == lookTakes {
		return tryLock(s.sys, s.lock)
	}
	return s.sys.LockRefused(fd)
}

// facts adds what the host knows. Now is read after the record.
func (s *Smith) facts(seen sight) Facts {
	f := Facts{
		Refused: seen.locked,
		State:   seen.state,
		Record:  seen.record,
		BootID:  s.host.BootID,
		MaxTTL:  s.longest(),
		Now:     s.host.Now(),
	}
	if f.State != ValidRecord || !f.Record.Held || f.Record.BootID != f.BootID {
		return f
	}
	f.Alive = s.host.Alive(f.Record.Process)
	overdue := f.Now >= Deadline(f.Record, f.MaxTTL)
	if f.Refused && f.Alive && overdue && s.host.Has != nil {
		f.Has = s.host.Has(f.Record.Process, seen.dev, seen.ino)
	}
	return f
}

func (s *Smith) conclude(f Facts, seen sight) Look {
	look := Look{Verdict: Judge(f), At: f.Now, HasRecord: f.State == ValidRecord}
	if look.HasRecord {
		look.Record = f.Record
		look.Deadline = Deadline(f.Record, f.MaxTTL)
	}
	look.Evidence = evidence(f, seen.note)
	return look
}

// findOwners finds the processes behind a lock that no record explains.
func (s *Smith) findOwners(look *Look, seen sight) {
	if (look.Verdict == Orphan || look.Verdict == Unknown) && s.host.Owners != nil {
		look.Owners = s.host.Owners(seen.dev, seen.ino)
	}
}

// evidence puts the facts in one line.
func evidence(f Facts, note string) string {
	kernel := "the kernel would grant the lock"
	if f.Refused {
		kernel = "the kernel refuses the lock"
	}
	switch {
	case f.State == NoRecord:
		return kernel + "; no record"
	case f.State == DamagedRecord:
		return kernel + "; " + note
	}
	r := f.Record
	if !r.Held {
		return fmt.Sprintf("%s; the record says released, epoch %d", kernel, r.Epoch)
	}
	line := fmt.Sprintf("%s; the record says held by %s, epoch %d", kernel, r.who(), r.Epoch)
	if r.BootID != f.BootID {
		return fmt.Sprintf("%s, in boot %s; this is boot %s", line, r.BootID, f.BootID)
	}
	line += fmt.Sprintf(", granted %s ago, deadline %s", span(f.Now-r.Acquired), when(Deadline(r, f.MaxTTL)-f.Now))
	if !f.Alive {
		return fmt.Sprintf("%s; no process %d with start %d runs", line, r.Process.PID, r.Process.Start)
	}
	return line + fmt.Sprintf("; process %d runs%s", r.Process.PID, [...]string{"", " and has it open", " and does not have it open"}[f.Has])
}

// span rounds a duration in ns for people.
func span(ns int64) string {
	d := time.Duration(max(ns, 0))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// when says "in 5s" or "5s ago".
func when(ns int64) string {
	if ns >= 0 {
		return "in " + span(ns)
	}
	return span(-ns) + " ago"
}
