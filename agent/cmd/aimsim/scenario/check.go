package scenario

// Check holds a parsed scenario against a fleet before anything starts: every
// list of drones must name drones, every condition a field of doc, which is a
// status with every field present.
func Check(steps []Step, fleet []string, doc any) error {
	var errs Errors
	for _, s := range steps {
		if err := CheckStep(s, fleet, doc); err != nil {
			errs = append(errs, err)
			if len(errs) == MaxErrors {
				break
			}
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// CheckStep is Check for one step.
func CheckStep(s Step, fleet []string, doc any) *Error {
	if !s.Drones.Empty() {
		if _, err := s.Drones.Match(fleet); err != nil {
			return &Error{s.Pos, err.Error(), "correct the list"}
		}
	}
	if r, ok := s.Do.(Rollout); ok {
		return checkRollout(s, r, fleet)
	}
	e, ok := s.Do.(Expect)
	if !ok {
		return nil
	}
	for _, c := range e.Conditions {
		if _, _, err := c.Holds(doc); err != nil {
			return &Error{s.Pos, err.Error(), "correct the field"}
		}
	}
	return nil
}
