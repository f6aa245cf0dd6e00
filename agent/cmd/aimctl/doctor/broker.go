package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
)

const (
	dialWithin = 5 * time.Second
	// With TLS 1.3 a broker refuses a client's certificate only after the
	// handshake; one that takes it says nothing until it is spoken to.
	refusedWithin = 500 * time.Millisecond
)

// broker reaches the broker as the agent does, up to the first word of MQTT: a
// session would throw the agent out of its own.
func broker(ctx context.Context, m Machine, at config.MQTT, floor time.Time) Check {
	const name = "broker"
	u, err := url.Parse(at.Broker)
	if err != nil {
		return wrong(name, []string{"Correct mqtt.broker in the identity."}, "mqtt.broker is no URL; write mqtts://HOST:8883")
	}
	host, port, secure := u.Hostname(), u.Port(), u.Scheme == "mqtts"
	if port == "" {
		port = map[bool]string{true: "8883", false: "1883"}[secure]
	}
	u.User = nil
	shown := u.String()
	var conf *tls.Config
	if secure {
		if conf, err = telemetry.TLSConfig(at.CA, at.Cert, at.Key, host, floor); err != nil {
			return wrong(name, []string{"Put the drone's certificates there, readable for the agent, or correct mqtt in the identity."}, "%s is not tried: %v", shown, err)
		}
	}
	if info, err := os.Stat(at.Key); secure && at.Key != "" && err == nil && info.Mode().Perm()&0o006 != 0 {
		return wrong(name, []string{"\tchmod 600 " + at.Key}, "everybody may read the drone's private key %s", at.Key)
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := m.Dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return wrong(name, unreached(err), "%s: %v", shown, err)
	}
	defer conn.Close()
	if !secure {
		return ok(name, "%s can be reached", shown)
	}
	if err := shake(ctx, conn, conf); err != nil {
		return wrong(name, distrusted(err), "%s: %v", shown, err)
	}
	return ok(name, "%s can be reached, and the certificates of both sides are accepted", shown)
}

func shake(ctx context.Context, conn net.Conn, conf *tls.Config) error {
	c := tls.Client(conn, conf)
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(refusedWithin)); err != nil {
		return err
	}
	var one [1]byte
	if _, err := c.Read(one[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

func unreached(err error) []string {
	dns := (*net.DNSError)(nil)
	switch {
	case errors.As(err, &dns):
		return []string{"Correct the name in mqtt.broker, or the drone's name server:", "\tcat /etc/resolv.conf"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return []string{"The machine is there, but no broker listens: start it, and see that its port is the one in mqtt.broker."}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return []string{"The drone has no way there. See its links and routes:", "\tip addr; ip route"}
	}
	return []string{"See whether the drone has a link, and whether a firewall is between it and the broker.", "The agent keeps events and sends them when the link returns."}
}

func distrusted(err error) []string {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
	)
	op := (*net.OpError)(nil)
	switch {
	case errors.As(err, &authority):
		return []string{"mqtt.ca in the identity is not the authority that signed the broker's certificate: put the fleet's there."}
	case errors.As(err, &hostname):
		return []string{"The broker's certificate is for another name: call the broker by that one in mqtt.broker, or issue a certificate with this name."}
	case errors.As(err, &invalid):
		return []string{"Set the drone's clock if it is wrong, else renew the broker's certificate:", "\tdate -u"}
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error":
		return []string{"The broker refuses the drone's certificate: renew mqtt.cert and mqtt.key, or give the broker the authority that signed it."}
	}
	return []string{"See that mqtt.broker names the broker's TLS port, 8883 as a rule, and look into the broker's log."}
}
