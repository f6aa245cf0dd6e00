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
)

// listenStatus opens the socket, in place of one that a dead agent left.
func listenStatus(run string) (net.Listener, error) {
	path := filepath.Join(run, StatusSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("agent: status socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("agent: status socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("agent: status socket: %w", err)
	}
	return l, nil
}

// serveStatus answers until the listener is closed.
func serveStatus(ctx context.Context, l net.Listener, src source) {
	slots := make(chan struct{}, maxAskers)
	for {
		conn, err := l.Accept()
		if err != nil {
			return
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
