# lib.sh: what the suites of the ports have in common. Read by them with `.`; the suite has set NAME and is in tests/.
# what is set for the user's own programs must not reach the tests
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
build=${BUILD:-$(cd .. && pwd)/build}
mock=${MOCK_SERVER:-$build/mock_server}
skip() { echo "SKIPPED $NAME: needs $1"; exit 77; }
[ -x "$mock" ] || { echo "no $mock: make -C tools mock"; exit 1; }
[ -f "$build/llm_openai.h" ] || { echo "no $build/llm_openai.h: make -C tools bundle"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_$NAME.XXXXXX") || exit 1
server= script=ports/three.script
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n 8 "$2" | sed 's/^/    /'
}
check() { if [ "$2" = "$3" ]; then ok; else bad "$1: is '$2', wanted '$3'"; fi; }
result() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# serve CERT: a fresh mock server with that identity that plays $script; sets $port, $control and $ca
serve() {
    [ -z "$server" ] || { kill "$server" 2> /dev/null; wait "$server" 2> /dev/null; }
    rm -f "$T/ready"
    "$mock" --http off --https 0 --cert "$1" ${script:+--script "$script"} --ready-file "$T/ready" --with-parent \
        --lifetime 300 > /dev/null &
    server=$!
    n=0
    while [ ! -f "$T/ready" ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
    port=$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    control=$(sed -n 's/.* control 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    ca=$(sed -n 's/.* ca \(.*\)$/\1/p' "$T/ready")
    [ -n "$port" ] || bad "the mock server does not start"
}

# stats NAME...: those of the server's counters
stats() {
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new("127.0.0.1:" . shift) or exit 1;
        print $s "GET /__mock/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        my $answer = join "", <$s>;
        print join(" ", map { $answer =~ /"$_":(\d+)/ ? "$1 $_" : "no $_" } @ARGV), "\n";' "$control" "$@"
}

# three NAME CERT COMMAND...: the command is given the URL and $three_args and must hold the three exchanges on one
# connection. Its output may have the line ends of another system.
three_args=
three() {
    what="$1, $2"
    serve "$2"
    shift 2
    timeout 120 "$@" "https://127.0.0.1:$port/v1" $three_args > "$T/out" 2>&1
    check "$what: status" $? 0
    tr -d '\r' < "$T/out" > "$T/log"
    if cmp -s "$T/log" ports/three.log; then ok; else
        diff "$T/log" ports/three.log > "$T/diff"
        bad "$what: says something else" "$T/diff"
    fi
    check "$what: what the server saw" "$(stats connections requests script_left)" "1 connections 4 requests 0 script_left"
}

# refuses NAME CERT COMMAND...: the server is one that the program does not trust: it must not get a request
refuses() {
    what=$1
    serve "$2"
    shift 2
    timeout 120 "$@" "https://127.0.0.1:$port/v1" $three_args > "$T/out" 2>&1
    check "$what: status" $? 1
    if grep -q '^chat: LLM_ERR_TLS: ' "$T/out"; then ok; else bad "$what: what it says" "$T/out"; fi
    check "$what: what the server saw" "$(stats requests)" "0 requests"
}
