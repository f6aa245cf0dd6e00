// Package link is a network cable that can be pulled: a TCP proxy between one
// drone and the broker.
//
// A cut link resets what is open and refuses what is new, as an unplugged
// interface does. A silently cut link keeps connections open and moves no
// byte, as a radio out of range does; when it works again the bytes go on, as
// TCP would resend them.
package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// MaxConns is how many connections one link carries at once; more are refused.
const MaxConns = 32

// bufferSize bounds what one direction of one connection keeps, in bytes.
const bufferSize = 16 << 10

// Link is one drone's way to the broker.
type Link struct {
	listener net.Listener
	target   string
	dials    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	cut    bool
	gate   chan struct{} // closed: bytes may pass; replaced by a silent cut
	conns  map[net.Conn]struct{}
}

// New listens on a free loopback port and forwards to target (host:port).
func New(target string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	l := &Link{listener: listener, target: target, gate: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(l.gate)
	l.dials.Go(l.serve)
	return l, nil
}

// Addr is where the drone connects to.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut ends the link's service until Restore.
func (l *Link) Cut(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if silent {
		if l.open() && !l.closed {
			l.gate = make(chan struct{})
		}
		return
	}
	l.cut = true
	l.reset()
}

// Restore lets the link work again.
func (l *Link) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
	if !l.open() {
		close(l.gate)
	}
}

// Close ends the link and everything on it, and returns when it has ended.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	err := l.listener.Close()
	l.reset()
	if !l.open() {
		close(l.gate)
	}
	l.mu.Unlock()
	l.dials.Wait()
	return err
}

// open reports whether bytes may pass; the caller holds mu.
func (l *Link) open() bool {
	select {
	case <-l.gate:
		return true
	default:
		return false
	}
}

// reset drops every connection with a reset; the caller holds mu.
func (l *Link) reset() {
	for conn := range l.conns {
		abort(conn)
	}
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not a goodbye that the broker would believe
	}
	_ = conn.Close()
}

func (l *Link) serve() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors: not for ever
			continue
		}
		if !l.keep(conn) {
			abort(conn)
			continue
		}
		l.dials.Go(func() { l.forward(conn) })
	}
}

// keep registers a connection unless the link is cut or full.
func (l *Link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut || l.closed || len(l.conns) >= 2*MaxConns {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *Link) drop(conn net.Conn) {
	l.mu.Lock()
	delete(l.conns, conn)
	l.mu.Unlock()
	_ = conn.Close()
}

// pass waits until bytes may pass.
func (l *Link) pass() {
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	<-gate
}

func (l *Link) forward(drone net.Conn) {
	defer l.drop(drone)
	l.pass()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	broker, err := new(net.Dialer).DialContext(ctx, "tcp", l.target)
	cancel()
	if err != nil {
		abort(drone)
		return
	}
	if !l.keep(broker) {
		abort(broker)
		abort(drone)
		return
	}
	defer l.drop(broker)
	var both sync.WaitGroup
	both.Go(func() { l.copy(broker, drone) })
	both.Go(func() { l.copy(drone, broker) })
	both.Wait()
}

// copy moves bytes one way until either side ends, and then ends both: MQTT
// has no half-open state.
func (l *Link) copy(to, from net.Conn) {
	buf := make([]byte, bufferSize)
	for {
		n, err := from.Read(buf)
		l.pass() // a silent cut keeps what was read, and news of the end
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				abort(from)
				return
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}
