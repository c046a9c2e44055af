#!/bin/sh
# coverage.sh OUT FINDINGS HEADER NAME...: lines of each section of the header that the inputs of all fuzzers reach.
cd "$(dirname "$0")" || exit 1
out=$1 data=$2 header=$3
shift 3
objects=
for name in "$@"; do
    set -- "$out/seeds/$name"
    [ ! -d "$data/$name" ] || set -- "$@" "$data/$name"
    [ -z "$(ls -A "$out/corpus/$name" 2> /dev/null)" ] || set -- "$@" "$out/corpus/$name"
    LLVM_PROFILE_FILE=$out/cov-$name.raw "$out/cov_$name" "$@" > "$out/cov-$name.log" 2>&1 || { echo "cov_$name failed"; exit 1; }
    raw="$raw $out/cov-$name.raw"
    if [ -z "$objects" ]; then objects=$out/cov_$name; else objects="$objects -object $out/cov_$name"; fi
done
# shellcheck disable=SC2086
$LLVM_PROFDATA merge -sparse -o "$out/all.profdata" $raw || exit 1
# shellcheck disable=SC2086
$LLVM_COV show $objects -instr-profile="$out/all.profdata" "$header" > "$out/coverage.txt" 2> /dev/null || exit 1
awk -F'|' '
    { text = $3; for (i = 4; i <= NF; i++) text = text "|" $i }
    $1 ~ /^ *[0-9]+$/ && !seen[$1 + 0]++ { line[$1 + 0] = text }
    $1 ~ /^ *[0-9]+$/ && $2 ~ /[0-9]/ { n = $1 + 0; has[n] = 1; v = $2; gsub(/ /, "", v); if (v != "0") hit[n] = 1 }
    $1 ~ /^ *[0-9]+$/ { if ($1 + 0 > last) last = $1 + 0 }
    END {
        section = "top"; order[k = 1] = section
        for (n = 1; n <= last; n++) {
            if (match(line[n], /^ +>>[a-z0-9-]+/)) { section = substr(line[n], RSTART, RLENGTH); gsub(/[ >]/, "", section); order[++k] = section }
            if (has[n]) { all[section]++; if (hit[n]) got[section]++ }
        }
        for (i = 1; i <= k; i++) if (all[order[i]] && !done[order[i]]++)
            printf "%-14s %5d of %5d lines, %5.1f %%\n", order[i], got[order[i]], all[order[i]], 100 * got[order[i]] / all[order[i]]
    }' "$out/coverage.txt"
