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
	"github.com/aim-control/aimlock/hal/sim"
)

// session is one client's use of the world. Its reader answers what is quick
// at once; transfers have goroutines of their own, and so has each input.
type session struct {
	w    *sim.World
	conn net.Conn
	in   frameReader

	writing sync.Mutex
	out     []byte

	handles map[uint32]any // the reader's alone
	last    uint32
	txs     chan struct{} // one for each transfer under way
	busy    sync.WaitGroup
}

func newSession(conn net.Conn, w *sim.World) *session {
	return &session{
		w: w, conn: conn, in: frameReader{r: bufio.NewReaderSize(conn, 4096)},
		handles: map[uint32]any{}, txs: make(chan struct{}, maxTx),
	}
}

// hello reads the client's first frame and returns its number.
func (s *session) hello() (uint32, error) {
	s.conn.SetReadDeadline(time.Now().Add(helloTime))
	f, err := s.in.next()
	if err != nil {
		return 0, err
	}
	if f.op != opHello || string(f.data) != hello {
		s.reply(f.number, fmt.Errorf("wire: hello %.40q, this world speaks %q: %w", f.data, hello, syscall.EPROTO), 0, nil)
		return 0, ErrProtocol
	}
	return f.number, s.conn.SetReadDeadline(time.Time{})
}

// run answers requests until the connection ends.
func (s *session) run() {
	for {
		f, err := s.in.next()
		if err != nil {
			return
		}
		if f.op == opTx {
			s.startTx(f)
			continue
		}
		arg, data, err := s.do(f)
		s.reply(f.number, err, arg, data)
		if p, ok := s.handles[uint32(arg)].(*sim.Input); ok && f.op == opInput && err == nil {
			s.busy.Go(func() { s.pushEdges(p, uint32(arg)) })
		}
	}
}

// close frees the session's goroutines and waits for them.
func (s *session) close() {
	s.conn.Close()
	for handle := range s.handles {
		s.drop(handle)
	}
	s.busy.Wait()
}

// do answers a quick request.
func (s *session) do(f frame) (arg uint64, data []byte, err error) {
	switch f.op {
	case opBus, opInput, opOutput:
		return s.open(f)
	case opRead:
		data, err = s.w.ReadFile(string(f.data))
		return 0, data[:min(len(data), maxFile)], err
	case opClose:
		return 0, nil, s.drop(f.handle)
	case opIn, opSense:
		p, ok := s.handles[f.handle].(*sim.Input)
		switch {
		case !ok:
			return 0, nil, badHandle(f.handle)
		case f.op == opIn:
			return 0, nil, p.In(gpio.PullNoChange, gpio.Edge(f.arg))
		}
		level, err := p.Sense()
		if level {
			arg = 1
		}
		return arg, nil, err
	case opOut:
		o, ok := s.handles[f.handle].(*sim.Output)
		if !ok {
			return 0, nil, badHandle(f.handle)
		}
		return 0, nil, o.Out(f.arg != 0)
	}
	return 0, nil, fmt.Errorf("wire: operation %d: %w", f.op, syscall.EPROTO)
}

// open opens a bus or a line and returns its handle.
func (s *session) open(f frame) (uint64, []byte, error) {
	if len(s.handles) >= maxHandles {
		return 0, nil, fmt.Errorf("wire: %d buses and lines are open already: %w", maxHandles, syscall.EMFILE)
	}
	var opened any
	var err error
	name := string(f.data)
	switch f.op {
	case opBus:
		opened, err = s.w.Bus(board.Bus{Name: name})
	case opInput:
		opened, err = s.w.Input(board.Line{Name: name, Debounce: time.Duration(min(f.arg, uint64(time.Hour)))})
	case opOutput:
		opened, err = s.w.Output(board.Line{Name: name}, f.arg != 0)
	}
	if err != nil {
		return 0, nil, err
	}
	s.last++
	s.handles[s.last] = opened
	return uint64(s.last), nil, nil
}

// pushEdges tells the client of each edge, until the pin is closed.
func (s *session) pushEdges(p *sim.Input, handle uint32) {
	for p.WaitForEdge(-1) {
		s.send(frame{op: opEdge, number: handle})
	}
}

// drop closes what a handle stands for.
func (s *session) drop(handle uint32) error {
	opened, ok := s.handles[handle].(interface{ Close() error })
	if !ok {
		return badHandle(handle)
	}
	delete(s.handles, handle)
	return opened.Close()
}

// startTx runs a transfer beside the reader: a stuck bus must not hold up the
// lines.
func (s *session) startTx(f frame) {
	bus, ok := s.handles[f.handle].(i2c.Bus)
	if !ok {
		s.reply(f.number, badHandle(f.handle), 0, nil)
		return
	}
	read := int(f.arg & 0xFFFF)
	if read > sim.MaxTransfer {
		s.reply(f.number, fmt.Errorf("wire: read of %d bytes: %w", read, syscall.EINVAL), 0, nil)
		return
	}
	select {
	case s.txs <- struct{}{}:
	default:
		s.reply(f.number, fmt.Errorf("wire: %d transfers are under way: %w", maxTx, syscall.EAGAIN), 0, nil)
		return
	}
	w, addr, number := append([]byte(nil), f.data...), uint16(f.arg>>16), f.number
	s.busy.Go(func() {
		r := make([]byte, read)
		err := bus.Tx(addr, w, r)
		<-s.txs
		s.reply(number, err, 0, r)
	})
}

// reply answers a request.
func (s *session) reply(number uint32, err error, arg uint64, data []byte) {
	f := frame{op: opReply, number: number, arg: arg, data: data}
	if err != nil {
		text := err.Error()
		f.handle, f.arg, f.data = uint32(errno(err)), 0, []byte(text[:min(len(text), maxText)])
	}
	s.send(f)
}

// send writes a frame. An error closes the connection, which ends the reader.
func (s *session) send(f frame) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.out = appendFrame(s.out[:0], f)
	if _, err := s.conn.Write(s.out); err != nil && !errors.Is(err, net.ErrClosed) {
		s.conn.Close()
	}
}

func badHandle(handle uint32) error {
	return fmt.Errorf("wire: nothing is open as %d: %w", handle, syscall.EBADF)
}
