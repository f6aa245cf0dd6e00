// Command bench prints each budget of the design beside what is measured here:
// ratios, counts and differences to a control in the same run, because the
// machine is noisy. Exit status 1: a budget is exceeded that is not known to be.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	What     string `json:"what"`
	Budget   string `json:"budget"`
	Measured string `json:"measured"`
	OK       bool   `json:"ok"`
	NotBuilt bool   `json:"not_built,omitempty"` // nothing to measure yet: neither ok nor over
	Note     string `json:"note,omitempty"`
}

// verdict is what the table's first column says.
func (r row) verdict() string {
	switch {
	case r.NotBuilt:
		return "none"
	case !r.OK:
		return "OVER"
	case r.Budget == "":
		return ""
	}
	return "ok"
}

// fails says whether the row makes the run fail.
func (r row) fails() bool { return !r.OK && !r.NotBuilt }

// measure fills rows; an error is a measurement that could not be made, which
// fails the run as an exceeded budget does.
type measure struct {
	name string
	do   func(ctx context.Context, dir string) ([]row, error)
	// begin starts what must settle while the others measure, and returns do.
	begin func(ctx context.Context, dir string) func(ctx context.Context, dir string) ([]row, error)
}

var measures = []measure{
	{name: "request latency", do: latency},
	{name: "allocations", do: allocations},
	{name: "reclaim at boot", do: reclaim},
	{name: "size", do: size},
	{name: "durability", do: durability},
	{name: "lock", do: lock},
	{name: "messages", do: messages},
	{name: "memory and CPU", begin: beginResident},
}

func main() {
	asJSON := flag.Bool("json", false, "print JSON, a row a line")
	only := flag.String("only", "", "run only the measurements whose name contains this")
	flag.Parse()
	os.Exit(run(*asJSON, *only))
}

func run(asJSON bool, only string) int {
	dir, err := os.MkdirTemp("", "aimbench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	code, enc := 0, json.NewEncoder(os.Stdout)
	var chosen []measure
	for _, m := range measures {
		if !strings.Contains(m.name, only) {
			continue
		}
		if m.begin != nil {
			m.do = m.begin(ctx, dir)
		}
		chosen = append(chosen, m)
	}
	for _, m := range chosen {
		start := time.Now()
		rows, err := m.do(ctx, dir)
		if err != nil {
			rows = append(rows, row{What: m.name, Measured: "failed: " + err.Error()})
		}
		for _, r := range rows {
			if r.fails() {
				code = 1
			}
			if asJSON {
				_ = enc.Encode(r)
			} else {
				print(r)
			}
		}
		fmt.Fprintf(os.Stderr, "  (%s: %.1f s)\n", m.name, time.Since(start).Seconds())
	}
	return code
}

func print(r row) {
	fmt.Printf("%-4s  %-46s %-28s %s\n", r.verdict(), r.What, r.Budget, r.Measured)
	if r.Note != "" {
		fmt.Printf("      %s\n", r.Note)
	}
}
