#!/bin/sh
# more_musl.sh: one header, one static binary. The program of static/chat.c is linked with musl (and with glibc) without
# any warning of the linker, has no interpreter and needs no library, and streams a chat over HTTPS in a chroot that holds
# nothing but the program and the trust anchors: no /dev, no /etc, no /proc.
cd "$(dirname "$0")" || exit 1
build=${BUILD:-$(cd .. && pwd)/build}
mock=${MOCK_SERVER:-$build/mock_server}
skip() { echo "SKIPPED more_musl: needs $1"; exit 77; }
command -v musl-gcc > /dev/null 2>&1 || skip musl-gcc
command -v readelf > /dev/null 2>&1 || skip readelf
[ "$(id -u)" = 0 ] || skip "root, for chroot"
[ -x "$mock" ] || { echo "no $mock: make -C tools mock"; exit 1; }
[ -f "$build/llm_openai.h" ] || { echo "no $build/llm_openai.h: make -C tools bundle"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_musl.XXXXXX") || exit 1
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n 20 "$2" | sed 's/^/    /'
}
check() { if [ "$2" = "$3" ]; then ok; else bad "$1: is '$2', wanted '$3'"; fi; }

# serve CERT: starts the mock server with that identity, sets $port and $ca
serve() {
    [ -z "$server" ] || { kill "$server"; wait "$server" 2> /dev/null; }
    rm -f "$T/ready"
    "$mock" --http off --https 0 --cert "$1" --script static/script.txt --ready-file "$T/ready" --with-parent \
        --lifetime 300 > /dev/null &
    server=$!
    n=0
    while [ ! -f "$T/ready" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    port=$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    ca=$(sed -n 's/.* ca \(.*\)$/\1/p' "$T/ready")
    [ -n "$port" ] || bad "the mock server does not start"
}

# try NAME COMPILER...
try() {
    name=$1
    shift
    if ! "$@" -std=c99 -Os -ffunction-sections -fdata-sections -static -Wl,--gc-sections -Wl,--fatal-warnings -s \
        -I"$build" -o "$T/chat" static/chat.c 2> "$T/err"; then
        bad "$name: does not link without a warning" "$T/err"
        return
    fi
    ok
    readelf -lW "$T/chat" > "$T/segments"
    if grep -q INTERP "$T/segments"; then bad "$name: has an INTERP segment"; else ok; fi
    if readelf -dW "$T/chat" 2> /dev/null | grep -q NEEDED; then bad "$name: needs a shared library"; else ok; fi
    if grep -E 'GNU_STACK.*RWE' "$T/segments" > "$T/x"; then bad "$name: executable stack"; else ok; fi
    echo "$name: $(wc -c < "$T/chat") bytes, stripped"
    for cert in ec rsa; do
        serve $cert
        rm -rf "$T/jail"
        mkdir "$T/jail"
        cp "$T/chat" "$T/jail/chat"
        cp "$ca" "$T/jail/roots.pem"
        timeout 30 chroot "$T/jail" /chat "https://127.0.0.1:$port/v1" /roots.pem > "$T/out" 2>&1
        check "$name, $cert: status" $? 0
        check "$name, $cert: what it says" "$(cat "$T/out")" "[Grüße][, Welt] 5 7 finish 1"
    done
    # the same with no anchors must fail: nothing is trusted by default
    rm "$T/jail/roots.pem"
    timeout 30 chroot "$T/jail" /chat "https://127.0.0.1:$port/v1" /roots.pem > "$T/out" 2>&1
    check "$name, no anchors: status" $? 1
    if grep -q '^LLM_ERR_TLS: ' "$T/out"; then ok; else bad "$name, no anchors" "$T/out"; fi
}
try "musl" musl-gcc
try "glibc" "${CC:-cc}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
