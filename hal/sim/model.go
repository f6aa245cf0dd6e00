package sim

import "time"

// Model is the physics and the flight controller's parameters. Zero or
// negative fields take the default's value.
type Model struct {
	IdleC      float64       // °C, steady temperature of a motor that stands
	CruiseC    float64       // °C, steady temperature of a motor in cruise; each motor differs by up to 1.5 °C
	CompanionC float64       // °C, steady temperature of the companion computer
	Tau        time.Duration // time constant of every temperature

	Speed     float64       // m/s over ground in AUTO and RTL
	Accel     float64       // m/s², when speeding up
	BrakeTime time.Duration // from Speed to a stand
	Altitude  float64       // m above ground, on patrol
	Climb     float64       // m/s
	Descent   float64       // m/s
	LegX      float64       // m, the patrol is a rectangle of these sides;
	LegY      float64       // it starts at its corner above home

	RTLAfter time.Duration // AIML_RTL_S: a hold on request that lasts longer becomes RTL
}

// DefaultModel returns the model of a new World: fast enough for
// demonstrations of seconds.
func DefaultModel() Model {
	return Model{
		IdleC: 25, CruiseC: 55, CompanionC: 48, Tau: 2500 * time.Millisecond,
		Speed: 8, Accel: 4, BrakeTime: 1500 * time.Millisecond,
		Altitude: 20, Climb: 8, Descent: 5, LegX: 60, LegY: 40,
		RTLAfter: 180 * time.Second,
	}
}

// filled returns m with defaults in place of zero and negative fields.
func (m Model) filled() Model {
	d := DefaultModel()
	for _, f := range []struct{ have, want *float64 }{
		{&m.IdleC, &d.IdleC}, {&m.CruiseC, &d.CruiseC}, {&m.CompanionC, &d.CompanionC},
		{&m.Speed, &d.Speed}, {&m.Accel, &d.Accel}, {&m.Altitude, &d.Altitude},
		{&m.Climb, &d.Climb}, {&m.Descent, &d.Descent}, {&m.LegX, &d.LegX}, {&m.LegY, &d.LegY},
	} {
		// Written so that a NaN, too, takes the default.
		if !(*f.have > 0) {
			*f.have = *f.want
		}
	}
	for _, f := range []struct{ have, want *time.Duration }{
		{&m.Tau, &d.Tau}, {&m.BrakeTime, &d.BrakeTime}, {&m.RTLAfter, &d.RTLAfter},
	} {
		if *f.have <= 0 {
			*f.have = *f.want
		}
	}
	return m
}
