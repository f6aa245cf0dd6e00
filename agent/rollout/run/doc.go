// Package run carries a rollout out: it listens to a fleet's drones, lets
// package rollout decide, keeps the state in a file and publishes the orders.
//
// Files. Options.State is the state (JSON, replaced durably before each order
// is sent, so that a killed runner goes on where it was); beside it lie
// <state>.lock, held while a runner runs, and <state>.ask, what another process
// asks of the running one (Ask).
//
// Who leads. One connection named aim-ctl-<fleet> does everything; a broker
// allows one of a name. Before it connects, a runner reads who leads the fleet
// (_controller, and the rollouts beside it) and stops with an *OtherError if
// that is somebody else; Options.TakeOver raises the epoch instead, and the
// other one stops when it sees that. Drones refuse offers of a lower epoch.
//
// Time is the rollout's own: it runs while the link is up and what the broker
// had kept has been read.
package run
