package patch

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const live = `# aim_lock_config.conf
version   = 41                       # of the configuration
timestamp = 2026-11-23T20:00:00Z

[lock]
ttl          = "30s"                 # a holder's lease
gc_interval  = "10s"

[update_window]
flight = "paused"
days = ["mon", # a comment's ] inside
  "tue", "]"]
text = """a "quoted" # no comment
]"""

[safe_pause]
motor     = { warm = 80.0, hot = 95.0, deep = { a = 1 } }
none = {}

[[fleet]]
name = 'one'
[fleet.sub]
"a.b" = 1
[[fleet]]
name = 'two'
`

func TestDiff(t *testing.T) {
	t.Parallel()
	r := strings.NewReplacer
	for name, row := range map[string]struct {
		edit     *strings.Replacer
		want     []Change
		comments bool
	}{
		"same":        {r(), nil, false},
		"number":      {r("= 41", "= 42"), []Change{{"version", "41", "42"}}, false},
		"time":        {r("2026-11-23T20", "2026-11-24T20"), []Change{{"timestamp", "2026-11-23T20:00:00Z", "2026-11-24T20:00:00Z"}}, false},
		"longer-text": {r(`"10s"`, `"1m30s"`), []Change{{"lock.gc_interval", `"10s"`, `"1m30s"`}}, false},
		"three": {r("= 41", "= 42", `"10s"`, `"5s"`, `"paused"`, `"disarmed"`),
			[]Change{{"version", "41", "42"}, {"lock.gc_interval", `"10s"`, `"5s"`}, {"update_window.flight", `"paused"`, `"disarmed"`}}, false},
		"inline":         {r("hot = 95.0", "hot = 90.5"), []Change{{"safe_pause.motor.hot", "95.0", "90.5"}}, false},
		"inline-deep":    {r("a = 1 }", "a = 2 }"), []Change{{"safe_pause.motor.deep.a", "1", "2"}}, false},
		"inline-gone":    {r(", hot = 95.0", ""), []Change{{"safe_pause.motor.hot", "95.0", ""}}, false},
		"inline-first":   {r("warm = 80.0, ", ""), []Change{{"safe_pause.motor.warm", "80.0", ""}}, false},
		"inline-new":     {r("hot = 95.0", "hot = 95.0, clear = 7"), []Change{{"safe_pause.motor.clear", "", "7"}}, false},
		"inline-whole":   {r("motor     = { warm = 80.0, hot = 95.0, deep = { a = 1 } }\n", ""), []Change{{"safe_pause.motor.warm", "80.0", ""}, {"safe_pause.motor.hot", "95.0", ""}, {"safe_pause.motor.deep.a", "1", ""}}, false},
		"list":           {r(`"tue"`, `"wed"`), []Change{{"update_window.days", "[\"mon\", # a comment's ] inside\n  \"tue\", \"]\"]", "[\"mon\", # a comment's ] inside\n  \"wed\", \"]\"]"}}, false},
		"multi-line":     {r("]\"\"\"", "}\"\"\""), []Change{{"update_window.text", "\"\"\"a \"quoted\" # no comment\n]\"\"\"", "\"\"\"a \"quoted\" # no comment\n}\"\"\""}}, false},
		"in-array":       {r("'two'", "'2'"), []Change{{"fleet[1].name", "'two'", "'2'"}}, false},
		"under-array":    {r(`"a.b" = 1`, `"a.b" = 3`), []Change{{`fleet[0].sub."a.b"`, "1", "3"}}, false},
		"written-anew":   {r("80.0", "8e1"), []Change{{"safe_pause.motor.warm", "80.0", "8e1"}}, false},
		"key-gone":       {r("gc_interval  = \"10s\"\n", ""), []Change{{"lock.gc_interval", `"10s"`, ""}}, false},
		"key-new":        {r("gc_interval", "reclaim = true\ngc_interval"), []Change{{"lock.reclaim", "", "true"}}, false},
		"key-renamed":    {r("gc_interval", "gc_int"), []Change{{"lock.gc_int", "", `"10s"`}, {"lock.gc_interval", `"10s"`, ""}}, false},
		"table-new":      {r("[[fleet]]\nname = 'one'", "[mission]\nalt = 40\n\n[[fleet]]\nname = 'one'"), []Change{{"mission.alt", "", "40"}}, false},
		"table-at-end":   {r("name = 'two'\n", "name = 'two'\n\n[mission]\nalt = 40\n"), []Change{{"mission.alt", "", "40"}}, false},
		"table-moved":    {r("[lock]", "[lock2]"), []Change{{"lock2.ttl", "", `"30s"`}, {"lock2.gc_interval", "", `"10s"`}, {"lock.ttl", `"30s"`, ""}, {"lock.gc_interval", `"10s"`, ""}}, false},
		"empty-table":    {r("[lock]", "[nothing]\n[lock]"), nil, true},
		"comment":        {r("# of the", "# of our"), nil, true},
		"comment-gone":   {r("# aim_lock_config.conf\n", ""), nil, true},
		"comment-in-gap": {r("\n\n[lock]", "\n# x\n\n[lock]"), nil, true},
		"space":          {r("version   =", "version ="), nil, true},
		"line-ends":      {r("\n", "\r\n"), []Change{{"update_window.days", "[\"mon\", # a comment's ] inside\n  \"tue\", \"]\"]", "[\"mon\", # a comment's ] inside\r\n  \"tue\", \"]\"]"}, {"update_window.text", "\"\"\"a \"quoted\" # no comment\n]\"\"\"", "\"\"\"a \"quoted\" # no comment\r\n]\"\"\""}}, true},
		"end-cut":        {r("name = 'two'\n", "name = 'two'"), nil, true},
		"order": {r("ttl          = \"30s\"                 # a holder's lease\ngc_interval  = \"10s\"",
			"gc_interval  = \"10s\"\nttl          = \"30s\"                 # a holder's lease"), nil, true},
		"both": {r("= 41", "= 42", "# of the", "# of our"), []Change{{"version", "41", "42"}}, true},
	} {
		after := row.edit.Replace(live)
		d, err := Diff([]byte(live), []byte(after))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(d.Changes, row.want) || d.Comments != row.comments {
			t.Errorf("%s: %q, comments %v\nwant %q, %v", name, d.Changes, d.Comments, row.want, row.comments)
		}
		if d.Empty() != (after == live) {
			t.Errorf("%s: empty %v", name, d.Empty())
		}
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	d := Difference{Changes: []Change{{Key: "timestamp"}, {Key: "lock.ttl"}, {Key: "fleet[0].name"}}, Comments: true}
	for _, row := range []struct {
		allow string
		more  string
	}{
		{"timestamp lock.ttl fleet[0].name comments", ""},
		{"timestamp lock fleet comments", ""},
		{"timestamp lock fleet", "comments"},
		{"time loc flee com", "timestamp lock.ttl fleet[0].name comments"},
		{"lock.tt lock.ttl.x", "timestamp lock.ttl fleet[0].name comments"},
		{"", "timestamp lock.ttl fleet[0].name comments"},
	} {
		err := d.Only(strings.Fields(row.allow))
		var e *OnlyError
		if row.more == "" {
			if err != nil {
				t.Errorf("%q: %v", row.allow, err)
			}
		} else if !errors.As(err, &e) || strings.Join(e.Keys, " ") != row.more {
			t.Errorf("%q: %v, want %s", row.allow, err, row.more)
		}
	}
	if s := d.String(); s != "identical but for timestamp, lock.ttl, fleet[0].name, comments" {
		t.Error(s)
	}
	if s := (Difference{}).String(); s != "identical" {
		t.Error(s)
	}
}

func TestDiffRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"syntax": "a = ", "twice": "a = 1\na = 2", "twice-inline": "a = { b = 1, b = 2 }", "deep": "a = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"deep-in-disguise": "a = " + strings.Repeat("[\"]\",", 5000) + strings.Repeat("]", 5000), "not-utf-8": "a = \"\xff\"",
	} {
		if _, err := Diff([]byte(live), []byte(text)); !errors.Is(err, ErrDiff) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Diff([]byte(text), []byte(live)); !errors.Is(err, ErrDiff) {
			t.Errorf("%s first: %v", name, err)
		}
	}
	if _, err := Diff(make([]byte, MaxContent+1), nil); !errors.Is(err, ErrSize) {
		t.Errorf("long: %v", err)
	}
}
