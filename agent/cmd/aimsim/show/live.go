package show

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// frame is the time between two pictures: LEDs flicker at up to 8 Hz.
const frame = time.Second / 25

// Live is the tale as a picture in a terminal that redraws itself.
type Live struct {
	tale    *Tale
	look    Look
	submit  func(string) // a line that was typed; nil: no prompt
	cancel  func()       // the user wants to end
	title   string
	footer  string
	width   int
	height  int
	from    int
	lines   []Line
	input   []rune
	history []string
	ending  bool
}

// LiveOptions of a live view.
type LiveOptions struct {
	Title, Footer string
	Look          Look         // what is true of a drone in the world
	Submit        func(string) // called with each line typed; nil: no prompt
	Cancel        func()       // called at Ctrl-C
	In            io.Reader
	Out           io.Writer
}

// Look asks for what the picture shows of a drone beside its status.
type Look func(name string) World

// World is what is true of a drone at this moment.
type World struct {
	Mode        string // AUTO BRAKE LOITER RTL LAND DISARMED
	Leg         int
	Blue, Amber bool
	HottestC    float64           // of its motors, as last reported
	Known       bool              // HottestC is known
	MaxHold     time.Duration     // 0: unknown
	Status      *telemetry.Status // the newest; nil: the agent does not answer
}

// RunLive draws until ctx ends. The last picture stays on no screen: whoever
// calls prints a summary after it.
func RunLive(ctx context.Context, t *Tale, o LiveOptions) error {
	m := &Live{tale: t, look: o.Look, submit: o.Submit, cancel: o.Cancel, title: o.Title, footer: o.Footer, width: 120, height: 40}
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithAltScreen(), tea.WithOutput(o.Out), tea.WithInput(o.In), tea.WithoutSignalHandler(), tea.WithFPS(30)}
	_, err := tea.NewProgram(m, options...).Run()
	if ctx.Err() != nil || errors.Is(err, tea.ErrProgramKilled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("show: terminal: %w", err)
	}
	return nil
}

type tick time.Time

func ticking() tea.Cmd { return tea.Tick(frame, func(t time.Time) tea.Msg { return tick(t) }) }

// Init starts the clock of the picture.
func (m *Live) Init() tea.Cmd { return ticking() }

// Update takes keys and time in.
func (m *Live) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tick:
		var news []Line
		news, m.from = m.tale.News(m.from, false)
		m.lines = append(m.lines, news...)
		if n := len(m.lines); n > 500 {
			m.lines = append(m.lines[:0], m.lines[n-250:]...)
		}
		return m, ticking()
	case tea.KeyMsg:
		m.key(msg)
	}
	return m, nil
}

// key edits the prompt; Ctrl-C asks to end.
func (m *Live) key(k tea.KeyMsg) {
	switch k.Type {
	case tea.KeyCtrlC:
		m.ending = true
		m.cancel()
		return
	case tea.KeyRunes, tea.KeySpace:
		if m.submit != nil && len(m.input) < 1000 {
			m.input = append(m.input, k.Runes...)
		}
	case tea.KeyBackspace:
		if n := len(m.input); n > 0 {
			m.input = m.input[:n-1]
		}
	case tea.KeyCtrlU:
		m.input = nil
	case tea.KeyUp:
		if n := len(m.history); n > 0 && m.submit != nil {
			m.input = []rune(m.history[n-1])
			m.history = append([]string{m.history[n-1]}, m.history[:n-1]...)
		}
	case tea.KeyEnter:
		if line := string(m.input); line != "" && m.submit != nil {
			m.history = append(m.history, line)
			m.input = nil
			m.submit(line)
		}
	}
}
