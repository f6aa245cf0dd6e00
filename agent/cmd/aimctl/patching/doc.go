// Package patching is what aimctl patch thinks, without its files and flags: it
// makes the next live file from edits (Shadow), says in words what a patch is
// (Look, View.Report), and what a drone would make of it (Judge).
//
// A patch that is shown may come from anybody. Nothing of it is believed, and
// nothing of it reaches the terminal that could move the cursor or look like
// another text.
package patching
