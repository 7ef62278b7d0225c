#!/usr/bin/env bash
# Times `outflow scan` (direction, coverage, windows, lake, detection) against a bare GROUP BY of what else people
# would use, and against inflating alone, on simulated corpora. One command, no network but PyPI's.
#
#   benches/peers/run.sh [ROUNDS]      default 5; prints a table and writes benches/records/DATE-peers.md
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/peers
venv=$work/venv
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
cargo build --quiet --release --no-default-features
stages=$(cargo bench --quiet --no-default-features --bench stages --no-run --message-format=json |
    sed -n 's/.*"name":"stages".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
exec "$venv/bin/python" benches/peers/compare.py --outflow target/release/outflow --stages "$stages" \
    --work "$work" --rounds "${1:-5}"
