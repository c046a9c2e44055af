#!/bin/sh
# extra_dynamic.sh: the suites that need no TLS, and test_live_mock with BearSSL compiled in, under MemorySanitizer; two
# threads with a client each under ThreadSanitizer; the same program under valgrind. Each tool first has to find a
# defect in a program of a few lines: otherwise it does not work here.
cd "$(dirname "$0")" || exit 1
root=$(cd .. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}
MOCK_SERVER=${MOCK_SERVER:-$build/mock_server}
export MOCK_SERVER
skip() { echo "SKIPPED dynamic: needs $1"; exit 77; }
command -v valgrind > /dev/null 2>&1 || skip valgrind
[ -x "$MOCK_SERVER" ] || { echo "no $MOCK_SERVER: make -C tools mock"; exit 1; }
[ -f "$build/llm_openai.h" ] || { echo "no $build/llm_openai.h: make -C tools bundle"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_dynamic.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    head -n 25 "$2" | sed 's/^/    /'
}

# run NAME COMMAND...: one check of ours; a report of the tool ends it with status 66
run() {
    name=$1
    shift
    timeout -k 5 150 "$@" > "$T/out" 2>&1
    status=$?
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$T/out" | tail -n 1)
    if [ $status -eq 0 ] && [ -n "$line" ] && [ "${line%% *}" -gt 0 ]; then
        ok
        echo "$name: $line"
    else
        bad "$name: status $status" "$T/out"
    fi
}

# the defects that the tools have to find
cat > "$T/unwritten.c" << 'END'
#include <stdlib.h>
int main(void) {
    volatile char *p = malloc(8);
    int n = p && p[3] == 1 ? 2 : 3;
    free((void *)p);
    return n == 5;
}
END
cat > "$T/race.c" << 'END'
#include <pthread.h>
#include <stddef.h>
static int n;
static void *work(void *p) {
    for (int i = 0; i < 10000; i++) n++;
    return p;
}
int main(void) {
    pthread_t t;
    if (pthread_create(&t, NULL, work, NULL)) return 1;
    work(NULL);
    return pthread_join(t, NULL);
}
END

# without optimisation: nothing unwritten is optimised away, and the suites build six times as fast
MSAN="clang -std=c99 -O0 -gline-tables-only -fsanitize=memory -fno-sanitize-recover=all"
MSAN_OPTIONS=exitcode=66
TSAN="clang -std=c99 -O1 -gline-tables-only -fsanitize=thread"
TSAN_OPTIONS=exitcode=66
export MSAN_OPTIONS TSAN_OPTIONS
MEMCHECK="valgrind -q --error-exitcode=66 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all"
$MSAN -o "$T/unwritten" "$T/unwritten.c" > "$T/out" 2>&1 || skip "clang with MemorySanitizer"
$TSAN -o "$T/race" "$T/race.c" -pthread > "$T/out" 2>&1 || skip "clang with ThreadSanitizer"

# The sanitizers place their memory at fixed addresses, which some kernels' randomisation takes: then without it.
still=
"$T/race" > "$T/out" 2>&1
if [ $? -ne 66 ]; then still="setarch $(uname -m) -R"; fi
$still "$T/race" > "$T/out" 2>&1
if [ $? -eq 66 ]; then ok; else bad "ThreadSanitizer does not see a race" "$T/out"; fi
$still "$T/unwritten" > "$T/out" 2>&1
if [ $? -eq 66 ]; then ok; else bad "MemorySanitizer does not see what is unwritten" "$T/out"; fi
cc -g -o "$T/unwritten" "$T/unwritten.c" 2> "$T/out" && $MEMCHECK "$T/unwritten" > "$T/out" 2>&1
if [ $? -eq 66 ]; then ok; else bad "valgrind does not see what is unwritten" "$T/out"; fi

for source in test_*.c; do
    suite=${source%.c}
    define=-DLLM_NO_TLS
    include=$header
    if head -n 3 $source | grep -q '^/\* needs: '; then
        # BearSSL's own archive is not built for this; the bundled header brings it as source
        [ $suite = test_live_mock ] || continue
        define=
        include=$build
    fi
    # shellcheck disable=SC2086
    if $MSAN $define -D_GNU_SOURCE -include msan/unwritten.h -I"$include" -o "$T/$suite" $source -lm > "$T/out" 2>&1
    then run "MemorySanitizer, $suite" $still "$T/$suite"; else bad "$suite does not build" "$T/out"; fi
done

if $TSAN -I"$build" -o "$T/two" tsan/two_threads.c -pthread > "$T/out" 2>&1
then run "ThreadSanitizer, two_threads" $still "$T/two" 20; else bad "two_threads does not build" "$T/out"; fi
if cc -std=c99 -O1 -g -I"$build" -o "$T/two" tsan/two_threads.c -pthread > "$T/out" 2>&1
then run "valgrind, two_threads" $MEMCHECK "$T/two" 2; else bad "two_threads does not build" "$T/out"; fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
