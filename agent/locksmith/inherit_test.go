package locksmith

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// spawn, in a commit, starts a child as any program does, handing it nothing,
// says so, and stays in the commit until the input ends.
func spawn() error {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LOCKSMITH_TEST_CHILD=linger")
	c.Stdin = os.NewFile(3, "tester's pipe")
	if err := c.Start(); err != nil {
		return err
	}
	fmt.Println(c.Process.Pid)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// What a holder starts while it has the lock and the commit lock gets neither:
// both are free the moment the holder dies.
func TestChildrenDoNotInheritTheLocks(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	c := start(t, dir)
	c.must("acquire 1h")
	c.must("spawn")
	look(t, s, Held)
	c.kill()
	look(t, s, Dead)
	l := acquire(t, s, claim("next"))
	if err := l.Commit(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	c.life.Close()
}
