//go:build e2e

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// target is an emulated board and what runs on it.
type target struct {
	board   string // of the identity
	arch    string // Debian's
	kernel  string // Debian's meta package
	dtb     string // "": QEMU makes one
	goarch  []string
	dist    string // folder of make cross with the aimd that is flashed
	table   string // the board.toml; "": aimd knows the board
	modules []string
	nic     string // where sysfs has the interface that is plugged in
	qemu    string
	args    func(m *machine, disk string) []string
	aimctl  bool // is on board too
	chips   int  // temperature sensors
	flushes bool // the disk is told when to flush
	pins    func(m *machine) (pins, error)
}

// pins are a board's lines, seen from outside. Their numbers are the lines'.
type pins interface {
	levels() (byte, error)
	drive(line int, on bool) error
}

// boardA is the ARMv7 board with I²C, GPIO and watchdog. The kernel's tests of
// its own ciphers are left out: two seconds of every boot.
var boardA = target{
	board: "ast2600-evb", arch: "armhf", kernel: "linux-image-armmp", dtb: "aspeed-ast2600-evb.dtb",
	goarch:  []string{"GOARCH=arm", "GOARM=7"},
	dist:    "linux-armv7",
	modules: []string{"gpio-aspeed", "i2c-aspeed", "i2c-dev", "mdio-aspeed", "ftgmac100", "sdhci-of-aspeed", "crc32c_generic", "ext4"},
	nic:     "/sys/bus/platform/devices/1e660000.*/net/*",
	qemu:    "qemu-system-arm",
	chips:   4,
	args: func(m *machine, disk string) []string {
		return []string{"-M", "ast2600-evb", "-m", "1G", "-append", "console=ttyS4,115200 quiet panic=-1 cryptomgr.notests rdinit=/init",
			"-nic", "user,model=ftgmac100,id=n0", "-drive", "if=sd,index=2,format=raw,file=" + disk, "-watchdog-action", "reset"}
	},
	pins: func(m *machine) (pins, error) { return aspeedPins{m.q}, nil },
}

// virtTable is the board table of QEMU's "virt": a PL061 with eight lines, of
// which the fourth is its power key, and no I²C.
const virtTable = `name = "virt"

[line]
DISARMED     = { chip = "9030000.pl061", offset = 0, debounce = "5ms" }
HOLDING      = { chip = "9030000.pl061", offset = 1, debounce = "5ms" }
FC_HEARTBEAT = { chip = "9030000.pl061", offset = 2 }
PAUSE_REQ    = { chip = "9030000.pl061", offset = 4 }
LED_BLUE     = { chip = "9030000.pl061", offset = 5 }
LED_AMBER    = { chip = "9030000.pl061", offset = 6 }
`

// boardB is the arm64 board with a disk that is told when to flush.
var boardB = target{
	board: "/etc/aimlock/board.toml", arch: "arm64", kernel: "linux-image-cloud-arm64",
	goarch:  []string{"GOARCH=arm64"},
	dist:    "linux-arm64",
	table:   virtTable,
	modules: []string{"virtio_mmio", "virtio_blk", "virtio_net", "crc32c_generic", "ext4"},
	nic:     "/sys/class/net/e*",
	qemu:    "qemu-system-aarch64",
	flushes: true,
	args: func(m *machine, disk string) []string {
		return []string{"-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512M", "-append", "console=ttyAMA0 quiet panic=-1 rdinit=/init",
			"-netdev", "user,id=n0", "-device", "virtio-net-device,netdev=n0",
			"-drive", "if=none,id=d0,format=raw,cache=writeback,file=" + disk, "-device", "virtio-blk-device,drive=d0",
			"-qtest", "unix:" + m.dir + "/t.sock,server=on,wait=off", "-qtest-log", "none"}
	},
	pins: newPL061,
}

// aspeedPins are group G of the AST2600's GPIO.
type aspeedPins struct{ q *qmp }

// Registers for the groups E to H (data sheet, GPIO020 and GPIO038); group G is
// the third byte.
const (
	regData      = 0x1e780020
	regInterrupt = 0x1e780038
	groupG       = 16
)

func (p aspeedPins) levels() (byte, error) {
	v, err := p.q.word(regData)
	return byte(v >> groupG), err
}

// drive waits until the guest has taken the edge: one that comes before hangs
// the guest, a fault of the emulation.
func (p aspeedPins) drive(line int, on bool) error {
	if err := p.q.do("qom-set", map[string]any{"path": "/machine/soc/gpio", "property": fmt.Sprintf("gpioG%d", line), "value": on}, nil); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		switch v, err := p.q.word(regInterrupt); {
		case err != nil || v == 0:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("the guest does not take an edge: %#x", v)
		}
	}
}

// pl061 are the lines of board B: read as memory, driven over QEMU's test
// socket (docs/devel/qtest.rst).
type pl061 struct {
	q    *qmp
	path string
	conn net.Conn
	in   *bufio.Reader
}

const pl061Data = 0x090303fc // all eight lines

func newPL061(m *machine) (pins, error) {
	var children []struct{ Name, Type string }
	if err := m.q.do("qom-list", map[string]any{"path": "/machine/unattached"}, &children); err != nil {
		return nil, err
	}
	for _, c := range children {
		if c.Type != "child<pl061>" {
			continue
		}
		conn, err := net.Dial("unix", filepath.Join(m.dir, "t.sock"))
		if err != nil {
			return nil, err
		}
		return &pl061{q: m.q, path: "/machine/unattached/" + c.Name, conn: conn, in: bufio.NewReader(conn)}, nil
	}
	return nil, errors.New("this QEMU's virt has no pl061")
}

func (p *pl061) Close() error { return p.conn.Close() }

func (p *pl061) levels() (byte, error) {
	v, err := p.q.word(pl061Data)
	return byte(v), err
}

func (p *pl061) drive(line int, on bool) error {
	level := 0
	if on {
		level = 1
	}
	_ = p.conn.SetDeadline(time.Now().Add(qmpTimeout))
	if _, err := fmt.Fprintf(p.conn, "set_irq_in %s unnamed-gpio-in %d %d\n", p.path, line, level); err != nil {
		return err
	}
	answer, err := p.in.ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "OK") {
		err = fmt.Errorf("qtest answers %q", answer)
	}
	return err
}
