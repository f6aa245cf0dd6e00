package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

// opener is hal.Opener by shape.
type opener interface {
	Bus(board.Bus) (i2c.BusCloser, error)
	Input(board.Line) (gpio.PinIn, error)
	Output(board.Line, gpio.Level) (gpio.PinOut, error)
	ReadFile(string) ([]byte, error)
}

var _ opener = (*Client)(nil)

// sensing is hal.Input by shape.
type sensing interface {
	gpio.PinIn
	Sense() (gpio.Level, error)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func simBoard(t testing.TB) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	must(t, err)
	return b
}

func line(t testing.TB, name string) board.Line {
	t.Helper()
	l, ok := simBoard(t).Line(name)
	if !ok {
		t.Fatalf("the board has no line %s", name)
	}
	return l
}

func input(t testing.TB, o opener, name string) sensing {
	t.Helper()
	p, err := o.Input(line(t, name))
	must(t, err)
	return p.(sensing)
}

func output(t testing.TB, o opener, name string) gpio.PinOut {
	t.Helper()
	p, err := o.Output(line(t, name), gpio.Low)
	must(t, err)
	return p
}

// pipes is a listener of connections in memory, for virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// bubble serves a world on virtual time.
func bubble(t *testing.T, f func(t *testing.T, w *sim.World, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, p := sim.New(simBoard(t), 1), newPipes()
		go w.Run(t.Context())
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- Serve(ctx, p, w) }()
		f(t, w, p)
		cancel()
		must(t, <-ended)
	})
}

func connect(t *testing.T, p *pipes) *Client {
	t.Helper()
	c, err := newClient(p.dial())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestTransfersAndTheirErrors(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		bus, err := c.Bus(board.Bus{Name: "motors"})
		must(t, err)
		<-time.After(time.Second)
		var r [2]byte
		began := time.Now()
		must(t, bus.Tx(0x48, []byte{0}, r[:]))
		if took := time.Since(began); r != [2]byte{0x19, 0} || took != 480*time.Microsecond {
			t.Errorf("read % x in %v, want 19 00 in 480 µs", r, took)
		}
		must(t, bus.Tx(0x48, []byte{1, 0x60, 0xF0}, nil))
		for _, row := range []struct {
			target, kind string
			errno        error
			took         time.Duration
		}{
			{"motor1", "nack", syscall.ENXIO, 110 * time.Microsecond},
			{"bus:motors", "stuck", syscall.ETIMEDOUT, 1040 * time.Millisecond},
		} {
			must(t, w.Break(row.target, row.kind))
			began := time.Now()
			err := bus.Tx(0x48, []byte{0}, r[:])
			if took := time.Since(began); !errors.Is(err, row.errno) || took != row.took {
				t.Errorf("%s: %v after %v, want %v after %v", row.kind, err, took, row.errno, row.took)
			}
			must(t, w.Fix(row.target))
		}
		if err := bus.Tx(0x48, make([]byte, sim.MaxTransfer+1), nil); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("too long: %v", err)
		}
		must(t, bus.Tx(0x48, make([]byte, sim.MaxTransfer), make([]byte, sim.MaxTransfer)))
		must(t, bus.Close())
		if err := bus.Tx(0x48, []byte{0}, r[:]); !errors.Is(err, syscall.EBADF) {
			t.Errorf("after Close: %v", err)
		}
		if err := bus.SetSpeed(1); !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Errorf("SetSpeed: %v", err)
		}
	})
}

// A stuck bus must not hold up the lines: the loop reads them.
func TestLinesBesideAStuckBus(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		bus, err := c.Bus(board.Bus{Name: "motors"})
		must(t, err)
		disarmed, request := input(t, c, board.Disarmed), output(t, c, board.PauseReq)
		must(t, w.Break("bus:motors", "stuck"))
		ended := make(chan error, 1)
		go func() { ended <- bus.Tx(0x48, []byte{0}, make([]byte, 2)) }()
		synctest.Wait()
		began := time.Now()
		for range 100 {
			level, err := disarmed.Sense()
			if must(t, err); !level {
				t.Fatal("DISARMED reads low on a disarmed drone")
			}
			must(t, request.Out(gpio.High))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("lines took %v beside a stuck bus", took)
		}
		if err := <-ended; !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("stuck transfer: %v", err)
		}
	})
}

func TestEdgesArePushed(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		beat := input(t, c, board.Heartbeat)
		beat.WaitForEdge(-1)
		last := time.Now()
		for range 20 {
			if !beat.WaitForEdge(time.Second) || time.Since(last) != 250*time.Millisecond {
				t.Fatalf("edge after %v, want 250 ms", time.Since(last))
			}
			last = time.Now()
		}
		button := input(t, c, board.Button)
		must(t, button.In(gpio.PullNoChange, gpio.FallingEdge))
		w.Press(true)
		if button.WaitForEdge(time.Second) {
			t.Error("a rising edge, but falling ones are asked for")
		}
		w.Press(false)
		if !button.WaitForEdge(time.Second) {
			t.Error("no falling edge")
		}
		freed := make(chan bool)
		go func() { freed <- button.WaitForEdge(-1) }()
		synctest.Wait()
		must(t, button.Halt())
		if <-freed {
			t.Error("a halted wait returned true")
		}
		must(t, w.Break("line:BUTTON", "nack"))
		if _, err := button.Sense(); !errors.Is(err, syscall.EIO) {
			t.Errorf("a failed read: %v, want EIO", err)
		}
	})
}

func TestFlightOverTheWire(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		request, holding := output(t, c, board.PauseReq), input(t, c, board.Holding)
		must(t, w.Arm())
		must(t, w.TakeOff())
		<-time.After(6 * time.Second)
		must(t, request.Out(gpio.High))
		if !holding.WaitForEdge(3 * time.Second) {
			t.Fatal("no edge of HOLDING")
		}
		if level, err := holding.Sense(); err != nil || !bool(level) {
			t.Errorf("HOLDING %v, %v", level, err)
		}
		text, err := c.ReadFile(simBoard(t).Companion)
		if must(t, err); string(text) != "48000\n" {
			t.Errorf("companion reads %q", text)
		}
		if _, err := c.ReadFile("/etc/passwd"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("another file: %v", err)
		}
		must(t, c.Close())
		synctest.Wait()
		if s := w.Snapshot(); s.Request || s.Mode != "BRAKE" {
			t.Errorf("just after the agent's death: %+v, want the request off", s)
		}
		<-time.After(time.Second)
		if s := w.Snapshot(); s.Mode != "AUTO" {
			t.Errorf("a second after the agent's death: %+v, want it to fly on", s)
		}
		// The world goes on with the next agent.
		again := connect(t, p)
		if level, err := input(t, again, board.Disarmed).Sense(); err != nil || bool(level) {
			t.Errorf("the next agent sees DISARMED %v, %v in the air", level, err)
		}
	})
}
