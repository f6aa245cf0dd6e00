package telemetry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxPEM bounds a certificate or key file, bytes.
const maxPEM = 256 << 10

// ErrTLS is a certificate or key that cannot be used.
var ErrTLS = errors.New("tls")

// TLSConfig is the configuration of mqtts. ca, cert and key are PEM files. The
// broker's certificate must come from ca, the fleet's own authority; "" takes
// the system's authorities, for brokers with a public certificate. It must name
// serverName, "" for the URL's host. cert and key are read anew for each
// connection, so that they can be renewed under a running agent; both "": no
// client certificate is shown.
//
// Certificates are judged at the later of the clock and floor (build time, last
// commit): a drone whose clock stands in 1970 still reports, and one whose
// clock was turned back does not trust what has expired before floor.
func TLSConfig(ca, cert, key, serverName string, floor time.Time) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: serverName,
		MinVersion: tls.VersionTLS12,
		Time: func() time.Time {
			if now := time.Now(); now.After(floor) {
				return now
			}
			return floor
		},
	}
	if ca != "" {
		pem, err := readPEM(ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("telemetry: %w: %s: no certificate in it; mqtt.ca is the PEM file of the broker's authority", ErrTLS, ca)
		}
	}
	if cert == "" && key == "" {
		return c, nil
	}
	if _, err := loadPair(cert, key); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return loadPair(cert, key) }
	return c, nil
}

func loadPair(cert, key string) (*tls.Certificate, error) {
	c, err := readPEM(cert)
	if err != nil {
		return nil, err
	}
	k, err := readPEM(key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(c, k)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w: mqtt.cert %s, mqtt.key %s: %w", ErrTLS, cert, key, err)
	}
	return &pair, nil
}

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w: %w", ErrTLS, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w: %w", ErrTLS, err)
	}
	if len(b) > maxPEM {
		return nil, fmt.Errorf("telemetry: %w: %s: longer than %d bytes; not a PEM file?", ErrTLS, path, maxPEM)
	}
	return b, nil
}
