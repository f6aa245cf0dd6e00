// Command crash counts what a power cut can leave behind, for this project's
// ways to replace a file and for libraries that Go programs commonly use. Each
// of them runs for real, in a folder of the kernel's, under a tracer that
// records its system calls; the tape is then played on a file system that
// enumerates every state (package faultfs). It is a module of its own, so that
// none of the libraries reaches the project's.
//
// Exit status 1: this project's ways lose something, or the tape of one differs
// from its direct run, or a weakness that is known is not found.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"text/tabwriter"
)

func main() {
	child := flag.String("child", "", "NAME: replace the file, for the bench's own use")
	flag.Parse()
	if *child != "" {
		if err := beChild(*child, flag.Arg(0)); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	rows, err := measure()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
	table(rows)
	if problems := verdict(rows); len(problems) > 0 {
		for _, p := range problems {
			fmt.Println("WRONG:", p)
		}
		os.Exit(1)
	}
}

// row is one way to replace a file.
type row struct {
	name string
	ours bool
	kind string // "taped", "direct"
	counts
}

func measure() ([]row, error) {
	var rows []row
	for _, w := range ways {
		var tape *tape
		if w.taped {
			var err error
			if tape, err = record(w); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			n, err := w.enumerate(tape.play, false)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			rows = append(rows, row{w.label(), w.ours, "taped", n})
		}
		if w.direct == nil {
			continue
		}
		for _, fat := range []bool{false, true} {
			n, err := w.enumerate(w.direct, fat)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			r := row{w.label(), w.ours, "direct", n}
			if fat {
				r.name, r.kind = r.name+", FAT-like: a rename splits", "fat"
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func table(rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "protocol\trun\tstates\ttorn\tmissing\tacknowledged but old")
	for _, r := range rows {
		run := r.kind
		if run == "fat" {
			run = "direct"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", r.name, run, r.states, r.torn, r.missing, r.old)
	}
	w.Flush()
	fmt.Printf("\nA file of %d bytes replaced by one of %d. States: different disks after a power cut, summed over the\n", len(oldData), len(newData))
	fmt.Println("moments after each call; every subset of unsynced 512-byte writes, sizes and directory operations.")
	fmt.Println("Taped: its system calls, recorded on this machine. Direct: the same code on the enumerating file system.")
}

// version of a dependency, as this program was built with it.
func version(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "?"
}
