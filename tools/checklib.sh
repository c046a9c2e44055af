# checklib.sh: what the gates (check_*.sh) share; they source it. A gate looks at one header, by default the one of this
# repository: check_NAME.sh [path of llm_openai.h]. It prints a line for each finding and a closing "N passed, N failed".
#
# $CC is the compiler, $GATE_ROOT the repository whose files are looked at, GATES_FULL=1 asks for every configuration.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
ROOT=${GATE_ROOT:-$(dirname "$here")}
HEADER=${1:-${HDR:-$ROOT}/llm_openai.h}
CC=${CC:-cc}
LC_ALL=C
export LC_ALL
[ -f "$HEADER" ] || { echo "no header: $HEADER"; exit 1; }
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
INC=$(cd "$(dirname "$HEADER")" && pwd)
BEARSSL_INC=${BEARSSL_INC:-$ROOT/build/bearssl/inc}
[ -d "$BEARSSL_INC" ] || BEARSSL_INC=$(dirname "$here")/build/bearssl/inc

passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n "${3:-12}" "$2" | cut -c1-220 | sed 's/^/    /'
}
# expect_empty "what is wrong" FILE: the lines of FILE are findings
expect_empty() {
    if [ -s "$2" ]; then bad "$1" "$2" "${GATE_LINES:-30}"; else ok; fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# The hooks of a system that has nothing: what a build with no sockets, no clock and no heap needs. Declarations only.
HOOKS='#define _DEFAULT_SOURCE 1
#include <stddef.h>
#include <stdint.h>
struct my_conn { int fd; };
void *llm_my_malloc(void *, size_t); void *llm_my_realloc(void *, void *, size_t, size_t);
void llm_my_free(void *, void *, size_t); int llm_my_open(void *, struct my_conn *, const char *, int, int);
long llm_my_send(void *, struct my_conn *, const void *, size_t, int);
long llm_my_recv(void *, struct my_conn *, void *, size_t, int); void llm_my_close(void *, struct my_conn *);
uint64_t llm_my_now(void *); int64_t llm_my_time(void *); void llm_my_sleep(void *, int);
int llm_my_random(void *, void *, size_t);
#define LLM_MALLOC(ctx, n) llm_my_malloc((ctx), (n))
#define LLM_REALLOC(ctx, p, old, n) llm_my_realloc((ctx), (p), (old), (n))
#define LLM_FREE(ctx, p, n) llm_my_free((ctx), (p), (n))
#define LLM_NET_CONN struct my_conn
#define LLM_NET_OPEN(ctx, conn, host, port, ms) llm_my_open((ctx), (conn), (host), (port), (ms))
#define LLM_NET_SEND(ctx, conn, buf, n, ms) llm_my_send((ctx), (conn), (buf), (n), (ms))
#define LLM_NET_RECV(ctx, conn, buf, n, ms) llm_my_recv((ctx), (conn), (buf), (n), (ms))
#define LLM_NET_CLOSE(ctx, conn) llm_my_close((ctx), (conn))
#define LLM_NOW_MS(ctx) llm_my_now(ctx)
#define LLM_UNIX_TIME(ctx) llm_my_time(ctx)
#define LLM_SLEEP_MS(ctx, ms) llm_my_sleep((ctx), (ms))
#define LLM_RANDOM(ctx, buf, n) llm_my_random((ctx), (buf), (n))'

# every switch that the header knows
SWITCHES=$(grep -oE '\bLLM_(NO_[A-Z]+|TLS_SMALL)\b' "$HEADER" | sort -u)
ALL_OFF=$(for s in $SWITCHES; do printf ' -D%s' "$s"; done)
