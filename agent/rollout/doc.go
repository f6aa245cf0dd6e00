// Package rollout decides which drone is offered a patch and when, and what
// happens when one of them fails. It is pure: [State] is a value, [State.Step]
// takes an [Event] and returns the next state with the orders that follow from
// it. Time comes in with each event; nothing here reads a clock, a file or a
// socket. Package run carries the orders out.
//
// A rollout is a canary and then waves. Each wave is offered the patch, and
// when every drone of it has said COMMITTED, the wave is watched for the bake
// and then judged:
//
//	READY → RUNNING (OFFERING → BAKING → JUDGING → next wave …) → FINISHED
//	   ⇅ WAITING_FOR_APPROVAL, INCONCLUSIVE, PAUSED
//	   ↓ a failure, or a person's word, from any of these
//	ROLLING_BACK → STOPPED
//
// Hard failures have no tolerance, and the first one takes the patch back from
// whoever got it: a drone that reverts the patch by itself, and, in the bake of
// a drone that has committed, a pause or a fault that it did not have before, or
// silence. A drone that rejects the patch or does not commit in time is the same
// unless the plan has a [Rule] for it; what such a drone may have is then taken
// back from it alone. A [Metric] that the patch made worse is a failure if it is
// critical. A drone that has the configuration already is offered nothing and
// watched all the same; nothing is taken back from it.
// What cannot be taken back ([Plan].Keep: a change of the keys) stays with whoever
// got it when a failure stops everything.
//
// A drone that is not connected, or whose status is not known, is not offered
// anything: it becomes OFFLINE once the time-out has passed and is left out. One
// that holds for a stuck lock is offered a patch only if the patch may end the
// lock's holder, and few of them at a time. A canary that is not whole, or a
// wave of which nobody was there, proves too little: INCONCLUSIVE.
//
// A [Verdict] says what a bake has shown, and what it has not: the failure rate
// that is excluded so far, and each metric's drones with the patch against those
// that wait for it, by the rank test where both arms are large enough for it.
//
// Time is the rollout's own: nanoseconds during which it was watched. It
// stands still while nobody watches (the runner was killed, its link is down),
// so that neither a bake is served nor a drone blamed in the dark.
package rollout
