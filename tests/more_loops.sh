#!/bin/sh
# more_loops.sh: the examples with an event loop (epoll, poll, libuv, glib) do what they say, with many streams in one thread
# over HTTP and HTTPS, beside timers and signals of their own: all answers come and are right, also when attempts fail,
# connections break, kept connections are dead and descriptors get new ones of the same number; the loop wakes up no more
# often than something happens. Loops with a planted mistake must be found. more_loops_trace.sh looks at the system calls.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./loops/lib.sh
LONG=${LOOPS_STREAMS:-1000} LONG_TLS=${LOOPS_TLS_STREAMS:-150}
[ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge $((LONG + 100)) ] || LONG=200 LONG_TLS=150
ulimit -n $((LONG + 100)) 2> /dev/null || LONG=200 LONG_TLS=150

part() {
    loop=$1
    plain=http://127.0.0.1:$http/v1 tls=https://localhost:$https/v1
    for OPENAI_BASE_URL in $plain $tls; do
        scheme=${OPENAI_BASE_URL%%:*}
        # a handshake is two more writes of the server's
        extra=0
        [ "$scheme" = http ] || extra=2
        OPENAI_MODEL=any
        go "$loop" 24 "echo: one two"
        good "$loop, $scheme" 24 "one two" numbered

        # 16 of 40 attempts fail: 8 without an answer, 8 with one; two timers each at most
        OPENAI_MODEL=mock:mix
        rewind
        go "$loop" 24
        good "$loop, $scheme, retries" 24 abc
        at_most "$loop, $scheme, retries: wake-ups" "$wakeups" "$(bound 40 $((8 + 8 + 24 * 6 + 40 * extra)) 16)"
        [ "$loop" = poll ] || at_least "$loop, $scheme: ticks of its own" "$(ticks)" 1
        [ "$loop" != epoll ] || equal "$loop, $scheme, retries" "$(sed -n 's/.* \([0-9]*\) retries.*/\1/p' "$T/end")" 16
    done
    OPENAI_BASE_URL=$plain OPENAI_MODEL=any
    case $loop in
        # more than its buffer holds, three times what runs at once; and a last line without an end
        poll)
            go poll 200 "echo: one of the lines that are more than 8192 bytes"
            good "poll, many lines" 200 "one of the lines that are more than 8192 bytes" numbered
            printf 'echo: one\n\necho: two' | timeout 30 "$programs/poll" 2> "$T/errors" | sort > "$T/out"
            equal "poll, two lines" "$(head -n 2 "$T/out")" "1: one
2: two" ;;
        # every question is asked also when some cannot be
        epoll)
            if planted begin epoll 's/if (llm_start/if (asked % 2 != 0 \&\& llm_start/'; then
                WIDTH=1 go epoll_begin 5 "echo: one"
                equal "epoll, two calls cannot begin" "$(cut -d: -f1 "$T/out" | tr '\n' ' ')$(grep -c '^epoll: [24]: ' "$T/errors")" \
                    "1 3 5 2"
            fi ;;
        # libuv stops after an error: it must be told to go on
        libuv)
            if LOOPS_CFLAGS="${LOOPS_CFLAGS:-} -include loops/uv_error.h" make_loop libuv ../examples/libuv.c "$programs/libuv_error"
            then ok; else bad "libuv with errors" "$T/err"; fi
            OPENAI_MODEL=mock:slow
            LIMIT=10 go libuv_error 24
            good "libuv with errors" 24 abc ;;
    esac
    # a name server; two sockets at once, and a descriptor that stands for both
    OPENAI_BASE_URL=https://a.mock.test:$named/v1
    OPENAI_MODEL=mock:mix
    rewind
    go "$loop" 24
    good "$loop, a name server" 24 abc
    # two answers of the name server, and the time for which A waits for AAAA
    at_most "$loop, a name server: wake-ups" "$wakeups" "$(bound 40 $((8 + 8 + 24 * 6 + 40 * 2 + 40 * 2)) $((16 + 40)))"
    OPENAI_BASE_URL=$plain
    OPENAI_MODEL=mock:status-401
    go "$loop" 3
    equal "$loop, 401: status" "$status" 1
    equal "$loop, 401: answers" "$(wc -l < "$T/out")" 0
    equal "$loop, 401: errors" "$(grep -c "^$loop: [1-3]: LLM_ERR_AUTH: " "$T/errors")" 3
    kept
    # Ctrl-C: what runs is cancelled, and the program ends (--foreground: timeout would send the signal twice)
    if [ "$loop" != poll ]; then
        OPENAI_BASE_URL=$plain OPENAI_MODEL=mock:hang
        LIMIT="--foreground -s INT 0.7" go "$loop" 5
        equal "$loop, Ctrl-C: status" "$status" 124
        equal "$loop, Ctrl-C: errors" "$(grep -c "^$loop: [1-5]: LLM_ERR_CANCELLED: " "$T/errors")" 5
        equal "$loop, Ctrl-C: last line" "$(grep -c '0 of 5 good' "$T/end")" 1
    fi
    [ "$loop" != epoll ] || many
    mistakes
}

# Kept connections that are dead: the call gets a new descriptor, which has the number of the old one.
kept() {
    for OPENAI_BASE_URL in $plain $tls; do
        rewind
        if [ "$loop" = poll ]; then   # typed, one after the other
            OPENAI_MODEL=mock:keep
            (i=0; while [ $i -lt 12 ]; do i=$((i + 1)); echo $i; sleep 0.07; done) |
                timeout 30 "$programs/poll" > "$T/raw" 2> "$T/errors"
            status=$?
            sort -n "$T/raw" | grep '^[0-9]*: ' > "$T/out"
            good "poll, typed, dead connections" 12 abc
        else
            OPENAI_MODEL=mock:late
            WIDTH=16 go "$loop" 40
            good "$loop, dead connections" 40 abc
        fi
    done
}

# very many
many() {
    OPENAI_BASE_URL=$plain OPENAI_MODEL=mock:slow
    go epoll "$LONG"
    good "epoll, $LONG streams" "$LONG" abc
    at_most "epoll, $LONG streams: wake-ups" "$wakeups" "$(bound "$LONG" $((LONG * 6)) 0)"
    echo "epoll: $LONG streams over HTTP, $wakeups wake-ups for $((LONG * 6)) writes of the server"
    OPENAI_BASE_URL=$tls
    go epoll "$LONG_TLS"
    good "epoll, $LONG_TLS streams over TLS" "$LONG_TLS" abc
    at_most "epoll, $LONG_TLS streams over TLS: wake-ups" "$wakeups" "$(bound "$LONG_TLS" $((LONG_TLS * 8)) 0)"
    OPENAI_MODEL=any
    WIDTH=25 go epoll 300 "echo: one two"
    good "epoll, 300 in turns of 25 over TLS" 300 "one two" numbered
}

# ---- planted mistakes
# planted NAME LOOP SED: a changed copy
planted() {
    sed "$3" "../examples/$2.c" > "$T/$2_$1.c"
    ! cmp -s "$T/$2_$1.c" "../examples/$2.c" && make_loop "$2" "$T/$2_$1.c" "$programs/$2_$1" || { bad "planted: $2 $1" "$T/err"; return 1; }
}
mistakes() {
    OPENAI_BASE_URL=$plain
    # it waits until it can write, which it always can
    case $loop in
        epoll) change='s/if (wants & LLM_WANT_WRITE) //' ;;
        poll) change='s/(wants & LLM_WANT_WRITE ? POLLOUT : 0)/POLLOUT/' ;;
        libuv) change='s/(wants & LLM_WANT_WRITE ? UV_WRITABLE : 0)/UV_WRITABLE/' ;;
        glib) change='s/(wants & LLM_WANT_WRITE ? G_IO_OUT | G_IO_ERR : 0)/G_IO_OUT/' ;;
    esac
    if planted wants "$loop" "$change"; then
        OPENAI_MODEL=mock:slow
        go "${loop}_wants" 4
        limit=$(bound 4 24 0)
        if [ "$status" -eq 0 ] && [ "$wakeups" -gt $((10 * limit)) ]; then ok; else
            bad "planted: $loop that looks for room to write all the time: $wakeups wake-ups, $limit are due" "$T/errors"
        fi
    fi
    # it knows a descriptor by its number. (libuv gets away with that, as the new one begins with other wants; and poll()
    # under GLib, which keeps nothing.)
    if [ "$loop" = epoll ] && planted serial epoll 's/ || serial != s->serial//'; then
        OPENAI_MODEL=mock:late
        rewind
        WIDTH=16 LIMIT=2 go epoll_serial 40
        if whole 40 abc; then bad "planted: epoll without the serial is not found"; else ok; fi
    fi
    # it forgets the time for which the call waits
    case $loop in
        poll) return ;;
        epoll) change='s/s->due = .*/s->due = ms == 0 ? now_ms() : -1;/' ;;
        libuv) change='s/else uv_timer_start/else if (ms == 0) uv_timer_start/' ;;
        glib) change='s/ms < 0 ? -1/ms != 0 ? -1/' ;;
    esac
    if planted time "$loop" "$change"; then
        OPENAI_MODEL=mock:mix
        rewind
        LIMIT=2 go "${loop}_time" 24
        if whole 24 abc; then bad "planted: $loop without the time is not found"; else ok; fi
    fi
}

each
finish
