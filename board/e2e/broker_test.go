//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certificates makes the fleet's authority and a certificate for each name,
// <name>.pem and <name>-key.pem, in a folder. They hold from the day before
// aimd was built: a drone whose clock stands in 1970 judges them at that time.
func certificates(t *testing.T, dir string, names map[string]string) {
	t.Helper()
	from := lastCommit().AddDate(0, 0, -1)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleet authority"}, NotBefore: from, NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var caKey *ecdsa.PrivateKey
	issue := func(name string, c *x509.Certificate) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if caKey == nil {
			caKey = key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		write(t, filepath.Join(dir, name+"-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
	}
	issue("ca", ca)
	for name, cn := range names {
		issue(name, &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn}, NotBefore: from, NotAfter: ca.NotAfter,
			// 10.0.2.2 is the host as the guest sees it.
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 2, 2)}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	}
}

// mosquitto runs the broker with the configuration and the access rules that
// the project ships, on the loopback, with the certificates in dir. It returns
// its port.
func mosquitto(t *testing.T, dir string) string {
	t.Helper()
	shipped, err := filepath.Abs("../../scripts/mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(filepath.Join(shipped, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // a port may be taken between being found and being used
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		text := strings.NewReplacer("/etc/mosquitto/aimlock/aimlock.acl", shipped+"/aimlock.acl", "/etc/mosquitto/aimlock/", dir+"/",
			"/var/lib/mosquitto/", dir+"/", "listener 8883", "listener "+port+" 127.0.0.1").Replace(string(conf))
		if os.Geteuid() == 0 {
			text += "\nuser root\n" // or it could not read the test's folder
		}
		path := filepath.Join(dir, "mosquitto.conf")
		write(t, path, []byte(text))
		if runsMosquitto(t, path) {
			return port
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}

// runsMosquitto is true once the broker says that it runs.
func runsMosquitto(t *testing.T, conf string) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, "/usr/sbin/mosquitto", "-c", conf, "-v")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	runs, ended := make(chan struct{}), make(chan struct{})
	var lines []string
	go func() {
		defer close(ended)
		said := false
		for in := bufio.NewScanner(out); in.Scan(); {
			lines = append(lines, in.Text())
			if !said && strings.Contains(in.Text(), "running") {
				said = true
				close(runs)
			}
		}
		_ = c.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("the end of the broker's log:\n%s", strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	select {
	case <-runs:
		return true
	case <-ended:
	case <-time.After(20 * time.Second):
	}
	return false
}
