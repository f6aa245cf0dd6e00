package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Limits of a shell command.
const (
	maxOutput = 64 << 10
	shellTime = 5 * time.Minute
)

// Shell runs a command with AIM_DIR, and AIM_IDENTITY of one drone, and
// returns what it printed. The programs that lie beside this one are found
// first; what the command leaves in the background ends with it. It is killed, with its process group, when ctx ends or after five
// minutes.
func (f *Fleet) Shell(ctx context.Context, d *Drone, command string) (output string, err error) {
	cmd := exec.Command("/bin/sh", "-c", command)
	path := os.Getenv("PATH")
	if self, err := filepath.EvalSymlinks(f.exe[0]); err == nil {
		path = filepath.Dir(self) + ":" + path
	}
	cmd.Env = append(os.Environ(), "PATH="+path, "AIM_DIR="+f.Dir, "AIM_IDENTITY="+d.Folder.Identity(), "AIM_DRONE="+d.Name)
	out := &bounded{most: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	p, err := f.spawn.start(cmd)
	if err != nil {
		return "", fmt.Errorf("fleet: run: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, shellTime)
	defer cancel()
	select {
	case <-p.ended:
		err = p.err
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil // it ended well; something in its background keeps the pipe
		}
	case <-ctx.Done():
		p.kill()
		err = ctx.Err()
	}
	return out.text(), err
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	mu   sync.Mutex
	b    bytes.Buffer
	most int
	cut  bool
}

func (w *bounded) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(p), w.most-w.b.Len())
	w.b.Write(p[:n])
	w.cut = w.cut || n < len(p)
	return len(p), nil
}

func (w *bounded) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.TrimRight(w.b.String(), "\n")
	if w.cut {
		s += "\n… (cut)"
	}
	return s
}
