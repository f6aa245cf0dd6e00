package telemetry

import "strings"

// Root begins every topic; the version in it changes only with the layout of
// the topics, never with a message.
const Root = "aim/v1"

// The leaves below <Root>/<fleet>/<drone>. Commands and replies carry an id
// behind the slash.
const (
	LeafAvailability = "availability" // drone and its will; QoS 1, retained
	LeafStatus       = "status"       // drone; QoS 1, retained
	LeafTelemetry    = "telemetry"    // drone; QoS 0
	LeafEvent        = "event"        // drone; QoS 1
	LeafOffer        = "patch/offer"  // operator; QoS 1, retained
	LeafReport       = "patch/report" // drone; QoS 1, retained
	LeafCommand      = "command/"     // operator; QoS 1, never retained
	LeafReply        = "reply/"       // drone; QoS 1
)

// Topic names a drone's topic. Fleet and drone may be the wildcard "+".
func Topic(fleet, drone, leaf string) string {
	return Root + "/" + fleet + "/" + drone + "/" + leaf
}

// ParseTopic splits a drone's topic. The leaf keeps its slashes
// ("command/42"). It is false for topics that are no drone's, _rollout and
// _controller among them, and for names outside [a-z0-9][a-z0-9-]{0,31}.
func ParseTopic(topic string) (fleet, drone, leaf string, ok bool) {
	rest, ok := strings.CutPrefix(topic, Root+"/")
	if !ok {
		return "", "", "", false
	}
	fleet, rest, ok = strings.Cut(rest, "/")
	if !ok || !ValidName(fleet) {
		return "", "", "", false
	}
	drone, leaf, ok = strings.Cut(rest, "/")
	if !ok || leaf == "" || !ValidName(drone) {
		return "", "", "", false
	}
	return fleet, drone, leaf, true
}

// RolloutTopic is where the operator's side says how a rollout goes; the id may
// be the wildcard "+", and so may the fleet.
func RolloutTopic(fleet, id string) string { return Root + "/" + fleet + "/_rollout/" + id }

// ControllerTopic is where the operator's side says who leads a fleet.
func ControllerTopic(fleet string) string { return Root + "/" + fleet + "/_controller" }

// ParseFleetTopic splits a topic that is a fleet's, not a drone's: rollout is
// the id on _rollout/<id>, and empty on _controller.
func ParseFleetTopic(topic string) (fleet, rollout string, ok bool) {
	rest, ok := strings.CutPrefix(topic, Root+"/")
	if !ok {
		return "", "", false
	}
	fleet, leaf, ok := strings.Cut(rest, "/")
	if !ok || !ValidName(fleet) {
		return "", "", false
	}
	if leaf == "_controller" {
		return fleet, "", true
	}
	id, ok := strings.CutPrefix(leaf, "_rollout/")
	if !ok || !ValidID(id) {
		return "", "", false
	}
	return fleet, id, true
}

// ValidName reports whether s may name a fleet or a drone:
// [a-z0-9][a-z0-9-]{0,31}.
func ValidName(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// maxID bounds a command's id in a topic.
const maxID = 64

// ValidID reports whether s may stand in command/<id> and reply/<id>: 1 to 64
// of A-Z a-z 0-9 . _ -.
func ValidID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
