package agent

// gate lets one goroutine in at a time. It is a channel and no mutex because
// whoever is inside may wait for a disk: under testing/synctest a wait for a
// mutex would hold up virtual time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter() { g <- struct{}{} }
func (g gate) leave() { <-g }
