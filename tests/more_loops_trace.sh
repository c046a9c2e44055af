#!/bin/sh
# more_loops_trace.sh: the system calls of the examples with an event loop (epoll, poll, libuv, glib), by strace. Only the
# loop's own wait may wait; every descriptor leaves the epoll set in order, or because the call has closed it; none is used
# after that; the loop wakes up no more often than something happens. loops/trace.awk judges; each of its findings is first
# made by a planted mistake.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
need strace
strace -f -o /dev/null true 2> /dev/null || skip "leave to trace a process (ptrace)"
. ./loops/lib.sh

# trace LOOP N [TEXT]: like go, but under strace; the verdict is in $T/verdict, $found is its status
trace() {
    rewind
    WRAP="strace -f -v -s 4 -o $T/trace" go "$@"
    case $1 in
        epoll*) set -- -v loop=epoll_wait ;;
        libuv*) set -- -v loop=epoll_wait -v lax=1 ;;
        # the descriptor by which GLib is woken up: the first that it opens
        glib*) set -- -v loop=poll -v 'mark=fd=3, events=POLLIN' ;;
        poll*) set -- -v loop=poll -v 'mark=fd=(0|-1)[,}]' ;;
    esac
    awk "$@" -f loops/trace.awk "$T/trace" > "$T/verdict" 2>&1
    found=$?
}
number() { sed -n "s/.* $1 \([0-9]*\).*/\1/p" "$T/verdict"; }
clean() { if [ $found -eq 0 ]; then ok; else bad "$1" "$T/verdict"; fi; }
# finds LOOP MISTAKE SED TEXT: a changed copy, of which trace.awk says TEXT
finds() {
    sed "$3" "../examples/$1.c" > "$T/$1_$2.c"
    if cmp -s "$T/$1_$2.c" "../examples/$1.c" || ! make_loop "$1" "$T/$1_$2.c" "$programs/$1_$2"; then
        bad "planted: $1 $2 cannot be made" "$T/err"
        return
    fi
    LIMIT=2 trace "$1_$2" 20
    if [ $found -ne 0 ] && grep -q "^BAD $4" "$T/verdict"; then ok; else bad "planted: $1 $2: no '$4'" "$T/verdict"; fi
}

# refused LOOP N: the system takes the Nth call of epoll_ctl() for no descriptor: this call ends with a word, the others go on
refused() {
    rewind
    OPENAI_MODEL=mock:slow
    LIMIT=10 WRAP="strace -f -o /dev/null -e trace=epoll_ctl -e inject=epoll_ctl:error=ENOSPC:when=$2" go "$1" 4
    equal "$1, refused" "$status $(grep -c ': abc$' "$T/out") $(grep -o "^\\[3 of 4 good" "$T/end")" "1 3 [3 of 4 good"
    equal "$1, refused: errors" "$(grep -ci "^$1: [1-4]: .*no space left on device" "$T/errors") $(
        grep -c "^$1: [1-4]: LLM_ERR_CANCELLED" "$T/errors")" "1 1"
}

part() {
    loop=$1
    for OPENAI_BASE_URL in http://127.0.0.1:$http/v1 https://localhost:$https/v1 https://a.mock.test:$named/v1; do
        extra=0 what="$loop, HTTP"
        case $OPENAI_BASE_URL in
            *localhost*) extra=2 what="$loop, HTTPS" ;;
            *test*) extra=6 what="$loop, a name server" ;;
        esac
        OPENAI_MODEL=mock:mix
        trace "$loop" 20
        good "$what, retries" 20 abc
        clean "$what, retries"
        # 16 of 36 attempts fail, 8 of them without a write of the server's; a handshake is two, and names are two each, and a
        # time for which A waits for AAAA. GLib wakes itself once for each time that is set anew.
        limit=$(bound 36 $((8 + 8 + 20 * 6 + 36 * extra)) 16)
        [ "$loop" != glib ] || limit=$((2 * limit))
        at_most "$what, retries: waits" "$(number waits)" "$limit"
        at_least "$what, retries: connections" "$(number connects)" 21
        OPENAI_MODEL=mock:late
        WIDTH=16 trace "$loop" 30
        good "$what, dead connections" 30 abc
        clean "$what, dead connections"
        case $loop in epoll | libuv) at_least "$what: descriptors with the number of one before" "$(number reused)" 1 ;; esac
    done
    OPENAI_BASE_URL=http://127.0.0.1:$http/v1
    case $loop in
        epoll) refused epoll 3 ;;   # behind its timer and its signals
        libuv) refused libuv 1 ;;   # when it is asked to look at the descriptor; its own come later
    esac
    OPENAI_MODEL=mock:mix
    finds "$loop" waits 's/, &event, 0)/, \&event, 30)/' "a call that waits"
    case $loop in
        epoll)
            finds epoll sleeps 's/^    wakeups++;\|^        wakeups++;/&usleep(1000);/' "a call that waits"
            finds epoll left 's/^    if (s->fd >= 0 && (fd < 0.*/    if (s->fd >= 0 \&\& serial != s->serial \&\& fd >= 0) {/;
                s/^    if (s->fd >= 0) control.*//;s/    s->fd = fd;/    if (fd >= 0) s->fd = fd;/' "left in the set\|EPOLL_CTL_ADD\|EPOLL_CTL_MOD"
            OPENAI_MODEL=mock:late
            finds epoll serial 's/ || serial != s->serial//' "EPOLL_CTL_MOD"
            ;;
        libuv) finds libuv sleeps 's/^    wakeups++;/&uv_sleep(1);/' "a call that waits" ;;
        glib) finds glib sleeps 's/^    wakeups++;/&g_usleep(1000);/' "a call that waits" ;;
        poll) finds poll sleeps 's/^        wakeups++;/&poll(NULL, 0, 1);/' "a call that waits" ;;
    esac
}

each
finish
