package board

import "slices"

// slot returns where the value of a key goes, nil for an unknown key. It makes
// the entry of a table that the key stands in.
func (p *parser) slot(parts []string) any {
	b, last := p.b, parts[len(parts)-1]
	switch parts[0] {
	case "name":
		return &b.Name
	case "companion":
		return &b.Companion
	case "watchdog":
		return &b.Watchdog
	case "bus":
		b.Buses = append(b.Buses, Bus{Name: last})
		return &b.Buses[len(b.Buses)-1].Dev
	case LampLEDs:
		switch last {
		case "blue":
			return &b.LEDs.Blue
		case "amber":
			return &b.LEDs.Amber
		case "rgb":
			return &b.LEDs.RGB
		}
	case LampRGB:
		return chipSlot(last, &b.RGB.Chip, &b.RGB.Bus, &b.RGB.Addr)
	case "motor", "supply":
		list := &b.Motors
		if parts[0] == "supply" {
			list = &b.Supplies
		}
		i := slices.IndexFunc(*list, func(s Sensor) bool { return s.Name == parts[1] })
		if i < 0 {
			i = len(*list)
			*list = append(*list, Sensor{Name: parts[1]})
		}
		s := &(*list)[i]
		if parts[0] == "supply" && last == "shunt_uohm" {
			return &s.ShuntMicroOhm
		} else if parts[0] == "supply" && last == "max_amps" {
			return &s.MaxAmps
		}
		return chipSlot(last, &s.Chip, &s.Bus, &s.Addr)
	case "line":
		return p.lineSlot(parts[1], last)
	}
	return nil
}

func chipSlot(key string, chip, bus *string, addr *uint16) any {
	switch key {
	case "chip":
		return chip
	case "bus":
		return bus
	case "addr":
		return addr
	}
	return nil
}

// lineSlot is slot for a line, which begins with what its role wants.
func (p *parser) lineSlot(name, key string) any {
	r := roleOf(name)
	list := &p.b.Outputs
	if r.input {
		list = &p.b.Inputs
	}
	i := slices.IndexFunc(*list, func(l Line) bool { return l.Name == name })
	if i < 0 {
		i = len(*list)
		*list = append(*list, Line{Name: name, Offset: -1, PullDown: r.input, Debounce: r.debounce})
	}
	l := &(*list)[i]
	switch key {
	case "chip":
		return &l.Chip
	case "line":
		return &l.Line
	case "offset":
		p.offsets[name] = true
		return &l.Offset
	case "debounce":
		if r.input {
			return &l.Debounce
		}
	}
	return nil
}
