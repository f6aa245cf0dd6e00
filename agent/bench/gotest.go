package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// gotest runs the module's own tests or benchmarks.
func gotest(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func allocations(ctx context.Context, _ string) ([]row, error) {
	out, err := gotest(ctx, "-v", "-run", "^TestSteadyTurnAllocatesNothing$", "./agent")
	if err == nil && !strings.Contains(out, "--- PASS: TestSteadyTurnAllocatesNothing") {
		err = fmt.Errorf("the test did not run:\n%s", out)
	}
	if err != nil {
		return nil, err
	}
	return []row{{What: "allocations in a steady second of 80 turns", Budget: "0", Measured: "0", OK: true, Note: "samples, lines, LEDs, telemetry with its encoding; MQTT client excluded"}}, nil
}

// size builds aimd as `make cross` does.
func size(ctx context.Context, dir string) ([]row, error) {
	var rows []row
	for _, t := range []struct {
		arch, arm, ld string
		budget        int64
	}{{"arm", "7", "-s -w -R 4096", 6_500_000}, {"arm64", "", "-s -w", 0}, {"amd64", "", "-s -w", 0}} {
		out := filepath.Join(dir, "aimd-"+t.arch)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags", t.ld, "-o", out, "./agent/cmd/aimd")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+t.arch, "GOARM="+t.arm)
		if b, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, b)
		}
		info, err := os.Stat(out)
		if err != nil {
			return nil, err
		}
		r := row{What: "aimd, stripped, linux/" + t.arch + t.arm, Measured: fmt.Sprintf("%.2f MB", float64(info.Size())/1e6), OK: true}
		if t.budget > 0 {
			r.Budget, r.OK = fmt.Sprintf("≤ %.1f MB", float64(t.budget)/1e6), info.Size() <= t.budget
		}
		rows = append(rows, r)
	}
	return rows, nil
}

var benchLine = regexp.MustCompile(`^Benchmark(\S+?)-?\d*\s+\d+\s+(.*)$`)

// figures parses "Benchmark…" lines into name → unit → value.
func figures(out string) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	for s := bufio.NewScanner(bytes.NewReader([]byte(out))); s.Scan(); {
		m := benchLine.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		f := strings.Fields(m[2])
		units := map[string]float64{}
		for i := 0; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				units[f[i+1]] = v
			}
		}
		all[m[1]] = units
	}
	return all
}

func durability(ctx context.Context, _ string) ([]row, error) {
	var rows []row
	for _, b := range []struct{ what, name, pkg string }{
		{"durable.Replace / the bare system calls", "Replace", "./firmware/durable"},
		{"applying a patch / the bare system calls", "Apply", "./firmware/store"},
	} {
		out, err := gotest(ctx, "-run", "^$", "-bench", "^Benchmark"+b.name+"$", b.pkg)
		if err != nil {
			return nil, err
		}
		f := figures(out)[b.name]
		ratio, ok := f["x-bare"]
		if !ok {
			return nil, fmt.Errorf("no figure in:\n%s", out)
		}
		rows = append(rows, row{What: b.what, Budget: "≤ 1.3", Measured: fmt.Sprintf("%.2f (%.0f µs, bare %.0f µs)", ratio, f["µs-ours"], f["µs-bare"]), OK: ratio <= 1.3})
	}
	return rows, nil
}

// messages lists each message beside encoding/json.
func messages(ctx context.Context, _ string) ([]row, error) {
	out, err := gotest(ctx, "-run", "^$", "-bench", "^BenchmarkMessages$", "-benchtime", "20000x", "-benchmem", "./agent/telemetry")
	if err != nil {
		return nil, err
	}
	f := figures(out)
	var rows []row
	for _, name := range []string{"availability", "status", "telemetry", "event", "envelope", "command", "reply"} {
		get := func(what, codec, unit string) float64 { return f["Messages/"+name+"/"+what+"/"+codec][unit] }
		if get("encode", "msgpack", "ns/op") == 0 {
			return nil, fmt.Errorf("no figure for %s in:\n%s", name, out)
		}
		allocs := get("encode", "msgpack", "allocs/op")
		rows = append(rows, row{What: "message " + name, Budget: "0 allocations to encode", OK: allocs == 0,
			Measured: fmt.Sprintf("%3.0f bytes (JSON %3.0f), encode %4.0f ns %.0f allocs (JSON %4.0f ns), decode %4.0f ns (JSON %5.0f ns)",
				get("encode", "msgpack", "bytes"), get("encode", "json", "bytes"), get("encode", "msgpack", "ns/op"), allocs, get("encode", "json", "ns/op"),
				get("decode", "msgpack", "ns/op"), get("decode", "json", "ns/op"))})
	}
	return rows, nil
}
