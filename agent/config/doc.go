// Package config reads the two files that tell an agent what to do.
//
// The live file, aim_lock_config.conf, is what every program on the drone
// reads and what patches replace. It is checked strictly, watched, and held
// against the safety floor of the identity. Comments and tables that are not
// ours are none of our business and stay as they are.
//
// The identity, drone.toml, says who the drone is and whom it trusts. No patch
// of the configuration can touch it.
//
// An error of this package is written for the person who has to mend the file:
// it names file, line, column and key, what is wrong, and what would be right.
package config
