#!/bin/sh
# more_switches.sh: each switch of the header's guide alone, all together, and all but the ones without which nothing can be
# sent: compiled strictly, linked and run against the mock server (ports/switches.c). What is off says so,
# the rest works. And each group of hooks alone and all of them together, as the guide writes them (ports/hooks.c): who is
# called, with what. A switch or a hook that stands in the guide and is not known here is a failure.
#
#   usage: [CC=gcc] sh tests/more_switches.sh
cd "$(dirname "$0")" || exit 1
. ./suite.sh
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"
need "${CC%% *}"
base="-I$header -isystem $build/bearssl/inc"
header=$header/llm_openai.h
serve --http 0 --https 0
OPENAI_MODEL=gpt-4o-mini
export OPENAI_MODEL

# ---- the guide: rows of its switches and hooks -------------------------------------------------------------------------
rows() {    # rows HEADER: "switch NAME", "hooks NAME(ctx, ...)", "optional NAME(ctx, ...)"
    perl -ne 'last if /^   >>api-types|^#ifndef LLM_OPENAI_H/; $on = 1 if /^   OPTIONS:/; next unless $on;
    $part = "hooks" if /^   Hooks\./; $part = "optional" if /^   Optional, beside/; $part = "switches" if /^   Switches:/;
    $part = "" if /^   Limits:/;
    if ($part eq "switches" && /^   (LLM_[A-Z_]+) /) { print "switch $1\n" }
    elsif ($part && /^   (LLM_NO_\w+) /) { print "switch $1\n" }
    elsif (/^   LLM_NET_CONN /) { print "$part LLM_NET_CONN\n" } elsif (/^   LLM_NET_TLS /) { print "$part LLM_NET_TLS\n" }
    elsif ($part && /^   LLM_/) { print "$part $1\n" while /(LLM_[A-Z_]+\(ctx[^)]*\))/g }' "$1"
}
rows "$header" > "$T/guide"
switches=$(sed -n 's/^switch //p' "$T/guide" | grep -vE '^(LLM_OPENAI_IMPLEMENTATION|LLM_OPENAI_STATIC|LLM_API)$' | sort -u)
knows() { grep -q "\\b$1\\b" ports/switches.c; }
for s in $switches; do
    if knows "$s"; then ok; else bad "$s: ports/switches.c does not know what it switches off"; fi
done
# one that is new is seen
sed 's/^   LLM_NO_TLS  .*/&\n   LLM_NO_PLANTED     drops nothing/; s/^   LLM_RANDOM(.*/&\n   LLM_PLANTED(ctx, x)   no hook/' "$header" > "$T/planted.h"
rows "$T/planted.h" | grep PLANTED > "$T/x"
equal "planted rows" "$(cat "$T/x")" "hooks LLM_PLANTED(ctx, x)
switch LLM_NO_PLANTED"
if knows LLM_NO_PLANTED; then bad "a planted switch is not found"; else ok; fi
# those that the code asks for, in the other direction
grep -oE '\bLLM_(NO|USE)_[A-Z]+\b|\bLLM_TLS_SMALL\b' "$header" | sort -u > "$T/asked"
echo "$switches" > "$T/rows"
comm -3 "$T/asked" "$T/rows" > "$T/x"
if [ -s "$T/x" ]; then bad "switches of the code that are no rows of the guide, or the other way" "$T/x"; else ok; fi

# ---- switches ------------------------------------------------------------------------------------------------------------
# LLM_LOG ends the program when a line holds the key or the prompt; no header that the library has to choose for
cat > "$T/llm.c" << 'END'
#include <stddef.h>
void switches_log(const char *p, size_t n);
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), (void)(level), switches_log((p), (n)))
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
END
all= usable=
for s in $switches; do
    all="$all -D$s"
    [ "$s" = LLM_NO_SOCKETS ] || usable="$usable -D$s"
done
# queue COMMAND...: runs it beside one other; then: wait
running=
queue() {
    "$@" &
    [ -z "$running" ] || wait "$running"
    running=$!
}
# build WORD SWITCHES: both files, linked
build() {
    # shellcheck disable=SC2086
    $CC $STRICT $base $2 -c -o "$T/$1.o" "$T/llm.c" > "$T/$1.err" 2>&1 &&
        $CC $STRICT $base $2 -o "$T/$1" ports/switches.c "$T/$1.o" "$build/libbearssl.a" >> "$T/$1.err" 2>&1
}
# ran WORD COMMAND...: what was built runs, and its checks are counted
ran() {
    word=$1
    shift
    if [ ! -x "$T/$word" ]; then bad "$word: does not build" "$T/$word.err"; return; fi
    timeout 60 "$@" > "$T/out" 2>&1
    add_up "$word" $? "$T/out"
}
queue build none ""
for s in $switches; do queue build "$s" "-D$s"; done
queue build all "$all"
queue build all-but-sockets "$usable"
queue build all-but-sockets-and-tls "$(echo "$usable" | sed 's/-DLLM_NO_TLS\b//')"
wait $running
for s in none $switches all all-but-sockets all-but-sockets-and-tls; do
    ran "$s" "$T/$s" "http://localhost:$http/v1" "https://localhost:$https/v1" "$ca"
done
wants() { if nm -u "$T/$1" | grep -qw "$2"; then echo yes; else echo no; fi; }
equal "getaddrinfo is used" "$(wants LLM_USE_GETADDRINFO getaddrinfo), $(wants none getaddrinfo)" "yes, no"
equal "getenv is used" "$(wants LLM_NO_ENV getenv), $(wants none getenv)" "no, yes"
equal "malloc is used by the library" "$(nm -u "$T/LLM_NO_MALLOC.o" | grep -cwE 'malloc|realloc|free')" 0
equal "sockets are used" "$(nm -u "$T/LLM_NO_SOCKETS.o" | grep -cwE 'socket|connect|send|recv|poll')" 0
equal "files are read" "$(nm -u "$T/LLM_NO_FILES.o" | grep -cwE 'pread|fopen')" 0
equal "BearSSL is used" "$(nm -u "$T/LLM_NO_TLS.o" | grep -c ' br_')" 0
case " $(echo $switches) " in
    *" LLM_TLS_SMALL "*)
        # what the last handshake agreed on is in the server's statistics: P-256 is 23, X25519 29
        curve() {
            timeout 60 "$T/$1" "http://localhost:$http/v1" "https://localhost:$https/v1" "$ca" > "$T/out" 2>&1
            perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
                print $s "GET /__mock/stats HTTP/1.0\r\n\r\n"; local $/; print <$s> =~ /curve=(\d+)/' "$control"
        }
        equal "curve with LLM_TLS_SMALL and without" "$(curve LLM_TLS_SMALL), $(curve none)" "23, 29" ;;
esac
# a switch changes no struct and no declaration
for s in "" "$all"; do
    # shellcheck disable=SC2086
    echo '#include "llm_openai.h"' | gcc -std=c99 -E -P $base $s -x c - > "$T/declarations.${s:+off}"
done
if cmp -s "$T/declarations." "$T/declarations.off"; then ok; else bad "the switches change the declarations"; fi
if [ "${1:-}" = --switches ]; then finish; fi
. ./ports/hooks.sh
finish
