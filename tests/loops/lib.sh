# lib.sh: what more_loops.sh and more_loops_trace.sh share beside suite.sh: the examples with an event loop are built, and a
# name server is there. Sets $loops, those that can be built. Both suites then run `each`, which calls part_LOOP for each of them,
# side by side, in a folder and with mock servers of its own.
built "$mock" "$build/libbearssl.a"
[ "$(uname -s)" = Linux ] || skip "Linux, for epoll"
programs=$T
OPENAI_API_KEY=k-canary-of-the-loops
secret "$OPENAI_API_KEY"
export OPENAI_API_KEY OPENAI_MODEL OPENAI_BASE_URL SSL_CERT_FILE

# shellcheck disable=SC2086  # lists of flags
compile() {
    $CC "$@" 2> "$T/err" || { bad "$CC $*" "$T/err"; finish; }
}
compile -std=c99 -O0 -w -I"$header" -isystem "$build/bearssl/inc" -o "$programs/client" netfaults/client.c "$build/libbearssl.a" -lm
"$programs/client" dns answer 127.0.0.1 1 > "$T/dns" 2>&1 < /dev/null &
pids=$! n=0
while [ $n -lt 100 ] && ! [ -s "$T/dns" ]; do sleep 0.05; n=$((n + 1)); done
dns=$(cat "$T/dns")
echo 'nameserver 127.0.0.1' > "$programs/resolv"
# shellcheck disable=SC2086  # a list
compile -std=c99 -O0 -Wall -Wextra -Werror ${LOOPS_CFLAGS:-} -I"$header" -isystem "$build/bearssl/inc" -DLLM_DNS_PORT="$dns" \
    "-DLLM_RESOLV_CONF=\"$programs/resolv\"" -c -o "$programs/lib.o" ../examples/llm_openai.c

loops=
# make_loop NAME SOURCE OUT: builds an example, or a changed copy of it
# shellcheck disable=SC2086  # lists of flags
make_loop() {
    libs=
    case $1 in
        libuv) libs=-luv ;;
        glib) libs=$(pkg-config --cflags --libs glib-2.0 2> /dev/null | sed 's/-I/-isystem /g') ;;
    esac
    $CC $STRICT -O0 ${LOOPS_CFLAGS:-} -I"$header" -o "$3" "$2" "$programs/lib.o" $libs "$build/libbearssl.a" 2> "$T/err"
}
for name in epoll poll libuv glib; do
    case $name in
        libuv) echo '#include <uv.h>' | $CC -E -x c - > /dev/null 2>&1 || { left_out libuv libuv1-dev; continue; } ;;
        glib) pkg-config --exists glib-2.0 2> /dev/null || { left_out glib "libglib2.0-dev and pkg-config"; continue; } ;;
    esac
    if make_loop $name ../examples/$name.c "$T/$name"; then ok; else bad "examples/$name.c" "$T/err"; continue; fi
    loops="$loops $name"
done

# go LOOP N [TEXT]: N questions, all at once, the answers in order in $T/out, what is said about them in $T/end, the rest in
# $T/errors; $status. $WRAP goes before the program.
go() {
    program=$1 n=$2 question=${3:-x}
    case $program in
        epoll*) set -- "$n" "$question" ${WIDTH:+"$WIDTH"} ;;
        poll*) set -- ; i=0; while [ $i -lt "$n" ]; do i=$((i + 1)); echo "$question $i"; done > "$T/in" ;;
        *) set -- ; i=0; while [ $i -lt "$n" ]; do i=$((i + 1)); set -- "$@" "$question $i"; done ;;
    esac
    [ -f "$T/in" ] || : > "$T/in"
    # shellcheck disable=SC2086  # a list
    timeout ${LIMIT:-${LOOPS_LIMIT:-30}} ${WRAP:-} "$programs/$program" "$@" < "$T/in" > "$T/raw" 2> "$T/errors"
    status=$?
    rm -f "$T/in"
    WIDTH='' LIMIT='' WRAP=''   # some shells keep what stood before a call
    sort -n "$T/raw" | grep '^[0-9]*: ' > "$T/out"
    grep '^\[' "$T/raw" > "$T/end"
    # what a program that must be stopped has said is of no use
    wakeups=$(sed -n 's/.*[ ,]\([0-9]*\) wake-ups.*/\1/p' "$T/end")
}
# whole N TEXT [numbered]: each of the N answers came, and is TEXT, or TEXT and its number
whole() {
    awk -v n="$1" -v text="$2" -v add="${3:-}" 'BEGIN { for (i = 1; i <= n; i++) print i ": " text (add ? " " i : "") }' \
        > "$T/want"
    cmp -s "$T/want" "$T/out" && [ "$status" -eq 0 ]
}
good() {
    what=$1
    shift
    if whole "$@"; then ok; else
        bad "$what: status $status, $(wc -l < "$T/out") answers" "$T/errors"
        diff "$T/want" "$T/out" | head -n 5
    fi
}
# A loop may wake up once for each of: a connection that is made, a write of the server's (its end of a connection too), a
# timer of the library's (twice: the system's clocks are coarser), a tick of its own; and once at the beginning.
# bound ATTEMPTS WRITES TIMERS
bound() { echo $(($1 + $2 + 2 * $3 + 1 + $(ticks))); }
ticks() { sed -n -e 's/.* \([0-9]*\) of them of the timer.*/\1/p' -e 's/.* \([0-9]*\) s, .*/\1/p' \
    -e 's/.* \([0-9]*\) ticks.*/\1/p' "$T/end" | head -n 1 | grep . || echo 0; }

# mock_servers: $http, $https, and $named, HTTPS with the name a.mock.test
mock_servers() {
    serve --cert wildcard --script loops/script.txt
    named=$https named_control=$control pids=$server server=
    serve --script loops/script.txt
    SSL_CERT_FILE=$ca
}
# rewind: the scripts from their beginning
rewind() {
    "$programs/client" script "$control" < loops/script.txt && "$programs/client" script "$named_control" < loops/script.txt ||
        bad "the scripts cannot be set"
}


# each: runs part LOOP for every loop, side by side, and adds up
each() {
    for loop in $loops; do
        (
            T=$programs/in_$loop
            mkdir "$T" || exit 1
            passed=0 failed=0 pids=
            trap clean_up EXIT
            mock_servers
            part "$loop"
            echo "$passed passed, $failed failed"
        ) > "$programs/$loop.says" 2>&1 &
        pids="$pids $!"
        eval "of_$loop=\$!"
    done
    for loop in $loops; do
        eval "wait \$of_$loop"
        sed '$d' "$programs/$loop.says"
        add_up "$loop" 0 "$programs/$loop.says"
    done
}
