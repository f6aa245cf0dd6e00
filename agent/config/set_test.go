package config

import (
	"os"
	"strings"
	"testing"
)

func readSeed(f *testing.F) func(string) []byte {
	return func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ name, in, key, value, want string }{
		{"a value keeps its comment", "[lock]\nttl   = '30s'\t# lease\n\n# end", "lock.ttl", "5s", "[lock]\nttl   = \"5s\"\t# lease\n\n# end"},
		{"TOML stays as it is", "version = 1\n", "version", "0x2A", "version = 0x2A\n"},
		{"quoted already", "[lock]\n", "lock.ttl", `'5s'`, "[lock]\nttl = '5s'\n"},
		{"a number for text", "drone = \"a\"\n", "drone", "7", "drone = \"7\"\n"},
		{"a time for text", "[update_window]\nstart = \"02:00\"\n", "update_window.start", "03:30:00", "[update_window]\nstart = \"03:30:00\"\n"},
		{"a list of words", "safe_pause.on = []\n", "safe_pause.on", "lock, motor", "safe_pause.on = [\"lock\", \"motor\"]\n"},
		{"an empty list", "safe_pause.on = [\"lock\"]\n", "safe_pause.on", "", "safe_pause.on = []\n"},
		{"a list over lines", "[safe_pause]\non = [ # all\n \"lock\",\n]\nconfirm = \"1s\"\n", "safe_pause.on", "motor", "[safe_pause]\non = [\"motor\"]\nconfirm = \"1s\"\n"},
		{"inline", "[safe_pause]\nmotor = { hot = 95.0, clear = 80.0 } # °C\n", "safe_pause.motor.hot", "60", "[safe_pause]\nmotor = { hot = 60, clear = 80.0 } # °C\n"},
		{"added inline", "safe_pause.motor = { hot = 95.0 }\n", "safe_pause.motor.clear", "60", "safe_pause.motor = { hot = 95.0, clear = 60 }\n"},
		{"added to {}", "mission = {}\n", "mission.x", "1", "mission = { x = 1 }\n"},
		{"added to its table", "[lock]\n  ttl = \"1s\" # lease\n\n[mission]\nx = 1\n", "lock.gc_interval", "1s", "[lock]\n  ttl = \"1s\" # lease\n  gc_interval = \"1s\"\n\n[mission]\nx = 1\n"},
		{"added to an empty table", "[lock] # leases\n[mission]\n", "lock.ttl", "1s", "[lock] # leases\nttl = \"1s\"\n[mission]\n"},
		{"added below a table that has tables", "[mission.a]\nx = 1\n[mission]\ny = 1\n[z]\n", "mission.w", "1", "[mission.a]\nx = 1\n[mission]\ny = 1\nw = 1\n[z]\n"},
		{"added to a table without a header", "[mission.a]\nx = 1", "mission.w", "1", "[mission.a]\nx = 1\n\n[mission]\nw = 1\n"},
		{"added with its table", "version = 1\n", "mission.name", "x y", "version = 1\n\n[mission]\nname = \"x y\"\n"},
		{"added beside dotted keys", "lock.ttl = \"1s\"\n[mission]\n", "lock.gc_interval", "1s", "lock.ttl = \"1s\"\nlock.gc_interval = \"1s\"\n[mission]\n"},
		{"added at the top", "# title\n\n[lock]\n", "version", "2", "# title\nversion = 2\n\n[lock]\n"},
		{"added below the top's keys", "fleet = \"b\"\n[lock]\n", "drone", "a", "fleet = \"b\"\ndrone = \"a\"\n[lock]\n"},
		{"nested", "[safe_pause]\nconfirm = \"1s\"\n", "safe_pause.motor.hot", "60.5", "[safe_pause]\nconfirm = \"1s\"\nmotor.hot = 60.5\n"},
		{"no line end", "[lock]\nttl = \"1s\"", "lock.gc_interval", "1s", "[lock]\nttl = \"1s\"\ngc_interval = \"1s\""},
		{"line ends of DOS", "[lock]\r\nttl = \"1s\"\r\n", "lock.gc_interval", "1s", "[lock]\r\nttl = \"1s\"\r\ngc_interval = \"1s\"\r\n"},
		{"an empty file", "", "lock.ttl", "1s", "[lock]\nttl = \"1s\"\n"},
		{"text with quotes", "", "mission.x", "say \"\\\x01", "[mission]\nx = \"say \\\"\\\\\\u0001\"\n"},
		{"a comment is text", "", "mission.x", "1 # one", "[mission]\nx = \"1 # one\"\n"},
		{"no second key by a newline", "", "mission.x", "1\ny = 2", "[mission]\nx = \"1\\u000Ay = 2\"\n"},
		{"what is out of range", "", "safe_pause.max_hold", "99h", "[safe_pause]\nmax_hold = \"99h\"\n"},
		{"a number that was none is mended", "version = 99999999999999999999\n", "version", "1", "version = 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Set([]byte(c.in), c.key, c.value)
			if err != nil || string(got) != c.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, c.want)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct{ in, key, value, want string }{
		{"", "", "1", "not a key; write it like lock.ttl"},
		{"", "lock..ttl", "1", "not a key"},
		{"", "lock.\"ttl\"", "1", "not a key"},
		{"", "x y", "1", "not a key"},
		{"[lock\n", "lock.ttl", "1s", "the file:1:6: the header of a table is broken"},
		{"lock = 1\n", "lock.ttl", "1s", "lock is an integer on line 1"},
		{"[lock]\n", "lock", "1", "lock is a table on line 1"},
		{"[[mission]]\n", "mission.x", "1", "mission is an array of tables on line 1"},
		{"m = { a.b = 1 }\n", "m.a.c", "1", "write the key with an editor"},
		{"", "mission.x", "\xff", "not UTF-8"},
		{strings.Repeat("#", MaxLive), "lock.ttl", "1s", "larger than"},
	} {
		if out, err := Set([]byte(c.in), c.key, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %s: %q, %v; want %q", c.in, c.key, out, err, c.want)
		}
	}
}
