#!/bin/sh
# lease.sh NEW COMMAND: under the lease has COMMAND write NEW, and puts it in the
# live file's place. Exit code 75: the lease was refused or is over, the live
# file is untouched.
#
# The lock is an OFD lock. flock(1) takes a flock(2) lock, which excludes nobody
# here (util-linux 2.41 has --fcntl, but neither record nor epoch), and a shell
# has no fcntl: so aimctl takes the lease, renews it while COMMAND runs, and
# commits. AIM_IDENTITY names the drone's identity, if it is not in /etc/aimlock.
[ $# -eq 2 ] || { echo "usage: lease.sh NEW COMMAND" >&2; exit 2; }
exec aimctl lock run --wait=1m --role orchestrator --reason 'the example in shell' -- \
	sh -c 'sh -c "$2" && aimctl lock commit "$1"' lease "$1" "$2"
