// Package rollout decides which drone is offered a patch and when, and what
// happens when one of them fails. It is pure: [State] is a value, [State.Step]
// takes an [Event] and returns the next state with the orders that follow from
// it. Time comes in with each event; nothing here reads a clock, a file or a
// socket. Package run carries the orders out.
//
// A rollout is a canary and then waves. Each wave is offered the patch, and
// when every drone of it has said COMMITTED, the wave is watched for the bake.
// The first failure stops everything and takes the patch back from whoever got
// it:
//
//	RUNNING (OFFERING → BAKING → next wave …) → FINISHED
//	   ⇅ pause, approval, inconclusive
//	PAUSED
//	   ↓ a failure, or abort, from either
//	ROLLING_BACK → STOPPED
//
// A failure is: a drone that rejects or reverts the patch, one that has not
// committed within the time-out, and, in the bake of a drone that has
// committed, a pause or a fault that it did not have before, or silence. A
// drone that has the configuration already is offered nothing and watched all
// the same; nothing is taken back from it.
// A drone that is not connected, or whose status is not known, is not offered
// anything: it becomes OFFLINE once the time-out has passed and is left out. A
// canary that is not whole, or a wave of which nobody was there, proves too
// little: the rollout pauses.
//
// Time is the rollout's own: nanoseconds during which it was watched. It
// stands still while nobody watches (the runner was killed, its link is down),
// so that neither a bake is served nor a drone blamed in the dark.
package rollout
