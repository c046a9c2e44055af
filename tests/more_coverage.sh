#!/bin/sh
# more_coverage.sh: every line of the header is reached by a suite or an input of a fuzzer, or stands with its reason in
# data/coverage.txt (fuzz/coverage.sh). Before it is believed, a line is said not to be reached, and one is listed that is.
cd "$(dirname "$0")/fuzz" || exit 1
root=$(cd ../.. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}/llm_openai.h
jobs=${JOBS:-$(nproc 2> /dev/null || echo 1)}
CHAOS_PROXY=${CHAOS_PROXY:-$build/chaos_proxy}
export CHAOS_PROXY
unset MAKEFLAGS MFLAGS MAKELEVEL JOBS ONLY
skip() { echo "SKIPPED coverage: needs $1"; exit 77; }
command -v clang > /dev/null 2>&1 || skip clang
command -v llvm-cov > /dev/null 2>&1 || command -v llvm-cov-14 > /dev/null 2>&1 || skip "llvm-cov (Debian: llvm)"
[ -f "$build/libbearssl.a" ] || { echo "no $build/libbearssl.a: make -C tools libbearssl"; exit 1; }
out=$build/coverage
mkdir -p "$out" || exit 1
make -s --no-print-directory -j"$jobs" coverage CORPUS=no HDR="${header%/*}" OUT="$out" > "$out/log" 2>&1
status=$?
grep -vE '^[0-9]+ passed, [0-9]+ failed$' "$out/log"
[ -f "$out/cov/report.txt" ] || { echo "0 passed, 1 failed"; exit 1; }
line=$(tail -n 1 "$out/cov/report.txt")
passed=${line%% *}
failed=${line#*, }
failed=${failed%% *}
[ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1

gate() { awk -f coverage.awk "$1" "$header" "$2" "$out/cov/all.parts" > "$out/cov/planted.txt"; }
n=$(grep -n '^LLMI_FN uint64_t llmi_now(' "$header" | cut -d: -f1)
sed "s/^DA:$((n + 1)),.*/DA:$((n + 1)),0/" "$out/cov/all.lcov" > "$out/cov/planted.lcov"
if ! gate ../data/coverage.txt "$out/cov/planted.lcov" && grep -q '  llmi_now: return' "$out/cov/planted.txt"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "a line that is not reached is not reported"
fi
{ cat ../data/coverage.txt; printf '= planted\nllmi_now: %s\n' "$(sed -n "$((n + 1))p" "$header")"; } > "$out/cov/planted-reasons.txt"
if ! gate "$out/cov/planted-reasons.txt" "$out/cov/all.lcov" && grep -q '  llmi_now: return' "$out/cov/planted.txt"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "a line that is listed and reached is not reported"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
