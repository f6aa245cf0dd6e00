package planfile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
)

const whole = `# how the spring patch goes out
drones  = ["a", "b", "c", "d", "e"]
tags    = { heavy = ["c", "e"] }
canary  = { tag = "heavy", count = 1, random = true, seed = 7 }
waves   = ["1", "50%"]
at_once = 2
hot_at_once = 1
approve = "waves"
timeout = "4m"
bake    = { time = "90s", heartbeats = 5, silence = "2m", reboot = true }

[[rule]]
failure = "timed_out"
percent = 20
minimum = 5
action  = "pause"

[[metric]]
name = "motor"
worse = "higher"
allowed = 2.5
critical = true
must_have = true
`

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := Parse("plan.toml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(f.Timeout) != 4*time.Minute || time.Duration(f.Bake.Time) != 90*time.Second || !slices.Equal(f.Waves, []string{"1", "50%"}) {
		t.Errorf("%+v", f)
	}
	var p rollout.Plan
	f.Judged(&p)
	if !p.Reboot || p.HotAtOnce != 1 || p.Rules[0] != (rollout.Rule{Failure: rollout.TimedOut, Percent: 20, Minimum: 5, Action: rollout.ActPause}) ||
		p.Metrics[0] != (rollout.Metric{Name: "motor", Worse: rollout.Higher, Allowed: 2.5, Critical: true, MustHave: true}) {
		t.Errorf("%+v", p)
	}
}

func TestChosen(t *testing.T) {
	t.Parallel()
	fleet := []string{"a", "b", "c", "d", "e", "f"}
	for canary, want := range map[string]string{
		`canary = { names = ["b", "d"] }`:                                        "b d",
		`canary = { count = 2 }`:                                                 "",
		"tags = { x = [\"f\", \"b\"] }\ncanary = { tag = \"x\" }":                "b f",
		"tags = { x = [\"f\", \"b\"] }\ncanary = { tag = \"x\", count = 1 }":     "b",
		"tags = { x = [\"f\", \"b\"] }\ncanary = { tag = \"x\", count = 3 }":     "canary of 3: there are 2",
		"tags = { x = [\"q\"] }\ncanary = { tag = \"x\" }":                       "canary of 0: there are 0",
		`canary = { count = 5, random = true }`:                                  "canary of 5: there are 4 drones",
		"tags = { x = [\"e\", \"f\"] }\ncanary = { tag = \"x\", random = true }": "e f",
	} {
		f, err := Parse("p", []byte(canary))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Chosen(fleet, 4)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", canary, err)
			}
			continue
		}
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", canary, got, want)
		}
	}
	seen := map[string]bool{}
	for seed := range 50 {
		f := File{Canary: Canary{Count: 2, Random: true, Seed: uint64(seed)}}
		one, err := f.Chosen(fleet, 4)
		back := slices.Clone(fleet[:4])
		slices.Reverse(back)
		two, err2 := f.Chosen(append(back, "e", "f"), 4)
		if err != nil || err2 != nil || !slices.Equal(one, two) || slices.Contains(one, "e") {
			t.Fatalf("seed %d: %v, in another order %v (%v, %v)", seed, one, two, err, err2)
		}
		seen[one[0]] = true
	}
	if len(seen) != 4 {
		t.Errorf("chosen at random: only %v", seen)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"vaves = [\"1\"]\n":                           "p:1:1: unknown key vaves",
		"\n[bake]\ntyme = \"1s\"\n":                   "p:3:1: unknown key bake.tyme",
		"timeout = \"soon\"\n":                        `"soon" is no duration`,
		"at_once = \"two\"\n":                         "p:1:",
		"timeout = 5\n":                               "p:1:",
		"canary = { names = [\"a\"], count = 1 }\n":   "give one of them",
		"canary = { seed = 4 }\n":                     "canary.random",
		"canary = { tag = \"heavy\" }\n":              "no drones have it",
		"a = [\n":                                     "p:",
		strings.Repeat("# x\n", MaxSize):              "at most",
		"[[rule]]\nfailure = \"rejected\"\nifs = 1\n": "p:3:1: unknown key rule.ifs",
	} {
		if _, err := Parse("p", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Parse("p", b)
		if err != nil {
			return
		}
		names, err := x.Chosen([]string{"a", "b", "c"}, 2)
		if err == nil && len(x.Canary.Names) == 0 && len(names) > 3 {
			t.Fatal(names)
		}
	})
}
