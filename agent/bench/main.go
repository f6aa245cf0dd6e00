// Command bench prints each budget of the design beside what is measured here:
// ratios, counts and differences to a control in the same run, because the
// machine is noisy. Exit status 1: a budget is exceeded.
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
	Note     string `json:"note,omitempty"`
}

// measure fills rows; an error is a measurement that could not be made, which
// fails the run as an exceeded budget does.
type measure struct {
	name string
	do   func(ctx context.Context, dir string) ([]row, error)
}

var measures = []measure{
	{"request latency", latency},
	{"allocations", allocations},
	{"reclaim at boot", reclaim},
	{"size", size},
	{"memory and CPU", resident},
	{"durability", durability},
	{"lock", lock},
	{"messages", messages},
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
	for _, m := range measures {
		if !strings.Contains(m.name, only) {
			continue
		}
		start := time.Now()
		rows, err := m.do(ctx, dir)
		if err != nil {
			rows = append(rows, row{What: m.name, Measured: "failed: " + err.Error()})
		}
		for _, r := range rows {
			if !r.OK {
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
	verdict := "ok  "
	if !r.OK {
		verdict = "OVER"
	}
	fmt.Printf("%s  %-46s %-28s %s\n", verdict, r.What, r.Budget, r.Measured)
	if r.Note != "" {
		fmt.Printf("      %s\n", r.Note)
	}
}
