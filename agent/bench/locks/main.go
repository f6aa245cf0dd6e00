// Command locks puts local locks side by side in one run: this project's, two
// that programs in Go commonly use, and an embedded etcd. It is a module of its
// own, so that none of their dependencies reaches the project's.
//
// Exit status 1: this project's lock is not ahead where it should be.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// held is a lock that is ours.
type held interface {
	// write puts text in the place of the file at path as this lock's users do:
	// it checks that the lock is still ours, if there is a way, calls checked,
	// and replaces the file.
	write(path, text string, checked func()) error
	release() error
}

// lock is one kind of lock in one place, as one process uses it.
type lock interface {
	// acquire waits for the lock until ctx ends.
	acquire(ctx context.Context) (held, error)
	// await returns when the lock of a holder that is gone was taken back.
	await(ctx context.Context) error
	// steal gets the lock from a holder that lives but is stopped past its
	// lease. fair: it took somebody's leave to do that, not age alone.
	steal(ctx context.Context, pid int) (h held, fair bool, err error)
	close()
}

// kind is a row of the table.
type kind struct {
	name   string
	open   func(dir string) (lock, error)
	begin  func(dir string) error // starts what it needs besides; may be nil
	reboot func(dir string) error // what a reboot does to its files
	age    func(dir string) error // makes a stopped holder's lease old; nil: time does
	// reuse says whether the lock stays taken after a boot when the dead holder's
	// pid is in use again; nil: no pid decides.
	reuse   func(ctx context.Context, dir string) (stuck bool, err error)
	durable string // what survives a power cut
	turns   int    // of acquire + release
	runs    int    // of each of the other columns
	boots   int    // of the column boot
}

var kinds = []kind{aimlockKind, gofrsKind, exclKind, resticKind, etcdKind}

func main() {
	child := flag.String("child", "", "hold|boot: be another process, for the bench's own use")
	only := flag.String("only", "", "run only the locks whose name contains this")
	flag.Parse()
	if *child != "" {
		os.Exit(beChild(*child, flag.Args()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 58*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "aimlocks-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "locks:", err)
		os.Exit(1)
	}
	results, err := measure(ctx, dir, *only)
	closeEtcd()
	_ = os.RemoveAll(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "locks:", err)
		os.Exit(1)
	}
	table(results)
	if *only == "" && !verdict(results) {
		os.Exit(1)
	}
}

// result is what was measured of one kind.
type result struct {
	kind
	mu            sync.Mutex
	turn          []time.Duration // acquire + release
	kill, boot    []time.Duration
	falseReclaims int
	late          [2]int // accepted: stopped before its check, stopped between its check and its write
	tries         [2]int // where the lock went to another at all
	stuck         int    // not reclaimed after a boot, because the holder's pid was in use again
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// show rounds to three figures.
func show(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func table(results []*result) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "lock\tacquire + release\tkill -9 → reclaimed\tboot → reclaimed\tfalse reclaims\tlate writes accepted\tafter a power cut")
	for _, r := range results {
		late := "the lock stays with a holder that lives"
		if n := r.tries[0] + r.tries[1]; n > 0 {
			late = fmt.Sprintf("%d of %d", r.late[0]+r.late[1], n)
		}
		boot := show(median(r.boot))
		if r.stuck > 0 {
			boot += fmt.Sprintf("; pid in use again: %v", staleAfter)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d of %d\t%s\t%s\n", r.name, show(median(r.turn)), show(median(r.kill)), boot,
			r.falseReclaims, 2*r.runs, late, r.durable)
	}
	w.Flush()
	fmt.Printf("\nMedians of %d turns and %d runs (etcd: %d, %d, one boot).\n", aimlockKind.turns-1, aimlockKind.runs, etcdKind.turns-1, etcdKind.runs)
	fmt.Printf("Boot: from a program's start to the lock in its hands, on what a reboot leaves; its start alone takes %s.\n", show(median(bare)))
	fmt.Println("restic itself takes no stale lock: a person does, with \"restic unlock\". Here its rule is applied every 100 ms.")
	fmt.Println("False reclaim: given to another by age alone while the holder lives (stopped past its lease).")
	fmt.Println("Late write: the holder goes on and writes, half of them stopped before its check, half right after it.")
}

// verdict says where this project's lock is not ahead of one that keeps its
// promise over a power cut.
func verdict(results []*result) bool {
	us, ok := results[0], true
	behind := func(what, who string) {
		fmt.Printf("BEHIND: %s: %s\n", what, who)
		ok = false
	}
	if us.falseReclaims > 0 || us.late != [2]int{} {
		behind("false reclaims and late writes", "must be 0")
	}
	for _, r := range results[1:] {
		if r.durable != nothing && median(us.turn) >= median(r.turn) {
			behind("acquire + release", r.name)
		}
		if median(us.kill) >= median(r.kill) {
			behind("kill -9 → reclaimed", r.name)
		}
		// Who asks for a pid is as fast while it is free, and stuck while it is not.
		if r.durable != nothing && r.stuck == 0 && median(us.boot) >= median(r.boot) {
			behind("boot → reclaimed", r.name)
		}
	}
	return ok
}

// bare is the start of this program and nothing else.
var bare []time.Duration

const nothing = "nothing: skips durability, no record, no fence"

// self is this program as a child.
func self(ctx context.Context, role string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "/proc/self/exe", append([]string{"-child", role}, args...)...)
}
