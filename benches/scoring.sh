#!/usr/bin/env bash
# The share of scoring in the CPU time of a whole `scan` with lake, by the samples of perf: those with a function of
# `detect` on their stack, and for comparison those of reading and of the lake.
#
#   benches/scoring.sh            a simulated fleet of 100 interfaces, 14 days, 600 s
#   benches/scoring.sh DIR        flow logs of your own
#
# OUTFLOW names a binary to be used instead of building one. Exit code 2: perf is missing, nothing was measured.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v perf >/dev/null; then
    echo "scoring.sh: perf is not installed (apt-get install linux-perf); NOTHING was measured" >&2
    exit 2
fi
if [ -z "${OUTFLOW:-}" ]; then
    cargo build --quiet --release --no-default-features
    OUTFLOW=target/release/outflow
fi
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
logs=${1:-$dir/fleet/AWSLogs}
if [ $# -eq 0 ]; then
    "$OUTFLOW" simulate "$dir/fleet" --seed 601 --enis 100 --days 14 --interval 600 --format v2 --quiet
fi
perf record --quiet -F 1999 --call-graph dwarf,16384 -o "$dir/perf.data" -- \
    "$OUTFLOW" scan "$logs" --lake "$dir/lake" --quiet >"$dir/alerts" 2>"$dir/perf.err"
perf script --no-inline -F ip,sym -i "$dir/perf.data" 2>>"$dir/perf.err" | awk '
    BEGIN { RS = "" }
    { samples++ }
    /outflow::detect::/ { scoring++; next }
    /outflow::(record|gunzip|source|window)::/ { reading++; next }
    /outflow::lake::/ { lake++ }
    END {
        if (!samples) { print "no samples"; exit 1 }
        printf "scoring %.1f %% of %d samples; reading %.1f %%, lake %.1f %%\n",
            100 * scoring / samples, samples, 100 * reading / samples, 100 * lake / samples
    }'
