#!/bin/sh
# test_runner.sh: run.sh must not call anything good that is not: a suite that says nothing, that checked nothing, whose
# status and figures disagree, that hangs, that was not built, that was skipped where nothing may be. And test_docs.sh must
# find fault with a document that holds no code, or code that does not compile.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
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
    if [ $((got != 0)) -eq "$status" ] && grep -qE "$line" "$T/said"; then ok; else
        bad "$name: status $got, no line /$line/ in" "$T/said"
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

# ---- suite.sh: the same for what the suites are made of
suite() {    # suite NAME WANTED-STATUS WANTED-LINE TEXT: a suite that reads suite.sh
    run "$1" "$2" "$3" ". ./suite.sh
$4
finish"
}
suite "one that is good" 0 '^6 passed, 0 failed$' 'ok; equal two "a b" "a b"; at_most x 3 3; at_least x 3 3; need sh; built suite.sh
    echo "2 passed, 0 failed" > "$T/x"; add_up x 0 "$T/x"; secret none'
suite "nothing is checked" 1 'checked nothing'  :
suite "bad" 1 'FAILED it is wrong' 'ok; bad "it is wrong"'
suite "bad shows the file" 1 '    \| +first line' 'echo "first line" > "$T/x"; bad "it is wrong" "$T/x"'
suite "equal" 1 '^1 passed, 1 failed$' 'ok; equal two "a b" "a  b"'
suite "at_most" 1 '^1 passed, 1 failed$' 'ok; at_most x 4 3'
suite "at_most, and nothing was measured" 1 '^1 passed, 2 failed$' 'ok; at_most x "" 3; at_most x 0 3'
suite "at_least" 1 '^1 passed, 2 failed$' 'ok; at_least x 2 3; at_least x "" 3'
suite "add_up, failures" 1 '^5 passed, 2 failed$' 'echo "5 passed, 2 failed" > "$T/x"; add_up x 1 "$T/x"'
suite "add_up, failures and status 0" 1 '^5 passed, 2 failed$' 'echo "5 passed, 2 failed" > "$T/x"; add_up x 0 "$T/x"'
suite "add_up, a status" 1 '^5 passed, 1 failed$' 'echo "5 passed, 0 failed" > "$T/x"; add_up x 3 "$T/x"'
suite "add_up, nothing checked" 1 '^1 passed, 1 failed$' 'ok; echo "0 passed, 0 failed" > "$T/x"; add_up x 0 "$T/x"'
suite "add_up, no closing line" 1 '^1 passed, 1 failed$' 'ok; : > "$T/x"; add_up x 0 "$T/x"'
suite "what must be built" 1 'no .*/none: make -C tests tools' 'ok; built "$T/none"'
suite "a server that does not start" 1 'FAILED the mock server does not start' \
    'ok; mock=$T/mock; printf "#!/bin/sh\nexit 1\n" > "$mock"; chmod +x "$mock"; sleep() { :; }; serve'
suite "a key" 1 'has printed a part of a key' 'ok; secret some-secret-key-0; echo "it is some-secret-key-0"'
suite "a skip" 0 '^SKIPPED suite1: needs none \(package\)$' 'ok; need none package'
suite "a part left out" 0 '^1 passed, 0 failed$' 'ok; left_out part tool'
LLM_CI=1
export LLM_CI
suite "a skip where nothing may be skipped" 1 '^0 passed, 1 failed$' 'ok; need none package'
suite "a part left out where nothing may be" 1 '^1 passed, 1 failed$' 'ok; left_out part tool'
unset LLM_CI
HTTPS_PROXY=http://of.the.user
export HTTPS_PROXY
suite "the user's environment" 0 '^1 passed, 0 failed$' '[ -n "${HTTPS_PROXY+x}" ] || ok'
unset HTTPS_PROXY
# the folder and the processes of a suite are gone when it is over, however it ends
for how in finish 'kill -TERM $$; sleep 1'; do
    suite "a suite that ends: $how" "$([ "$how" = finish ] && echo 0 || echo 1)" . \
        'ok; sleep 60 & pids=$!; sleep 0.5; echo "$pids $T" > "'"$T/left"'"; '"$how"
    read -r process folder < "$T/left"
    if [ -n "$folder" ] && [ ! -e "$folder" ] && ! kill -0 "$process" 2> /dev/null; then ok; else bad "$how: it has left something"; fi
done

# ---- documents
docs() {
    printf '%b' "$3" > "$T/README.md"
    README=$T/README.md BUILD=$T/build HDR=$T/build CC=${CC:-cc} sh test_docs.sh > "$T/said" 2>&1
    got=$?
    if [ $((got != 0)) -eq "$2" ] && grep -qE "$4" "$T/said"; then ok; else
        bad "$1: status $got, no line /$4/ in" "$T/said"
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
finish
