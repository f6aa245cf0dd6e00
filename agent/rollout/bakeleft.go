package rollout

// BakeLeft is what the present wave's bake still asks for: nanoseconds of the
// rollout's time, and how many signs of life of the drone that was heard
// least; that drone's name. Outside of a bake, or when it is over, all is zero.
func (s State) BakeLeft() (ns int64, beats int, drone string) {
	if s.Done() || s.Status == RollingBack || s.Phase == Offering {
		return 0, 0, ""
	}
	for i := range s.Drones {
		d := &s.Drones[i]
		if !s.watched(d) {
			continue
		}
		ns = max(ns, s.Plan.BakeNS-(s.Now-max(d.DoneAt, s.BakeAt)))
		if left := s.Plan.Heartbeats - d.Beats; left > beats {
			beats, drone = left, d.Name
		}
	}
	return ns, beats, drone
}
