// Package words turns what a drone reports into sentences for the person who
// stands before it: what it does, why, since when, and what to do now.
//
// Everything here is a pure function of its arguments, so that the same
// report always reads the same. The reader wears gloves, has one hand free
// and a narrow terminal: the first line says it all, each line stands alone,
// a command to type stands on a line of its own.
package words
