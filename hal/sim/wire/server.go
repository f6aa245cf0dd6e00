package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/hal/sim"
)

const (
	helloTime = 5 * time.Second        // for a client to say hello
	graceTime = 500 * time.Millisecond // for the client before to be gone
	maxQueue  = 8                      // connections that are not served yet
)

// maxPath is the longest path of a unix socket on Linux, in bytes.
const maxPath = 107

// Listen listens at path for Serve, for the owner only. A socket that an
// earlier run left behind is replaced.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("wire: listen at %s: %d bytes, a socket's path has at most %d: choose a shorter folder", path, len(path), maxPath)
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode().Type() == os.ModeSocket {
		os.Remove(path)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("wire: %w", err)
	}
	return ln, nil
}

// Serve serves the world to one client at a time until ctx ends, which it
// returns nil for. A second client is refused with EBUSY, unless the first is
// gone within half a second. Serve closes ln and all connections; it returns
// after the last of them has released its outputs.
func Serve(ctx context.Context, ln net.Listener, w *sim.World) error {
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	defer ln.Close()
	turn, queue := make(chan struct{}, 1), make(chan struct{}, maxQueue)
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, syscall.ECONNABORTED) {
				continue
			}
			return fmt.Errorf("wire: accept: %w", err)
		}
		select {
		case queue <- struct{}{}:
			sessions.Go(func() {
				serveConn(ctx, conn, w, turn, func() { <-queue })
			})
		default:
			conn.Close()
		}
	}
}

// serveConn serves one connection, once it has its turn.
func serveConn(ctx context.Context, conn net.Conn, w *sim.World, turn chan struct{}, dequeue func()) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	s := newSession(conn, w)
	number, err := s.hello()
	if err != nil {
		dequeue()
		return
	}
	select {
	case turn <- struct{}{}:
		dequeue()
	case <-ctx.Done():
		dequeue()
		return
	case <-time.After(graceTime):
		dequeue()
		s.reply(number, fmt.Errorf("wire: the world serves another client, which must end first: %w", syscall.EBUSY), 0, nil)
		return
	}
	s.reply(number, nil, 0, nil)
	s.run()
	// The turn first: who comes next need not wait for a stuck transfer.
	w.ReleaseOutputs()
	<-turn
	s.close()
}
