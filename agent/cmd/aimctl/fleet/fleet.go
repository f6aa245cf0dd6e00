// Package fleet is what aimctl watch knows of a fleet: a pure model that takes
// the drones' MQTT messages in the order of their arrival, says what changed,
// and draws itself as a table. It never looks at a clock: every moment is an
// argument.
package fleet

import (
	"slices"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

const (
	// Silence is how long a drone may say nothing before it is shown as
	// silent: its status repeats every minute, so one may be lost.
	Silence = 90 * time.Second

	maxDrones = 4096 // what a wildcard subscription may make of us
	maxEvents = 200  // kept for the table's lower part
)

// Msg is one message as it came.
type Msg struct {
	Topic    string
	Payload  []byte
	Retained bool      // stored by the broker earlier, maybe long ago
	At       time.Time // of arrival, the watcher's clock
}

// Kinds of Change.
const (
	KindStatus  = "status"
	KindOnline  = "online"
	KindOffline = "offline"
	KindEvent   = "event"
	KindSilent  = "silent"
	KindBad     = "bad" // a message that cannot be read
)

// Change is what a message, or the lack of one, means.
type Change struct {
	At       time.Time
	Drone    string
	Kind     string
	Retained bool
	News     bool   // differs from what was known: worth a line
	Level    string // info, warn, error
	Text     string

	Status       *telemetry.Status
	Availability *telemetry.Availability
	Event        *telemetry.Event
}

// Drone is what is known of one drone.
type Drone struct {
	Name   string
	Status *telemetry.Status       // nil: none yet
	Link   *telemetry.Availability // nil: none yet

	supply   []telemetry.Supply // the newest, of a status or of telemetry
	supplyAt time.Time          // when they were true

	statusAt time.Time // when Status was true
	linkAt   time.Time // when Link came; zero: before we listened
	heard    time.Time // last sign of life; zero: none
	silent   bool      // told already
	boot     string    // of the last event
	event    uint64    // its number
}

// Fleet is all that is known. The zero Fleet knows nothing and is ready.
type Fleet struct {
	drones map[string]*Drone
	names  []string // sorted
	Events []Change // the newest last, at most maxEvents
	Bad    int      // messages that could not be read

	powered bool // some drone has a supply that it measures
}

// Topics are what to subscribe to, QoS 0: wildcards over retained topics lose
// messages at QoS 1 on brokers with default limits.
func Topics(fleet string) []string {
	return []string{
		telemetry.Topic(fleet, "+", telemetry.LeafStatus),
		telemetry.Topic(fleet, "+", telemetry.LeafAvailability),
		telemetry.Topic(fleet, "+", telemetry.LeafEvent),
	}
}

// Telemetry is what a table subscribes to besides, for the newest figures. It
// brings no Change.
func Telemetry(fleet string) string {
	return telemetry.Topic(fleet, "+", telemetry.LeafTelemetry)
}

// Drones lists what is known, by name.
func (f *Fleet) Drones() []*Drone {
	list := make([]*Drone, 0, len(f.names))
	for _, n := range f.names {
		list = append(list, f.drones[n])
	}
	return list
}

func (f *Fleet) drone(name string) *Drone {
	if d := f.drones[name]; d != nil {
		return d
	}
	if len(f.names) >= maxDrones {
		return nil
	}
	if f.drones == nil {
		f.drones = make(map[string]*Drone)
	}
	d := &Drone{Name: name}
	f.drones[name] = d
	i, _ := slices.BinarySearch(f.names, name)
	f.names = slices.Insert(f.names, i, name)
	return d
}

// Apply takes one message and says what it means; ok is false when it means
// nothing: not a drone's, a repetition, or the will of an old connection.
func (f *Fleet) Apply(m Msg) (c Change, ok bool) {
	_, name, leaf, isDrone := telemetry.ParseTopic(m.Topic)
	if !isDrone {
		return Change{}, false
	}
	c = Change{At: m.At, Drone: name, Retained: m.Retained, Level: "info"}
	var err error
	switch leaf {
	case telemetry.LeafStatus:
		ok, err = f.status(&c, m)
	case telemetry.LeafAvailability:
		ok, err = f.availability(&c, m)
	case telemetry.LeafEvent:
		ok, err = f.happened(&c, m)
	case telemetry.LeafTelemetry:
		err = f.measured(name, m)
	}
	if err != nil {
		f.Bad++
		c.Kind, c.Level, c.News = KindBad, "warn", true
		c.Text = "a message that this aimctl cannot read on " + leaf + ": " + err.Error()
		ok = true
	}
	if ok && c.News && (c.Kind == KindEvent || c.Kind == KindOffline || c.Kind == KindBad) {
		f.remember(c)
	}
	return c, ok
}

func (f *Fleet) remember(c Change) {
	if len(f.Events) >= maxEvents {
		f.Events = slices.Delete(f.Events, 0, len(f.Events)-maxEvents+1)
	}
	f.Events = append(f.Events, c)
}

// Tick says which drones have become silent by now.
func (f *Fleet) Tick(now time.Time) []Change {
	var changes []Change
	for _, d := range f.Drones() {
		if d.silent || !d.Silent(now) || d.Offline() {
			continue
		}
		d.silent = true
		text := "nothing heard for " + Silence.String()
		if d.heard.IsZero() {
			text = "only a status of unknown age is known"
		}
		c := Change{At: now, Drone: d.Name, Kind: KindSilent, News: true, Level: "warn", Text: text}
		f.remember(c)
		changes = append(changes, c)
	}
	return changes
}

// Silent tells whether nothing was heard of the drone for longer than Silence.
func (d *Drone) Silent(now time.Time) bool { return now.Sub(d.heard) > Silence }

// Offline tells whether the drone, or the broker for it, said that it is gone.
func (d *Drone) Offline() bool { return d.Link != nil && !d.Link.Online }
