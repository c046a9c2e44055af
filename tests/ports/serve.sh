# serve.sh - what the suites of compilers, switches and boards share; they source it from tests/ after they have set $name.
# Sets $root, $build, $mock, $CC and a folder $T that is removed at the end, as is the mock server.
root=$(cd .. && pwd) || exit 1
build=${BUILD:-$root/build}
mock=${MOCK_SERVER:-$build/mock_server}
CC=${CC:-cc}
skip() { echo "SKIPPED $name: needs $1"; exit 77; }
need() { command -v "$1" > /dev/null 2>&1 || skip "$1${2:+ ($2)}"; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_port.XXXXXX") || exit 1
server=
# shellcheck disable=SC2317
clean_up() {
    [ -z "$server" ] || { kill "$server"; wait "$server"; } 2> /dev/null
    rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n "${3:-20}" "$2" | cut -c1-240 | sed 's/^/    /'
}
equal() { if [ "$2" = "$3" ]; then ok; else bad "$1: is"; printf '%s\n--- wanted\n%s\n' "$2" "$3" | sed 's/^/    /'; fi; }
# at_most WHAT VALUE LIMIT
at_most() {
    if [ -n "$2" ] && [ "$2" -gt 0 ] && [ "$2" -le "$3" ]; then ok; else bad "$1 is ${2:-unknown}, at most $3"; fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
for made in "$build/llm_openai.h" "$build/libbearssl.a" "$mock"; do
    [ -e "$made" ] || { echo "no $made: make -C tools bundle libbearssl mock"; exit 1; }
done

# serve OPTION...: starts the mock server; sets $http, $https, $control and $ca
serve() {
    [ -z "$server" ] || { kill "$server"; wait "$server"; } 2> /dev/null
    rm -f "$T/ready"
    "$mock" --ready-file "$T/ready" --with-parent --lifetime 1200 "$@" > "$T/mock.log" 2>&1 &
    server=$!
    n=0
    while [ ! -f "$T/ready" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    http=$(sed -n 's/.* http 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    https=$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    # shellcheck disable=SC2034
    control=$(sed -n 's/.* control 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    ca=$(sed -n 's/.* ca \(.*\)$/\1/p' "$T/ready")
    [ -n "$http$https" ] || { bad "the mock server does not start" "$T/mock.log"; finish; }
}

# what ports/exchange.c says when all is well
# shellcheck disable=SC2034
EXCHANGED='an answer in one piece
chat: 1, 1 requests
1 2 3 4 5
stream: 1 and called, 1 requests
The tools have answered. read_sensor says: {"room":"hall","celsius":21}.
tools: 1 and called, 2 requests'
