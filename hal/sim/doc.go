// Package sim is a simulated drone below the drivers: chips with registers on
// an I²C bus that charges its bits' time, lines with edges, motors that warm,
// a flight controller with a mind of its own, and faults by seed.
//
// A World satisfies the shape of hal.Opener, so the agent runs on it with the
// same drivers as on a real board. The package imports no chip driver: driver
// and simulated chip share only the data sheet, or the one would repeat the
// other's mistakes.
//
// # Time
//
// The world lives on the time package alone, hence on virtual time under
// testing/synctest. It holds no ticking physics: temperatures, positions and
// conversions are formulas of time, and what happens at an instant (an edge,
// a mode change, a fault) is an event in order of its time. Every access first
// lets all due events happen; Run sleeps from event to event, so that edges
// come promptly also when nobody looks. A virtual day costs a second or two.
//
// For one seed and one sequence of calls everything is the same again. Each
// purpose has its own stream of random numbers, so that one more bus transfer
// does not move the next fault.
//
// # Faults
//
// Break takes a target and a kind:
//
//	motor1 …     nack (no acknowledge), stuck (clock held), garbage (random
//	             bytes), reset (a brown-out: registers at power-up values, once)
//	battery      a supply's power monitor: as a motor's sensor
//	rgb          the RGB chip of the status LEDs: as a motor's sensor
//	bus:motors   nack, stuck, garbage: every chip on that bus
//	companion    nack (the read fails), garbage (text that is no temperature)
//	line:HOLDING float (random levels), cut (the wire is broken: the pull-down
//	             wins), stuck (the level stays), nack (reading or driving fails)
//	fc           stop (the script hangs: its lines freeze, requests are ignored,
//	             the autopilot flies on)
package sim
