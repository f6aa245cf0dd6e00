//go:build e2e

package e2e

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// The protocol of a network block device, as far as QEMU speaks it to us
// (doc/proto.md of the project NetworkBlockDevice).
const (
	nbdOption   = 0x49484156454F5054 // IHAVEOPT
	nbdReplyOpt = 0x3e889045565a9
	nbdRequest  = 0x25609513
	nbdReply    = 0x67446698
	nbdEIO      = 5
)

// blocks is a disk of diskSize bytes: it reads (0), writes (1) and flushes (3).
type blocks interface {
	do(kind uint16, where uint64, length int, in []byte) (out []byte, code uint32)
}

// listenNBD serves a disk on a socket until the test ends or it is closed.
func listenNBD(t *testing.T, path string, d blocks) net.Listener {
	t.Helper()
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // keeps no disk alive
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if err := serveNBD(d, bufio.NewReader(c), c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
					fmt.Fprintln(os.Stderr, "nbd:", err)
				}
			}()
		}
	}()
	return l
}

func serveNBD(d blocks, r *bufio.Reader, w io.Writer) error {
	if _, err := w.Write(append([]byte("NBDMAGICIHAVEOPT"), 0, 3)); err != nil { // fixed newstyle, no zeroes
		return err
	}
	var flags uint32
	if err := binary.Read(r, binary.BigEndian, &flags); err != nil {
		return err
	}
	if err := nbdOptions(r, w); err != nil {
		return err
	}
	for {
		var q struct {
			Magic         uint32
			Flags, Type   uint16
			Handle, Where uint64
			Length        uint32
		}
		if err := binary.Read(r, binary.BigEndian, &q); err != nil {
			return err
		}
		if q.Magic != nbdRequest || q.Length > 32<<20 {
			return fmt.Errorf("request %+v", q)
		}
		if q.Type == 2 { // disconnect
			return nil
		}
		in := []byte(nil)
		if q.Type == 1 {
			in = make([]byte, q.Length)
			if _, err := io.ReadFull(r, in); err != nil {
				return err
			}
		}
		out, code := d.do(q.Type, q.Where, int(q.Length), in)
		b := binary.BigEndian.AppendUint32(nil, nbdReply)
		b = binary.BigEndian.AppendUint32(b, code)
		b = binary.BigEndian.AppendUint64(b, q.Handle)
		if _, err := w.Write(append(b, out...)); err != nil {
			return err
		}
	}
}

// nbdOptions answers until the client goes over to transmission.
func nbdOptions(r io.Reader, w io.Writer) error {
	for {
		var o struct {
			Magic       uint64
			Option, Len uint32
		}
		if err := binary.Read(r, binary.BigEndian, &o); err != nil {
			return err
		}
		if o.Magic != nbdOption || o.Len > 64<<10 {
			return fmt.Errorf("option %+v", o)
		}
		if _, err := io.CopyN(io.Discard, r, int64(o.Len)); err != nil {
			return err
		}
		answer := func(kind uint32, data []byte) []byte {
			b := binary.BigEndian.AppendUint64(nil, nbdReplyOpt)
			for _, v := range []uint32{o.Option, kind, uint32(len(data))} {
				b = binary.BigEndian.AppendUint32(b, v)
			}
			return append(b, data...)
		}
		switch o.Option {
		case 6, 7: // info, go: size and flags, then acknowledged
			info := binary.BigEndian.AppendUint64([]byte{0, 0}, diskSize)
			info = append(info, 0, 5) // has flags, can flush
			if _, err := w.Write(append(answer(3, info), answer(1, nil)...)); err != nil {
				return err
			}
			if o.Option == 7 {
				return nil
			}
		default:
			if _, err := w.Write(answer(1<<31|1, nil)); err != nil { // unsupported
				return err
			}
		}
	}
}
