module github.com/aim-control/aimlock/agent/bench/crash

go 1.26

replace github.com/aim-control/aimlock => ../../..

require (
	github.com/aim-control/aimlock v0.0.0
	github.com/cockroachdb/pebble/v2 v2.1.7
	github.com/google/renameio/v2 v2.0.2
	github.com/natefinch/atomic v1.0.1
	golang.org/x/sys v0.40.0
)

require (
	github.com/cockroachdb/crlib v0.0.0-20241112164430-1264a2edc35b // indirect
	github.com/cockroachdb/errors v1.11.3 // indirect
	github.com/cockroachdb/logtags v0.0.0-20230118201751-21c54148d20b // indirect
	github.com/cockroachdb/redact v1.1.5 // indirect
	github.com/getsentry/sentry-go v0.27.0 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/rogpeppe/go-internal v1.14.1 // indirect
	golang.org/x/text v0.29.0 // indirect
)
