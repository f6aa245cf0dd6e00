//go:build peers

package run

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

const mosquittoPath = "/usr/sbin/mosquitto"

// mosquitto runs Debian's broker with the shipped loopback rules and returns
// its port.
func mosquitto(t *testing.T) string {
	t.Helper()
	acl, err := filepath.Abs("../../../scripts/mosquitto/aimlock.acl")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // the port may be taken between being found and being used
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		conf := filepath.Join(t.TempDir(), "mosquitto.conf")
		text := "listener " + port + " 127.0.0.1\nallow_anonymous true\nacl_file " + acl + "\nmax_packet_size 262144\nmax_queued_messages 20000\n"
		if os.Geteuid() == 0 {
			text += "user root\n" // or it could not read the test's folder
		}
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if runs(t, exec.Command(mosquittoPath, "-v", "-c", conf)) {
			return port
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}

// runs is true once the broker says so; it ends with the test.
func runs(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%v; apt-get install mosquitto", err)
	}
	up, done := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.Contains(s.Text(), "running") {
				up <- true
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-done })
	select {
	case <-up:
		return true
	case <-done:
		return false
	case <-time.After(patience):
		t.Fatal("mosquitto neither runs nor ends")
		return false
	}
}

// Over Debian's broker and the shipped rules: a rollout whose runner is stopped
// in its midst and run again, and one that fails in the same way.
func TestMosquitto(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tempers []temper
		want    string
	}{
		{[]temper{good, good, good, good}, "FINISHED: SUCCEEDED SUCCEEDED SUCCEEDED SUCCEEDED"},
		{[]temper{good, good, reverts, good}, "STOPPED: REVERTED REVERTED REVERTED PENDING"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			f := &fleet{t: t, drones: map[string]*drone{}, stops: map[string]func(){}, state: filepath.Join(t.TempDir(), "rollout.json")}
			var err error
			f.dial, err = telemetry.Broker("mqtt://127.0.0.1:"+mosquitto(t), nil)
			f.must(err)
			f.populate(c.tempers...)
			o := f.options()
			o.User, o.Plan.AtOnce = "operator", 1
			stopped := errors.New("stopped")
			for seed := uint64(1); ; seed++ {
				b := f.begin(o)
				n, most := uint64(0), 1+rand.New(rand.NewPCG(seed, 0)).Uint64N(6)
				go func() {
					for p := range b.progress {
						if n++; n == most && !p.Saved.Rollout.Done() {
							b.stop(fmt.Errorf("after %d: %w", n, stopped))
						}
					}
				}()
				s, err := b.wait(t)
				if errors.Is(err, stopped) {
					continue
				}
				f.must(err)
				if got := f.outcomes(s); got != c.want {
					t.Errorf("%s (%s), want %s", got, s.Reason, c.want)
				}
				break
			}
			if c.tempers[2] != good {
				return
			}
			other := f.options()
			other.User, other.Controller, other.State, other.Plan.ID = "operator", "op-b", filepath.Join(t.TempDir(), "b.json"), "r2"
			s, err := f.run(other) // the fleet is free again
			f.must(err)
			if got := f.outcomes(s); got != c.want || f.drones["d1"].trials != 1 {
				t.Error(got, f.drones["d1"].trials)
			}
		})
	}
}
