package locksmith

import "time"

// Verdict is what one look at the lock amounts to; see the package comment.
type Verdict uint8

// The verdicts, in the order of the package comment's table. The zero value is
// none of them: a look that failed must not read as FREE.
const (
	Free    Verdict = iota + 1 // the kernel would grant it; nobody claims it
	Held                       // a live holder inside its lease
	Overdue                    // a live holder past its deadline
	Dead                       // the kernel would grant it; the record says held, this boot
	Boot                       // the kernel would grant it; the record is another boot's
	Orphan                     // refused; the recorded holder is dead
	Unknown                    // refused; no record explains it
)

var verdictNames = [...]string{"FREE", "HELD", "OVERDUE", "DEAD", "BOOT", "ORPHAN", "UNKNOWN"}

// String is the stable upper-case word of the verdict.
func (v Verdict) String() string {
	if v >= Free && v <= Unknown {
		return verdictNames[v-Free]
	}
	return "NONE"
}

// Refused says whether the kernel refuses the lock under this verdict.
func (v Verdict) Refused() bool {
	return v == Held || v == Overdue || v == Orphan || v == Unknown
}

// Stale says whether the verdict proves that the holder is gone, so that the
// lock may be reclaimed.
func (v Verdict) Stale() bool { return v == Dead || v == Boot }

// RecordState says what was found where the record should be.
type RecordState uint8

// What a look can find in place of the record.
const (
	NoRecord      RecordState = iota // no file
	DamagedRecord                    // garbled, truncated, too large, or another lock's
	ValidRecord                      // whole, checksum right, ours
)

// Has says whether a process has the lock open, as far as /proc tells.
type Has uint8

// Answers about an open lock.
const (
	HasNotSeen Has = iota // not asked, or /proc would not say
	HasIt                 // the lock is among the process's descriptors
	HasItNot              // all its descriptors were read: it has no such lock
)

// Facts is everything that a verdict depends on.
type Facts struct {
	Refused bool          // F_OFD_GETLK: some open file has the lock
	State   RecordState   // of the record
	Record  Record        // when State is ValidRecord
	BootID  string        // of this boot
	Now     int64         // CLOCK_BOOTTIME, ns, read after the record
	MaxTTL  time.Duration // today's longest lease
	Alive   bool          // the recorded process runs: same pid, same start
	Has     Has           // whether that process has this lock open
}

// clockSkew is how far in the future a record's times may lie. CLOCK_BOOTTIME
// is the same for all processes, so anything beyond rounding is contradictory.
const clockSkew = time.Second

// Judge derives the verdict. It is pure; the package comment has its table.
//
// A refused lock whose record is from another boot is UNKNOWN, not ORPHAN: no
// descriptor outlives a boot. So is one whose recorded process lives but
// provably does not have it: that record explains nothing.
func Judge(f Facts) Verdict {
	held := f.State == ValidRecord && f.Record.Held
	sameBoot := f.Record.BootID == f.BootID
	switch {
	case !f.Refused && !held:
		return Free
	case !f.Refused && !sameBoot:
		return Boot
	case !f.Refused:
		return Dead
	case !held, !sameBoot, f.Record.Renewed > f.Now+int64(clockSkew):
		return Unknown
	case !f.Alive:
		return Orphan
	case f.Has == HasItNot:
		return Unknown
	case f.Now >= Deadline(f.Record, f.MaxTTL):
		return Overdue
	}
	return Held
}

// Deadline is the effective end of a recorded lease: the recorded one, but not
// later than maxTTL after the grant or the latest renewal. So a lease granted
// under a longer limit, or none, does not survive a shorter one.
func Deadline(r Record, maxTTL time.Duration) int64 {
	return min(r.Deadline, r.Renewed+int64(maxTTL))
}

// SuspectFor is how long ORPHAN or UNKNOWN must stand before it is HOT.
const SuspectFor = 5 * time.Second

// suspectStep bounds what one interval between two looks adds: a machine that
// was suspended or starved has not been watching.
const suspectStep = time.Second

// Suspicion applies the rule of five seconds to a sequence of looks. It is
// pure: time comes with each look. The zero value is ready.
type Suspicion struct {
	on      bool
	since   int64 // first look of the unbroken run
	last    int64 // latest look
	watched int64 // ns of the run that were watched
	epoch   uint64
}

// Step takes the next look's time, verdict and the epoch of its record (0 when
// there is none). It returns since when the verdict has been suspect, and
// whether that is HOT.
//
// A verdict other than ORPHAN and UNKNOWN breaks the run. So does a record
// with another epoch: a grant went through in between, hence somebody makes
// progress, and what is seen now is the next acquire.
func (s *Suspicion) Step(at int64, v Verdict, epoch uint64) (since int64, hot bool) {
	if v != Orphan && v != Unknown {
		*s = Suspicion{}
		return 0, false
	}
	progress := epoch != 0 && s.epoch != 0 && epoch != s.epoch
	if !s.on || progress {
		*s = Suspicion{on: true, since: at, last: at, epoch: epoch}
		return at, false
	}
	s.watched += min(max(at-s.last, 0), int64(suspectStep))
	s.last = at
	if epoch != 0 {
		s.epoch = epoch
	}
	return s.since, s.watched >= int64(SuspectFor)
}
