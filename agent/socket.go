package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// StatusSocket is the socket's name in the run folder. It serves one
// telemetry.Status a connection and reads nothing.
const StatusSocket = "status.sock"

const (
	maxAskers = 8 // connections at a time
	askWithin = 2 * time.Second

	acceptAgain = 100 * time.Millisecond // after an accept that failed
)

// listenStatus opens the socket, in place of one that a dead agent left.
func listenStatus(run string) (net.Listener, error) {
	path := filepath.Join(run, StatusSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("agent: status socket: %w; remove it by hand, and let the agent write in its run folder", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("agent: status socket: %w; let the agent write in its run folder ([paths] in the identity)", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("agent: status socket: %w", err)
	}
	return l, nil
}

// serveStatus answers until ctx ends or the listener is closed. An accept may
// fail for lack of descriptors, which passes.
func serveStatus(ctx context.Context, l net.Listener, src source) {
	slots := make(chan struct{}, maxAskers)
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !wait(ctx, time.After(acceptAgain)) {
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
			go func() {
				answer(ctx, conn, src)
				<-slots
			}()
		default:
			conn.Close()
		}
	}
}

func answer(ctx context.Context, conn net.Conn, src source) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askWithin))
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	got := make(chan []byte, 1)
	src.send(ctx, event{kind: ask, at: src.clock(), reply: got})
	select {
	case b := <-got:
		_, _ = conn.Write(b)
	case <-ctx.Done():
	}
}
