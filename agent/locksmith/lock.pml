/* The lease protocol of package locksmith as a model for spin: two writers
 * that may die at any step, a power loss, an override that supersedes a holder.
 *
 * The design passes. Each of these mutants must fail (TestPeerSpin):
 *   -DSTEAL_NO_FENCE      a lease is taken from a live holder, whose late commit nobody refuses   (I2)
 *   -DNO_COMMIT_LOCK      the epoch is checked and the file renamed without the commit lock       (I2)
 *   -DGRANT_BEFORE_SYNC   an epoch is granted before it is on disk                                (I3)
 *
 * I2: the visible epoch never falls. I3: an epoch is granted at most once,
 * across power loss. I4 is the check in commit. A deadlock is an error too. */

#define MAXE 4          /* epochs in one run */
#define NONE 0

byte lock = NONE;       /* owner of NAME.lock, writer + 1 */
byte commitlock = NONE; /* owner of NAME.commit */
byte epoch = 0;         /* NAME.epoch in the page cache */
byte disk = 0;          /* NAME.epoch on the disk */
byte visible = 0;       /* epoch of the live file's last commit; the rename is synced */
byte granted = 0;       /* bit set of epochs told to a writer */
byte boot = 0;          /* power losses so far */

#define ME (id + 1)
#define ALIVE (boot == mine)

inline enter() { atomic { (commitlock == NONE || !ALIVE) -> if :: ALIVE -> commitlock = ME :: else fi } }
inline leave() { atomic { if :: ALIVE && commitlock == ME -> commitlock = NONE :: else fi } }

inline drop() {  /* the process dies, or its boot has ended: the kernel lets go */
	atomic {
		if :: lock == ME -> lock = NONE :: else fi;
		if :: commitlock == ME -> commitlock = NONE :: else fi;
		e = 0
	}
}

inline tell() { atomic { if :: ALIVE -> assert((granted & (1 << e)) == 0); granted = granted | (1 << e) :: else fi } }

inline grant() { /* under the commit lock: epoch + 1, on disk before it is told */
	enter();
	if
	:: ALIVE && epoch < MAXE ->
		atomic { if :: ALIVE -> epoch = epoch + 1; e = epoch :: else fi };
#ifdef GRANT_BEFORE_SYNC
		tell();
		atomic { if :: ALIVE -> disk = epoch :: else fi };
#else
		atomic { if :: ALIVE -> disk = epoch :: else fi };
		tell();
#endif
	:: else -> e = 0
	fi;
	leave()
}

inline rename() { atomic { if :: ALIVE -> assert(e >= visible); visible = e :: else fi } }

inline commit() {
#if defined(STEAL_NO_FENCE)
	rename()
#elif defined(NO_COMMIT_LOCK)
	if
	:: ALIVE && epoch == e -> rename()
	:: else
	fi
#else
	enter();
	if
	:: ALIVE && commitlock == ME && epoch == e -> rename() /* else ErrStale */
	:: else
	fi;
	leave()
#endif
}

proctype writer(byte id) {
	byte e = 0;
	byte mine;
	byte turns = 0;
	do
	:: turns == 3 || epoch >= MAXE -> break
	:: else ->
		turns++;
		mine = boot;
		atomic {
			if
			:: lock == NONE -> lock = ME      /* F_OFD_SETLK */
			:: lock != NONE && lock != ME     /* refused: a signed override supersedes, or none does */
			fi
		};
		if
		:: grant()
		:: drop()                             /* dies before the grant */
		fi;
		if
		:: e != 0 -> commit()
		:: e != 0 -> commit(); commit()
		:: skip                               /* dies, or gives up */
		fi;
		drop()                                /* release and death look alike to the kernel */
	od;
	drop()
}

active proctype power() {                     /* once, at any moment; or never */
	if
	:: atomic { boot++; epoch = disk; lock = NONE; commitlock = NONE }
	:: skip
	fi
}

init { atomic { run writer(0); run writer(1) } }
