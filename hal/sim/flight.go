package sim

import "math"

// The autopilot's modes, as State.Mode tells them.
const (
	modeAuto   = "AUTO"
	modeBrake  = "BRAKE"
	modeLoiter = "LOITER"
	modeRTL    = "RTL"
	modeLand   = "LAND"
)

const second = 1e9

type point struct{ x, y float64 }

// flight is the autopilot and the airframe: straight lines, constant
// accelerations, so that positions are formulas of time and every change of
// course is an event.
type flight struct {
	m      *Model
	mode   string
	armed  bool
	flying bool

	since       int64   // when the figures below held
	from, dir   point   // the present straight line and its unit direction
	along       float64 // m, on that line
	v, a, vEnd  float64 // m/s, m/s², the speed at which a ends
	length      float64 // m, where the line ends; +Inf: nowhere
	alt, climb  float64 // m, m/s
	altEnd      float64 // m, the height at which climb ends
	atV, atSlow int64   // events: vEnd reached; slower than holdSpeed
	atEnd, atZ  int64   // end of the line; altEnd reached
	leg         int     // 0 … 3, the patrol's leg being flown or to be resumed
}

// holdSpeed is the ground speed under which a braking drone holds, in m/s.
const holdSpeed = 0.5

func (f *flight) init(m *Model) {
	*f = flight{m: m, mode: modeAuto, dir: point{1, 0}, length: math.Inf(1)}
	f.plan(0)
}

// corner is where a leg of the patrol ends; leg 0 begins above home.
func (f *flight) corner(leg int) point {
	return [...]point{{f.m.LegX, 0}, {f.m.LegX, f.m.LegY}, {0, f.m.LegY}, {0, 0}}[leg]
}

// move brings the figures to now.
func (f *flight) move(now int64) {
	f.along, f.v, f.alt = f.figures(now)
	f.since = now
}

// figures returns the way on the line, the speed and the height at a time up
// to the next event.
func (f *flight) figures(now int64) (along, v, alt float64) {
	t := float64(now-f.since) / second
	return f.along + f.v*t + f.a*t*t/2, max(0, f.v+f.a*t), max(0, f.alt+f.climb*t)
}

// position returns the place at a time up to the next event.
func (f *flight) position(now int64) point {
	along, _, _ := f.figures(now)
	return point{f.from.x + f.dir.x*along, f.from.y + f.dir.y*along}
}

// plan works out when the present course's events are.
func (f *flight) plan(now int64) {
	f.atV, f.atSlow, f.atEnd, f.atZ = never, never, never, never
	if f.a != 0 {
		f.atV = after(now, (f.vEnd-f.v)/f.a)
		if f.vEnd < holdSpeed && f.v >= holdSpeed {
			f.atSlow = after(now, (holdSpeed-f.v)/f.a)
		}
	}
	if d := f.length - f.along; !math.IsInf(d, 1) {
		switch {
		case d <= 0:
			f.atEnd = after(now, 0)
		case f.a > 0:
			f.atEnd = after(now, (math.Sqrt(f.v*f.v+2*f.a*d)-f.v)/f.a)
		case f.v > 0:
			f.atEnd = after(now, d/f.v)
		}
	}
	if f.climb != 0 {
		f.atZ = after(now, (f.altEnd-f.alt)/f.climb)
	}
}

// after is the first instant at which something has happened that happens t
// seconds from now; always later than now, so that time goes on.
func after(now int64, t float64) int64 {
	if t > 1e9 {
		return never
	}
	return now + int64(max(t, 0)*second) + 1
}

func (f *flight) next() int64 { return min(f.atV, f.atSlow, f.atEnd, f.atZ) }

// happen lets the events of now happen.
func (f *flight) happen(now int64) {
	if f.next() > now {
		return
	}
	f.move(now)
	if f.atV <= now {
		f.v, f.a = f.vEnd, 0
	}
	if f.atZ <= now {
		f.alt, f.climb = f.altEnd, 0
		f.level(now)
	}
	if f.atEnd <= now {
		f.arrive(now)
	}
	f.plan(now)
}

// level is the end of a climb or a descent.
func (f *flight) level(now int64) {
	if f.alt == 0 {
		f.flying, f.armed, f.v, f.a = false, false, 0, 0
		f.mode = modeAuto
		return
	}
	if f.mode == modeAuto {
		f.head(now, f.corner(f.leg))
	}
}

// arrive is the end of a line: the next leg, or home.
func (f *flight) arrive(now int64) {
	if f.mode == modeAuto {
		f.leg = (f.leg + 1) % 4
		f.head(now, f.corner(f.leg))
		return
	}
	f.v, f.a, f.length = 0, 0, math.Inf(1)
	f.climb, f.altEnd = -f.m.Descent, 0
}

// head flies straight to a place, from where the drone is.
func (f *flight) head(now int64, to point) {
	f.from, f.along = f.position(now), 0
	f.length = math.Hypot(to.x-f.from.x, to.y-f.from.y)
	if f.length > 0 {
		f.dir = point{(to.x - f.from.x) / f.length, (to.y - f.from.y) / f.length}
	}
	f.vEnd, f.a = f.m.Speed, f.m.Accel
	if f.v >= f.vEnd {
		f.v, f.a = f.vEnd, 0
	}
}

// brake slows down to a stand on the present line.
func (f *flight) brake() {
	f.vEnd, f.a, f.length = 0, 0, math.Inf(1)
	if f.v > 0 {
		f.a = -f.m.Speed / f.m.BrakeTime.Seconds()
	}
}

// enter changes the mode.
func (f *flight) enter(now int64, mode string) {
	f.move(now)
	f.mode, f.climb = mode, 0
	switch {
	case !f.flying:
	case mode == modeAuto && f.alt < f.m.Altitude:
		f.brake()
		f.climb, f.altEnd = f.m.Climb, f.m.Altitude
	case mode == modeAuto:
		f.head(now, f.corner(f.leg))
	case mode == modeRTL:
		f.head(now, point{})
	case mode == modeLand:
		f.brake()
		f.climb, f.altEnd = -f.m.Descent, 0
	default:
		f.brake()
	}
	f.plan(now)
}

// holds says whether the drone stands in BRAKE, at a time up to the next event.
func (f *flight) holds(now int64) bool {
	_, v, _ := f.figures(now)
	return f.mode == modeBrake && v < holdSpeed
}

// load is what the motors carry: 0 standing, 1 cruising.
func (f *flight) load() float64 {
	switch {
	case !f.armed:
		return 0
	case !f.flying:
		return 0.1
	case f.climb > 0:
		return 1.1
	case f.climb < 0:
		return 0.85
	case f.mode == modeBrake || f.mode == modeLoiter:
		return 0.95 // hovering heats nearly as much
	}
	return 1
}
