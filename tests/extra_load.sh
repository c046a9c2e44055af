#!/bin/sh
# extra_load.sh [STREAMS [SECONDS [SEED]]]: load/load.c, some hundred streams at once with faults, HTTP and HTTPS, under
# llm_wait() and under an epoll loop. The defaults are for CI; LOAD_CFLAGS adds flags (a sanitizer, say).
cd "$(dirname "$0")" || exit 1
build=${BUILD:-$(cd .. && pwd)/build}
hdr=${HDR:-..}
MOCK_SERVER=${MOCK_SERVER:-$build/mock_server}
export MOCK_SERVER
skip() { echo "SKIPPED extra_load: needs $1"; exit 77; }
[ "$(uname -s)" = Linux ] || skip "Linux, for epoll and /proc"
[ -d /proc/self/fd ] || skip "/proc"
[ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge $((2 * ${1:-300} + 100)) ] || skip "more open files"
[ -x "$MOCK_SERVER" ] || { echo "no $MOCK_SERVER: make -C tools mock"; exit 1; }
[ -f "$build/libbearssl.a" ] || { echo "no $build/libbearssl.a: make -C tools libbearssl"; exit 1; }
[ -f "$hdr/llm_openai.h" ] || { echo "no llm_openai.h in $hdr"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_load.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
# shellcheck disable=SC2086  # LOAD_CFLAGS is a list
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes"
"${CC:-cc}" -std=c99 -O1 -g $strict -Werror ${LOAD_CFLAGS:-} -I"$hdr" -isystem "$build/bearssl/inc" \
    -o "$T/load" load/load.c "$build/libbearssl.a" -lm || { echo "0 passed, 1 failed"; exit 1; }
"$T/load" "$@"
