#!/usr/bin/env bash
# Instructions per record of inflating, parsing and aggregating a fixed corpus, counted by callgrind,
# against the committed figures: more than 3 % above one of them fails (exit code 1).
#
#   benches/instructions.sh            compare
#   benches/instructions.sh --write    write the figures down as the new ones, with the reason in the commit
#
# Counts do not depend on what else the machine does, but on the compiler and the libraries: after a change of
# either write new figures without a change of ours beside them. Exit code 2: valgrind is missing, nothing compared.
set -euo pipefail
cd "$(dirname "$0")/.."
figures=benches/instructions.tsv
allowance=1.03

if ! command -v valgrind >/dev/null; then
    echo "instructions.sh: valgrind is not installed (apt-get install valgrind); NOTHING was compared" >&2
    exit 2
fi

echo "building the stages..." >&2
exe=$(cargo bench --quiet --no-default-features --bench stages --no-run --message-format=json |
    sed -n 's/.*"name":"stages".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
"$exe" write "$dir" >"$dir/records"

count() { # stage corpus -> instructions of the whole process
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$exe" "$1" "$dir/$2.objects" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

while read -r corpus records; do
    load=$(count load "$corpus")
    inflate=$(count inflate "$corpus")
    parse=$(count parse "$corpus")
    pipeline=$(count pipeline "$corpus")
    printf '%s\tinflate\t%d\n' "$corpus" $(((inflate - load) / records))
    printf '%s\tparse\t%d\n' "$corpus" $(((parse - inflate) / records))
    printf '%s\taggregate\t%d\n' "$corpus" $(((pipeline - parse) / records))
    printf '%s\tpipeline\t%d\n' "$corpus" $(((pipeline - load) / records))
done <"$dir/records" >"$dir/now.tsv"

if [ "${1:-}" = --write ]; then
    cp "$dir/now.tsv" "$figures"
    cat "$figures"
    exit 0
fi
awk -v allowance="$allowance" '
    NR == FNR { was[$1, $2] = $3; next }
    {
        before = was[$1, $2]
        verdict = before == "" ? "NEW" : $3 > before * allowance ? "WORSE" : "ok"
        if (verdict != "ok") failed = 1
        printf "%-4s %-10s %6d instructions a record, was %6d (%+.1f %%) %s\n", $1, $2, $3, before, before ? ($3 / before - 1) * 100 : 0, verdict
        seen++
    }
    END { exit failed || seen == 0 }
' "$figures" "$dir/now.tsv"
