//go:build heavy

package locksmith

import "testing"

// TestHeavyHistories is TestHistories at length, "make histories".
func TestHeavyHistories(t *testing.T) {
	histories(t, 500, 4)
}
