//go:build !mutant

package locksmith

const mutant = ""
