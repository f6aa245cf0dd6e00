// Package e2e holds the end-to-end test: the armv7 aimd, as it is flashed, on
// an AST2600 board that QEMU emulates, with Debian's kernel, its own i2c and
// GPIO drivers on the emulated controllers, and mosquitto with TLS on the host.
//
//	make e2e                      everything; SEEDS=3 CUTS=10 by default
//	make e2e SEEDS=20 CUTS=100    as in CI: twenty power cuts of each board, a
//	                              hundred under the store on each file system
//	AIM_E2E_CUTS=5 go test -tags e2e -v -run 'TestPowerLoss$/vfat' ./board/e2e
//
// The test plays everything around the drone: it heats the chips, drives and
// watches the lines as a flight controller would, cuts the link and the power,
// all through QEMU's control socket, and never from inside the guest. In the
// guest runs one small program (guest/) as /init: it mounts, loads modules,
// starts aimd and, after every exit, aimd -release, as an image's init does.
//
// The kernel is Debian's package linux-image-armmp, fetched with apt, unpacked
// into $AIM_E2E_CACHE (default: aimlock-e2e in the user's cache folder) and
// never installed. Remove that folder to fetch a newer one.
//
// Of the emulated board: its clock starts in 1970, which is a drone without a
// battery-backed clock; an edge that comes before the guest has taken the last
// one hangs the guest, so the lines wait for that; its SD controller passes no
// flushes on, so each block written counts as durable.
//
// A second board, QEMU's "virt" with the arm64 aimd, has a disk that knows
// flushes: the same power cuts there lose, each with a coin, blocks that were
// written and not flushed. It has no I²C, and its table is a board.toml.
//
// # Power loss under the store
//
// TestPowerLoss cuts the power under firmware/store alone, on ext4 and on FAT32,
// a hundred times each in minutes. The arm64 board is booted once, without the
// disk's driver, and its memory kept in a file. Each life is a QEMU of its own
// that goes on from that file: it loads the driver, mounts the disk, says what
// the live file is, has the store recover, says what is in force, and stages,
// tries, commits or reverts version after version, telling each step over the
// console before it takes the next. The test ends that process at a write or
// flush that the seed chose: in the mount, in the recovery, anywhere, or in a
// commit. So nothing of a life's memory, page cache included, reaches the next,
// as with a real power cut; what reaches it is the disk, of which the test keeps
// what was flushed, and of the rest what the seed says: any sectors, a prefix in
// order with its last write torn, any whole writes, or nothing. A sector is 512
// bytes on FAT, and a block of 1 kB on ext4, whose own checksums may fail with
// less. No fsck runs: a drone has none.
//
// Bad is: a live file that is no version byte for byte, or missing; a committed
// version that is gone; a trial, or a reverted version, in force; a store that
// calls another version committed than the live file is; a disk that cannot be
// mounted or recovered. On ext4 the live file is looked at before the recovery
// too. Each seed has a disk of its own and five cuts in a row on it; a failure
// names its seed, which AIM_E2E_CUT_SEED has run alone. The same seed cuts at
// the same request and loses by the same coins; what the guest's kernel writes
// when may differ a little.
//
// The controls run first and must be bad: replacement without any fsync on ext4,
// as it is mounted by default (versions lost) and with noauto_da_alloc (torn),
// and the well-known fsync, rename, fsync of the directory on FAT, which leaves
// entries that point to free clusters: the kernel mounts such a disk read-only.
package e2e
