package telemetry

// samples are one complete message of each kind, as the golden files hold
// them. Each call returns new ones.
func samples() map[string]Message {
	const boot = "5b2f3c1e-9a44-4c8a-8d0e-0f6f5d9b7a10"
	const ms = 1795464000000
	return map[string]Message{
		"availability": &Availability{Schema: Schema, Boot: boot, TimeMS: ms, Online: true, Conn: 7, Version: "1.4.0", Reason: "started"},
		"status": &Status{
			Schema: Schema, Boot: boot, TimeMS: ms, UpMS: 1860123, Drone: "patrol-03", Fleet: "north", Agent: "1.4.0",
			State: "PAUSED", SinceMS: 1858000, Requested: true, Flight: "holding", FC: "ok",
			Causes: []Cause{{Name: "lock", SinceMS: 1856500, HeldMS: 3623, Waived: true,
				Text: "aim_lock_config.conf: HOT: held by fleet-updater past its lease; aimctl lock status says more"}},
			Waived: []string{"lock"},
			Lock: Lock{Verdict: "OVERDUE", Hot: true, Holder: "fleet-updater", Role: "orchestrator", PID: 4711,
				Reason: "update cycle 12", Epoch: 42, SinceMS: 26500, UntilMS: 1856500},
			Config: Config{Version: 41, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
				Valid: true, Drift: true, Pending: true, Problem: "aim_lock_config.conf:4:7: ttl: too long"},
			Patch:       Patch{State: "WAITING", ID: "p-2026-11-23", Reason: "lock"},
			LED:         "holding",
			Faults:      []string{"motor2"},
			Online:      true,
			Supply:      []Supply{{22210, 18400, 9, true, 408664, "battery"}},
			Reset:       "watchdog",
			KeysVersion: 2, KeysSHA256: "1f3870be274f6c49b3e31a0c6728957f0b0e1a0b0b822cd15d6c15b0f00a089f",
			Keys: []string{"config:9F3A01BC", "config:04D1E2A7", "command:9F3A01BC", "keys:77AA12F0"},
		},
		"telemetry": &Telemetry{
			Schema: Schema, Boot: boot, TimeMS: ms, Seq: 1859,
			Lines:     Lines{Disarmed: 1, Holding: 2, FC: 2, Request: 2},
			Motors:    []Sample{{71250, 12, true}, {70875, 13, true}, {-3, 900, false}, {72000, 15, true}},
			Companion: Sample{55100, 40, true},
			Supply:    []Supply{{22210, 18400, 9, true, 408664, "battery"}, {0, 0, 1 << 30, false, 0, "servos"}},
		},
		"event": &Event{
			Schema: Schema, Boot: boot, TimeMS: ms, UpMS: 1856501, N: 17, Kind: "lock.hot", Level: "error",
			Text:     "ERROR aim_lock_config.conf: HOT",
			Evidence: []Evidence{{"holder", "fleet-updater"}, {"pid", "4711"}},
		},
		"envelope": &Envelope{Payload: []byte("signed bytes"), Signatures: [][]byte{[]byte("untrusted comment: one"), []byte("two")}},
		"command": &Command{Schema: Schema, ID: "c-1", Fleet: "north", Drone: "patrol-03", Boot: boot, Counter: 9,
			Verb: "pause", HoldMS: 60000, Arg: "p-2026-11-23"},
		"offer": &Offer{Schema: Schema, Fleet: "north", Drone: "patrol-03", Rollout: "r-7", Epoch: 3, Controller: "ops-1", Canary: true,
			Package: PatchPackage{Manifest: []byte("patch.json"), Content: []byte("version = 42\n"),
				Signatures: [][]byte{[]byte("untrusted comment: one"), []byte("two")}, Revert: []byte("an envelope")}},
		"report": &Report{
			Schema: Schema, Boot: boot, TimeMS: ms, UpMS: 1856501, N: 4, Patch: "p-2026-11-23", Rollout: "r-7", Epoch: 3,
			State: "REVERTED", Reason: "check", Detail: "checks.d/10-patrol failed: exit status 1", Version: 42,
			SHA256:     "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
			OldVersion: 41, OldSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			OfferedMS: 1850000, StagedMS: 1850040, TriedMS: 1851000, EndedMS: 1856500,
			Evidence: []Evidence{{"lock", "fleet-updater (pid 4711), overdue, ended by SIGTERM"}},
		},
		"rollout": &Rollout{Schema: Schema, TimeMS: ms, Fleet: "north", ID: "r-7", Patch: "p-2026-11-23", Epoch: 3, Controller: "ops-1",
			State: "RUNNING", Phase: "BAKING", Reason: "approved by ops-1", Wave: 1, Waves: 3, BakeMS: 412000,
			Drones: []RolloutDrone{{"patrol-03", 1, "SUCCEEDED", "version 42"}, {"patrol-04", 1, "IN_PROGRESS", "WAITING(lock)"}}},
		"controller": &Controller{Schema: Schema, TimeMS: ms, Fleet: "north", Epoch: 3, Controller: "ops-1", Online: true, Rollout: "r-7", Reason: "started"},
		"reply":      &Reply{Schema: Schema, Boot: boot, TimeMS: ms, ID: "c-1", Outcome: "refused", Reason: "counter 9 was used before"},
	}
}
