package fleet

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// maxPacket bounds an MQTT packet: an offer with the largest live file and its
// signatures fits.
const maxPacket = 256 << 10

// access lets everybody in, and holds those whose user name is a drone's
// (fleet/drone) to the rules that the project ships for mosquitto.
type access struct {
	mqtt.HookBase
	drones map[string]bool
	denied func(user, topic string)
}

func (*access) ID() string { return "access" }

func (*access) Provides(b byte) bool { return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck }

func (*access) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (a *access) OnACLCheck(client *mqtt.Client, topic string, write bool) bool {
	user := string(client.Properties.Username)
	if !a.drones[user] || allowed(user, topic, write) {
		return true
	}
	a.denied(user, topic)
	return false
}

// allowed are the rules for a drone: it writes below its own name, and there
// only what is its to say; it reads its commands and offers.
func allowed(user, topic string, write bool) bool {
	leaf, ok := strings.CutPrefix(topic, telemetry.Root+"/"+user+"/")
	if !ok {
		return false
	}
	if !write {
		return leaf == telemetry.LeafOffer || strings.HasPrefix(leaf, telemetry.LeafCommand)
	}
	switch leaf {
	case telemetry.LeafAvailability, telemetry.LeafStatus, telemetry.LeafTelemetry, telemetry.LeafEvent, telemetry.LeafReport:
		return true
	}
	return strings.HasPrefix(leaf, telemetry.LeafReply)
}

// startBroker runs a broker on a free loopback port and returns its URL.
func startBroker(rules *access) (*mqtt.Server, string, error) {
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumMessageExpiryInterval = 0 // else retained messages go after 24 h
	capabilities.MaximumPacketSize = maxPacket
	server := mqtt.New(&mqtt.Options{
		Capabilities: capabilities,
		Logger:       slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err := server.AddHook(rules, nil); err != nil {
		return nil, "", fmt.Errorf("fleet: broker: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("fleet: broker: %w", err)
	}
	if err := server.AddListener(listeners.NewNet("tcp", listener)); err != nil {
		return nil, "", fmt.Errorf("fleet: broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		return nil, "", fmt.Errorf("fleet: broker: %w", err)
	}
	return server, "mqtt://" + listener.Addr().String(), nil
}
