package main

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test's own program be the traced child.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "-child" {
		if err := beChild(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
