//go:build race

package rollout

// raced: one goroutine walks, so the race detector has nothing to find in the
// large walk and makes it ten times as long.
const raced = true
