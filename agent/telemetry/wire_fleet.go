package telemetry

//go:generate go tool -modfile=../../scripts/tools.mod msgp -file wire_fleet.go -o wire_fleet_gen.go -tests=false -io=false
//go:generate sed -i s,github.com/tinylib/msgp/msgp,github.com/aim-control/aimlock/firmware/msgp, wire_fleet_gen.go
// What the operator's side says of a fleet. A fleet is larger than any list in
// wire.go, and the generator knows one limit of what is sent a file.

//msgp:limit arrays:2048 maps:64 marshal:true
//msgp:vartuple RolloutDrone

// Rollout is how far a rollout has come, on _rollout/<id>, retained: for
// screens; nobody obeys it.
type Rollout struct {
	Schema     uint8          `msg:"v" json:"schema"`
	TimeMS     int64          `msg:"t" json:"time_ms"`
	Fleet      string         `msg:"f" json:"fleet"`
	ID         string         `msg:"i" json:"id"`
	Patch      string         `msg:"p" json:"patch"` // its id
	Epoch      uint64         `msg:"e" json:"epoch"`
	Controller string         `msg:"c" json:"controller"`
	State      string         `msg:"s" json:"state"`  // RUNNING PAUSED ROLLING_BACK FINISHED STOPPED
	Phase      string         `msg:"ph" json:"phase"` // of RUNNING: OFFERING BAKING
	Reason     string         `msg:"x" json:"reason"`
	Wave       uint32         `msg:"w" json:"wave"` // the present one; 0: the canary
	Waves      uint32         `msg:"n" json:"waves"`
	BakeMS     int64          `msg:"b" json:"bake_left_ms"` // of the present wave's bake, at TimeMS; it passes only while it is watched
	Drones     []RolloutDrone `msg:"d" json:"drones"`
}

// RolloutDrone is one drone of a rollout.
type RolloutDrone struct {
	Drone  string `msg:"d" json:"drone"`
	Wave   uint32 `msg:"w" json:"wave"`
	State  string `msg:"s" json:"state"` // PENDING IN_PROGRESS SUCCEEDED FAILED TIMED_OUT REJECTED REVERTED OFFLINE
	Reason string `msg:"x" json:"reason"`
}

// Controller says who leads a fleet's rollouts, on _controller, retained; the
// broker publishes it offline as the controller's will.
type Controller struct {
	Schema     uint8  `msg:"v" json:"schema"`
	TimeMS     int64  `msg:"t" json:"time_ms"`
	Fleet      string `msg:"f" json:"fleet"`
	Epoch      uint64 `msg:"e" json:"epoch"`
	Controller string `msg:"c" json:"controller"`
	Online     bool   `msg:"o" json:"online"`
	Rollout    string `msg:"r" json:"rollout"` // at hand; empty: none
	Reason     string `msg:"x" json:"reason"`
}
