# suite.sh: what the suites that are scripts share. A suite reads it with `.` when it is in tests/ or in a folder of it; it
# ends with `finish`. Nothing here is a suite: those are test_*.sh, more_*.sh and extra_*.sh.
#
# Sets $root, $build, $mock, $header (the folder of llm_openai.h), $CC, $STRICT, and $T, a folder that is removed at the
# end, as the processes in $pids and the mock server are ended.
# shellcheck shell=sh disable=SC2034

# what is set for the user's own programs, and for a make above, must not reach the tests
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
unset MAKEFLAGS MFLAGS MAKELEVEL ONLY
root=${PWD%/tests*}
build=${BUILD:-$root/build}
header=${HDR:-$root}
CC=${CC:-cc}
mock=${MOCK_SERVER:-$build/mock_server}
MOCK_SERVER=$mock CHAOS_PROXY=${CHAOS_PROXY:-$build/chaos_proxy}
export MOCK_SERVER CHAOS_PROXY
STRICT="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes
    -Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough -Werror"
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_$(basename "$0" .sh).XXXXXX") || exit 1
passed=0 failed=0 pids='' server='' server_input=/dev/null
# shellcheck disable=SC2086  # a list
stop() { [ $# -eq 0 ] || { kill "$@"; wait "$@"; } 2> /dev/null; }
clean_up() {
    trap - EXIT HUP INT TERM
    # shellcheck disable=SC2086  # lists
    stop $pids $server
    rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ---- verdicts: each check calls ok, or bad WHAT [FILE [LINES]], which shows how FILE begins
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n "${3:-20}" "$2" | cut -c1-240 | sed 's/^/    /'
}
# equal WHAT IS WANTED
equal() { if [ "$2" = "$3" ]; then ok; else bad "$1: is"; printf '%s\n--- wanted\n%s\n' "$2" "$3" | sed 's/^/    /'; fi; }
# at_most WHAT VALUE LIMIT; a figure of 0 is one that was not measured
at_most() { if [ "${2:-0}" -gt 0 ] && [ "$2" -le "$3" ]; then ok; else bad "$1: ${2:-unknown}, at most $3"; fi; }
at_least() { if [ -n "$2" ] && [ "$2" -ge "$3" ]; then ok; else bad "$1: ${2:-unknown}, at least $3"; fi; }
# add_up WHAT STATUS FILE: the closing line that a program has written to FILE, and its status
add_up() {
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$3" | tail -n 1)
    good=${line%% *} line=${line#*, }
    passed=$((passed + ${good:=0}))
    if [ "${line%% *}" != 0 ] || [ "$2" -ne 0 ] || [ "$good" -eq 0 ]; then
        bad "$1: status $2, $good passed, ${line:-no closing line}" "$3"
        case ${line%% *} in [1-9]*) failed=$((failed + ${line%% *} - 1)) ;; esac
    fi
}
# secret KEY: run.sh looks for it in what the suite prints
secret() { [ -z "${T_KEYS_FILE:-}" ] || echo "$1" >> "$T_KEYS_FILE"; }
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# ---- what must be there
skip() { echo "SKIPPED $(basename "$0" .sh): needs $1"; exit 77; }      # run.sh makes it a failure with LLM_CI=1
# left_out PART WHAT: a part of a suite is not run
left_out() {
    echo "SKIPPED $(basename "$0" .sh), $1: needs $2"
    [ "${LLM_CI:-0}" != 1 ] || bad "$1: LLM_CI=1 and $2 is missing"
}
# need COMMAND [PACKAGE]
need() { command -v "$1" > /dev/null 2>&1 || skip "$1${2:+ ($2)}"; }
built() { for f in "$@"; do [ -e "$f" ] || { echo "no $f: make -C tests tools"; exit 1; }; done; }

# serve OPTION...: a mock server in the place of the one before; sets $http, $https, $control and $ca
serve() {
    built "$mock"
    # shellcheck disable=SC2086  # nothing, or one
    stop $server
    rm -f "$T/ready"
    "$mock" --ready-file "$T/ready" --with-parent --lifetime 1200 "$@" < "$server_input" > "$T/mock.log" 2>&1 &
    server=$! n=0
    while [ ! -f "$T/ready" ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
    http=$(sed -n 's/.* http 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    https=$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    control=$(sed -n 's/.* control 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/ready")
    ca=$(sed -n 's/.* ca \(.*\)$/\1/p' "$T/ready")
    [ -n "$http$https" ] || { bad "the mock server does not start" "$T/mock.log"; finish; }
}
