package config

import (
	"slices"
	"strconv"
	"time"
)

// minWindow is the least time a week in which a drone must take patches.
const minWindow = 10 * time.Minute

// CheckLive is ParseLive and, beyond it, the safety floor of the identity: what
// no live file may undo. The zero Safety bounds nothing but the update window,
// which must be open for at least ten minutes a week.
func CheckLive(name string, data []byte, floor Safety) (*Live, error) {
	l, r := readLive(name, data)
	if !r.broken {
		r.floor(l, floor)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return l, nil
}

// floor holds a live file against the identity's safety floor.
func (r *reader) floor(l *Live, floor Safety) {
	sp := &l.SafePause
	if most := floor.MotorHotMax; most > 0 && sp.Motor.Hot > most {
		r.below("safe_pause.motor.hot", degrees(sp.Motor.Hot)+" °C", "allows", "motor_hot_max = "+degrees(most), "write at most "+degrees(most))
	}
	if most := floor.MaxHoldMax; most > 0 && sp.MaxHold > most {
		r.below("safe_pause.max_hold", strconv.Quote(short(sp.MaxHold)), "allows", sprintf("max_hold_max = %q", short(most)), sprintf("write at most %q", short(most)))
	}
	var missing []string
	for _, cause := range floor.Require {
		if !slices.Contains(sp.On, cause) {
			missing = append(missing, cause)
		}
	}
	if len(missing) > 0 {
		r.below("safe_pause.on", "a list without "+quoteAll(missing), "asks for", "require = "+array(floor.Require), "add "+quoteAll(missing))
	}
	opens := 7
	if n := len(l.Window.Days); n > 0 {
		opens = n
	}
	if week := l.Window.Length * time.Duration(opens); week > 0 && week < minWindow {
		r.below("update_window.length", short(week)+" a week", "asks for", "at least "+short(minWindow)+" a week", "keep the window open for longer: no patch could mend this drone otherwise")
	}
}

// below complains about a key beyond the floor, unless it is wrong anyhow.
func (r *reader) below(key, value, verb, rule, remedy string) {
	if r.wrong(key) {
		return
	}
	at := 0
	if n := r.seen[key]; n != nil {
		at = n.at
	} else {
		value += ", the default,"
	}
	r.complain(at, key, sprintf("%s is less safe than the identity's [safety], which %s %s", value, verb, rule), remedy)
}
