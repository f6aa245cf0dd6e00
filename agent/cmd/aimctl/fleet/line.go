package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// Line is a change as one plain line: time, drone, kind, text.
func (c Change) Line(zone *time.Location) string {
	kind := c.Kind
	if c.Kind == KindEvent {
		kind = strings.ToUpper(c.Level)
	}
	return fmt.Sprintf("%s %-12s %-7s %s", c.At.In(zone).Format("15:04:05"), c.Drone, kind, c.Text)
}

// JSON is a change as --json prints it, one document a line.
type JSON struct {
	AtMS         int64                   `json:"at_ms"` // of arrival, Unix
	Drone        string                  `json:"drone"`
	Kind         string                  `json:"kind"`
	Retained     bool                    `json:"retained"`
	Text         string                  `json:"text"`
	Status       *telemetry.Status       `json:"status,omitempty"`
	Availability *telemetry.Availability `json:"availability,omitempty"`
	Event        *telemetry.Event        `json:"event,omitempty"`
}

// JSON returns the change for encoding.
func (c Change) JSON() JSON {
	return JSON{c.At.UnixMilli(), c.Drone, c.Kind, c.Retained, c.Text, c.Status, c.Availability, c.Event}
}
