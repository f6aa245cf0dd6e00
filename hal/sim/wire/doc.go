// Package wire serves a simulated world over a unix socket, so that the world
// outlives the agent's process: Serve beside the world, Dial in the agent. A
// Client satisfies the shape of hal.Opener.
//
// When the connection ends, whatever ends it, the world's outputs are
// released, as the external pull-downs do when a companion computer dies. A
// client that lost its world gets errors from every call, never a level.
//
// # Protocol
//
// Both sides send frames: a length of four bytes, then an operation (1 byte),
// a number (4), a handle or an error number (4), an argument (8), all
// big-endian, and data. Requests carry a number that their reply repeats; the
// reply's handle field is an errno, 0 for success, and its data the result or
// the error's text. An edge is a frame of its own, sent when a level has
// changed; its number is the input's handle. The first frame is a hello.
package wire
