package fleet

import (
	"fmt"
	"os"
	"path/filepath"
)

// missionCheck is the mission program's word on a new configuration: a limit
// of which Aimlock knows nothing, since [mission] is not its table.
const missionCheck = `#!/bin/sh
# The mission program's check of the live file: it flies at most 120 m high. It
# tries the mission first, which takes a second for every 200 m.
cd "${0%/*}/.." || exit 1
altitude=$(sed -n 's/^altitude_m *= *\([0-9][0-9]*\).*/\1/p' aim_lock_config.conf)
sleep $((${altitude:-0} / 200))
[ "${altitude:-0}" -le 120 ] && exit 0
echo "mission: altitude_m = $altitude, and 120 is the most it flies" >&2
exit 1
`

// missionReload stands for a program that reads the live file again; what it
// goes by then stands in the file "mission".
const missionReload = `#!/bin/sh
# The mission program reads the live file again.
cd "${0%/*}" || exit 1
sed -n 's/^altitude_m *= *\([0-9][0-9]*\).*/altitude \1 m/p' aim_lock_config.conf >mission.new && mv mission.new mission
`

// buildHooks writes what the agent of this drone may run.
func (f Folder) buildHooks() error {
	if err := os.MkdirAll(f.Checks(), 0o755); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := os.WriteFile(filepath.Join(f.Checks(), "10-mission"), []byte(missionCheck), 0o755); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := os.WriteFile(f.Reload(), []byte(missionReload), 0o755); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}
