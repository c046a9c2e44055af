#!/bin/sh
# test_runner.sh: run.sh must not call anything good that is not: a suite that says nothing, that checked nothing, whose
# status and figures disagree, that hangs, that was not built, that was skipped where nothing may be. And test_docs.sh must
# find fault with a document that holds no code, or code that does not compile.
cd "$(dirname "$0")" || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_runner.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
unset LLM_CI

# run NAME WANTED-STATUS WANTED-LINE SCRIPT...: runs the scripts as suites; the line (grep -E) must be in the output
run() {
    name=$1 status=$2 line=$3
    shift 3
    rm -f "$T"/*.sh
    n=0
    suites=
    for text in "$@"; do
        n=$((n + 1))
        [ "$text" = none ] || printf '%s\n' "$text" > "$T/suite$n.sh"
        suites="$suites $T/suite$n.sh"
    done
    # shellcheck disable=SC2086
    T_TIMEOUT=${limit:-5} sh run.sh "$T/out" $suites > "$T/said" 2>&1
    got=$?
    if [ $((got != 0)) -eq "$status" ] && grep -qE "$line" "$T/said"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name: status $got, no line /$line/ in"
        sed 's/^/    /' "$T/said"
    fi
}
run "all good" 0 '^5 passed, 0 failed$' 'echo "2 passed, 0 failed"' 'echo "3 passed, 0 failed"'
run "one failure" 1 '^4 passed, 1 failed$' 'echo "2 passed, 1 failed"; exit 1' 'echo "2 passed, 0 failed"'
run "failures and status 0" 1 'has failures, and status 0' 'echo "2 passed, 1 failed"'
run "no failures and status 1" 1 'ended with status 1$' 'echo "2 passed, 0 failed"; exit 1'
run "no closing line" 1 'no closing line' 'echo "all fine"'
run "killed after its closing line" 1 'ended with status 139' 'echo "2 passed, 0 failed"; kill -SEGV $$'
run "nothing checked" 1 'checked nothing' 'echo "0 passed, 0 failed"'
run "not built" 1 'was not built' none
run "a key in the output" 1 'has printed a part of a key' \
    'echo some-secret-key-0 > "$T_KEYS_FILE"; echo "it is some-secret-key-0"; echo "1 passed, 0 failed"'
run "eight characters of a key, in an error too" 1 'has printed a part of a key' \
    'printf "short\nsome-secret-key-0\n" > "$T_KEYS_FILE"; echo "me-secre" >&2; echo "1 passed, 0 failed"'
run "seven characters are a word" 0 '^1 passed, 0 failed$' \
    'echo some-secret-key-0 > "$T_KEYS_FILE"; echo "me-secr, not -secret"; echo "1 passed, 0 failed"'
run "the key of the suite before" 0 '^2 passed, 0 failed$' 'echo some-secret-key-0 > "$T_KEYS_FILE"; echo "1 passed, 0 failed"' \
    'echo some-secret-key-0; echo "1 passed, 0 failed"'
limit=1
run "too long" 1 'took longer than 1 s' 'sleep 20; echo "1 passed, 0 failed"'
limit=5
run "a skip beside a success" 0 '^1 skipped$' 'echo "SKIPPED x: needs y"; exit 77' 'echo "1 passed, 0 failed"'
JOBS=3
export JOBS
run "three at a time, and one hangs" 1 '^8 passed, 1 failed$' 'sleep 1; echo "2 passed, 0 failed"' 'sleep 20; echo "9 passed, 0 failed"' \
    'echo "3 passed, 0 failed"' 'echo "3 passed, 0 failed"'
run "one that kills what it runs under" 1 'failed: *suite1.sh' 'kill -KILL $PPID; sleep 1' 'echo "1 passed, 0 failed"'
unset JOBS
run "no suite at all" 1 '0 passed, 1 failed'
LLM_CI=1
export LLM_CI
run "a skip where nothing may be skipped" 1 '^1 passed, 1 failed$' 'echo "SKIPPED x: needs y"; exit 77' \
    'echo "1 passed, 0 failed"'
unset LLM_CI
OPENAI_API_KEY=sk-of-the-user
export OPENAI_API_KEY
run "the user's environment stays outside" 0 '^1 passed, 0 failed$' \
    '[ -z "${OPENAI_API_KEY:-}" ] && echo "1 passed, 0 failed"'
unset OPENAI_API_KEY

# ---- documents
docs() {
    printf '%b' "$3" > "$T/README.md"
    README=$T/README.md BUILD=$T/build HDR=$T/build CC=${CC:-cc} sh test_docs.sh > "$T/said" 2>&1
    got=$?
    if [ $((got != 0)) -eq "$2" ] && grep -qE "$4" "$T/said"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: status $got, no line /$4/ in"
        sed 's/^/    /' "$T/said"
    fi
}
mkdir -p "$T/build"
# a library as small as can be, with one example
cat > "$T/build/llm_openai.h" <<'X'
/* llm_openai.h

       #include "llm_openai.h"
       int main(void) {
           return llm_one() - 1;
       }

   That was it. */
typedef struct llm_client llm_client;
typedef struct { int x; } llm_request, llm_config, llm_response, llm_error, llm_call, llm_event, llm_usage, llm_price;
int llm_one(void);
#ifdef LLM_OPENAI_IMPLEMENTATION
int llm_one(void) { return 1; }
#endif
X
docs "documents in order" 0 '```c\nint f(void);\n```\n```c\nllm_one();\n```\n' '^3 passed, 0 failed$'
docs "a README without code" 1 'no code here\n' 'no code block found in the readme'
docs "a README whose code does not compile" 1 '```c\nllm_two();\n```\n' 'FAILED readme-1'
docs "a README whose program does not link" 1 \
    '```c\n#include "llm_openai.h"\nint g(void);\nint main(void) { return g(); }\n```\n' 'readme-1 does not link'
sed -i 's/llm_one() - 1/llm_three()/' "$T/build/llm_openai.h"
docs "a header whose example does not compile" 1 '```c\nllm_one();\n```\n' 'FAILED header-1'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
