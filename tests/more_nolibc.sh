#!/bin/sh
# more_nolibc.sh: the whole client with TLS where there is no C library: examples/firmware.c with examples/nolibc, whose
# hooks are system calls, built with -nostdinc -nostdlib. The library's object needs nothing but the hooks and five string
# functions; the program holds its three exchanges over HTTPS on one connection.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
. ./ports/five.sh
[ "$(uname -sm)" = "Linux x86_64" ] || skip "Linux on x86-64"
built "$build/llm_openai.h" "$mock"
example() { make -C ../examples CC="$CC" BUILD="$build" OUT="$T" "$@" > "$T/err" 2>&1; }

# this must be found: a call of strchr in the header
mkdir "$T/planted"
perl -pe 's/^(LLM_API const char \*llm_status_name\(llm_status s\) \{)/char *strchr(const char *, int);\n$1\n    if (strchr("x", (int)s) != 0) return "";/' \
    "$build/llm_openai.h" > "$T/planted/llm_openai.h"
$CC -std=c99 -ffreestanding -O0 -I"$T/planted" -I../examples/nolibc -c -o "$T/planted.o" ../examples/nolibc/llm_openai.c \
    > "$T/planted.err" 2>&1 &
example nolibc || bad "does not build" "$T/err"
if grep 'warning:' "$T/err" > "$T/x"; then bad "warnings" "$T/x"; fi
sed -n '/^Run/,/^make/p' "$T/err" > "$T/steps"
wait $!
hooks='board_(open|send|receive|close|now_ms|unix_time|sleep|random)'
equal "planted: strchr" "$(beyond_five "$T/planted.o" "$hooks")" strchr
only_five "the whole client with TLS, -Os" "$T/nolibc/llm_openai.o" "$hooks"

# ---- what is compiled again
# compiled: which objects the make before has compiled
compiled() { sed -n 's|.* -c -o .*/\([a-z_]*\.o\) .*|\1|p' "$T/err" | sort | tr '\n' ' '; }
equal "first: compiles" "$(compiled)" "board.o firmware.o llm_openai.o string.o "
example nolibc
equal "nothing new: compiles" "$(compiled)" ""
example nolibc ANCHORS="$PWD/data/pki/root-rsa.pem"
equal "other ANCHORS: compiles" "$(compiled)" "firmware.o "
# -n: only says it
for new in nolibc/board.h nolibc/include/string.h "$build/llm_openai.h" "$T/nolibc/how"; do
    example -n -W "$new" "$T/nolibc/firmware"
    equal "new $new: compiles" "$(compiled)" "board.o firmware.o llm_openai.o string.o "
done
for new in firmware.c "$T/nolibc/llm_anchors.h" "$T/nolibc/how_firmware"; do
    example -n -W "$new" "$T/nolibc/firmware"
    equal "new $new: compiles" "$(compiled)" "firmware.o "
done
echo "$CC" > "$T/nolibc/how"
example nolibc
equal "compiled in another way before: compiles" "$(compiled)" "board.o firmware.o llm_openai.o string.o "

# ---- it runs
# try CERT: builds for a server as `make nolibc` has said, as the address is compiled in, and runs
try() {
    serve --http off --https 0 --cert "$1"
    step=$(sed -n "s/^ *\(make -C examples nolibc .*\)PORT\(.*\)/\1$https\2/p" "$T/steps")
    if ! (cd .. && eval "$step CC=\"\$CC\" BUILD=\"\$build\" OUT=\"\$T\"") > "$T/err" 2>&1; then
        bad "$1: does not build" "$T/err"
        return
    fi
    equal "$1: compiles" "$(compiled)" "firmware.o "
    timeout 60 "$(sed -n 's|^ *\(/.*/firmware\)$|\1|p' "$T/steps")" > "$T/out" 2>&1
    equal "$1: status" $? "$2"
}
expected="an answer in one piece
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
The tools have answered. read_sensor says: {\"room\":\"hall\",\"celsius\":21}."
for cert in ec rsa; do
    try $cert 0
    equal "$cert: what it says" "$(head -n 3 "$T/out")" "$expected"
    equal "$cert: what the server saw" "$(stats connections requests)" "1 connections 4 requests"
done
try unknown-ca 1
equal "unknown-ca: what it says" "$(sed -n '1s/^chat failed: \([A-Z_]*\) .*/\1/p' "$T/out")" LLM_ERR_TLS
equal "unknown-ca: what the server saw" "$(stats requests)" "0 requests"
strip "$T/nolibc/firmware"
echo "figure nolibc.file $(wc -c < "$T/nolibc/firmware")"
echo "figure nolibc.text $(size "$T/nolibc/firmware" | awk 'NR == 2 { print $1 }')"
echo "figure nolibc.static_ram $(size "$T/nolibc/firmware" | awk 'NR == 2 { print $2 + $3 }')"
finish
