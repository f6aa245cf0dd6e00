package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// TestSweep: what an earlier run has left as the operator goes; what drones
// retain, and other fleets, stay.
func TestSweep(t *testing.T) {
	t.Parallel()
	server, url, err := startBroker(&access{drones: map[string]bool{}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dial, err := telemetry.Broker(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	offer, status := telemetry.Topic("north", "patrol-09", telemetry.LeafOffer), telemetry.Topic("north", "patrol-01", telemetry.LeafStatus)
	controller, rollout := telemetry.ControllerTopic("north"), telemetry.RolloutTopic("north", "r")
	other := telemetry.ControllerTopic("south")
	kept := func(say ...string) (topics []string) {
		got := make(chan string, 64)
		link, err := dial(t.Context(), telemetry.Hello{ClientID: "t", User: "operator", Clean: true, Receive: func(topic string, _ []byte, _ bool) { got <- topic }})
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		for _, topic := range append(say, "end") {
			if _, err := link.Publish(topic, 1, true, []byte("x")); err != nil {
				t.Fatal(err)
			}
			<-link.Acked()
		}
		for _, filter := range []string{"aim/v1/#", "end"} {
			if err := link.Subscribe(filter, 0); err != nil {
				t.Fatal(err)
			}
		}
		for {
			select {
			case topic := <-got:
				if topic == "end" {
					slices.Sort(topics)
					return topics
				}
				topics = append(topics, topic)
			case <-time.After(10 * time.Second):
				t.Fatal("nothing comes")
			}
		}
	}
	if before := kept(offer, status, controller, rollout, other); len(before) != 5 {
		t.Fatalf("kept %q", before)
	}
	f := &Fleet{o: Options{Fleet: "north", Operator: "operator"}, broker: url, began: time.Now()}
	if err := f.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := kept(); !slices.Equal(after, []string{status, other}) {
		t.Errorf("kept %q after it", after)
	}
	old := telemetry.Received{Retained: true}
	if ms := f.began.UnixMilli(); !f.stale(old, ms-1) || f.stale(old, ms) || f.stale(telemetry.Received{}, ms-1) {
		t.Error("an earlier run's message is known by its time, a new one is not stale")
	}
}
