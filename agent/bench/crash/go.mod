module github.com/aim-control/aimlock/agent/bench/crash

go 1.26

replace github.com/aim-control/aimlock => ../../..

require (
	github.com/aim-control/aimlock v0.0.0
	github.com/google/renameio/v2 v2.0.2
	github.com/natefinch/atomic v1.0.1
	golang.org/x/sys v0.40.0
)
