package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// Fetch asks the agent for its status over the status socket, as aimctl does.
func (d *Drone) Fetch(ctx context.Context) (*telemetry.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.Folder.StatusSocket())
	if err != nil {
		return nil, d.failf("status: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	data, err := io.ReadAll(io.LimitReader(conn, maxStatus))
	if err != nil {
		return nil, d.failf("status: %w", err)
	}
	s := new(telemetry.Status)
	if err := telemetry.Decode(data, s); err != nil {
		return nil, d.failf("status: %w", err)
	}
	return s, nil
}

// Look is Fetch that also keeps the answer as the newest status.
func (d *Drone) Look(ctx context.Context) (*telemetry.Status, error) {
	s, err := d.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	d.setStatus(s)
	return s, nil
}

// poll keeps the status current and notes its changes.
func (d *Drone) poll(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if d.PID() == 0 {
			continue
		}
		_, _ = d.Look(ctx)
	}
}

// setStatus remembers a status and notes it if it says something new.
func (d *Drone) setStatus(s *telemetry.Status) {
	d.mu.Lock()
	old := d.status
	late := s != nil && old != nil && s.Boot == old.Boot && s.UpMS < old.UpMS
	if late || s != nil && d.pid == 0 { // overtaken by another, or by the agent's end
		d.mu.Unlock()
		return
	}
	d.status = s
	d.mu.Unlock()
	if news(old, s) {
		d.fleet.note(Note{Drone: d.Name, Kind: NoteStatus, Status: s})
	}
}

// news reports whether two statuses differ in more than their times.
func news(a, b *telemetry.Status) bool {
	if a == nil || b == nil {
		return a != b
	}
	return !reflect.DeepEqual(timeless(*a), timeless(*b))
}

func timeless(s telemetry.Status) telemetry.Status {
	s.TimeMS, s.UpMS = 0, 0
	causes := make([]telemetry.Cause, len(s.Causes))
	for i, c := range s.Causes {
		c.HeldMS = 0
		causes[i] = c
	}
	s.Causes = causes
	return s
}

// Status is the last status that the agent served; nil while it does not
// answer.
func (d *Drone) Status() *telemetry.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// Document is what conditions are judged against: the fields of the status as
// aimctl prints them, if s is not nil, and beside them "sim", what is true in
// the simulated world, and "seen", what came in by MQTT.
func (d *Drone) Document(s *telemetry.Status) (map[string]any, error) {
	doc := map[string]any{}
	if s != nil {
		if err := convert(s, &doc); err != nil {
			return nil, d.failf("status: %w", err)
		}
	}
	d.mu.Lock()
	seen := d.seen.document(d.Name)
	w := world{State: d.World.Snapshot(), PID: d.pid, Starts: d.starts, Boots: d.boots}
	d.mu.Unlock()
	var err error
	if doc["sim"], err = w.document(); err != nil {
		return nil, d.failf("sim: %w", err)
	}
	doc["seen"] = seen
	return doc, nil
}

// Template is a document with every field present.
func Template() any {
	doc := map[string]any{}
	_ = convert(&telemetry.Status{}, &doc)
	doc["sim"], _ = new(world).document()
	doc["seen"] = new(seen).document("")
	return doc
}

// IsStatusField reports whether a field comes from the agent, and so is
// missing while it does not answer.
func IsStatusField(field string) bool {
	first, _, _ := strings.Cut(field, ".")
	return first != "sim" && first != "seen"
}

// convert turns a value into what encoding/json decodes it to, with numbers
// kept as they are written.
func convert(from any, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
