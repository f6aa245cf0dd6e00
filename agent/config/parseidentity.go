package config

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// MaxIdentity is the largest identity that is read, in bytes.
const MaxIdentity = 64 << 10

// maxRun bounds the run folder's path: the status socket's must fit into the
// 107 bytes of a unix address.
const maxRun = 107 - len("/status.sock")

// ParseIdentity reads an identity as strictly as ParseLive reads a live file,
// and lets no table pass that is not its own. Its errors are Problems.
func ParseIdentity(name string, data []byte) (*Identity, error) {
	var id Identity
	var threshold int64
	s := identitySchema(&id, &threshold)
	r := read(parse(name, data, MaxIdentity), s)
	id.Trust.Threshold = int(threshold)
	if !r.broken {
		r.identity(&id)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return &id, nil
}

// LoadIdentity reads and parses the identity at path.
func LoadIdentity(path string) (*Identity, error) {
	data, err := readFile(path, MaxIdentity)
	if err != nil {
		return nil, fmt.Errorf("config: read the identity: %w", err)
	}
	return ParseIdentity(path, data)
}

func identitySchema(id *Identity, threshold *int64) schema {
	m, t, p := &id.MQTT, &id.Trust, &id.Paths
	names := "[a-z0-9][a-z0-9-]{0,31}"
	drone := text("drone", &id.Drone, "", names, "patrol-03", "who the drone is", checkName)
	fleet := text("fleet", &id.Fleet, "", names, "north", "the fleet it belongs to", checkName)
	board := text("board", &id.Board, "", `a board's name, or the path of a board.toml`, "rpi", "how the drone is wired", checkBoard)
	broker := text("mqtt.broker", &m.Broker, "", "mqtts://HOST[:PORT]; mqtt:// on loopback", "mqtts://broker:8883", "where the drone reports", checkBroker)
	for _, f := range []*field{&drone, &fleet, &board, &broker} {
		f.required, f.Default = true, "none: required"
	}
	path := func(key string, p *string, def, example, meaning string) field {
		return text(key, p, def, "absolute path", example, meaning, func(s string) (what, remedy string) {
			if s == "" && def == "" { // empty says that there is none
				return "", ""
			}
			return checkPath(s)
		})
	}
	keyed := func(key string, p *[]string, meaning string) field {
		return strs(key, p, []string{}, 16, "minisign public keys, at most 16", `["RWQ…"]`, meaning, checkKey)
	}
	return schema{fields: []field{
		drone, fleet, board, broker,
		path("mqtt.ca", &m.CA, "", "/etc/aimlock/ca.pem", "who signs the broker's certificate; empty: the system's authorities"),
		path("mqtt.cert", &m.Cert, "", "/etc/aimlock/drone.pem", "the drone's certificate; empty: none"),
		path("mqtt.key", &m.Key, "", "/etc/aimlock/drone.key", "its private key; empty: none"),
		integer("trust.version", &t.Version, 1, 1, 1<<53-1, "1", "of the keys below; a patch of kind keys brings the next one. Above 1 where the fleet's were changed before this drone joined it"),
		integer("trust.threshold", threshold, 1, 1, 16, "1", "how many of the keys must sign"),
		keyed("trust.config", &t.Config, "who may sign configurations; empty: nobody"),
		keyed("trust.command", &t.Command, "who may sign commands; empty: nobody"),
		keyed("trust.keys", &t.Keys, "who may sign changes of these keys; empty: nobody"),
		keyed("trust.agent", &t.Agent, "who may sign agents; empty: nobody"),
		path("paths.config", &p.Config, "/etc/aimlock/"+LiveName, "/etc/aimlock/"+LiveName, "the live file"),
		path("paths.state", &p.State, "/var/lib/aimlock", "/var/lib/aimlock", "folder for what must survive a reboot"),
		text("paths.run", &p.Run, "/run/aimlock", sprintf("absolute path, at most %d bytes", maxRun), "/run/aimlock", "folder for what a reboot wipes", checkRun),
		oneOf("lock.reclaim", &id.Lock.Reclaim, []string{"dead", "overdue"}, "overdue: may end an overdue holder without an override"),
		celsius("safety.motor_hot_max", &id.Safety.MotorHotMax, 110, 20, 150, "highest safe_pause.motor.hot that a live file may set"),
		words("safety.require", &id.Safety.Require, []string{"lock", "config", "motor"}, causes, "causes that safe_pause.on must name"),
		duration("safety.max_hold_max", &id.Safety.MaxHoldMax, 150*time.Second, time.Second, 10*time.Minute, "longest safe_pause.max_hold that a live file may set; below the flight controller's AIML_RTL_S"),
		strs("hooks.reload", &id.Hooks.Reload, []string{}, 32, "absolute path and arguments", `["/usr/bin/systemctl", "reload", "patrol"]`, "run after a new live file; empty: nothing", checkArgument),
		path("hooks.checks", &id.Hooks.Checks, "", "/etc/aimlock/checks.d", "folder of executables that must pass before a patch is kept; empty: none"),
	}}
}

// identity checks keys against each other.
func (r *reader) identity(id *Identity) {
	for _, k := range [][2]string{{"mqtt.cert", "mqtt.key"}, {"mqtt.key", "mqtt.cert"}} {
		set := func(key string) bool { return r.seen[key] != nil && r.seen[key].text != "" }
		if set(k[0]) && !set(k[1]) {
			r.complain(r.seen[k[0]].key, k[0], "stands without "+k[1], "set both or neither")
		}
	}
	if id.Paths.State == id.Paths.Run {
		at := 0
		if n := r.seen["paths.run"]; n != nil {
			at = n.at
		} else if n := r.seen["paths.state"]; n != nil {
			at = n.at
		}
		r.complain(at, "paths.run", "is the same folder as paths.state", "a reboot must wipe the one and keep the other")
	}
	if n := r.seen["hooks.reload"]; n != nil && len(id.Hooks.Reload) > 0 && !filepath.IsAbs(id.Hooks.Reload[0]) {
		r.complain(n.items[0].at, "hooks.reload", show(id.Hooks.Reload[0])+" is no absolute path", `name the command in full, like "/usr/bin/systemctl"`)
	}
	for key, list := range map[string][]string{"trust.config": id.Trust.Config, "trust.command": id.Trust.Command, "trust.keys": id.Trust.Keys, "trust.agent": id.Trust.Agent} {
		n := r.seen[key]
		if n == nil || len(list) == 0 {
			continue
		}
		if twice := repeated(n); twice != nil {
			r.complain(twice.at, key, "the key stands there twice", "keep one of the two: it counts once")
		} else if len(list) < id.Trust.Threshold {
			r.complain(n.at, key, sprintf("threshold asks for %d signatures, and the list has fewer keys: %d", id.Trust.Threshold, len(list)), "add keys or lower threshold")
		}
	}
}

func checkName(s string) (what, remedy string) {
	ok := len(s) >= 1 && len(s) <= 32 && s[0] != '-'
	for i := range len(s) {
		ok = ok && (isDigit(s[i]) || s[i] >= 'a' && s[i] <= 'z' || s[i] == '-')
	}
	if !ok {
		return show(s) + " is no name", "write 1 to 32 of a-z, 0-9 and -, not - first"
	}
	return "", ""
}

func checkBoard(s string) (what, remedy string) {
	if filepath.IsAbs(s) {
		return checkPath(s)
	}
	if what, _ = checkName(s); what != "" {
		return show(s) + " is neither a board's name nor an absolute path", `write a name like "rpi", or the path of a board.toml`
	}
	return "", ""
}

func checkPath(s string) (what, remedy string) {
	switch {
	case len(s) > 1024 || strings.ContainsRune(s, 0):
		return show(s) + " is no path", "write at most 1024 bytes and no zero byte"
	case !filepath.IsAbs(s):
		return show(s) + " is no absolute path", "begin it with /"
	}
	return "", ""
}

func checkRun(s string) (what, remedy string) {
	if len(s) > maxRun {
		return sprintf("the path has %d bytes; the status socket in it would have no address", len(s)), sprintf("write at most %d", maxRun)
	}
	return checkPath(s)
}

func checkArgument(s string) (what, remedy string) {
	if len(s) > 1024 || strings.ContainsRune(s, 0) {
		return show(s) + " is no argument", "write at most 1024 bytes and no zero byte"
	}
	return "", ""
}

// checkKey accepts what minisign prints as a public key: two bytes "Ed", an id
// of eight, and 32 of the key.
func checkKey(s string) (what, remedy string) {
	raw, err := base64.StdEncoding.DecodeString(s)
	switch {
	case strings.HasPrefix(s, "untrusted comment:"):
		return "this is the comment of a key", "take the second line of the .pub file"
	case err != nil || len(raw) != 42:
		return show(s) + " is no minisign public key", "take the second line of the .pub file: 56 characters that begin with RW"
	case raw[0] != 'E' || raw[1] != 'd':
		return show(s) + " is a key of another kind", "minisign's public keys begin with RW"
	}
	return "", ""
}

// withoutUser takes user and password out of an address: errors are logged.
func withoutUser(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// checkBroker allows TLS to any host, and plain MQTT to this machine alone:
// there, and only there, a user and password may stand in the address too.
func checkBroker(s string) (what, remedy string) {
	example := `write it like "mqtts://broker:8883"`
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return show(withoutUser(s)) + " is no address of a broker", example
	}
	port, badPort := strconv.ParseUint(u.Port(), 10, 16)
	addr, notIP := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || notIP == nil && addr.IsLoopback()
	switch {
	case u.Scheme != "mqtts" && u.Scheme != "mqtt":
		return show(u.Scheme+"://") + " is no scheme of a broker", `write "mqtts://…", or "mqtt://…" for this machine`
	case u.Scheme == "mqtt" && !local:
		return sprintf("mqtt:// to %s would travel in the clear", show(u.Hostname())), "write mqtts://; plain mqtt:// is for 127.0.0.1, ::1 and localhost"
	case u.User != nil && !local:
		return "a user and password stand in the address", "take them out: a drone shows its certificate (mqtt.cert, mqtt.key)"
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (badPort != nil || port == 0):
		return show(u.Host) + " has no port", example
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return show(u.Path+u.RawQuery+u.Fragment) + " follows the host", "end the address after its port"
	}
	return "", ""
}
