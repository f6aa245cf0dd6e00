// Package locksmith grants leases on one named resource, the live
// configuration, and says at any moment who has it and whether that is right.
//
// # Files
//
//	<run>/NAME.lock     kernel lock (OFD) of the lease; never unlinked; tmpfs, so empty at boot
//	<run>/NAME.commit   kernel lock around every epoch change, every write of the record, every commit
//	<state>/NAME.rec    who: metadata only, replaced by an exchange of names, synced only if the lease lasts, kept across a boot as evidence
//	<state>/NAME.epoch  how often it was granted: two checksummed slots, synced before a grant is told
//
// The kernel lock is the truth: it dies with its open file. The record only
// says whose it is, because F_OFD_GETLK and /proc/locks name no process for
// such a lock. The epoch fences: it rises with every grant, and whoever
// carries an old one is refused with [ErrStale] when it renews, releases or
// commits.
//
// # Verdicts
//
// A verdict is derived at each look and stored nowhere. A look asks with
// F_OFD_GETLK and never takes, or it would make others see "busy".
//
//	FREE     not refused   no record, or released (a damaged record is noted)
//	HELD     refused       holder alive, before its deadline
//	OVERDUE  refused       holder alive, past its deadline             HOT
//	DEAD     not refused   record says held, same boot                 reclaim at once
//	BOOT     not refused   record says held, another boot              reclaim at boot
//	ORPHAN   refused       recorded holder dead: a leaked descriptor   HOT after 5 s
//	UNKNOWN  refused       no record that explains it                  HOT after 5 s
//
// A lock is stale when the kernel would grant it although the record says
// held: that is DEAD and BOOT. Age alone never makes a lock stale. Reclaiming
// is an ordinary acquire, so nothing lies between the judgement and the act;
// and while the kernel would grant the lock nobody is told "busy".
//
// An acquire in progress looks like ORPHAN or UNKNOWN from its kernel lock to
// its record. That is why those two become HOT only after 5 s of looks without
// a break (see [Suspicion]).
//
// # Ways past a lock that stays refused
//
// In this order, and the second and third only with somebody's leave (a signed
// override, or for [Smith.End] the identity's reclaim = "overdue"):
//
//  1. [Smith.Acquire]: whenever the kernel grants it, whatever the record says.
//  2. [Smith.End]: an OVERDUE holder that was proven to have this lock open
//     gets SIGTERM, a grace, SIGKILL, through a pidfd. Then Acquire.
//  3. [Smith.Supersede]: the holder must not or cannot be ended, or nobody
//     knows it. The epoch is raised under the commit lock, so that its late
//     commit is refused.
//
// When the commit lock is refused too ([ErrCommitBusy]) there is no fourth
// way: the update is WAITING(lock). A commit without it would lose updates.
//
// PROTOCOL.md says how programs in other languages take part, with examples.
//
// Every point in time is nanoseconds of CLOCK_BOOTTIME, which counts suspend
// and which nobody can set. The wall clock is a hint for display.
//
// Descriptors of locks are raw and closed by name: the garbage collector
// closes an unreachable *os.File and would drop its lock.
package locksmith
