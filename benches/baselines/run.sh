#!/usr/bin/env bash
# outflow against the rules that people would use instead, on the same hours of the same simulated fleets, each list
# judged by `outflow eval`. One command, no network but PyPI's.
#
#   benches/baselines/run.sh            six fleets; prints tables and writes benches/records/DATE-baselines.md
#   benches/baselines/run.sh SEED...    some of them; what was judged is kept, so they may run beside each other
#
# OUTFLOW names a binary to be used instead of building one. Fleets and lakes stay in target/baselines, about 3 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/peers/venv
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "$(grep '^duckdb==' benches/peers/requirements.txt)"
if [ -z "${OUTFLOW:-}" ]; then
    cargo build --quiet --release --no-default-features
    OUTFLOW=target/release/outflow
fi
exec "$venv/bin/python" benches/baselines/compare.py --outflow "$OUTFLOW" --work target/baselines "$@"
