package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// storyText is the incident and its cure.
//
//go:embed story.aim
var storyText []byte

// flyText takes a fleet off, for an operator in another shell.
//
//go:embed fly.aim
var flyText []byte

// defaultDrones fly if neither a flag nor the scenario says how many.
const defaultDrones = 3

// readScenario reads and parses a file.
func readScenario(name string) ([]scenario.Step, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, errSyntax{err}
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, scenario.MaxFile+1))
	if err != nil {
		return nil, errSyntax{err}
	}
	return scenario.Parse(name, data)
}

// checkScenario holds a scenario against the fleet that it will have; drones 0:
// as many as it asks for.
func checkScenario(steps []scenario.Step, drones int) error {
	n, _ := setup(steps, drones)
	return scenario.Check(steps, fleet.Names(n), fleet.Template())
}

// setup takes the preparation out of a scenario.
func setup(steps []scenario.Step, drones int) (n int, settings []fleet.Setting) {
	n = defaultDrones
	for _, s := range steps {
		switch do := s.Do.(type) {
		case scenario.Fleet:
			n = do.Drones
		case scenario.Config:
			settings = append(settings, fleet.Setting{Key: do.Key, Value: do.Value})
		}
	}
	if drones > 0 {
		n = drones
	}
	return n, settings
}

// checkDrones refuses a number of drones beyond what processes can show.
func checkDrones(n int) error {
	if n < 0 || n > scenario.MaxDrones {
		return errSyntax{fmt.Errorf("--drones %d: use 1 to %d; each is a process of its own", n, scenario.MaxDrones)}
	}
	return nil
}
