package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// act does one action on one drone.
func act(ctx context.Context, d *fleet.Drone, a scenario.Action) error {
	switch a := a.(type) {
	case scenario.Simple:
		return simple(ctx, d, a)
	case scenario.Kill:
		return d.Kill(ctx, a.Down)
	case scenario.Press:
		d.World.Press(true)
		defer d.World.Press(false)
		return pause(ctx, a.For)
	case scenario.Cut:
		d.Link.Cut(a.Silent)
		return nil
	case scenario.Lock:
		return d.Lock(fleet.Leak{Role: a.Role, Holder: a.Holder, Reason: a.Reason, TTL: a.TTL})
	case scenario.Command:
		err := d.Command(ctx, a.Verb, a.Hold)
		switch {
		case a.Refused && err == nil:
			return fmt.Errorf("%s obeyed, and should have refused", d.Name)
		case a.Refused && errors.Is(err, fleet.ErrRefused):
			return nil
		}
		return err
	case scenario.Edit:
		if a.Garble {
			return d.Garble()
		}
		if a.Undo {
			return d.Undo()
		}
		return d.Edit(a.Key, a.Value)
	}
	return world(d, a)
}

func simple(ctx context.Context, d *fleet.Drone, a scenario.Simple) error {
	switch a {
	case scenario.Disarm:
		return d.World.Disarm()
	case scenario.TakeOff:
		return d.World.TakeOff()
	case scenario.Land:
		return d.World.Land()
	case scenario.DropLock:
		return d.DropLock()
	case scenario.Reboot:
		return d.Reboot(ctx)
	case scenario.Restore:
		d.Link.Restore()
	default:
		return unknown(a)
	}
	return nil
}

// world does what happens to the board and around it.
func world(d *fleet.Drone, a scenario.Action) error {
	w := d.World
	switch a := a.(type) {
	case scenario.Arm:
		err := w.Arm()
		if a.Refused && err == nil {
			return errors.New("armed, and should have been refused")
		}
		if a.Refused {
			return nil
		}
		return err
	case scenario.Pilot:
		if a.Take {
			return w.PilotTake()
		}
		return w.PilotRelease()
	case scenario.Heat:
		if a.Motor == 0 {
			return w.HeatCompanion(a.Celsius)
		}
		return w.HeatMotor(a.Motor, a.Celsius)
	case scenario.Cool:
		return cool(d, a.Motor)
	case scenario.Break:
		return w.Break(a.Target, a.Kind)
	case scenario.Fix:
		return fix(d, a.Target)
	}
	return unknown(a)
}

func cool(d *fleet.Drone, motor int) error {
	for m := 1; m <= scenario.Motors; m++ {
		if motor == m || motor < 0 {
			if err := d.World.CoolMotor(m); err != nil {
				return err
			}
		}
	}
	if motor > 0 {
		return nil
	}
	return d.World.CoolCompanion()
}

func fix(d *fleet.Drone, target string) error {
	targets := []string{target}
	if target == "" {
		targets = d.World.Targets()
	}
	for _, t := range targets {
		if err := d.World.Fix(t); err != nil {
			return fmt.Errorf("fix: %w", err)
		}
	}
	return nil
}
