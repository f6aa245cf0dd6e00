// Package e2e holds the end-to-end test: the armv7 aimd, as it is flashed, on
// an AST2600 board that QEMU emulates, with Debian's kernel, its own i2c and
// GPIO drivers on the emulated controllers, and mosquitto with TLS on the host.
//
//	make e2e                 everything; SEEDS=3 by default
//	make e2e SEEDS=20        twenty power cuts
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
package e2e
