package rollout

// Kind is an event's.
type Kind uint8

// What happens to a rollout.
const (
	Tick       Kind = iota // time passes
	Reported               // a drone says how far the patch has come: Event.Report
	Seen                   // a drone's status: Event.Vitals
	Link                   // a drone is connected, or not: Event.Online
	Beat                   // any other sign of life of a drone
	NotCurrent             // a drone refuses the revert: it does not have the patch
	DoPause                // the operator: no further offers
	DoResume               // the operator: go on, after a pause or in spite of an inconclusive wave
	DoApprove              // the operator: the next wave may come
	DoAbort                // the operator: stop; what has the patch keeps it
	DoRollback             // the operator: stop and take the patch back
)

// Event is one thing that happens, At the rollout's time in ns, which never
// falls: an earlier one counts as now.
type Event struct {
	Kind   Kind
	At     int64
	Drone  string // of Reported, Seen, Link, Beat, NotCurrent
	Report Report
	Vitals Vitals
	Online bool   // of Link
	Kept   bool   // of Link: it lay at the broker, which is no sign of life
	By     string // of the operator's: who, and perhaps why
	// Samples, of Tick, are what was measured since the present wave is
	// watched; nil: nothing new. The map is the planner's from now on.
	Samples map[string][]Sum
}

// Report is what a drone says of this rollout's patch. What it says of other
// patches and rollouts, or said before, is no event.
type Report struct {
	State  string // IDLE STAGED WAITING APPLYING TRIAL COMMITTED REVERTED REJECTED
	Reason string // for people
	Proof  string // of an override: which lock, whose, and what proved it
}

// Vitals are what a drone's status says. The lists are kept, never changed.
type Vitals struct {
	Live       bool     // said now; not: it lay at the broker
	Causes     []string // of a pause
	Faults     []string // what is unknown or broken
	SHA256     string   // of the configuration in force
	Version    int64    // of the configuration in force
	PatchState string   // of the patch at hand, as in a Report
	Boot       string   // changes when the drone restarts
	Newer      bool     // another, newer patch is committed
}

// OrderKind is an order's.
type OrderKind uint8

// What the runner is to do.
const (
	Offer    OrderKind = iota // publish the patch to a drone
	Withdraw                  // clear the drone's offer
	Revert                    // send the drone the revert that was signed with the patch
	Say                       // tell people
)

func (k OrderKind) String() string { return [...]string{"offer", "withdraw", "revert", "say"}[k] }

// Order is one thing to do. Orders to drones may be carried out more than
// once: a drone knows a patch by its id and a revert by its nonce.
type Order struct {
	Kind   OrderKind
	Drone  string // of Say: whom it is about; empty: the rollout
	Canary bool   // of Offer
	Text   string // of Say
}
