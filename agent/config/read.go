package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

var (
	errNotAFile = errors.New("is not a regular file")
)

// readFile reads at most limit+1 bytes, so that the parser says what is wrong
// with a larger file. It opens without blocking: a named pipe in the file's
// place must not stop the caller.
func readFile(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s %w", path, errNotAFile)
	}
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// Hash returns the lower-case hexadecimal SHA-256 of data.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
