/* The lease protocol of package locksmith as a model for spin: two writers
 * that may die at any step, a power loss, a lock file that is removed, an
 * override that supersedes a holder.
 *
 * The design passes. Each of these mutants must fail (TestPeerSpin):
 *   -DSTEAL_NO_FENCE      a lease is taken from a live holder, whose late commit nobody refuses   (I2)
 *   -DNO_COMMIT_LOCK      the epoch is checked and the file renamed without the commit lock       (I2)
 *   -DGRANT_BEFORE_SYNC   an epoch is granted before it is on disk                                (I3)
 *
 *   -DRELEASE_UNCHECKED   a release does not ask whether its epoch is current                     (I4)
 *   -DSUPERSEDE_UNLOCKED  the epoch is raised past a holder without the commit lock               (I3)
 *
 * I2: the visible epoch never falls. I3: an epoch is granted at most once,
 * across power loss. I4: who is no longer current overwrites no record. A
 * deadlock is an error too. */

#define MAXE 4          /* epochs in one run */
#define TURNS 2         /* acquires of one writer */
#define NONE 0

byte lock = NONE;       /* owner of NAME.lock, writer + 1 */
byte commitlock = NONE; /* owner of NAME.commit */
byte epoch = 0;         /* NAME.epoch in the page cache */
byte disk = 0;          /* NAME.epoch on the disk */
byte visible = 0;       /* epoch of the live file's last commit; the rename is synced */
byte granted = 0;       /* bit set of epochs told to a writer */
byte boot = 0;          /* power losses so far */
byte rec = NONE;        /* epoch whose record says held */

#define ME (id + 1)
#define ALIVE (boot == mine)

inline enter() { atomic { (commitlock == NONE || !ALIVE) -> if :: ALIVE -> commitlock = ME :: else fi } }
inline leave() { atomic { if :: ALIVE && commitlock == ME -> commitlock = NONE :: else fi } }

inline drop() {  /* the process dies, or its boot has ended: the kernel lets go */
	atomic {
		if :: lock == ME -> lock = NONE :: else fi;
		if :: commitlock == ME -> commitlock = NONE :: else fi;
		e = 0; locked = 0
	}
}

inline tell() { atomic { if :: ALIVE -> assert((granted & (1 << e)) == 0); granted = granted | (1 << e) :: else fi } }

inline raise() { /* epoch + 1, on disk before it is told */
	if
	:: ALIVE && epoch < MAXE ->
		e = epoch + 1;
		atomic { if :: ALIVE -> epoch = e :: else fi };
#ifdef GRANT_BEFORE_SYNC
		tell();
		atomic { if :: ALIVE -> disk = epoch :: else fi };
#else
		atomic { if :: ALIVE -> disk = epoch :: else fi };
		tell();
#endif
	:: else -> e = 0
	fi
}

inline grant() { /* with the kernel lock, under the commit lock; the record last */
	enter();
	raise();
	atomic { if :: ALIVE && e != 0 -> rec = e :: else fi };
	leave()
}

inline supersede() { /* under the commit lock alone, and without a record */
#ifdef SUPERSEDE_UNLOCKED
	raise()
#else
	enter();
	raise();
	leave()
#endif
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

inline release() { /* of a lease with a kernel lock, as far as its holder knows */
	enter();
	if
#ifdef RELEASE_UNCHECKED
	:: ALIVE && locked -> atomic { if :: ALIVE -> assert(rec == e); rec = NONE :: else fi }
#else
	:: ALIVE && locked && epoch == e -> atomic { if :: ALIVE -> assert(rec == e); rec = NONE :: else fi }
#endif
	:: else
	fi;
	leave()
}

proctype writer(byte id) {
	byte e = 0;
	byte mine;
	byte turns = 0;
	bit locked = 0;                                 /* was granted with the kernel lock */
	do
	:: turns == TURNS || epoch >= MAXE -> break
	:: else ->
		turns++;
		mine = boot;
		if
		:: atomic { lock == NONE -> lock = ME; locked = 1 };  /* F_OFD_SETLK */
			if
			:: grant()
			:: drop()                     /* dies before the grant */
			fi
		:: atomic { lock != NONE && lock != ME }; supersede() /* refused, and a signed override */
		:: atomic { lock != NONE && lock != ME }            /* refused, and none */
		fi;
		if
		:: e != 0 -> commit()
		:: e != 0 -> commit(); commit()
		:: skip                               /* dies, or gives up */
		fi;
		if
		:: e != 0 -> release()
		:: skip                               /* dies */
		fi;
		drop()
	od;
	drop()
}

active proctype power() {                     /* once, at any moment; or never */
	if
	:: atomic { boot++; epoch = disk; lock = NONE; commitlock = NONE; if :: rec = NONE :: skip fi }
	:: skip
	fi
}

active proctype unlinker() {                  /* the lock file is removed under its holder; or never */
	if
	:: lock = NONE
	:: skip
	fi
}

init { atomic { run writer(0); run writer(1) } }
