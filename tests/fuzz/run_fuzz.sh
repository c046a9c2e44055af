#!/bin/sh
# run_fuzz.sh OUT FINDINGS SECONDS NAME...: replays what there is and goes on from it. A finding is kept in OUT/findings.
cd "$(dirname "$0")" || exit 1
out=$1 data=$2 seconds=$3
shift 3
passed=0 failed=0
mkdir -p "$out/findings"
for name in "$@"; do
    mkdir -p "$out/corpus/$name"
    old=$out/seeds/$name
    [ ! -d "$data/$name" ] || old="$old $data/$name"
    log=$out/$name.log
    # shellcheck disable=SC2086
    if nice -n 10 "$out/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2000 -max_len=6000 -dict=fuzz.dict \
        -print_final_stats=1 -artifact_prefix="$out/findings/$name-" "$out/corpus/$name" $old > "$log" 2>&1; then
        passed=$((passed + 1))
        word=ok
    else
        failed=$((failed + 1))
        word=FAILED
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    cov=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1)
    printf '%-8s %-6s %9s runs, %6s a second, %s, %s inputs\n' "$name" $word "${runs:-?}" "${rate:-?}" "${cov:-?}" \
        "$(find "$out/corpus/$name" -type f | wc -l)"
    [ $word = ok ] || grep -aE 'FUZZ_CHECK|ERROR: |runtime error|Test unit written|^---- |^    #[0-9] ' "$log" | head -n 30 | cut -c1-200
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
