//go:build mutant

package locksmith

import "os"

var mutant = os.Getenv("LOCKSMITH_MUTANT")
