//go:build peers

package telemetry

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The peers: Debian's packages mosquitto, mosquitto-clients, python3-msgpack.
const (
	mosquittoPath = "/usr/sbin/mosquitto"
	pythonPath    = "/usr/bin/python3" // another python3 in PATH may lack msgpack
	shipped       = "../../scripts/mosquitto"
)

// mosquitto runs Debian's broker with one of the shipped configurations, whose
// ports and paths alone are changed. It returns the port.
func mosquitto(t *testing.T, conf, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(shipped, conf))
	if err != nil {
		t.Fatal(err)
	}
	acl, err := filepath.Abs(filepath.Join(shipped, "aimlock.acl"))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // the port may be taken between being found and being used
		port := freePort(t)
		text := strings.NewReplacer(
			"/etc/mosquitto/aimlock/aimlock.acl", acl, "acl_file aimlock.acl", "acl_file "+acl,
			"/etc/mosquitto/aimlock/", dir+"/", "/var/lib/mosquitto/", dir+"/",
			"listener 8883", "listener "+port+" 127.0.0.1", "listener 1883 ", "listener "+port+" ",
		).Replace(string(b))
		if os.Geteuid() == 0 {
			text += "\nuser root\n" // or it could not read the test's folder
		}
		path := filepath.Join(t.TempDir(), conf)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if startMosquitto(t, path) {
			return port
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// startMosquitto is true once the broker says that it runs.
func startMosquitto(t *testing.T, conf string) bool {
	t.Helper()
	lines := start(t, mosquittoPath, "-v", "-c", conf)
	late := time.After(patience)
	for {
		select {
		case l, ok := <-lines:
			if !ok {
				return false
			}
			t.Logf("mosquitto: %s", l)
			if strings.Contains(l, "running") {
				go func() {
					for range lines {
					}
				}()
				return true
			}
		case <-late:
			t.Fatal("mosquitto neither runs nor ends")
		}
	}
}

// start runs a program until the test ends; its lines, of both outputs, come
// on the channel, which is closed when the program has ended.
func start(t *testing.T, name string, args ...string) <-chan string {
	t.Helper()
	r, w := io.Pipe()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; apt-get install mosquitto mosquitto-clients python3-msgpack minisign", err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); w.Close(); close(done) }()
	t.Cleanup(func() { r.Close(); cmd.Process.Kill(); <-done })
	lines := make(chan string, 4096)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(r)
		s.Buffer(nil, 4*MaxPacket)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	return lines
}
