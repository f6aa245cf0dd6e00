package wire

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim/internal/edges"
)

const (
	callTime = 10 * time.Second // for a quick call: a machine that stalls for seconds is no lost world
	txTime   = 20 * time.Second // for a transfer: stuck ones before it take a second each
)

// ErrLost is what every call returns once the world is out of reach.
var ErrLost = errors.New("the simulated world is out of reach")

// Client is the board of a world in another process. It satisfies hal.Opener
// by shape; all methods are safe for concurrent use. A call that gets no
// answer within seconds ends the connection.
type Client struct {
	conn net.Conn

	writing sync.Mutex
	out     []byte

	mu     sync.Mutex
	lost   error // why the connection ended
	last   uint32
	calls  map[uint32]*call
	idle   []*call // for the next calls, so that they allocate nothing
	inputs map[uint32]*edges.Queue
}

// call is a request that waits for its reply.
type call struct {
	done  chan struct{} // one token: answered, or the connection is lost
	timer *time.Timer
	into  []byte       // where a transfer's bytes go
	edges *edges.Queue // of an input that is being opened
	arg   uint64
	data  []byte // of an error or a file
	err   error
}

// Dial connects to the world that is served at path.
func Dial(path string) (*Client, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("wire: %s: %d bytes, a socket's path has at most %d: choose a shorter folder", path, len(path), maxPath)
	}
	conn, err := net.DialTimeout("unix", path, callTime)
	if err != nil {
		return nil, fmt.Errorf("wire: no simulated world at %s, start aimsim first: %w", path, err)
	}
	return newClient(conn)
}

// newClient says hello on a fresh connection, which it then owns.
func newClient(conn net.Conn) (*Client, error) {
	c := &Client{conn: conn, calls: map[uint32]*call{}, inputs: map[uint32]*edges.Queue{}}
	go c.read()
	if _, _, err := c.call(frame{op: opHello, data: []byte(hello)}, nil, nil, callTime); err != nil {
		c.Close()
		return nil, fmt.Errorf("wire: hello: %w", err)
	}
	return c, nil
}

// Close ends the connection; the world releases the outputs.
func (c *Client) Close() error {
	c.fail(net.ErrClosed)
	return nil
}

// call sends a request and waits for its reply. A transfer's bytes go to into;
// an input that is opened gets its edges in q.
func (c *Client) call(f frame, into []byte, q *edges.Queue, timeout time.Duration) (arg uint64, data []byte, err error) {
	k, err := c.begin(&f, into, q)
	if err != nil {
		return 0, nil, err
	}
	k.timer.Reset(timeout)
	if err := c.write(f); err != nil {
		c.fail(err)
	}
	select {
	case <-k.done:
	case <-k.timer.C:
		c.fail(fmt.Errorf("no answer within %v", timeout))
		<-k.done
	}
	k.timer.Stop()
	arg, data, err = k.arg, k.data, k.err
	c.mu.Lock()
	defer c.mu.Unlock()
	k.into, k.edges, k.arg, k.data, k.err = nil, nil, 0, nil, nil
	c.idle = append(c.idle, k)
	return arg, data, err
}

// begin gives a request its number.
func (c *Client) begin(f *frame, into []byte, q *edges.Queue) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return nil, c.lost
	}
	var k *call
	if n := len(c.idle); n > 0 {
		k, c.idle = c.idle[n-1], c.idle[:n-1]
	} else {
		k = &call{done: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	}
	c.last++
	f.number, k.into, k.edges = c.last, into, q
	c.calls[f.number] = k
	return k, nil
}

func (c *Client) write(f frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = appendFrame(c.out[:0], f)
	c.conn.SetWriteDeadline(time.Now().Add(callTime))
	_, err := c.conn.Write(c.out)
	return err
}

// read takes replies and edges until the connection ends.
func (c *Client) read() {
	in := frameReader{r: bufio.NewReaderSize(c.conn, 4096)}
	for {
		f, err := in.next()
		if err == nil {
			err = c.take(f)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// take handles one frame of the server.
func (c *Client) take(f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f.op {
	case opEdge:
		if q := c.inputs[f.number]; q != nil {
			q.Notify()
		}
		return nil
	case opReply:
		k := c.calls[f.number]
		if k == nil {
			return fmt.Errorf("reply to request %d, which is not open: %w", f.number, ErrProtocol)
		}
		if f.handle == 0 && k.into != nil && len(f.data) != len(k.into) {
			return fmt.Errorf("%d bytes, %d were asked for: %w", len(f.data), len(k.into), ErrProtocol)
		}
		delete(c.calls, f.number)
		if k.edges != nil && f.handle == 0 {
			c.inputs[uint32(f.arg)] = k.edges // before the first edge can come
		}
		k.answer(f)
		return nil
	}
	return fmt.Errorf("operation %d: %w", f.op, ErrProtocol)
}

// answer stores a reply and wakes the caller.
func (k *call) answer(f frame) {
	k.arg = f.arg
	switch {
	case f.handle != 0:
		k.err = &remoteError{text: string(f.data[:min(len(f.data), maxText)]), errno: syscall.Errno(f.handle)}
	case k.into != nil:
		copy(k.into, f.data)
	case len(f.data) > 0:
		k.data = append([]byte(nil), f.data[:min(len(f.data), maxFile)]...)
	}
	k.done <- struct{}{}
}

// fail ends the connection. Every open call fails, and every input gets an
// edge, so that whoever waits for it looks and sees the error.
func (c *Client) fail(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return
	}
	c.lost = fmt.Errorf("wire: %w: %w", ErrLost, cause)
	c.conn.Close()
	for number, k := range c.calls {
		delete(c.calls, number)
		k.err = c.lost
		k.done <- struct{}{}
	}
	for _, q := range c.inputs {
		q.Notify()
	}
}

// Bus opens a bus of the world.
func (c *Client) Bus(b board.Bus) (i2c.BusCloser, error) {
	handle, err := c.open(frame{op: opBus, data: []byte(b.Name)}, nil)
	if err != nil {
		return nil, err
	}
	return &bus{c: c, name: b.Name, handle: handle}, nil
}

// Input opens an input with edges both ways. What it returns has Sense too.
func (c *Client) Input(l board.Line) (gpio.PinIn, error) {
	q := edges.New()
	handle, err := c.open(frame{op: opInput, arg: uint64(max(l.Debounce, 0)), data: []byte(l.Name)}, q)
	if err != nil {
		return nil, err
	}
	return &Input{c: c, name: l.Name, handle: handle, edges: q}, nil
}

// Output opens an output at its initial level.
func (c *Client) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	handle, err := c.open(frame{op: opOutput, arg: bit(initial), data: []byte(l.Name)}, nil)
	if err != nil {
		return nil, err
	}
	return &Output{c: c, name: l.Name, handle: handle}, nil
}

// ReadFile reads the file of the companion's temperature.
func (c *Client) ReadFile(path string) ([]byte, error) {
	if len(path) > maxFile {
		return nil, fmt.Errorf("wire: a path of %d bytes: %w", len(path), syscall.ENAMETOOLONG)
	}
	_, data, err := c.call(frame{op: opRead, data: []byte(path)}, nil, nil, callTime)
	return data, err
}

func (c *Client) open(f frame, q *edges.Queue) (uint32, error) {
	if len(f.data) > maxText {
		return 0, fmt.Errorf("wire: a name of %d bytes: %w", len(f.data), syscall.ENAMETOOLONG)
	}
	handle, _, err := c.call(f, nil, q, callTime)
	return uint32(handle), err
}
