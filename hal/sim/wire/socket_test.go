package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

// TestMain lets the test binary be the agent's process: it asserts the pause
// request and stays.
func TestMain(m *testing.M) {
	if path := os.Getenv("WIRE_TEST_AGENT"); path != "" {
		if err := agent(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func agent(path string) error {
	c, err := Dial(path)
	if err != nil {
		return err
	}
	if _, err := c.Output(board.Line{Name: board.PauseReq}, gpio.High); err != nil {
		return err
	}
	fmt.Println("requested")
	never := make(chan os.Signal, 1) // an empty select could be a deadlock to the scheduler
	signal.Notify(never, syscall.SIGUSR2)
	<-never // until it is killed
	return nil
}

// serve serves a world on a real socket until the test ends.
func serve(t *testing.T) (w *sim.World, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "world.sock")
	ln, err := Listen(path)
	must(t, err)
	w = sim.New(simBoard(t), 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go w.Run(ctx)
	go func() { ended <- Serve(ctx, ln, w) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	return w, path
}

// requests tells each change of the request.
func requests(w *sim.World) <-chan bool {
	changes := make(chan bool, 16)
	w.Observe(func(line string, high bool, _ time.Duration) {
		if line == board.PauseReq {
			changes <- high
		}
	})
	return changes
}

func TestKilledProcessReleases(t *testing.T) {
	t.Parallel()
	w, path := serve(t)
	changes := requests(w)
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "WIRE_TEST_AGENT="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		said, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || said != "requested\n" {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("the agent says %q, %v", said, err)
		}
		if !<-changes || !w.Snapshot().Request {
			t.Error("the agent's request did not reach the world")
		}
		must(t, cmd.Process.Kill())
		cmd.Wait()
		if <-changes || w.Snapshot().Request {
			t.Error("the request outlives its process")
		}
	}
}

func TestRealSocket(t *testing.T) {
	t.Parallel()
	w, path := serve(t)
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v: want it for its owner only", fi.Mode(), err)
	}
	c, err := Dial(path)
	must(t, err)
	bus, err := c.Bus(board.Bus{Name: "motors"})
	must(t, err)
	must(t, bus.Tx(0x4B, []byte{2}, nil))
	var r [2]byte
	must(t, bus.Tx(0x4B, nil, r[:]))
	if r != [2]byte{0x4B, 0} {
		t.Errorf("T-low reads % x, want 4b 00", r)
	}
	button := input(t, c, board.Button)
	w.Press(true)
	if !button.WaitForEdge(10 * time.Second) {
		t.Error("no edge of the button")
	}
	if level, err := button.Sense(); err != nil || !bool(level) {
		t.Errorf("button %v, %v", level, err)
	}
	if _, err := Dial(path); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("second client: %v, want EBUSY", err)
	}
	must(t, c.Close())
	again, err := Dial(path)
	must(t, err)
	must(t, again.Close())
}

func TestDialSaysWhatToDo(t *testing.T) {
	t.Parallel()
	if _, err := Dial(filepath.Join(t.TempDir(), "none.sock")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start aimsim") {
		t.Errorf("no socket: %v", err)
	}
	long := "/" + strings.Repeat("x", maxPath)
	if _, err := Dial(long); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := Listen(long); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
}

func TestListenReplacesALeftover(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.sock")
	must(t, leaveSocket(path))
	ln, err := Listen(path)
	must(t, err)
	ln.Close()
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	if _, err := Listen(path); err == nil {
		t.Error("Listen replaced a file that is no socket")
	}
}

// leaveSocket leaves a socket behind, as a killed process does.
func leaveSocket(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}

// A steady turn of the agent's loop over the wire allocates nothing, in the
// agent's process or here in the server.
func TestClientAllocatesNothing(t *testing.T) {
	_, path := serve(t)
	c, err := Dial(path)
	must(t, err)
	defer c.Close()
	disarmed, blue := input(t, c, board.Disarmed), output(t, c, board.LEDBlue)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := disarmed.Sense(); err != nil {
			t.Error(err)
		}
		if err := blue.Out(gpio.High); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a Sense and an Out", n)
	}
}
