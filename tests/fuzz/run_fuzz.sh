#!/bin/sh
# run_fuzz.sh OUT FINDINGS NAME...: runs each fuzzer from the inputs that there are, and goes on from them.
#
#   FUZZ_SECONDS=60   each runs for so many seconds of the clock
#   CPU_MINUTES=30    instead: each runs until all its runs together have used so many minutes of processor time
#   JOBS=2            so many at the same time
#   CORPUS=no         replays what the repository holds, then goes on from a part of it; build/fuzz/corpus is left alone
#
# A finding ends that fuzzer's run and is kept in OUT/findings; OUT/NAME.log tells more. OUT/cpu holds what each has used.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
cd "$here" || exit 1
out=$1 data=$2
shift 2
: "${FUZZ_SECONDS:=60}"
export FUZZ_SECONDS CPU_MINUTES CORPUS
mkdir -p "$out/findings" "$out/cpu" || exit 1

# seconds of processor time of this shell's children; `times` must not run in a subshell, whose children are others
used() {
    times > "$out/cpu/.$name"
    spent=$(sed -n 2p "$out/cpu/.$name" | awk '{ for (i = 1; i <= 2; i++) { split($i, a, /[ms]/); s += a[1] * 60 + a[2] } printf "%.2f\n", s }')
}
cpu_of() { awk '{ s += $1 } END { printf "%d\n", s }' "$out/cpu/$1" 2> /dev/null || echo 0; }

# libFuzzer for $1 seconds, or with -runs=0, over these folders; new inputs go to the first one
fuzz() {
    limit=$1
    shift
    nice -n 10 "$out/fuzz_$name" "$limit" -timeout=20 -rss_limit_mb=2000 -max_len=6000 -dict=fuzz.dict -print_final_stats=1 \
        -artifact_prefix="$out/findings/$name-" "$@" > "$log" 2>&1 || return 1
    n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    runs=$((runs + ${n:-0}))
}

# one run of $1 seconds
run() {
    seconds=$1
    found=$out/corpus/$name
    set -- "$out/seeds/$name" "$out/kept/$name" "$data/$name"
    for folder in "$@"; do
        shift
        [ ! -d "$folder" ] || set -- "$@" "$folder"
    done
    if [ "$CORPUS" = no ]; then          # all of it once; then from a part, for the whole would take the few seconds
        fuzz -runs=0 "$@" || return 1
        found=$out/new/$name
        rm -rf "$found"
        mkdir -p "$found"
        find "$@" -type f | sort | awk 'NR % 8 == 1' | while read -r f; do cp "$f" "$found/" || exit 1; done
        set --
    fi
    mkdir -p "$found"
    fuzz -max_total_time="$seconds" "$found" "$@"
}

# everything about one fuzzer
one() {
    name=$1 result=ok runs=0
    log=$out/$name.log
    rm -f "$out/$name.failed"
    while :; do
        seconds=$FUZZ_SECONDS
        if [ -n "$CPU_MINUTES" ]; then
            seconds=$((CPU_MINUTES * 60 - $(cpu_of "$name")))
            [ $seconds -gt 0 ] || break
            [ $seconds -lt 300 ] || seconds=300
        fi
        used
        before=$spent
        run $seconds || result=FAILED
        used
        awk -v a="$before" -v b="$spent" 'BEGIN { printf "%.2f\n", b - a }' >> "$out/cpu/$name"
        if [ -z "$CPU_MINUTES" ] || [ $result != ok ]; then break; fi
    done
    now=$(tail -n 1 "$out/cpu/$name" 2> /dev/null)
    printf '%-8s %-6s %9d inputs run; processor time %7.0f s, with all earlier runs %7d s\n' "$name" $result $runs "${now:-0}" \
        "$(cpu_of "$name")"
    [ $result = ok ] && return 0
    : > "$out/$name.failed"
    grep -aE 'FUZZ_CHECK|ERROR: |runtime error|Test unit written|^---- |^    #[0-9] ' "$log" | head -n 30 | cut -c1-200
}

if [ "$ONE" = 1 ]; then
    one "$1"
    exit 0
fi
for name in "$@"; do rm -f "$out/$name.failed"; done
begin=$(date +%s)
printf '%s\n' "$@" | ONE=1 xargs -P "${JOBS:-1}" -n 1 sh "$here/run_fuzz.sh" "$out" "$data"
failed=0 total=0
for name in "$@"; do
    [ ! -f "$out/$name.failed" ] || failed=$((failed + 1))
    total=$((total + $(cpu_of "$name")))
done
echo "all runs together so far: $total s of processor time; this took $(($(date +%s) - begin)) s"
echo "$(($# - failed)) passed, $failed failed"
[ $failed -eq 0 ] && [ $# -gt 0 ]
