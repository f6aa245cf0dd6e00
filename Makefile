# Everything that is built, run and tested here. `make help` lists the targets.

export CGO_ENABLED ?= 0
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILT    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z)
STAMP     = -X main.version=$(VERSION) -X main.built=$(BUILT)
# Programs that fly are built without symbols and without inlining: 12 % of
# aimd's size for code that waits most of its time.
SMALL     = -trimpath -gcflags=all=-l -ldflags "-s -w $(ROUND) $(STAMP)"
TOOLS     = go tool -modfile=scripts/tools.mod
FUZZTIME ?= 10s
FUZZLONG ?= 60s
SEEDS    ?= 3
CUTS     ?= 10
PROGRAMS  = aimd aimctl aimsim

.DEFAULT_GOAL := help
.PHONY: help run test race peers mutants histories crash e2e fuzz bench bench-locks bench-crash crashstates lint verify-gen generate build cross clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: ## play the story: eight simulated drones, an embedded broker, a stuck lock and its cure
	go run ./agent/cmd/aimsim story

test: ## the tests: pure Go, nothing to install
	go vet ./...
	go test -timeout 330s ./...

race: ## the tests under the race detector (needs gcc)
	@command -v gcc >/dev/null || { echo "make race: gcc is missing: apt-get install gcc libc6-dev"; exit 1; }
	CGO_ENABLED=1 go test -race -timeout 900s ./...

peers: ## tests against Debian's mosquitto, python3, minisign, spin, lua5.3 and gcc
	@scripts/peers-installed
	go test -count=1 -tags peers -run 'Peer|Mosquitto|Minisign|Spin' -timeout 240s ./agent/... ./firmware/...

mutants: ## locksmith with each protection taken out: the named tests must fail
	go test -count=1 -tags mutant -run '^TestMutants$$' -timeout 60s ./agent/locksmith

histories: ## the lock at length: 500 histories for porcupine, a minute of 50 processes under a nemesis
	go test -count=1 -tags heavy -run '^TestHeavy' -v -timeout 240s ./agent/locksmith

crash: ## 1,000 kills of a drone's process, each at a system call of a patch
	AIM_CRASH_SEEDS=1000 go test -count=1 -v -run '^TestPatchKilled$$' -timeout 400s ./agent

e2e: dist/linux-armv7 dist/linux-arm64 ## aimd on two emulated boards with Debian's kernels; SEEDS power cuts each (3), CUTS under the store on ext4 and on vfat (10)
	@scripts/e2e-installed
	AIM_E2E_SEEDS=$(SEEDS) AIM_E2E_CUTS=$(CUTS) go test -count=1 -tags e2e -v -timeout 30m ./board/e2e

fuzz: ## every fuzz target for FUZZTIME (10s), what reads from outside for FUZZLONG (60s)
	@scripts/fuzz $(FUZZTIME) $(FUZZLONG)

bench: ## DESIGN's budgets beside what is measured, then the locks and the crash states side by side
	go run ./agent/bench
	@$(MAKE) --no-print-directory bench-locks bench-crash

bench-locks: ## our lock beside gofrs/flock, O_EXCL files and etcd, in a module of its own
	cd agent/bench/locks && go test . && go build -o $${TMPDIR:-/tmp}/aimlocks.$$$$ . && \
		{ timeout 70 $${TMPDIR:-/tmp}/aimlocks.$$$$; code=$$?; rm -f $${TMPDIR:-/tmp}/aimlocks.$$$$; exit $$code; }

bench-crash: ## what a power cut leaves: ours beside google/renameio and natefinch/atomic, taped and enumerated
	cd agent/bench/crash && go test -run 'Tape|Verdict' . && go run .

crashstates: ## every crash state at length: the store with three sectors and all faults, all of it on a second model (pebble's)
	go test -count=1 -tags heavy -run '^TestEvery(PowerCut|PowerCutOnFAT|CallFails)$$' -timeout 540s ./firmware/store
	cd agent/bench/crash && go test -count=1 -v -run '^TestBothModels$$' -timeout 300s ./models

lint: ## go vet for every target, staticcheck, gofmt
	go vet ./... && GOARCH=arm go vet ./...
	go vet -tags peers ./agent/... ./firmware/... && go vet -tags hardware ./hal/... && go vet -tags mutant,heavy ./agent/locksmith ./firmware/store && go vet -tags e2e ./board/...
	$(TOOLS) staticcheck ./... && $(TOOLS) staticcheck -tags e2e ./board/e2e
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "make lint: run gofmt -w on these"; exit 1; }

generate: ## generate the message codecs anew
	go generate ./...

verify-gen: ## generated code is what the generator makes of its source
	@scripts/verify-gen

build: ## the three programs for this machine, into dist/
	@mkdir -p dist
	for p in $(PROGRAMS); do go build -trimpath -ldflags "$(STAMP)" -o dist/$$p ./agent/cmd/$$p || exit 1; done

cross: dist/linux-armv7 dist/linux-arm64 dist/linux-amd64 ## aimd, aimctl and aimsim for armv7, arm64 and amd64

dist/linux-armv7: GOENV = GOARCH=arm GOARM=7
# A 32-bit ARM kernel has pages of 4 KiB. The linker would round segments to
# 64 KiB, which arm64 kernels may need.
dist/linux-armv7: ROUND = -R 4096
dist/linux-arm64: GOENV = GOARCH=arm64
dist/linux-amd64: GOENV = GOARCH=amd64
.PHONY: dist/linux-armv7 dist/linux-arm64 dist/linux-amd64
dist/linux-armv7 dist/linux-arm64 dist/linux-amd64: dist/linux-%:
	@mkdir -p $@
	for p in $(PROGRAMS); do GOOS=linux $(GOENV) CGO_ENABLED=0 go build $(SMALL) -o $@/$$p ./agent/cmd/$$p || exit 1; done
	@ls -l $@ | awk 'NR>1 {print $$5, "$@/" $$9}'

clean: ## remove dist/
	rm -rf dist
