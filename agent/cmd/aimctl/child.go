package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/locksmith"
)

// underLease runs the command while the lease lasts, and returns the exit
// code to end with. The lock's descriptor is close-on-exec: a command that
// outlives aimctl does not keep the lock.
func (a *app) underLease(lease *locksmith.Lease, argv, env []string) (int, error) {
	// The command is told when aimctl is killed: without us nobody renews. The
	// kernel ties that to the thread that started it, which must live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, a.in, a.out, a.err
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return 127, fmt.Errorf("%s: command not found", argv[0])
		}
		return 126, err
	}
	ended := make(chan struct{})
	watched := make(chan error, 1)
	go func() { watched <- a.watchLease(lease, cmd.Process, signals, ended) }()
	err := cmd.Wait()
	close(ended)
	lost := <-watched
	if lost != nil {
		lost = fmt.Errorf("the lease was lost while %s ran: %w", argv[0], plain(lost))
	}
	var bad *exec.ExitError
	if err != nil && !errors.As(err, &bad) {
		return exitFailed, err
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal()), lost
	}
	return ws.ExitStatus(), lost
}

// watchLease renews the lease until the command has ended, hands signals on,
// and tells the command when the lease is lost. It returns why it was lost.
func (a *app) watchLease(lease *locksmith.Lease, p *os.Process, signals <-chan os.Signal, ended <-chan struct{}) error {
	renew := time.NewTicker(renewEvery(lease))
	defer renew.Stop()
	lost := lease.Context().Done()
	var why error
	for {
		select {
		case <-ended:
			return why
		case s := <-signals:
			if !fromTerminal(s) {
				p.Signal(s)
			}
		case <-renew.C:
			if err := lease.Renew(); err != nil && lease.Context().Err() == nil {
				fmt.Fprintf(a.err, "aimctl: the lease is not renewed, trying again: %v\n", plain(err))
			}
		case <-lost:
			lost = nil
			why = context.Cause(lease.Context())
			fmt.Fprintf(a.err, "aimctl: the lease is LOST, ending the command: %v\n", plain(why))
			p.Signal(syscall.SIGTERM)
		}
	}
}

// renewEvery is a third of the lease: two renewals may fail.
func renewEvery(lease *locksmith.Lease) time.Duration {
	r := lease.Record()
	return max(time.Duration(r.Deadline-r.Renewed)/3, time.Millisecond)
}

// fromTerminal tells whether a terminal sends this signal to the command as
// well, because both are its foreground group. Handed on, it would come twice.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
