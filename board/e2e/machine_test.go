//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// machine is one run of QEMU: an emulated board from power-on to power-off.
type machine struct {
	dir       string // of its sockets and logs
	t         *testing.T
	q         *qmp
	began     time.Time
	cmd       *exec.Cmd
	stdin     io.Writer
	ended     chan struct{} // QEMU has ended
	trace     string        // where its traces go
	traceFrom int64         // size of that file when tracing began

	mu    sync.Mutex
	lines []string // of the console
	more  chan struct{}
}

// power starts a board with a kernel, an initramfs and the disk that is served
// on a socket; more are further arguments of QEMU.
func power(t *testing.T, tg *target, k *kernel, initrd, dir, disk string, more ...string) *machine {
	t.Helper()
	m := &machine{t: t, dir: dir, ended: make(chan struct{}), more: make(chan struct{}), trace: filepath.Join(dir, "trace.log")}
	args := append(tg.args(m, "nbd+unix:///?socket="+disk), "-kernel", k.image, "-initrd", initrd,
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-qmp", "unix:"+dir+"/q.sock,server=on,wait=off", "-msg", "timestamp=on", "-D", m.trace)
	args = append(args, more...)
	if k.dtb != "" {
		args = append(args, "-dtb", k.dtb)
	}
	for i := range tg.chips {
		args = append(args, "-device", fmt.Sprintf("tmp105,bus=aspeed.i2c.bus.0,address=%#x,id=t%d", 0x48+i, i))
	}
	m.cmd = exec.Command(tg.qemu, args...)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // never left behind
	complaints, err := os.Create(filepath.Join(dir, "qemu.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer complaints.Close()
	m.cmd.Stderr = complaints
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	m.began = time.Now()
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go m.listen(out)
	t.Cleanup(m.off)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if m.q, err = dialQMP(ctx, filepath.Join(dir, "q.sock")); err != nil {
		t.Fatal(err)
	}
	for i := range tg.chips {
		m.heat(i, 25000)
	}
	return m
}

// off takes the power away, at once.
func (m *machine) off() {
	_ = m.cmd.Process.Kill()
	<-m.ended
	if m.q != nil {
		m.q.Close()
	}
}

func (m *machine) listen(out io.Reader) {
	in := bufio.NewScanner(out)
	for in.Scan() {
		m.mu.Lock()
		m.lines = append(m.lines, strings.TrimRight(in.Text(), "\r"))
		close(m.more)
		m.more = make(chan struct{})
		m.mu.Unlock()
	}
	_ = m.cmd.Wait()
	close(m.ended)
}

// now is a place in the console's output.
func (m *machine) now() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.lines)
}

// says waits for a line from a place on that holds the text, and returns it
// with the place after it.
func (m *machine) says(from int, text string, within time.Duration) (string, int) {
	m.t.Helper()
	late := time.After(within)
	for {
		m.mu.Lock()
		more := m.more
		for ; from < len(m.lines); from++ {
			switch line := m.lines[from]; {
			case strings.Contains(line, text):
				m.mu.Unlock()
				return line, from + 1
			case strings.HasPrefix(line, "@e2e failed"):
				m.mu.Unlock()
				m.t.Fatalf("the guest: %s", line)
			}
		}
		m.mu.Unlock()
		select {
		case <-more:
		case <-m.ended:
			m.t.Fatalf("QEMU has ended before %q", text)
		case <-late:
			m.t.Fatalf("the console does not say %q within %v", text, within)
		}
	}
}

// tail is the end of the console's output, and what QEMU itself said.
func (m *machine) tail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	why, _ := os.ReadFile(filepath.Join(m.dir, "qemu.log"))
	return fmt.Sprintf("%s\nQEMU: %s", strings.Join(m.lines[max(0, len(m.lines)-60):], "\n"), why)
}

// tell has the guest's init do something and returns what it answers.
func (m *machine) tell(words ...string) string {
	m.t.Helper()
	from := m.now()
	if _, err := fmt.Fprintln(m.stdin, strings.Join(words, " ")); err != nil {
		m.t.Fatal(err)
	}
	prefix := "@e2e did " + words[0] + ": "
	line, _ := m.says(from, prefix, 40*time.Second)
	return line[strings.Index(line, prefix)+len(prefix):]
}

// heat sets what a motor's chip measures, thousandths of a degree.
func (m *machine) heat(motor int, milliC int) {
	m.t.Helper()
	if err := m.q.set(fmt.Sprintf("/machine/peripheral/t%d", motor), "temperature", milliC); err != nil {
		m.t.Fatal(err)
	}
}

// link plugs the network in or out.
func (m *machine) link(up bool) {
	m.t.Helper()
	if err := m.q.do("set_link", map[string]any{"name": "n0", "up": up}, nil); err != nil {
		m.t.Fatal(err)
	}
}
