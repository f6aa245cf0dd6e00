//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// qmp is QEMU's control socket (docs/interop/qmp-spec.txt). It is safe for
// concurrent use; commands follow one another.
type qmp struct {
	mu     sync.Mutex
	conn   net.Conn
	in     *bufio.Reader
	resets atomic.Int64 // of the machine, by itself or not, since the last look
}

// qmpTimeout bounds a command: QEMU answers in well under a millisecond unless
// the machine is very busy.
const qmpTimeout = 20 * time.Second

// dialQMP connects once QEMU listens, until ctx ends.
func dialQMP(ctx context.Context, path string) (*qmp, error) {
	var d net.Dialer
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			q := &qmp{conn: conn, in: bufio.NewReader(conn)}
			if _, err := q.in.ReadString('\n'); err != nil { // its greeting
				return nil, err
			}
			return q, q.do("qmp_capabilities", nil, nil)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
}

type qmpReply struct {
	Return json.RawMessage               `json:"return"`
	Error  *struct{ Class, Desc string } `json:"error"`
	Event  string                        `json:"event"`
}

// do runs a command and decodes what it returns into result, if not nil.
func (q *qmp) do(command string, args map[string]any, result any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	msg, err := json.Marshal(map[string]any{"execute": command, "arguments": args})
	if err != nil {
		return err
	}
	if args == nil {
		msg = []byte(`{"execute":"` + command + `"}`)
	}
	_ = q.conn.SetDeadline(time.Now().Add(qmpTimeout))
	if _, err := q.conn.Write(append(msg, '\n')); err != nil {
		return fmt.Errorf("qmp: %s: %w", command, err)
	}
	for {
		line, err := q.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("qmp: %s: %w", command, err)
		}
		var r qmpReply
		switch err := json.Unmarshal(line, &r); {
		case err != nil:
			return fmt.Errorf("qmp: %s: %q: %w", command, line, err)
		case r.Event != "":
			if r.Event == "RESET" {
				q.resets.Add(1)
			}
			continue
		case r.Error != nil:
			return fmt.Errorf("qmp: %s %v: %s", command, args, r.Error.Desc)
		case result == nil:
			return nil
		}
		return json.Unmarshal(r.Return, result)
	}
}

func (q *qmp) set(path, property string, value any) error {
	return q.do("qom-set", map[string]any{"path": path, "property": property, "value": value}, nil)
}

// word reads a word of the guest's physical memory, registers included.
func (q *qmp) word(addr uint32) (uint32, error) {
	var text string
	if err := q.do("human-monitor-command", map[string]any{"command-line": fmt.Sprintf("xp /1xw %#x", addr)}, &text); err != nil {
		return 0, err
	}
	var at, word uint32
	if _, err := fmt.Sscanf(text, "%x: 0x%x", &at, &word); err != nil {
		return 0, fmt.Errorf("qmp: xp answered %q: %w", text, err)
	}
	return word, nil
}

// reset is true if the machine was reset since it was asked last.
func (q *qmp) reset() bool { return q.resets.Swap(0) > 0 }

func (q *qmp) Close() error { return q.conn.Close() }

var _ io.Closer = (*qmp)(nil)
