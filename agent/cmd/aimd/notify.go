package main

import (
	"net"
	"os"
)

// notify tells systemd (sd_notify(3)): one datagram to $NOTIFY_SOCKET, which
// may be an abstract one ("@…"). Without systemd nothing happens; a lost
// message costs nothing but the next watchdog interval.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}
