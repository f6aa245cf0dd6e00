// Package telemetry is what a drone and its operators say to each other: the
// wire types and their only codec (wire.go, decode.go), the topics (topics.go)
// and the drone's end of the MQTT session (Uplink).
//
// Roles. A drone runs one [Uplink]: it says that the drone is online, keeps
// the newest status and telemetry flowing, drains the journal of events in
// order, and hands commands on. Operators' tools decode with [Decode] and
// listen with [Listen]. Signatures are not judged here.
//
// Transport. MQTT 3.1.1 over TCP or TLS. The packets' encoding is paho's
// (package packets); the session around it is our own (session.go), one value
// a connection. paho's client links a WebSocket and an HTTP client into every
// binary, a megabyte of an agent of six; and a session that ends with its
// connection needs none of the care that its reconnecting client asks for: an
// acknowledgement can only belong to the connection that sent the message,
// nothing queues behind our back, and every subscription is made anew.
//
// Files. wire.go is what a drone says and obeys, wire_fleet.go what the
// operator's side says of a fleet; wire_gen.go and wire_fleet_gen.go are
// generated (go generate); testdata/golden holds the bytes of each message;
// asyncapi.yaml describes topics and payloads.
package telemetry
