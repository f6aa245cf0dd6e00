package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// beChild is another process: "hold NAME DIR" takes the lock and obeys lines on
// its input, "boot NAME DIR" takes it once and ends.
func beChild(role string, args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var l lock
	err := errors.New("no such lock")
	for _, k := range kinds {
		if k.name == args[0] {
			l, err = k.open(args[1])
		}
	}
	if role == "start" {
		return 0
	}
	if err == nil && role == "boot" {
		err = l.await(ctx)
	}
	if err == nil && role == "hold" {
		err = hold(ctx, l, args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

func hold(ctx context.Context, l lock, dir string) error {
	h, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	fmt.Println("held")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		err := h.write(live(dir), "late", func() {
			fmt.Println("checked")
			in.Scan() // until the bench says go
		})
		if err != nil {
			fmt.Println("refused:", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("written")
		}
	}
	return in.Err()
}

func live(dir string) string { return dir + "/live" }

// replace is the write itself, the same for all.
func replace(path, text string) error {
	f, err := os.CreateTemp(dirOf(path), ".live-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return errors.Join(err, syncDir(dirOf(path)))
}

func dirOf(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// holder is a child that holds the lock.
type holder struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner

	ended sync.Once
}

func startHolder(ctx context.Context, k kind, dir string) (*holder, error) {
	h := &holder{cmd: self(ctx, "hold", k.name, dir)}
	h.cmd.Stderr = os.Stderr
	h.in, _ = h.cmd.StdinPipe()
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewScanner(out)
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	return h, h.expect("held")
}

func (h *holder) say(line string) { _, _ = fmt.Fprintln(h.in, line) }

func (h *holder) hear() string {
	if !h.out.Scan() {
		return "nothing"
	}
	return h.out.Text()
}

func (h *holder) expect(want string) error {
	if got := h.hear(); got != want {
		return fmt.Errorf("the holder said %q, not %q", got, want)
	}
	return nil
}

func (h *holder) signal(sig syscall.Signal) { _ = h.cmd.Process.Signal(sig) }

// end is kill -9. The process is collected at once: a zombie's pid is still
// there for whoever asks with signal 0.
func (h *holder) end() {
	h.ended.Do(func() {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	})
}
