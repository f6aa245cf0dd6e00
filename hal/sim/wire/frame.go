package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/aim-control/aimlock/hal/sim"
)

// Limits of the protocol; what exceeds one is refused.
const (
	maxFrame   = headSize + sim.MaxTransfer // bytes after the length
	maxHandles = 64                         // open at a time
	maxTx      = 16                         // transfers under way at a time
	maxText    = 1024                       // bytes of an error's text
	maxFile    = 4096                       // bytes of a file
)

const (
	lengthSize = 4
	headSize   = 17 // bytes of a frame before its data
)

const hello = "aim-world/1"

// Operations: requests, then what the server sends.
const (
	opHello byte = 1 + iota
	opBus
	opInput  // arg: debounce, ns
	opOutput // arg: initial level
	opTx     // arg: address << 16 | bytes to read
	opIn     // arg: edge
	opSense
	opOut // arg: level
	opRead
	opClose

	opReply byte = 100
	opEdge  byte = 101
)

// frame is one message either way.
type frame struct {
	op     byte
	number uint32 // of the request; of an edge: the input's handle
	handle uint32 // of a reply: an errno
	arg    uint64
	data   []byte // valid until the next frame is read
}

// ErrProtocol is what a peer that does not speak the protocol gets.
var ErrProtocol = errors.New("not the protocol of a simulated world")

// appendFrame appends f with its length to b.
func appendFrame(b []byte, f frame) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(headSize+len(f.data)))
	b = append(b, f.op)
	b = binary.BigEndian.AppendUint32(b, f.number)
	b = binary.BigEndian.AppendUint32(b, f.handle)
	b = binary.BigEndian.AppendUint64(b, f.arg)
	return append(b, f.data...)
}

// frameReader reads frames into one buffer of bounded size.
type frameReader struct {
	r   io.Reader
	buf [maxFrame]byte
}

// next reads a frame. Its data is valid until the next call.
func (d *frameReader) next() (frame, error) {
	if _, err := io.ReadFull(d.r, d.buf[:lengthSize]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(d.buf[:])
	if n < headSize || n > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes, %d to %d are allowed: %w", n, headSize, maxFrame, ErrProtocol)
	}
	b := d.buf[:n]
	if _, err := io.ReadFull(d.r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return frame{
		op: b[0], number: binary.BigEndian.Uint32(b[1:]), handle: binary.BigEndian.Uint32(b[5:]),
		arg: binary.BigEndian.Uint64(b[9:]), data: b[headSize:],
	}, nil
}

// errno is the number under which an error goes over the wire.
func errno(err error) syscall.Errno {
	var n syscall.Errno
	switch {
	case errors.As(err, &n) && n != 0:
		return n
	case errors.Is(err, os.ErrClosed):
		return syscall.EBADF
	}
	return syscall.EIO
}

// remoteError is an error of the world as the client sees it: the same text,
// and the same number to errors.Is.
type remoteError struct {
	text  string
	errno syscall.Errno
}

func (e *remoteError) Error() string {
	if e.text == "" {
		return e.errno.Error()
	}
	return e.text
}

func (e *remoteError) Unwrap() error { return e.errno }
