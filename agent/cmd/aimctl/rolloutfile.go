package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/planfile"
)

// read reads the plan file, if there is one: what it says stands in for flags
// that were not given.
func (f *planFlags) read(fl *pflag.FlagSet) error {
	if f.path == "" {
		return nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, planfile.MaxSize+1))
	if err != nil {
		return err
	}
	if f.file, err = planfile.Parse(f.path, data); err != nil {
		return usagef("%w", err)
	}
	p := &f.file
	text := func(flag string, to *string, v string) {
		if v != "" && !fl.Changed(flag) {
			*to = v
		}
	}
	text("drones", &f.drones, strings.Join(p.Drones, ","))
	text("waves", &f.waves, strings.Join(p.Waves, ","))
	text("approve", &f.approve, p.Approve)
	if p.Canary.Count > 0 {
		text("canary", &f.canary, strconv.Itoa(p.Canary.Count))
	}
	span := func(flag string, to *time.Duration, v planfile.Duration) {
		if v != 0 && !fl.Changed(flag) {
			*to = time.Duration(v)
		}
	}
	span("bake", &f.bake, p.Bake.Time)
	span("timeout", &f.timeout, p.Timeout)
	span("silence", &f.silence, p.Bake.Silence)
	if p.Bake.Heartbeats != 0 && !fl.Changed("heartbeats") {
		f.heartbeats = p.Bake.Heartbeats
	}
	if p.AtOnce != 0 && !fl.Changed("at-once") {
		f.atOnce = p.AtOnce
	}
	return nil
}
