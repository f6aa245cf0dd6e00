package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// ErrBroker is a broker's URL that cannot be used.
var ErrBroker = errors.New("broker URL")

// Broker returns the Dial of a broker: mqtts://host[:8883] with the TLS
// configuration given, or mqtt://[user[:password]@]host[:1883], which is
// allowed on the loopback only: in plain, anybody in between reads and writes.
func Broker(rawURL string, config *tls.Config) (Dial, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w: not a URL; write mqtts://HOST:8883", ErrBroker) // the cause would print a password
	}
	host, port := u.Hostname(), u.Port()
	if host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("telemetry: %w %s: write mqtts://HOST:8883, nothing behind the port", ErrBroker, u.Redacted())
	}
	switch u.Scheme {
	case "mqtt":
		if !loopback(host) {
			return nil, fmt.Errorf("telemetry: %w %s: plain MQTT only on the loopback; use mqtts://", ErrBroker, u.Redacted())
		}
		config = nil
		if port == "" {
			port = "1883"
		}
	case "mqtts":
		if config == nil {
			return nil, fmt.Errorf("telemetry: %w %s: mqtts needs a certificate; set mqtt.ca, mqtt.cert and mqtt.key", ErrBroker, u.Redacted())
		}
		config = config.Clone()
		if config.ServerName == "" {
			config.ServerName = host
		}
		if port == "" {
			port = "8883"
		}
	default:
		return nil, fmt.Errorf("telemetry: %w %s: scheme is neither mqtts nor mqtt", ErrBroker, u.Redacted())
	}
	b := broker{addr: net.JoinHostPort(host, port), tls: config, user: u.User}
	return b.dial, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

type broker struct {
	addr string
	tls  *tls.Config // nil: plain
	user *url.Userinfo
}

func (b broker) dial(ctx context.Context, h Hello) (Link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := b.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w: connect: %w", ErrLink, err)
	}
	// The handshake must end with ctx, too, so that a stop never waits for it.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		stop()
		conn.Close()
		return nil, fmt.Errorf("telemetry: %w: connect: %w", ErrLink, err)
	}
	s, err := startSession(conn, b.connect(h), h.Receive)
	if !stop() && err == nil { // ctx ended in between and may have set its deadline
		s.Close()
		err = fmt.Errorf("telemetry: %w: connect: %w", ErrLink, context.Cause(ctx))
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// open is TCP and, if asked for, TLS.
func (b broker) open(ctx context.Context) (net.Conn, error) {
	if b.tls == nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", b.addr)
	}
	d := tls.Dialer{Config: b.tls}
	return d.DialContext(ctx, "tcp", b.addr)
}

func (b broker) connect(h Hello) *packets.ConnectPacket {
	cp := &packets.ConnectPacket{
		FixedHeader:  packets.FixedHeader{MessageType: packets.Connect},
		ProtocolName: "MQTT", ProtocolVersion: 4,
		CleanSession: h.Clean, Keepalive: uint16(keepAlive / time.Second), ClientIdentifier: h.ClientID,
		UsernameFlag: h.User != "", Username: h.User,
	}
	if h.Will != nil {
		cp.WillFlag, cp.WillQos, cp.WillRetain = true, 1, true
		cp.WillTopic, cp.WillMessage = h.Will.Topic, h.Will.Payload
	}
	if b.user != nil {
		cp.UsernameFlag, cp.Username = true, b.user.Username()
		var pw string
		pw, cp.PasswordFlag = b.user.Password()
		cp.Password = []byte(pw)
	}
	return cp
}
