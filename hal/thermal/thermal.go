// Package thermal reads a temperature of the kernel's thermal class, such as
// /sys/class/thermal/thermal_zone0/temp: one decimal number of milli-°C.
package thermal

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/physic"
)

// MaxSize is the longest content that Parse takes, in bytes.
const MaxSize = 32

// ErrImplausible: the content is no number, or no temperature that a running
// computer has. Some drivers report 0 K or −1 for a sensor that is off.
var ErrImplausible = errors.New("no plausible temperature in milli-°C")

// Limits of what a companion computer can be, in milli-°C.
const (
	minMilliC = -55_000
	maxMilliC = 150_000
)

// Parse decodes the content of a temperature file: an optional minus sign,
// digits, at most one newline, and from −55 to 150 °C.
func Parse(data []byte) (physic.Temperature, error) {
	if len(data) > MaxSize {
		return 0, fmt.Errorf("thermal: %d bytes, at most %d: %w", len(data), MaxSize, ErrImplausible)
	}
	digits := data
	if n := len(digits); n > 0 && digits[n-1] == '\n' {
		digits = digits[:n-1]
	}
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	milliC := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || milliC > maxMilliC {
			return 0, fmt.Errorf("thermal: %q: %w", data, ErrImplausible)
		}
		milliC = milliC*10 + int64(c-'0')
	}
	if negative {
		milliC = -milliC
	}
	if len(digits) == 0 || milliC < minMilliC || milliC > maxMilliC {
		return 0, fmt.Errorf("thermal: %q: %w", data, ErrImplausible)
	}
	return physic.ZeroCelsius + physic.Temperature(milliC)*physic.MilliKelvin, nil
}
