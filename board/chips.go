package board

// chip is what a board may say of a kind of chip. The addresses are those that
// the drivers accept (package hal tests it): the data sheets'.
type chip struct {
	name        string
	first, last uint16
	roles       string // of m: motor, s: supply, r: rgb
	full        uint32 // a supply's full scale at the shunt, in µV, rounded down
}

var chips = []chip{
	{"tmp102", 0x48, 0x4B, "m", 0},
	{"tmp105", 0x48, 0x4F, "m", 0},
	{"lm75", 0x48, 0x4F, "m", 0},
	{"ina226", 0x40, 0x4F, "s", 81_917},
	{"ina228", 0x40, 0x4F, "ms", 163_839},
	{"tca62724", 0x55, 0x55, "r", 0},
	{"ncp5623", 0x38, 0x39, "r", 0},
}
