package rollout

import "slices"

// Step is what follows from an event: the next state and the orders to carry
// out, in their order. The state is to be kept before they are.
func (s State) Step(ev Event) (State, []Order) {
	if s.Done() {
		return s, nil
	}
	s.Drones = slices.Clone(s.Drones)
	t := &turn{s: &s}
	s.Now = max(s.Now, ev.At)
	t.take(ev)
	for t.follow() {
	}
	return s, t.orders
}
