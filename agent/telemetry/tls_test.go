package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// tlsBroker accepts connections with a certificate of a and answers CONNECT.
func tlsBroker(t *testing.T, a *authority) string {
	t.Helper()
	cert, key := a.issue(t, "broker", "broker")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(a.path("ca"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Time: func() time.Time { return a.cert.NotBefore.Add(time.Hour) }, // the broker's clock is right
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				if _, err := packets.ReadPacket(c); err == nil {
					c.Write([]byte{0x20, 2, 0, 0})
					io.Copy(io.Discard, c)
				}
			}(c)
		}
	}()
	return "mqtts://" + l.Addr().String()
}

// A certificate is judged at the later of the clock and the floor.
func TestTLSFloor(t *testing.T) {
	t.Parallel()
	year := 365 * 24 * time.Hour
	now := time.Now()
	rows := map[string]struct {
		from, to, floor time.Time
		ok              bool
	}{
		"valid-now":                {now.Add(-time.Hour), now.Add(year), time.Time{}, true},
		"valid-now-floor-before":   {now.Add(-time.Hour), now.Add(year), now.Add(-2 * year), true},
		"valid-later-clock-behind": {now.Add(year), now.Add(2 * year), now.Add(year + time.Hour), true},
		"valid-later-no-floor":     {now.Add(year), now.Add(2 * year), time.Time{}, false},
		"expired":                  {now.Add(-2 * year), now.Add(-year), time.Time{}, false},
		"expired-before-floor":     {now.Add(-time.Hour), now.Add(year), now.Add(2 * year), false},
	}
	for name, r := range rows {
		a := newAuthority(t, r.from, r.to)
		cert, key := a.issue(t, "drone", "north/patrol-03")
		config, err := TLSConfig(a.path("ca"), cert, key, "", r.floor)
		if err != nil {
			t.Fatal(err)
		}
		dial, err := Broker(tlsBroker(t, a), config)
		if err != nil {
			t.Fatal(err)
		}
		l, err := dial(t.Context(), Hello{ClientID: "c"})
		if (err == nil) != r.ok {
			t.Errorf("%s: %v", name, err)
		}
		var invalid x509.CertificateInvalidError
		if !r.ok && !errors.As(err, &invalid) {
			t.Errorf("%s: not for its time: %v", name, err)
		}
		if l != nil {
			l.Close()
		}
	}
}

// Another authority's broker, a name that is not the broker's, a client of
// another authority: refused.
func TestTLSRefuses(t *testing.T) {
	t.Parallel()
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	a, other := newAuthority(t, from, to), newAuthority(t, from, to)
	cert, key := a.issue(t, "drone", "north/patrol-03")
	foreign, foreignKey := other.issue(t, "drone", "north/patrol-03")
	url := tlsBroker(t, a)
	for name, r := range map[string]struct{ ca, cert, key, server string }{
		"other-authority": {other.path("ca"), cert, key, ""},
		"other-name":      {a.path("ca"), cert, key, "elsewhere"},
		"foreign-client":  {a.path("ca"), foreign, foreignKey, ""},
	} {
		config, err := TLSConfig(r.ca, r.cert, r.key, r.server, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		dial, err := Broker(url, config)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := dial(context.Background(), Hello{ClientID: "c"}); err == nil {
			l.Close()
			t.Errorf("%s: connected", name)
		}
	}
}

// A renewed certificate is taken up with the next connection; a file that is
// none is named.
func TestTLSFiles(t *testing.T) {
	t.Parallel()
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	a := newAuthority(t, from, to)
	cert, key := a.issue(t, "drone", "one")
	config, err := TLSConfig(a.path("ca"), cert, key, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	a.issue(t, "drone", "two")
	pair, err := config.GetClientCertificate(nil)
	if err != nil || pair.Leaf.Subject.CommonName != "two" {
		t.Errorf("%v, %v", pair, err)
	}
	for _, r := range [][3]string{{key, cert, key}, {a.path("ca"), key, key}, {a.path("no"), cert, key}, {a.path("ca"), cert, a.path("ca-key")}} {
		if _, err := TLSConfig(r[0], r[1], r[2], "", time.Time{}); !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), a.dir) {
			t.Errorf("%v: %v", r, err)
		}
	}
}
