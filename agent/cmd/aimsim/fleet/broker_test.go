package fleet

import (
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// TestBrokerRules: the built-in broker holds a drone to its own name on the
// wire, too, and delivers what it may say.
func TestBrokerRules(t *testing.T) {
	t.Parallel()
	denied := make(chan string, 4)
	server, url, err := startBroker(&access{drones: map[string]bool{"north/patrol-01": true}, denied: func(user, topic string) { denied <- user + " " + topic }})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dial, err := telemetry.Broker(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 4)
	operator, err := dial(t.Context(), telemetry.Hello{ClientID: "o", User: "operator", Clean: true, Receive: func(topic string, _ []byte, _ bool) { heard <- topic }})
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if err := operator.Subscribe("aim/v1/#", 0); err != nil {
		t.Fatal(err)
	}
	say := func(topic string) {
		drone, err := dial(t.Context(), telemetry.Hello{ClientID: "d", User: "north/patrol-01", Clean: true, Receive: func(string, []byte, bool) {}})
		if err != nil {
			t.Fatal(err)
		}
		defer drone.Close()
		if _, err := drone.Publish(topic, 0, false, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	get := func(from <-chan string) string {
		select {
		case s := <-from:
			return s
		case <-time.After(10 * time.Second):
			t.Fatal("nothing comes")
			return ""
		}
	}
	other, own := telemetry.Topic("north", "patrol-02", telemetry.LeafStatus), telemetry.Topic("north", "patrol-01", telemetry.LeafStatus)
	say(other)
	if got := get(denied); got != "north/patrol-01 "+other {
		t.Errorf("denied: %s", got)
	}
	say(own)
	if got := get(heard); got != own {
		t.Errorf("heard %s first", got)
	}
}
