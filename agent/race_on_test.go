//go:build race

package agent

// raceDetector: the detector is some ten times slower, and the mutants race by
// their nature, which it would report.
const raceDetector = true
