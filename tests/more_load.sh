#!/bin/sh
# more_load.sh [STREAMS [SECONDS [SEED]]]: load/load.c, many streams at once with faults in one thread, HTTP and HTTPS,
# under llm_wait() and under an epoll loop: 100 for some seconds; extra_load.sh takes 1,000 for minutes. First the test
# itself is tested: a server that repeats or loses a piece, a caller that asks too often, loses a response, memory or
# a descriptor, or keeps memory from round to round must each be reported. LOAD_CFLAGS adds flags (a sanitizer, say).
cd "$(dirname "$0")" || exit 1
. ./suite.sh
streams=${1:-${LOAD_STREAMS:-100}} seconds=${2:-${LOAD_SECONDS:-2}} seed=${3:-${LOAD_SEED:-1}}
[ "$(uname -s)" = Linux ] || skip "Linux, for epoll and /proc"
[ -d /proc/self/fd ] || skip "/proc"
[ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge $((2 * streams + 100)) ] || skip "more open files"
built "$mock" "$build/libbearssl.a"
# shellcheck disable=SC2086  # LOAD_CFLAGS is a list
$CC $STRICT -O1 -g ${LOAD_CFLAGS:-} -I"$header" -isystem "$build/bearssl/inc" \
    -o "$T/load" load/load.c "$build/libbearssl.a" -lm || { bad "load.c does not build"; finish; }

# one DEFECT TEXT: this finding of load.c, and only with the defect
one() {
    if timeout 200 "$T/load" 24 1 "$seed" "$1" > "$T/$1.out" 2>&1; then
        echo "FAILED: passes with the defect '$1'"
        return 1
    fi
    grep -qF -e "$2" "$T/$1.out" && return
    echo "FAILED: the defect '$1' is not reported by '$2'"
    tail -n 15 "$T/$1.out" | sed 's/^/    /'
    return 1
}
# the defects wait for their servers most of the time: all at once
finds() { { one "$1" "$2" > "$T/$1.said" && : > "$T/$1.found"; } & }
finds twice "a text that is another's, lost or twice"
finds lost "s->at == s->len"
finds often "fig.nexts <= bound"
finds response "t_live"
finds memory "t_live"
finds descriptor "descriptors()"
finds kept "rss_end <= rss"
wait
for defect in twice lost often response memory descriptor kept; do
    if [ -f "$T/$defect.found" ]; then ok; else failed=$((failed + 1)); fi
    cat "$T/$defect.said"
done
[ "$(grep -c 'FAILED' "$T/kept.out")" -eq 1 ] || bad "another check sees the defect 'kept' too, or none does" "$T/kept.out"

"$T/load" "$streams" "$seconds" "$seed" > "$T/out" 2>&1
status=$?
cat "$T/out"
add_up load.c $status "$T/out"
finish
