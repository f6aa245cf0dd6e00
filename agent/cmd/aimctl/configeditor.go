package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
)

// editing is one "config edit".
type editing struct {
	*localChange
	editor string // a shell command; the copy's path is its argument
	path   string // of the copy, in a folder of its own that is the user's alone
}

// copy copies the live file, as it was read, for the editor.
func (e *editing) copy() error {
	dir, err := os.MkdirTemp("", "aimctl-edit-") // 0700
	if err != nil {
		return err
	}
	e.path = filepath.Join(dir, config.LiveName)
	return os.WriteFile(e.path, e.base, 0o600)
}

// read reads what the editor has left.
func (e *editing) read() ([]byte, error) { return durable.Read(durable.Linux, e.path, config.MaxLive) }

// remove removes the copy, with what the editor has left beside it.
func (e *editing) remove() { _ = os.RemoveAll(filepath.Dir(e.path)) }

// editorCommand is the user's editor, else one that is installed.
func editorCommand() (string, error) {
	for _, env := range []string{"VISUAL", "EDITOR"} {
		if cmd := os.Getenv(env); cmd != "" {
			return cmd, nil
		}
	}
	for _, name := range []string{"sensible-editor", "nano", "vi"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no editor: name yours, EDITOR=… aimctl config edit (behind sudo: sudo EDITOR=… aimctl config edit)")
}

// runEditor runs the editor on a file and waits for its end. What the terminal
// sends (^C, ^\) is the editor's.
func (a *app) runEditor(editor, path string) error {
	cmd := exec.Command("/bin/sh", "-c", editor+` "$@"`, editor, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	if a.json {
		cmd.Stdout = a.err
	}
	ignored := make(chan os.Signal, 1) // not signal.Ignore: the editor would inherit that
	signal.Notify(ignored, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(ignored)
	err := cmd.Run()
	if bad := (*exec.ExitError)(nil); errors.As(err, &bad) {
		return fmt.Errorf("the editor has failed, %v: %s", bad, editor)
	}
	if err != nil {
		return fmt.Errorf("the editor cannot be run: %s: %w", editor, err)
	}
	return nil
}
