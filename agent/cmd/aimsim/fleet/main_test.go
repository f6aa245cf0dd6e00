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
		select {}
	case "deaf": // says when it no longer hears SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("deaf")
		select {}
	case "parent": // starts a sleeper, says its pid, and hangs
		s := newSpawner()
		p, err := s.start(sleeper())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.pid)
		select {}
	}
	os.Exit(m.Run())
}

func role(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "AIMSIM_TEST_ROLE="+name)
	return cmd
}

func sleeper() *exec.Cmd { return role("sleeper") }
