package agent

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// crashSeeds says how many kills TestPatchKilled makes; make crash asks for
// 1,000.
const crashSeeds = "AIM_CRASH_SEEDS"

// patchCalls is about how many calls a patch makes that change something; the
// kill falls anywhere among them and a little behind. The test counts how many
// fell behind.
const patchCalls = 105

// crasher kills one drone over and over, each time in another patch.
type crasher struct {
	*patchBench
	dir     string
	version int64
	content string // that lies there
	ends    map[string]int
}

// TestPatchKilled kills the drone's process (kill -9) at a seeded system call
// of a patch, sometimes once more in the recovery: the live file is the old or
// the new one at every moment, the next start drives the patch to an end, and
// what it reports is what lies there.
func TestPatchKilled(t *testing.T) {
	t.Parallel()
	seeds, workers := 12, 2
	if n, err := strconv.Atoi(os.Getenv(crashSeeds)); err == nil {
		seeds, workers = n, 6
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	ends := map[string]int{}
	for w := range workers {
		c := newCrasher(t)
		all.Go(func() {
			for seed := w; seed < seeds && !t.Failed(); seed += workers {
				c.crash(uint64(seed))
			}
			mu.Lock()
			defer mu.Unlock()
			for k, n := range c.ends {
				ends[k] += n
			}
		})
	}
	all.Wait()
	t.Logf("%d seeds: %v", seeds, ends)
	if seeds >= 200 && (ends[patchCommitted] == 0 || ends[patchReverted] == 0 || ends["killed"] < seeds/2) {
		t.Errorf("the kills do not fall where they should: %v", ends)
	}
}

func newCrasher(t *testing.T) *crasher {
	t.Helper()
	c := &crasher{patchBench: &patchBench{epoch: 1, flying: &flying{fleetEnd: newBroker(t)}}, dir: t.TempDir(), version: 7, content: oldFile, ends: map[string]int{}}
	var err error
	for _, k := range []*patch.SecretKey{&c.author, &c.operator} {
		if *k, err = patch.GenerateKey(); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(c.live(), []byte(oldFile), 0o644); err != nil {
		t.Error(err)
	}
	return c
}

func (c *crasher) live() string { return filepath.Join(c.dir, "aim_lock_config.conf") }

// process is a drone's.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log bytes.Buffer
}

func (c *crasher) start(kill int64, armed string) *process {
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childDir+"="+c.dir, childBroker+"="+c.url, childKeys+"="+c.author.Public()+","+c.operator.Public(),
		childKill+"="+strconv.FormatInt(kill, 10), childArmed+"="+armed)
	p.cmd.Stderr = &p.log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		c.t.Error(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		c.t.Error(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		c.t.Error(err)
	}
	return p
}

// says reads a line; false: the process has died.
func (p *process) says(word string) bool {
	line, err := p.out.ReadString('\n')
	return err == nil && strings.HasPrefix(line, word)
}

// crash is one patch with one kill in it.
func (c *crasher) crash(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 11))
	old, version := c.content, c.version+1
	next := strings.Replace(oldFile, "version = 7", fmt.Sprintf("version = %d", version), 1)
	id := fmt.Sprintf("p%d", version)
	kill := 2 + rng.Int64N(2*patchCalls)
	p := c.start(kill, "")
	if p.says("ready") {
		fmt.Fprintln(p.in, "arm")
		p.says("armed")
	}
	c.offer(c.patch(id, version, next, nil), func(o *telemetry.Offer) { o.Rollout = "r" + id })
	died := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, p.out); _ = p.cmd.Wait(); close(died) }()
	if _, ended := c.until(id, died); ended == "" {
		c.ends["killed"]++
	} else {
		c.ends["behind"]++
		_ = p.cmd.Process.Kill()
		<-died
	}
	c.whole(seed, kill, p, old, next)
	for rng.IntN(3) == 0 { // and again in the recovery
		p = c.start(2+rng.Int64N(80), "start")
		died := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, p.out); _ = p.cmd.Wait(); close(died) }()
		if _, e := c.until(id, died); e != "" {
			_ = p.cmd.Process.Kill()
			<-died
		}
		c.ends["again"]++
		c.whole(seed, kill, p, old, next)
	}
	p = c.start(0, "")
	alive := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, p.out); _ = p.cmd.Wait(); close(alive) }()
	r, ended := c.until(id, alive)
	_ = p.in.Close()
	<-alive
	c.ends[ended]++
	c.settle(seed, kill, p, r, ended, old, next)
	c.publish(nil)
	c.version = version
}

// until waits for the patch's end, or the process's.
func (c *crasher) until(id string, died <-chan struct{}) (r telemetry.Report, state string) {
	late := time.After(patience)
	for {
		select {
		case h := <-c.got:
			if h.leaf != telemetry.LeafReport || telemetry.Decode(h.payload, &r) != nil || r.Patch != id {
				continue
			}
			if r.State == patchCommitted || r.State == patchReverted || r.State == patchRejected {
				return r, r.State
			}
		case <-died:
			return r, ""
		case <-late:
			return r, "no end within " + patience.String() + ", last " + r.State
		}
	}
}

// whole: at the moment of death the live file is one of the two.
func (c *crasher) whole(seed uint64, kill int64, p *process, old, next string) {
	got, err := os.ReadFile(c.live())
	if err != nil || string(got) != old && string(got) != next {
		c.t.Errorf("seed %d, kill %d: the live file is neither the old nor the new one: %v %q\n%s", seed, kill, err, got, &p.log)
	}
}

// settle: after the restart the patch has ended, the live file is what the
// report says, the store agrees, and nothing is left over.
func (c *crasher) settle(seed uint64, kill int64, p *process, r telemetry.Report, ended, old, next string) {
	want := map[string]string{patchCommitted: next, patchReverted: old}[ended]
	got, err := os.ReadFile(c.live())
	if err != nil || string(got) != want {
		c.t.Errorf("seed %d, kill %d: %s (%s: %s), but the live file is %q (%v)\n%s", seed, kill, ended, r.Reason, r.Detail, got, err, &p.log)
		return
	}
	c.content = string(got)
	s, err := store.Open(durable.Linux, store.Options{Live: c.live(), Dir: filepath.Join(c.dir, "state", storeName)})
	if err != nil {
		c.t.Errorf("seed %d: %v", seed, err)
		return
	}
	defer s.Close()
	data, _, ok := s.Committed()
	if !ok || string(data) != c.content || s.Status().Phase.String() != ended {
		c.t.Errorf("seed %d, kill %d: the store has %v and %q, the drone says %s", seed, kill, s.Status(), data, ended)
	}
	if left, _ := filepath.Glob(filepath.Join(c.dir, "*shadow*")); len(left) > 0 {
		c.t.Errorf("seed %d, kill %d: %v is left over", seed, kill, left)
	}
}
