package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain lets the test program play the processes of the tests.
func TestMain(m *testing.M) {
	switch os.Getenv("AIMSIM_TEST_ROLE") {
	case "sleeper":
		hang()
	case "deaf": // says when it no longer hears SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("deaf")
		hang()
	case "parent": // starts a sleeper, says its pid, and hangs
		s := newSpawner()
		p, err := s.start(sleeper())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.pid)
		hang()
	}
	os.Exit(m.Run())
}

// hang waits for a signal that does not come. An empty select would be a
// deadlock to Go's scheduler, which then ends the program.
func hang() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR2)
	<-never
}

func role(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "AIMSIM_TEST_ROLE="+name)
	return cmd
}

func sleeper() *exec.Cmd { return role("sleeper") }
