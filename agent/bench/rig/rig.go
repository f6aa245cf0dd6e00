// Package rig is what the benchmark's parent and its drone process share: a
// board of eight sensors on two buses.
package rig

import (
	"fmt"

	"github.com/aim-control/aimlock/board"
)

// Board is board sim with eight motors, four a bus, and no supply: the budgets
// are of eight temperatures.
func Board() *board.Board {
	b, err := board.Lookup("sim")
	if err != nil {
		panic(err) // a table of ours
	}
	eight := *b
	eight.Buses = []board.Bus{b.Buses[0], {Name: "motors-2", Dev: b.Buses[0].Dev + "-2"}}
	eight.Motors, eight.Supplies = nil, nil
	for i := range 8 {
		eight.Motors = append(eight.Motors, board.Sensor{Name: fmt.Sprintf("motor%d", i+1), Chip: "tmp102",
			Bus: eight.Buses[i/4].Name, Addr: 0x48 + uint16(i%4)})
	}
	return &eight
}
