package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
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

// A lost world is an error everywhere, and no level.
func TestLostWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := sim.New(simBoard(t), 1), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, p, w) }()
		c := connect(t, p)
		bus, err := c.Bus(board.Bus{Name: "motors"})
		must(t, err)
		disarmed, request := input(t, c, board.Disarmed), output(t, c, board.PauseReq)
		must(t, w.Break("bus:motors", "stuck"))
		stuck := make(chan error, 1)
		go func() { stuck <- bus.Tx(0x48, []byte{0}, make([]byte, 2)) }()
		synctest.Wait()
		cancel()
		must(t, <-ended)
		_, sense := disarmed.Sense()
		_, file := c.ReadFile("x")
		_, open := c.Input(line(t, board.Holding))
		for name, err := range map[string]error{
			"Tx under way": <-stuck, "Tx": bus.Tx(0x48, []byte{0}, make([]byte, 2)), "Sense": sense,
			"Out": request.Out(gpio.Low), "ReadFile": file, "Input": open, "In": disarmed.In(gpio.PullNoChange, gpio.BothEdges),
		} {
			if !errors.Is(err, ErrLost) {
				t.Errorf("%s: %v, want ErrLost", name, err)
			}
		}
	})
}

func TestLossIsAnEdgeOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		disarmed := input(t, c, board.Disarmed)
		edge := make(chan bool)
		go func() { edge <- disarmed.WaitForEdge(-1) }()
		synctest.Wait()
		must(t, c.Close())
		if !<-edge {
			t.Error("nobody was told of the loss")
		}
		began := time.Now()
		if disarmed.WaitForEdge(time.Second) || time.Since(began) != time.Second {
			t.Error("a lost line makes its reader spin")
		}
	})
}

func TestSilentWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go io.Copy(io.Discard, far)
		began := time.Now()
		if _, err := newClient(near); !errors.Is(err, ErrLost) || time.Since(began) != callTime {
			t.Errorf("%v after %v, want ErrLost after %v", err, time.Since(began), callTime)
		}
	})
}

// A server that does not keep to the protocol is a lost world.
func TestBadServer(t *testing.T) {
	for name, answer := range map[string]frame{
		"too few bytes":   {op: opReply, number: 3, data: []byte{1}},
		"too many bytes":  {op: opReply, number: 3, data: []byte{1, 2, 3}},
		"another request": {op: opReply, number: 4, data: []byte{1, 2}},
		"no operation":    {op: 77, number: 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				in := frameReader{r: far}
				for _, f := range []frame{{op: opReply, number: 1}, {op: opReply, number: 2, arg: 1}, answer} {
					if _, err := in.next(); err != nil {
						t.Error(err)
					}
					far.Write(appendFrame(nil, f))
				}
			}()
			c, err := newClient(near)
			must(t, err)
			bus, err := c.Bus(board.Bus{Name: "motors"})
			must(t, err)
			if err := bus.Tx(0x48, []byte{0}, make([]byte, 2)); !errors.Is(err, ErrLost) || !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v, want a lost world by a broken protocol", name, err)
			}
		})
	}
}

func TestOneClientAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		first := connect(t, p)
		request := output(t, first, board.PauseReq)
		must(t, request.Out(gpio.High))
		began := time.Now()
		if _, err := newClient(p.dial()); !errors.Is(err, syscall.EBUSY) || time.Since(began) != graceTime {
			t.Errorf("second client: %v after %v, want EBUSY after %v", err, time.Since(began), graceTime)
		}
		if !w.Snapshot().Request {
			t.Error("a refused client released the first one's outputs")
		}
		go func() {
			<-time.After(graceTime / 2)
			first.Close()
		}()
		connect(t, p)
		if w.Snapshot().Request {
			t.Error("the next client meets the outputs of the one before")
		}
	})
}

func TestHelloIsRequired(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		conn := p.dial()
		_, err := conn.Write(appendFrame(nil, frame{op: opHello, number: 7, data: []byte("aim-world/9")}))
		must(t, err)
		in := frameReader{r: conn}
		f, err := in.next()
		must(t, err)
		if f.op != opReply || f.number != 7 || syscall.Errno(f.handle) != syscall.EPROTO || !strings.Contains(string(f.data), hello) {
			t.Errorf("a wrong hello gets %+v %q", f, f.data)
		}
		if _, err := in.next(); err != io.EOF {
			t.Errorf("after a wrong hello: %v, want the end", err)
		}
		began := time.Now()
		if _, err := p.dial().Read(make([]byte, 1)); err != io.EOF || time.Since(began) != helloTime {
			t.Errorf("a silent client: %v after %v, want the end after %v", err, time.Since(began), helloTime)
		}
	})
}

func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
		c := connect(t, p)
		var last gpio.PinIn
		for range maxHandles {
			last = input(t, c, board.Button)
		}
		if _, err := c.Input(line(t, board.Button)); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("handle %d: %v, want EMFILE", maxHandles+1, err)
		}
		must(t, last.(*Input).Close())
		if _, err := c.Bus(board.Bus{Name: "power"}); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("a bus the board lacks: %v", err)
		}
		bus, err := c.Bus(board.Bus{Name: "motors"})
		must(t, err)
		must(t, w.Break("bus:motors", "stuck"))
		results := make(chan error, maxTx+1)
		for range maxTx + 1 {
			go func() { results <- bus.Tx(0x48, []byte{0}, make([]byte, 2)) }()
		}
		var refused int
		for range maxTx + 1 {
			if err := <-results; errors.Is(err, syscall.EAGAIN) {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d of %d transfers were refused, want 1", refused, maxTx+1)
		}
		if _, err := c.Input(board.Line{Name: strings.Repeat("x", maxText+1)}); !errors.Is(err, syscall.ENAMETOOLONG) {
			t.Errorf("a long name: %v", err)
		}
		if _, err := c.ReadFile(strings.Repeat("x", maxFile+1)); !errors.Is(err, syscall.ENAMETOOLONG) {
			t.Errorf("a long path: %v", err)
		}
	})
}
