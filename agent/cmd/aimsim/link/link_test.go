package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func start(t *testing.T) *Link {
	t.Helper()
	l, err := New(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends a word and returns what comes back within d.
func ask(conn net.Conn, word string, d time.Duration) (string, error) {
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	return hear(conn, len(word), d)
}

func hear(conn net.Conn, n int, d time.Duration) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, n)
	n, err := io.ReadFull(conn, buf)
	return string(buf[:n]), err
}

func TestCutAndRestore(t *testing.T) {
	t.Parallel()
	l := start(t)
	old := dial(t, l)
	if got, err := ask(old, "before", 5*time.Second); got != "before" {
		t.Fatalf("%q, %v", got, err)
	}
	l.Cut(false)
	if _, err := hear(old, 1, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the open connection survived the cut: %v", err)
	}
	if err := refused(l); err != nil {
		t.Fatal(err)
	}
	l.Restore()
	if got, err := ask(dial(t, l), "after", 5*time.Second); got != "after" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestSilentCut(t *testing.T) {
	t.Parallel()
	l := start(t)
	conn := dial(t, l)
	if got, err := ask(conn, "before", 5*time.Second); got != "before" {
		t.Fatalf("%q, %v", got, err)
	}
	l.Cut(true)
	l.Cut(true) // twice is once
	if got, err := ask(conn, "during", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a silent link answered: %q, %v", got, err)
	}
	fresh := dial(t, l)
	if got, err := ask(fresh, "fresh", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a silent link answered: %q, %v", got, err)
	}
	l.Restore()
	for conn, want := range map[net.Conn]string{conn: "during", fresh: "fresh"} {
		if got, err := hear(conn, len(want), 5*time.Second); got != want {
			t.Fatalf("after the cut: %q, %v; want %q", got, err, want)
		}
	}
}

// TestClose closes with connections open and the link silent: it must return,
// and leave no goroutine (the WaitGroup in Close).
func TestClose(t *testing.T) {
	t.Parallel()
	l := start(t)
	conn := dial(t, l)
	if _, err := ask(conn, "x", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	l.Cut(true)
	done := make(chan error, 1)
	go func() { done <- l.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Close hangs")
	}
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	l, err := New("127.0.0.1:0") // nobody can listen on port 0
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := refused(l); err != nil {
		t.Fatal(err)
	}
}

// refused asks for a connection that must be reset, be it while dialling.
func refused(l *Link) error {
	conn, err := net.Dial("tcp", l.Addr())
	if err != nil {
		return nil
	}
	defer conn.Close()
	got, err := ask(conn, "x", 5*time.Second)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the link took a new connection: %q, %v", got, err)
	}
	return nil
}
