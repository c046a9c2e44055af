#!/bin/sh
# coverage.sh OUT DATA HEADER SUITES FUZZERS: lines of the header that the suites and the fuzzers' inputs reach, for each
# section, and those that neither reaches against DATA/coverage.txt, where each stands with its reason. A line of which a
# part never ran (the `return` of an `if`, one side of a `?:`) is not reached. CORPUS=no leaves out build/fuzz/corpus, so
# that the result is the same everywhere.
cd "$(dirname "$0")" || exit 1
out=$1 data=$2 header=$3 suites=$4 names=$5
cov=$out/cov
failed=0 ran=0 objects=
# as in run.sh: what is set for the user's own programs must not reach the tests
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
rm -f "$cov"/*.raw
for name in $suites; do
    # from tests/, as run.sh does; children write profiles of their own
    if (cd .. && LLVM_PROFILE_FILE=$cov/$name-%p.raw timeout 300 "$cov/$name") > "$cov/$name.log" 2>&1 < /dev/null; then
        ran=$((ran + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        tail -n 5 "$cov/$name.log" | cut -c1-200
    fi
    objects="$objects -object $cov/$name"
done
for name in $names; do
    set -- "$out/seeds/$name"
    [ ! -d "$out/kept/$name" ] || set -- "$@" "$out/kept/$name"
    [ ! -d "$data/fuzz/$name" ] || set -- "$@" "$data/fuzz/$name"
    [ "$CORPUS" = no ] || [ -z "$(ls -A "$out/corpus/$name" 2> /dev/null)" ] || set -- "$@" "$out/corpus/$name"
    if LLVM_PROFILE_FILE=$cov/fuzz_$name-%p.raw "$cov/fuzz_$name" "$@" > "$cov/fuzz_$name.log" 2>&1; then
        ran=$((ran + 1))
    else
        failed=$((failed + 1))
        echo "FAILED fuzz_$name"
    fi
    objects="$objects -object $cov/fuzz_$name"
done
objects=${objects# -object}
$LLVM_PROFDATA merge -sparse -o "$cov/all.profdata" "$cov"/*.raw || exit 1
# shellcheck disable=SC2086
$LLVM_COV export -format=lcov $objects -instr-profile="$cov/all.profdata" "$header" > "$cov/all.lcov" || exit 1
# of the segments [line, column, count, has count, starts here, gap] those that never ran
# shellcheck disable=SC2086
$LLVM_COV export -skip-expansions -skip-functions $objects -instr-profile="$cov/all.profdata" "$header" |
    sed -e 's/.*"segments":\[\[//' -e 's/\]\].*//' -e 's/\],\[/\n/g' |
    sed -n 's/^\([0-9]*\),\([0-9]*\),0,true,true,false$/PART:\1,\2/p' > "$cov/all.parts" || exit 1
awk -f coverage.awk "$data/coverage.txt" "$header" "$cov/all.lcov" "$cov/all.parts" > "$cov/report.txt"
status=$?
cat "$cov/report.txt"
[ $status -eq 0 ] && [ $failed -eq 0 ] && [ $ran -gt 0 ]
