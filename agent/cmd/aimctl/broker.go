package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// reach is what the commands that speak to a fleet need to know.
type reach struct {
	fleet         string
	ca, cert, key string // PEM files
}

func (r *reach) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.fleet, "fleet", "", "the fleet's `NAME` (default: the identity's)")
	cmd.Flags().StringVar(&r.ca, "ca", "", "PEM `FILE` with the broker's certificate authority (default: the identity's)")
	cmd.Flags().StringVar(&r.cert, "cert", "", "PEM `FILE` with your client certificate (default: the identity's)")
	cmd.Flags().StringVar(&r.key, "cert-key", "", "PEM `FILE` with its key (default: the identity's)")
}

// broker is where to connect and whose drones to speak to.
type broker struct {
	fleet string
	dial  telemetry.Dial
	name  string // of the broker, without a password
}

// reachBroker finds broker and fleet from the flags and, for what they leave
// out, from the identity. An operator's machine needs no identity.
func (a *app) reachBroker(cmd *cobra.Command, r reach) (*broker, error) {
	id := &config.Identity{}
	if a.broker == "" || r.fleet == "" || a.identityGiven(cmd) {
		var err error
		if id, err = a.load(); err != nil {
			return nil, fmt.Errorf("%w; or say --broker URL --fleet NAME", err)
		}
	}
	at := or(a.broker, id.MQTT.Broker)
	b := &broker{fleet: or(r.fleet, id.Fleet), name: at}
	if !telemetry.ValidName(b.fleet) {
		return nil, usagef("fleet %q: a name is [a-z0-9][a-z0-9-]{0,31}", b.fleet)
	}
	var conf *tls.Config
	if u, err := url.Parse(at); err == nil {
		b.name = u.Redacted()
		if u.Scheme == "mqtts" {
			conf, err = telemetry.TLSConfig(or(r.ca, id.MQTT.CA), or(r.cert, id.MQTT.Cert), or(r.key, id.MQTT.Key), u.Hostname(), time.Time{})
			if err != nil {
				return nil, err
			}
		}
	}
	var err error
	if b.dial, err = telemetry.Broker(at, conf); err != nil {
		return nil, &exit{exitUsage, err}
	}
	return b, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// connect opens a connection with a name of its own (two operators must not
// throw each other out) and subscribes to the topics in their order.
func (b *broker) connect(ctx context.Context, qos byte, topics []string, receive func(topic string, payload []byte, retained bool)) (telemetry.Link, error) {
	var id [6]byte
	rand.Read(id[:]) // never fails
	l, err := b.dial(ctx, telemetry.Hello{ClientID: "aimctl-" + hex.EncodeToString(id[:]), Clean: true, Receive: receive})
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", b.name, plain(err))
	}
	go drain(l)
	for _, topic := range topics {
		if err := l.Subscribe(topic, qos); err != nil {
			l.Close()
			return nil, fmt.Errorf("broker %s: %w", b.name, plain(err))
		}
	}
	return l, nil
}

// drain takes the acknowledgements that nobody waits for: what counts is what
// a drone answers.
func drain(l telemetry.Link) {
	for {
		select {
		case <-l.Acked():
		case <-l.Done():
			return
		}
	}
}

// plain is an error without the name of the package that it came from.
func plain(err error) error { return &plainError{err} }

type plainError struct{ error }

func (p *plainError) Error() string {
	s := p.error.Error()
	for _, pkg := range []string{"telemetry: ", "locksmith: ", "patch: ", "run: ", "rollout: ", "led: "} {
		s = strings.TrimPrefix(s, pkg)
	}
	return s
}

func (p *plainError) Unwrap() error { return p.error }

// stay keeps a connection until ctx ends: it connects again whenever the link
// is lost, after 1 s at first and at most 10 s later. told hears of each loss
// with its reason, and with nil of each return. l is the first connection.
func (b *broker) stay(ctx context.Context, l telemetry.Link, again func() (telemetry.Link, error), told func(error)) {
	for {
		select {
		case <-ctx.Done():
			l.Close()
			return
		case <-l.Done():
		}
		told(l.Err())
		for wait := time.Second; ; wait = min(2*wait, 10*time.Second) {
			if !sleep(ctx, wait) {
				return
			}
			next, err := again()
			if err == nil {
				l = next
				break
			}
			told(err)
		}
		told(nil)
	}
}

// sleep waits; it is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
