//go:build race

package store_test

// raced: one goroutine enumerates, so the race detector has nothing to find in
// the long plays and makes them ten times as long. TestReadersDuringATry has the
// goroutines.
const raced = true
