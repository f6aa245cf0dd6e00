// Package faultfs is a file system in memory that fails on purpose: it
// implements durable.Sys, so that the real code of locks, store and journal
// runs on it, and it can
//
//   - cut the power after every call, with every subset of what was not yet
//     synced: each 512-byte piece of a write, each change of size or mode, each
//     directory operation ([Enumerate], [FS.Crash]);
//   - fail the k-th call, or all from it on, or write short ([Proc.FailAt],
//     [Proc.FailFrom], [Proc.ShortAt]);
//   - kill a process: its descriptors close, its locks go, its further calls
//     fail ([Proc.KillAt], [Proc.Kill]);
//   - swallow a sync, to make the mutant that a test must catch ([SkipSync]).
//
// The model promises less than any journaling file system does: unsynced
// changes reach the disk in any combination, an fsync of a file does not cover
// its name, and a failed fsync leaves its data in the cache, marked clean,
// where no later fsync will write them. Three things it does grant: a 512-byte
// sector is written whole or not at all, a rename is atomic (unless
// [FS.SplitRename]; [FS.FAT] models more of FAT), and a failed fsync loses data but not names or
// sizes, which a journal either keeps or refuses loudly for good.
//
// Not modelled: hard links, "..", symbolic links, permissions, O_APPEND.
package faultfs
