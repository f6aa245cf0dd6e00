package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

// conversation is a client's well-formed bytes.
func conversation() []byte {
	var b []byte
	for i, f := range []frame{
		{op: opHello, data: []byte(hello)},
		{op: opBus, data: []byte("motors")},
		{op: opInput, arg: 5e6, data: []byte(board.Holding)},
		{op: opOutput, arg: 1, data: []byte(board.PauseReq)},
		{op: opTx, handle: 1, arg: 0x48<<16 | 2, data: []byte{0}},
		{op: opIn, handle: 2, arg: 3},
		{op: opSense, handle: 2},
		{op: opOut, handle: 3, arg: 0},
		{op: opOut, handle: 3, arg: 1},
		{op: opRead, data: []byte("/sys/class/thermal/thermal_zone0/temp")},
		{op: opClose, handle: 2},
	} {
		f.number = uint32(i + 1)
		b = appendFrame(b, f)
	}
	return b
}

// FuzzServer lets any bytes be a client: the server answers or hangs up, and
// the outputs are off at the end.
func FuzzServer(f *testing.F) {
	f.Add(conversation())
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 1})
	f.Add(appendFrame(nil, frame{op: opHello, data: []byte(hello)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
			conn := p.dial()
			replies := make(chan int)
			go func() { replies <- countFrames(t, conn) }()
			sent, _ := conn.Write(data)
			synctest.Wait()
			conn.Close()
			if n, most := <-replies, sent/(lengthSize+headSize)+1; n > most {
				t.Errorf("%d replies to %d bytes", n, sent)
			}
			synctest.Wait()
			if s := w.Snapshot(); s.Request || s.Blue || s.Amber {
				t.Errorf("outputs are on after the client's end: %+v", s)
			}
		})
	})
}

// FuzzRequests has a client send well-formed frames of any content, which
// reaches deeper than bytes do. Every request gets its reply.
func FuzzRequests(f *testing.F) {
	f.Add([]byte{2, 0, 0, 1, 3, 0, 0, 1, 4, 0, 0, 1, 5, 1, 2, 1, 6, 2, 1, 0, 7, 2, 0, 0, 8, 3, 1, 0, 9, 0, 0, 1, 10, 2, 0, 0})
	f.Add([]byte{5, 1, 255, 3, 3, 0, 0, 4, 2, 0, 0, 2, 4, 0, 1, 3, 200, 9, 9, 9, 10, 0, 0, 0})
	names := []string{"", "motors", board.Holding, board.PauseReq, board.LEDBlue, "/sys/class/thermal/thermal_zone0/temp"}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 400 {
			return
		}
		bubble(t, func(t *testing.T, w *sim.World, p *pipes) {
			conn := p.dial()
			replies := make(chan int)
			go func() { replies <- countFrames(t, conn) }()
			conn.Write(appendFrame(nil, frame{op: opHello, data: []byte(hello)}))
			sent := 1
			for ; len(data) >= 4; data = data[4:] {
				arg := uint64(data[2])
				if data[0] == opTx {
					arg = uint64(0x46+data[2]&7)<<16 | uint64(data[2])
				}
				g := frame{op: data[0], number: uint32(sent), handle: uint32(data[1] % 8), arg: arg, data: []byte(names[int(data[3])%len(names)])}
				conn.Write(appendFrame(nil, g))
				sent++
			}
			<-time.After(time.Minute) // for transfers under way
			conn.Close()
			if n := <-replies; n != sent {
				t.Errorf("%d replies to %d requests", n, sent)
			}
			synctest.Wait()
			if s := w.Snapshot(); s.Request || s.Blue || s.Amber {
				t.Errorf("outputs are on after the client's end: %+v", s)
			}
		})
	})
}

// countFrames reads the server's replies; all of them must be well formed.
func countFrames(t *testing.T, r io.Reader) (n int) {
	in := frameReader{r: r}
	for {
		f, err := in.next()
		if err != nil {
			return n
		}
		switch f.op {
		case opReply:
			n++
		case opEdge:
		default:
			t.Errorf("the server sent operation %d", f.op)
		}
	}
}

// FuzzClient lets any bytes be a server: every call of the client ends.
func FuzzClient(f *testing.F) {
	reply := func(frames ...frame) (b []byte) {
		for _, f := range frames {
			b = appendFrame(b, f)
		}
		return b
	}
	f.Add(reply(frame{op: opReply, number: 1}, frame{op: opReply, number: 2, arg: 1}, frame{op: opReply, number: 3, arg: 2},
		frame{op: opEdge, number: 2}, frame{op: opReply, number: 4, data: []byte{0x19, 0}}, frame{op: opReply, number: 5, arg: 1}))
	f.Add(reply(frame{op: opReply, number: 1, handle: 16, data: []byte("busy")}))
	f.Add(reply(frame{op: opReply, number: 1}, frame{op: opReply, number: 2, handle: 0xFFFFFFFF}))
	f.Add(reply(frame{op: opReply, number: 9}))
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				// One frame to each request, as a server would.
				head := make([]byte, lengthSize)
				for len(data) > 0 {
					if _, err := io.ReadFull(far, head); err != nil {
						break
					}
					io.CopyN(io.Discard, far, int64(binary.BigEndian.Uint32(head)))
					n := len(data)
					if n >= lengthSize {
						n = min(n, lengthSize+int(binary.BigEndian.Uint32(data)%maxFrame))
					}
					far.Write(data[:n])
					data = data[n:]
				}
				far.Close()
			}()
			useClient(near)
			near.Close()
			far.Close()
		})
	})
}

func useClient(conn net.Conn) {
	c, err := newClient(conn)
	if err != nil {
		return
	}
	defer c.Close()
	if bus, err := c.Bus(board.Bus{Name: "motors"}); err == nil {
		bus.Tx(0x48, []byte{0}, make([]byte, 2))
	}
	if p, err := c.Input(board.Line{Name: board.Holding}); err == nil {
		p.Read()
		p.WaitForEdge(0)
	}
	if o, err := c.Output(board.Line{Name: board.PauseReq}, gpio.Low); err == nil {
		o.Out(gpio.High)
	}
	c.ReadFile("temp")
}

// FuzzFrame decodes any bytes; what decodes encodes to the same bytes.
func FuzzFrame(f *testing.F) {
	f.Add(conversation())
	f.Add(appendFrame(nil, frame{op: opTx, number: 1 << 31, handle: 7, arg: 1 << 63, data: make([]byte, sim.MaxTransfer)}))
	f.Add([]byte{0, 0, 0, 16})
	f.Add([]byte{0, 0, 0x20, 0x12})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := frameReader{r: bytes.NewReader(data)}
		at := 0
		for {
			f, err := in.next()
			if err != nil {
				return
			}
			again := appendFrame(nil, f)
			if !bytes.Equal(again, data[at:at+len(again)]) {
				t.Fatalf("%x decodes and encodes to %x", data[at:at+len(again)], again)
			}
			at += len(again)
		}
	})
}
