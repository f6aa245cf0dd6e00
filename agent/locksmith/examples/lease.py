#!/usr/bin/python3
"""lease.py RUN STATE LIVE NEW COMMAND: under the lease has COMMAND write NEW,
which lies beside LIVE, and puts it in LIVE's place. Exit code 75: the lease was
refused or is over, LIVE is untouched."""

import os, subprocess, sys

import aimlock


def main(run, state, live, new, command):
    lease = aimlock.Lease(run, state, "aim_lock_config", "example-python", "the example in Python")
    lease.acquire(patience=60)
    try:
        subprocess.run(command, shell=True, check=True)  # the work: reads LIVE, writes NEW
        with open(new) as f:
            os.fsync(f.fileno())  # NEW is on the disk before its name
        lease.commit(new, live)
    finally:
        lease.release()


if len(sys.argv) != 6:
    sys.exit(__doc__)
try:
    main(*sys.argv[1:])
except (aimlock.Busy, aimlock.Stale) as e:
    print("lease.py:", type(e).__name__, e, file=sys.stderr)
    sys.exit(75)
