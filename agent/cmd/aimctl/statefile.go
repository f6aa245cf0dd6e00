package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// stateFile is where a rollout's state is kept unless --state says otherwise:
// <state home>/aimlock/<fleet>/<id>.json. Its folder is created.
func stateFile(fleet, id string) (string, error) {
	home, err := stateHome()
	if err != nil {
		return "", fmt.Errorf("no folder for the rollout's state; give --state FILE: %w", err)
	}
	dir := filepath.Join(home, "aimlock", fleet)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("no folder for the rollout's state; give --state FILE: %w", err)
	}
	return filepath.Join(dir, id+".json"), nil
}

// stateFiles are this user's state files, the newest first: of one rollout or,
// id "", of all; of one fleet or, fleet "", of all.
func stateFiles(fleet, id string) ([]string, error) {
	home, err := stateHome()
	if err != nil {
		return nil, err
	}
	root := filepath.Join(home, "aimlock")
	fleets, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	age := map[string]int64{}
	var list []string
	for _, f := range fleets {
		if fleet != "" && f.Name() != fleet {
			continue
		}
		files, err := os.ReadDir(filepath.Join(root, f.Name()))
		if err != nil {
			continue // no folder: not ours
		}
		for _, file := range files {
			name, isState := strings.CutSuffix(file.Name(), ".json")
			if !isState || !telemetry.ValidID(name) || id != "" && name != id {
				continue
			}
			path := filepath.Join(root, f.Name(), file.Name())
			if st, err := os.Stat(path); err == nil {
				age[path] = -st.ModTime().UnixNano()
				list = append(list, path)
			}
		}
	}
	slices.SortFunc(list, func(x, y string) int { return cmp.Compare(age[x], age[y]) })
	return list, nil
}

// findState is the one state file of a rollout; fs.ErrNotExist when there is
// none.
func findState(given, fleet, id string) (string, error) {
	if given != "" {
		return given, nil
	}
	list, err := stateFiles(fleet, id)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", fmt.Errorf("no state of rollout %s on this machine: %w", id, fs.ErrNotExist)
	case len(list) > 1:
		return "", usagef("there are %d rollouts %s; say of which fleet with --fleet NAME: %s", len(list), id, strings.Join(list, " "))
	}
	return list[0], nil
}
