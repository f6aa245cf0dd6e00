package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

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
