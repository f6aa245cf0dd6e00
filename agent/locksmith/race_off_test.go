//go:build !race

package locksmith

const failpointStep = 1
