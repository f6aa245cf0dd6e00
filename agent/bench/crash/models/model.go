// Package models runs the real code of the project's files, store and lock
// over two models of a disk that loses power, which were made by different
// people: the project's own (package faultfs), which promises less than any
// file system does, and Pebble's crashable MemFS, by which that database proves
// itself. Both must come to the same judgement.
package models

import (
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// Disk is a file system that can lose power.
type Disk interface {
	durable.Sys
	// Piece is how many bytes reach the disk together.
	Piece() int
	// Cut runs run and calls visit with every disk that a power cut before it,
	// after each of its calls and at its end can leave. visit owns the disk.
	Cut(run func(), visit func(after Disk)) (states int)
	// Key is equal for equal disks.
	Key() [32]byte
}

// Model makes empty disks.
type Model struct {
	Name string
	New  func() Disk
}

// Models are the two.
var Models = []Model{
	{"faultfs", func() Disk { return faultDisk{faultfs.New()} }},
	{"pebble's MemFS", newMemDisk},
}

// faultDisk is the project's own model.
type faultDisk struct{ *faultfs.FS }

func (d faultDisk) Piece() int { return 512 }

func (d faultDisk) Key() [32]byte { return d.FS.Key(untemp) }

func (d faultDisk) Cut(run func(), visit func(Disk)) int {
	return faultfs.Enumerate(d.FS, run, func(after *faultfs.FS) { visit(faultDisk{after}) }).States
}

// untemp: what a temporary file is called is random and decides nothing.
func untemp(name string) string {
	const hex = len("0123456789abcdef.tmp")
	if n := len(name) - hex; n > 0 && name[len(name)-4:] == ".tmp" {
		return name[:n]
	}
	return name
}
