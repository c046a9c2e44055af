#!/bin/sh
# more_fuzz.sh: every fuzzer (fuzz/Makefile) replays what the repository holds and runs for a few seconds. Before that each
# kind of check that they make is given a header with a defect that it has to find.
cd "$(dirname "$0")/fuzz" || exit 1
root=$(cd ../.. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}/llm_openai.h
jobs=${JOBS:-$(nproc 2> /dev/null || echo 1)}
seconds=${FUZZ_SECONDS:-4}
unset MAKEFLAGS MFLAGS MAKELEVEL JOBS FUZZ_SECONDS ONLY
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_fuzz.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { (void)p; (void)n; return 0; }' > "$T/x.c"
if ! clang -fsanitize=fuzzer,address,undefined -o "$T/x" "$T/x.c" > /dev/null 2>&1 || ! "$T/x" -runs=1 > /dev/null 2>&1; then
    echo "SKIPPED fuzz: needs clang with libFuzzer"
    exit 77
fi
[ -f "$build/libbearssl.a" ] || { echo "no $build/libbearssl.a: make -C tools libbearssl"; exit 1; }
passed=0 failed=0

# fuzzer @ what its report must hold @ the defect
cat > "$T/defects" << 'END'
json@read again@s/esc\[5\] = hex\[c & 15\];/esc[5] = hex[c \& 7];/
sse@the same at every split@s/if (s->lf) {/if (s->lf \&\& end - *p == 1) {/
http@heap-buffer-overflow@s/if (end - p > 1 && p\[1\] == '\\n') {/if (p[1] == '\\n') {/
call@FUZZ_KEY@/^LLMI_FN void llmi_wire_copy/,/^}/s/n = llmi_redact(.*;/(void)w;/
END

# one defect: builds the fuzzer with it, and it has to report it
plant() {
    name=$1
    line=$(grep "^$name@" "$T/defects")
    line=${line#*@}
    word=${line%%@*}
    mkdir -p "$T/$name"
    sed "${line#*@}" "$header" > "$T/$name/llm_openai.h"
    if cmp -s "$header" "$T/$name/llm_openai.h"; then
        echo "the defect of $name cannot be planted: the line that it changes is not there"
        return 1
    fi
    make -s --no-print-directory build ONLY="$name" HDR="$T/$name" OUT="$T/$name/out" > "$T/$name/log" 2>&1 || {
        tail -n 5 "$T/$name/log"
        return 1
    }
    make -s --no-print-directory ci ONLY="$name" HDR="$T/$name" OUT="$T/$name/out" CI_SECONDS="$seconds" > "$T/$name/log" 2>&1 && {
        echo "$name does not find a defect that was planted"
        return 1
    }
    grep -aq "$word" "$T/$name/out/$name.log" || {
        echo "$name finds something else than the defect that was planted:"
        cut -c1-200 "$T/$name/log" | head -n 10
        return 1
    }
    echo "$name finds its planted defect"
}

rm -rf "$build/fuzz/new"
make -s --no-print-directory -j"$jobs" build HDR="${header%/*}" || { echo "0 passed, 1 failed"; exit 1; }
running=0
for name in $(cut -d@ -f1 "$T/defects"); do
    { plant "$name" > "$T/$name.out" 2>&1 && : > "$T/$name.found"; } &
    running=$((running + 1))
    if [ $running -ge "$jobs" ]; then
        wait
        running=0
    fi
done
wait
for name in $(cut -d@ -f1 "$T/defects"); do
    cat "$T/$name.out"
    if [ -f "$T/$name.found" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
make -s --no-print-directory ci HDR="${header%/*}" CI_SECONDS="$seconds" JOBS="$jobs" > "$T/ci.log" 2>&1
status=$?
before=$passed,$failed
line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$T/ci.log" | tail -n 1)
grep -vE '^[0-9]+ passed, [0-9]+ failed$' "$T/ci.log"
case $line in
    *passed*)
        passed=$((passed + ${line%% *}))
        line=${line#*, }
        failed=$((failed + ${line%% *})) ;;
    *) failed=$((failed + 1)) ;;
esac
# none was run, or it ended badly and does not say which
[ "$before" != "$passed,$failed" ] && { [ $status -eq 0 ] || [ $failed -gt 0 ]; } || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
