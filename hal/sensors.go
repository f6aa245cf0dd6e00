package hal

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/ina226"
	"github.com/aim-control/aimlock/hal/ina228"
	"github.com/aim-control/aimlock/hal/tmp102"
)

// openBuses opens the buses with everything on them.
func (h *Hardware) openBuses(b *board.Board, o Opener) error {
	if err := checkChips(b); err != nil {
		return err
	}
	for _, bb := range b.Buses {
		bus, err := o.Bus(bb)
		if err != nil {
			return err
		}
		h.closes(bus)
		sensors := SensorBus{Name: bb.Name, bus: bus}
		for _, m := range b.Motors {
			if m.Bus != bb.Name {
				continue
			}
			s, err := openSensor(bus, m)
			if err != nil {
				return fmt.Errorf("hal: %s: %w", m.Name, err)
			}
			sensors.Sensors = append(sensors.Sensors, s)
		}
		for _, m := range b.Supplies {
			if m.Bus != bb.Name {
				continue
			}
			s, err := openSupply(bus, m)
			if err != nil {
				return fmt.Errorf("hal: %s: %w", m.Name, err)
			}
			sensors.Supplies = append(sensors.Supplies, s)
		}
		if b.RGB.Chip != "" && b.RGB.Bus == bb.Name {
			chip, err := openRGB(bus, b.RGB)
			if err != nil {
				return fmt.Errorf("hal: RGB lamp: %w", err)
			}
			h.use(newLamp(colours{chip}))
		}
		h.Buses = append(h.Buses, sensors)
	}
	return nil
}

// checkChips refuses what no wiring can be: a chip on a bus that is not there,
// two chips at one address.
func checkChips(b *board.Board) error {
	type place struct {
		bus  string
		addr uint16
	}
	taken := map[place]string{}
	check := func(name, bus string, addr uint16) error {
		if _, ok := b.Bus(bus); !ok {
			return fmt.Errorf("hal: %s: board %s has no bus %q; add it to the board table", name, b.Name, bus)
		}
		if other := taken[place{bus, addr}]; other != "" {
			return fmt.Errorf("hal: %s and %s are both at 0x%02x of bus %s; correct the board table", other, name, addr, bus)
		}
		taken[place{bus, addr}] = name
		return nil
	}
	for _, sensors := range [][]board.Sensor{b.Motors, b.Supplies} {
		for _, s := range sensors {
			if err := check(s.Name, s.Bus, s.Addr); err != nil {
				return err
			}
		}
	}
	if b.RGB.Chip != "" {
		return check("RGB lamp", b.RGB.Bus, b.RGB.Addr)
	}
	return nil
}

// drivers maps the temperature chips of a board table to their drivers.
var drivers = map[string]func(i2c.Bus, uint16) (*tmp102.Dev, error){
	"tmp102": tmp102.New,
	"tmp105": tmp102.NewTMP105,
	"lm75":   tmp102.NewLM75,
}

func openSensor(bus i2c.Bus, s board.Sensor) (Sensor, error) {
	if s.Chip == "ina228" {
		d, err := ina228.NewThermometer(bus, s.Addr)
		if err != nil {
			return Sensor{}, err
		}
		return Sensor{Name: s.Name, Sense: d.Temperature, queue: d.Queue, take: func() (physic.Temperature, bool) {
			v, ok := d.Take()
			return v.Die, ok
		}}, nil
	}
	open, ok := drivers[s.Chip]
	if !ok {
		return Sensor{}, fmt.Errorf("no driver for chip %q; use tmp102, tmp105, lm75 or ina228", s.Chip)
	}
	d, err := open(bus, s.Addr)
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Name: s.Name, Sense: d.Temperature, queue: d.Queue, take: d.Take}, nil
}

func openSupply(bus i2c.Bus, s board.Sensor) (SupplySensor, error) {
	shunt, most := physic.ElectricResistance(s.ShuntMicroOhm)*physic.MicroOhm, physic.ElectricCurrent(s.MaxAmps)*physic.Ampere
	switch s.Chip {
	case "ina226":
		d, err := ina226.New(bus, s.Addr, shunt, most)
		if err != nil {
			return SupplySensor{}, err
		}
		of := func(v ina226.Reading) Supply { return Supply{v.Voltage, v.Current, v.Power} }
		return SupplySensor{Name: s.Name, queue: d.Queue,
			Sense: func() (Supply, error) { v, err := d.Sense(); return of(v), err },
			take:  func() (Supply, bool) { v, ok := d.Take(); return of(v), ok }}, nil
	case "ina228":
		d, err := ina228.New(bus, s.Addr, shunt, most)
		if err != nil {
			return SupplySensor{}, err
		}
		of := func(v ina228.Reading) Supply { return Supply{v.Voltage, v.Current, v.Power} }
		return SupplySensor{Name: s.Name, queue: d.Queue,
			Sense: func() (Supply, error) { v, err := d.Sense(); return of(v), err },
			take:  func() (Supply, bool) { v, ok := d.Take(); return of(v), ok }}, nil
	}
	return SupplySensor{}, fmt.Errorf("no driver for power monitor %q; use ina226 or ina228", s.Chip)
}
