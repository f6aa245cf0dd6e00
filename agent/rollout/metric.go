package rollout

import (
	"fmt"
	"slices"
	"strconv"
)

// Metric is something measured that the patch must not make worse. Each drone
// counts once, with the mean of what was measured while its wave was watched:
// samples of one drone are not independent of each other. The drones that have
// the patch are compared with those that wait for it, measured at the same time.
type Metric struct {
	Name     string  `json:"name"`                // one of MetricNames
	Worse    Worse   `json:"worse"`               // in which direction it is bad
	Allowed  float64 `json:"allowed"`             // a shift up to here does not matter, in the metric's unit
	Critical bool    `json:"critical,omitempty"`  // worse: take the patch back; else a person decides
	MustHave bool    `json:"must_have,omitempty"` // without data of each drone of the wave a person decides
}

// Worse is the direction in which a metric is bad.
type Worse string

// The directions.
const (
	Higher Worse = "higher"
	Lower  Worse = "lower"
	Either Worse = "either"
)

// MetricNames are what a drone's telemetry gives a rollout, with their units.
var MetricNames = map[string]string{
	"motor":     "°C", // the hottest motor
	"companion": "°C",
	"supply":    "V", // the lowest of the supplies
	"current":   "A", // of all supplies together
}

// Sum is what was measured of one metric on one drone.
type Sum struct {
	N   int     `json:"n"`
	Sum float64 `json:"sum"`
}

// Alpha is the two-sided p below which a difference is no chance.
const Alpha = 0.05

func (p Plan) badMetrics() string {
	if len(p.Metrics) > MaxRules {
		return fmt.Sprintf("%d metrics of at most %d", len(p.Metrics), MaxRules)
	}
	seen := map[string]bool{}
	for i, m := range p.Metrics {
		at := "metric " + strconv.Itoa(i+1) + ": "
		switch {
		case MetricNames[m.Name] == "":
			return at + "name " + strconv.Quote(m.Name) + ": motor, companion, supply or current"
		case seen[m.Name]:
			return at + m.Name + " is there twice"
		case m.Worse != Higher && m.Worse != Lower && m.Worse != Either:
			return at + "worse " + strconv.Quote(string(m.Worse)) + ": higher, lower or either"
		case m.Allowed < 0 || m.Allowed > 1e6 || m.Allowed != m.Allowed:
			return at + "allowed: 0 or more " + MetricNames[m.Name]
		}
		seen[m.Name] = true
	}
	return ""
}

// Compared is what became of one metric.
type Compared struct {
	Name    string  `json:"name"`
	Wave    int     `json:"wave"`    // drones with the patch and with data
	Control int     `json:"control"` // those without the patch
	Missing int     `json:"missing"` // drones of the wave without data
	WaveMid float64 `json:"wave_median"`
	CtrlMid float64 `json:"control_median"`
	Shift   float64 `json:"shift"` // wave less control
	P       float64 `json:"p"`     // two-sided; 1 when not powered
	Powered bool    `json:"powered"`
	Result  Result  `json:"result"`
	Words   string  `json:"words"`
}

// compare judges one metric.
func (s *State) compare(i int) Compared {
	m := s.Plan.Metrics[i]
	c := Compared{Name: m.Name, P: 1, Result: Pass}
	var wave, control []float64
	for j := range s.Drones {
		d := &s.Drones[j]
		has := d.Outcome == Succeeded
		if !has && (d.Outcome != Pending || d.Has || d.Offered) {
			continue
		}
		sums := s.Samples[d.Name]
		switch {
		case i >= len(sums) || sums[i].N == 0:
			if has && d.Wave == s.Wave {
				c.Missing++
			}
		case has:
			wave = append(wave, sums[i].Sum/float64(sums[i].N))
		default:
			control = append(control, sums[i].Sum/float64(sums[i].N))
		}
	}
	c.Wave, c.Control = len(wave), len(control)
	c.Powered = Powered(c.Wave, c.Control, Alpha)
	c.Shift = Shift(wave, control)
	if c.Powered {
		_, c.P = Ranks(wave, control)
	}
	c.WaveMid, c.CtrlMid = median(slices.Clone(wave)), median(slices.Clone(control))
	c.judge(m)
	return c
}

func (c *Compared) judge(m Metric) {
	unit := MetricNames[m.Name]
	off := c.Shift
	switch m.Worse {
	case Lower:
		off = -off
	case Either:
		off = max(off, -off)
	}
	arms := fmt.Sprintf("%d with the patch, %d without", c.Wave, c.Control)
	switch {
	case m.MustHave && c.Missing > 0:
		c.Result, c.Words = Unsure, fmt.Sprintf("%s: %d drones of the wave sent none", m.Name, c.Missing)
	case !c.Powered:
		c.Words = fmt.Sprintf("%s: not powered (%s)", m.Name, arms)
		if c.Wave > 0 && c.Control > 0 {
			c.Words += fmt.Sprintf("; the medians are %.1f and %.1f %s", c.WaveMid, c.CtrlMid, unit)
		}
	case c.P < Alpha && off > m.Allowed:
		c.Result = Unsure
		if m.Critical {
			c.Result = Fail
		}
		c.Words = fmt.Sprintf("%s: worse by %.1f %s, allowed are %.1f (%s; p %.3f)", m.Name, off, unit, m.Allowed, arms, c.P)
	case c.P < Alpha:
		c.Words = fmt.Sprintf("%s: differs by %+.1f %s, which is allowed (%s; p %.3f)", m.Name, c.Shift, unit, arms, c.P)
	default:
		c.Words = fmt.Sprintf("%s: no difference seen, %+.1f %s (%s; p %.2f)", m.Name, c.Shift, unit, arms, c.P)
	}
}
