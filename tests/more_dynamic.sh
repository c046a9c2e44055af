#!/bin/sh
# more_dynamic.sh [all]: suites under MemorySanitizer, two threads with a client each under ThreadSanitizer, the same
# program, the tool loop and the suite against the mock server under valgrind. Each tool first has to find defects: in a
# program of a few lines, in a copy of the header, in that program with two threads. "all" (extra_dynamic.sh) takes the
# suites that are too slow for every run, and those with BearSSL under MemorySanitizer. Seconds stand behind each line.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
need clang
need valgrind
built "$mock" "$build/llm_openai.h"
last=$(date +%s)
say() {
    now=$(date +%s)
    printf '%-60s %4d s\n' "$1" $((now - last))
    last=$now
}
# run NAME COMMAND...: one check of ours; a report of the tool ends it with status 66
run() {
    name=$1
    shift
    timeout -k 5 280 "$@" > "$T/out" 2>&1
    status=$?
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$T/out" | tail -n 1)
    if [ $status -eq 0 ] && [ -n "$line" ] && [ "${line%% *}" -gt 0 ]; then
        ok
        say "$name: $line"
    else
        bad "$name: status $status" "$T/out" 25
    fi
}

# finds NAME WORD COMMAND...: the tool must end it with status 66 and name the defect by this word
finds() {
    name=$1 word=$2
    shift 2
    timeout -k 5 280 "$@" > "$T/out" 2>&1
    status=$?
    if [ $status -eq 66 ] && grep -q -e "$word" "$T/out"; then
        ok
        say "$name: found"
    else
        bad "$name: not found, status $status" "$T/out" 25
    fi
}

# the defects that the tools have to find anywhere
cat > "$T/unwritten.c" << 'END'
#include <stdlib.h>
int main(void) {
    volatile char *p = malloc(8);
    if (p && p[3] == 1) return 5; /* a branch: a value that is only passed on is no finding */
    free((void *)p);
    return 0;
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
TSAN="clang -std=c99 -O1 -gline-tables-only -fsanitize=thread"
MSAN_OPTIONS=exitcode=66
TSAN_OPTIONS=exitcode=66
export MSAN_OPTIONS TSAN_OPTIONS
MEMCHECK="valgrind -q --error-exitcode=66 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all"
$MSAN -o "$T/unwritten" "$T/unwritten.c" > "$T/out" 2>&1 || skip "clang with MemorySanitizer"
$TSAN -o "$T/race" "$T/race.c" -pthread > "$T/out" 2>&1 || skip "clang with ThreadSanitizer"

# The sanitizers place their memory at fixed addresses, which some kernels' randomisation takes: then without it.
still=
"$T/race" > "$T/out" 2>&1
if [ $? -ne 66 ]; then still="setarch $(uname -m) -R"; fi
finds "ThreadSanitizer, a race" 'data race' $still "$T/race"
finds "MemorySanitizer, a byte that is unwritten" 'use-of-uninit' $still "$T/unwritten"
cc -g -o "$T/unwritten" "$T/unwritten.c" || exit 1
finds "valgrind, a byte that is unwritten" 'uninitialised' $MEMCHECK "$T/unwritten"

# msan SUITE HEADER_FOLDER [MORE...]: builds it; t.h's memory hooks give memory that is unwritten
msan() {
    suite=$1 include=$2
    shift 2
    $MSAN "$@" -D_GNU_SOURCE -DT_SLOW=10 -include msan/unwritten.h -I"$include" -o "$T/$suite" "$suite.c" $objects -lm \
        > "$T/out" 2>&1 || { bad "$suite does not build" "$T/out" 25; return 1; }
}
objects=

# two defects in a copy of the header: memory that is no longer zeroed, a reader that starts as it lies on the stack
mkdir "$T/heap" "$T/stack"
perl -0777 -pe 's/(LLMI_FN void \*llmi_mem_zalloc\(.*?)\n[^\n]*memset[^\n]*/$1/s or die' "$header/llm_openai.h" \
    > "$T/heap/llm_openai.h" || exit 1
perl -0777 -pe 's/(LLMI_FN void llmi_sse_init\([^{]*\{\n)[^\n]*memset[^\n]*/$1    (void)s;/s or die' \
    "$header/llm_openai.h" > "$T/stack/llm_openai.h" || exit 1
if msan test_conversation "$T/heap" -DLLM_NO_TLS
then finds "MemorySanitizer, a block that is not zeroed" 'use-of-uninit' $still "$T/test_conversation"; fi
if msan test_sse "$T/stack" -DLLM_NO_TLS
then finds "MemorySanitizer, a reader that is not zeroed" 'use-of-uninit' $still "$T/test_sse"; fi

# ---- MemorySanitizer -------------------------------------------------------------------------------------------------
slow="test_call_limits test_faults test_faults_net test_inputs test_json test_live_mock test_mock test_mock_tls test_net test_net_getaddrinfo test_pricing test_pricing_off test_url test_util"
if [ "${1:-}" = all ]; then
    # BearSSL as well: what it writes would count as unwritten
    mkdir "$T/br"
    find "$build/bearssl/src" -name '*.c' | sort > "$T/list"
    # shellcheck disable=SC2016
    if BR=$build/bearssl xargs -P 2 -n 20 sh -c 'cd "$0" && clang -O1 -gline-tables-only -fsanitize=memory -w -I"$BR/inc" \
            -I"$BR/src" -c "$@"' "$T/br" < "$T/list" > "$T/out" 2>&1; then say "BearSSL with MemorySanitizer"
    else bad "BearSSL does not build" "$T/out" 25; fi
fi
for source in test_*.c; do
    suite=${source%.c}
    objects=
    needs=$(sed -n '1,3s|^/\* needs: *\(.*[^ ]\) *\*/.*|\1|p' $source)
    if [ "${1:-}" != all ]; then
        case " $slow " in *" $suite "*) continue ;; esac
    fi
    case " $needs " in
        *" bundle "*) msan "$suite" "$build" || continue ;; # BearSSL as source
        *" bearssl "*)
            [ "${1:-}" = all ] || continue
            objects=$(echo "$T"/br/*.o)
            msan "$suite" "$header" -isystem "$build/bearssl/inc" || continue ;;
        *) msan "$suite" "$header" -DLLM_NO_TLS || continue ;;
    esac
    run "MemorySanitizer, $suite" $still "$T/$suite"
    rm -f "$T/$suite"
done

# ---- ThreadSanitizer and valgrind ------------------------------------------------------------------------------------
if $TSAN -I"$build" -o "$T/two" tsan/two_threads.c -pthread > "$T/out" 2>&1; then
    finds "ThreadSanitizer, two_threads with a race" 'data race' $still "$T/two" 1 race
    run "ThreadSanitizer, two_threads" $still "$T/two" 20
else
    bad "two_threads does not build" "$T/out" 25
fi
if cc -std=c99 -O1 -g -I"$build" -o "$T/two" tsan/two_threads.c -pthread > "$T/out" 2>&1; then
    finds "valgrind, two_threads with a leak" 'definitely lost' $MEMCHECK "$T/two" 1 leak
    finds "valgrind, two_threads with a read of freed memory" 'Invalid read' $MEMCHECK "$T/two" 1 late
    run "valgrind, two_threads" $MEMCHECK "$T/two" 2
else
    bad "two_threads does not build" "$T/out" 25
fi
suites="test_tools test_live_mock"
[ "${1:-}" != all ] || suites="$suites test_call"
for suite in $suites; do
    include=$header define=-DLLM_NO_TLS
    if [ $suite = test_live_mock ]; then include=$build define=; fi
    if cc -std=c99 -D_GNU_SOURCE -O1 -g -DT_VALGRIND -DT_SLOW=10 $define -include msan/unwritten.h -I"$include" \
        -o "$T/$suite" $suite.c -lm > "$T/out" 2>&1
    then run "valgrind, $suite" $MEMCHECK "$T/$suite"; else bad "$suite does not build" "$T/out" 25; fi
done

finish
