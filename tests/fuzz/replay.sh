#!/bin/sh
# replay.sh OUT FINDINGS PROGRAMS NAME...: runs seeds, findings and corpus once, without libFuzzer. VALGRIND=1: under it.
cd "$(dirname "$0")" || exit 1
out=$1 data=$2 programs=$3
shift 3
passed=0 failed=0
for name in "$@"; do
    set -- "$out/seeds/$name"
    [ ! -d "$out/kept/$name" ] || set -- "$@" "$out/kept/$name"
    [ ! -d "$data/$name" ] || set -- "$@" "$data/$name"
    [ -n "$VALGRIND" ] || [ -z "$(ls -A "$out/corpus/$name" 2> /dev/null)" ] || set -- "$@" "$out/corpus/$name"
    tool=
    [ -z "$VALGRIND" ] || tool="valgrind -q --error-exitcode=9 --leak-check=full"
    log=$out/replay-$name.log
    if $tool "$programs/replay_$name" "$@" > "$log" 2>&1; then
        n=$(sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p' "$log")
        passed=$((passed + ${n:-0}))
        echo "$name: ${n:-0} inputs"
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        tail -n 15 "$log" | cut -c1-200
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
