package hal

// The four things that a plan does with an entry, temperature or supply.

func (p *plan) queue(i int) bool {
	q := p.b.queueOf(i)
	return q != nil && q(p.add)
}

func (b *SensorBus) queueOf(i int) func(add func(addr uint16, w, r []byte)) bool {
	if i < len(b.Sensors) {
		return b.Sensors[i].queue
	}
	return b.Supplies[i-len(b.Sensors)].queue
}

// take gives out what the joined transfer brought, if it needs no second look.
func (p *plan) take(i int) bool {
	if i < len(p.b.Sensors) {
		t, ok := p.b.Sensors[i].take()
		if ok {
			p.sensor(i, t, nil)
		}
		return ok
	}
	i -= len(p.b.Sensors)
	s, ok := p.b.Supplies[i].take()
	if ok && p.supply != nil {
		p.supply(i, s, nil)
	}
	return ok
}

// sense reads a chip on its own and tells of it.
func (p *plan) sense(i int) error {
	if i < len(p.b.Sensors) {
		t, err := p.b.Sensors[i].Sense()
		p.sensor(i, t, err)
		return err
	}
	i -= len(p.b.Sensors)
	s, err := p.b.Supplies[i].Sense()
	if p.supply != nil {
		p.supply(i, s, err)
	}
	return err
}

// tell tells of a chip that is left out.
func (p *plan) tell(i int, err error) {
	if i < len(p.b.Sensors) {
		p.sensor(i, 0, err)
	} else if p.supply != nil {
		p.supply(i-len(p.b.Sensors), Supply{}, err)
	}
}
