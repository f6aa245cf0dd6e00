package led

import "time"

// What a step shows.
const (
	dark     = 0
	blueLit  = 1
	amberLit = 2
	bothLit  = blueLit | amberLit
)

// step is one stretch of a pattern without a change.
type step struct {
	lasts time.Duration
	shows uint8
}

type entry struct {
	word, looks, means string
	steps              []step // one period
}

const ms = time.Millisecond

// table is indexed by Pattern. Blips are 60 ms: a steady loop at 10 Hz or
// more, which At tells when to come back, draws them by itself.
var table = [...]entry{
	Off: {"off", "both off",
		"the agent is dead or has no power",
		[]step{{time.Hour, dark}}},
	Button: {"button", "blue and amber together, twice a second",
		"the technician's button is taken: an LED that stays dark is broken; an archive is being made",
		[]step{{250 * ms, bothLit}, {250 * ms, dark}}},
	Bundled: {"bundled", "blue and amber on, with short gaps",
		"the diagnostic archive is made (shown for 3 seconds)",
		[]step{{900 * ms, bothLit}, {100 * ms, dark}}},
	Lost: {"lost", "amber flickers 8 times a second",
		"a sensor or the flight controller is lost: do not fly",
		[]step{{62500 * time.Microsecond, amberLit}, {62500 * time.Microsecond, dark}}},
	Asking: {"asking", "blue and amber in turn, twice a second",
		"a pause is requested; the flight controller has not confirmed it yet",
		[]step{{250 * ms, blueLit}, {250 * ms, amberLit}}},
	Holding: {"holding", "amber on, with a short gap every 2 seconds",
		"HOT: the flight controller confirmed, the drone holds",
		[]step{{1900 * ms, amberLit}, {100 * ms, dark}}},
	Leaving: {"leaving", "amber blinks twice a second",
		"resuming, or the pilot has taken over",
		[]step{{250 * ms, amberLit}, {250 * ms, dark}}},
	Applying: {"applying", "blue blinks 4 times a second",
		"applying a patch: do not cut power (harmless if you do)",
		[]step{{125 * ms, blueLit}, {125 * ms, dark}}},
	RolledBack: {"rolled-back", "amber flashes three times every 2 seconds",
		"a patch failed and was rolled back",
		[]step{{100 * ms, amberLit}, {150 * ms, dark}, {100 * ms, amberLit}, {150 * ms, dark}, {100 * ms, amberLit}, {1400 * ms, dark}}},
	Trial: {"trial", "blue blips twice every 2 seconds",
		"a canary or trial of a patch is running",
		[]step{{60 * ms, blueLit}, {140 * ms, dark}, {60 * ms, blueLit}, {1740 * ms, dark}}},
	Warm: {"warm", "amber blinks slowly, once a second",
		"a temperature is warm; let it cool before flight",
		[]step{{500 * ms, amberLit}, {500 * ms, dark}}},
	Healthy: {"healthy", "a short blue blip once a second",
		"healthy, on the fleet's baseline",
		[]step{{60 * ms, blueLit}, {940 * ms, dark}}},
}
