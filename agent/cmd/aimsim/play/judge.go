package play

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// lookEvery is the time between two looks at a drone while something is
// expected of it.
const lookEvery = 50 * time.Millisecond

// judge looks at a drone until the expectation is decided. The error says what
// was seen instead.
func judge(ctx context.Context, d *fleet.Drone, e scenario.Expect) error {
	begin := time.Now()
	for {
		err := look(ctx, d, e.Conditions)
		since := time.Since(begin)
		switch {
		case err == nil && since >= e.For:
			return nil
		case err != nil && since >= e.Within:
			if e.For > 0 {
				return fmt.Errorf("%w, after %v", err, since.Round(10*time.Millisecond))
			}
			return err
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// look judges all conditions against one status; nil if they hold.
func look(ctx context.Context, d *fleet.Drone, conditions []scenario.Condition) error {
	status, err := status(ctx, d, conditions)
	if err != nil {
		return err
	}
	doc, err := d.Document(status)
	if err != nil {
		return err
	}
	for _, c := range conditions {
		holds, seen, err := c.Holds(doc)
		if err != nil {
			return err
		}
		if !holds {
			return fmt.Errorf("%s is %s", c.Field, seenWord(seen))
		}
	}
	return nil
}

// status asks the agent, if a condition is about what it says.
func status(ctx context.Context, d *fleet.Drone, conditions []scenario.Condition) (*telemetry.Status, error) {
	for _, c := range conditions {
		if !fleet.IsStatusField(c.Field) {
			continue
		}
		s, err := d.Look(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s is unknown: the agent does not answer", c.Field)
		}
		return s, nil
	}
	return nil, nil
}

func seenWord(seen string) string {
	if seen == "" {
		return "empty"
	}
	return seen
}
