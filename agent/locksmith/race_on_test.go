//go:build race

package locksmith

// failpointStep: under the race detector a process takes a tenth of a second to
// start, so that every fourth call must do. Every call is killed at without it.
const failpointStep = 4
