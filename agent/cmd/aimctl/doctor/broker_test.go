package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.issue("authority", time.Now().Add(time.Hour))
	return a
}

// issue signs a certificate for localhost; the first is the authority's own.
func (a *authority) issue(name string, until time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		BasicConstraintsValid: true, IsCA: a.cert == nil, DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	by, with := a.cert, a.key
	if by == nil {
		by, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// save writes the files of a drone's identity: its authority's, and its own.
func (a *authority) save(d *drone) {
	d.t.Helper()
	cert, key := a.issue("drone", time.Now().Add(time.Hour))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	d.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	d.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := os.Chmod(d.path("key.pem"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.id.MQTT.CA, d.id.MQTT.Cert, d.id.MQTT.Key = d.path("ca.pem"), d.path("cert.pem"), d.path("key.pem")
}

// serve is a broker that takes connections and says nothing.
func serve(t *testing.T, a *authority, until time.Time, drones *x509.Certificate) (port string) {
	t.Helper()
	cert, key := a.issue("broker", until)
	pool := x509.NewCertPool()
	pool.AddCert(drones)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
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
			go func() {
				defer c.Close()
				io.Copy(io.Discard, c)
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestBroker(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	good := serve(t, ours, soon, ours.cert)
	early := serve(t, ours, soon.Add(75*time.Minute), ours.cert) // holds in 15 minutes: to us a drone's clock is behind
	for name, tt := range map[string]struct {
		url, found, remedy string
		spoil              func(*drone)
	}{
		"good":                 {"mqtts://localhost:" + good, "both sides are accepted", "", nil},
		"another authority":    {"mqtts://localhost:" + serve(t, theirs, soon, ours.cert), "unknown authority", "mqtt.ca", nil},
		"another name":         {"mqtts://127.0.0.1:" + good, "127.0.0.1", "another name", nil},
		"expired":              {"mqtts://localhost:" + serve(t, ours, past, ours.cert), "expired", "clock", nil},
		"not yet by the clock": {"mqtts://localhost:" + early, "not yet valid", "clock", nil},
		"but at the floor":     {"mqtts://localhost:" + early, "both sides are accepted", "", func(d *drone) { d.floor = time.Now().Add(30 * time.Minute) }},
		"expired at the floor": {"mqtts://localhost:" + good, "expired", "clock", func(d *drone) { d.floor = soon.Add(time.Minute) }},
		"drone refused":        {"mqtts://localhost:" + serve(t, ours, soon, theirs.cert), "remote error", "refuses the drone's certificate", nil},
		"nobody there":         {"mqtts://localhost:1", "connection refused", "no broker listens", nil},
		"no certificate":       {"mqtts://localhost:" + good, "no such file", "certificates", func(d *drone) { d.remove("cert.pem") }},
		"open key":             {"mqtts://localhost:" + good, "private key", "chmod 600", func(d *drone) { d.chmod("key.pem", 0o644) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := healthy(t)
			ours.save(d)
			d.id.MQTT.Broker, d.m.Dial = tt.url, new(net.Dialer).DialContext
			if tt.spoil != nil {
				tt.spoil(d)
			}
			c := d.examine()["broker"]
			if (c.Grade == doctor.OK) != (tt.remedy == "") || !contains([]string{c.Found}, tt.found) || tt.remedy != "" && !contains(c.Do, tt.remedy) {
				t.Errorf("%+v; want %q with the remedy %q", c, tt.found, tt.remedy)
			}
		})
	}
}
