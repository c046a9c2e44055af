#!/bin/sh
# test_examples.sh: every program of examples/ is short, builds without a warning in both forms (the bundled header; the
# plain header and build/libbearssl.a), and says what it should, against the mock server. Then the demo as a whole.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
out=$build/tests/examples-$(basename "${CC%% *}")
names="chat stream pull tools conversation"
rm -rf "$out"
mkdir -p "$out" || exit 1
holds() {
    case $2 in
        *"$3"*) ok ;;
        *) bad "$1: '$3' is not in"; printf '%s\n' "$2" | head -n 20 | sed 's/^/    /' ;;
    esac
}
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"

# ---- text ------------------------------------------------------------------------------------------------------------
for name in $names; do
    f=../examples/$name.c
    lines=$(wc -l < "$f")
    if [ "$lines" -lt 60 ]; then ok; else bad "$f has $lines lines, 60 are too many"; fi
    if grep -q 'message' "$f" && grep -q 'llm_client_free' "$f"; then ok; else bad "$f handles no error"; fi
done
# the others have a suite of their own
for f in ../examples/*.c; do
    name=$(basename "$f" .c)
    case " $names llm_openai firmware " in
        *" $name "*) ok ;;
        *) if grep -qw "$name" more_*.sh loops/lib.sh; then ok; else bad "$f: no suite knows it"; fi ;;
    esac
done

# ---- build -----------------------------------------------------------------------------------------------------------
# -w for the bundled library only: its BearSSL part is not ours to make strict
compile() {
    # shellcheck disable=SC2086
    if $CC "$@" 2> "$out/err"; then ok; else bad "$CC $*" "$out/err"; fi
}
# The plain form gets a log, which none of the examples has: neither the key nor a question may be in it.
cat > "$out/log.h" << EOF
void example_log(const char *text, unsigned long n);
#define LLM_LOG(ctx, level, text, n) ((void)(ctx), (void)(level), example_log((text), (unsigned long)(n)))
EOF
cat > "$out/log.c" << EOF
#include <stdio.h>
void example_log(const char *text, unsigned long n) {
    FILE *f = fopen("$out/log", "a");
    if (f == NULL) return;
    fwrite(text, 1, n, f);
    fputc('\\n', f);
    fclose(f);
}
EOF
# shellcheck disable=SC2086
{
    compile -std=c99 -Wall -Wextra -Werror -O0 -I"$build" -c -o "$out/bundled.o" ../examples/llm_openai.c
    compile $STRICT -O0 -I"$header" -isystem "$build/bearssl/inc" -include "$out/log.h" -c -o "$out/plain.o" ../examples/llm_openai.c
    compile -c -o "$out/log.o" "$out/log.c"
    [ $failed -eq 0 ] || finish
    for name in $names; do
        compile $STRICT -I"$build" -o "$out/$name.bundled" ../examples/$name.c "$out/bundled.o"
        compile $STRICT -I"$header" -o "$out/$name.plain" ../examples/$name.c "$out/plain.o" "$out/log.o" "$build/libbearssl.a"
    done
}
[ $failed -eq 0 ] || finish

# ---- the server ------------------------------------------------------------------------------------------------------
cat > "$out/script" << 'EOF'
exchange two
  event {"model":"gpt-5.5","choices":[{"index":0,"delta":{"content":"first"}}]}
  wait
  event {"model":"gpt-5.5","choices":[{"index":0,"delta":{"content":" second"}}]}
  event {"model":"gpt-5.5","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
  event {"model":"gpt-5.5","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}
  done
exchange cut
  chunk half an ans
  cut
exchange stall
  chunk never
  stall
exchange slow
  chunk a
  delay 300
  chunk b
  finish stop
  done
exchange talk
  brain
exchange talk
  status 400
  body {"error":{"message":"not this one","type":"invalid_request_error","param":null,"code":null}}
exchange talk
  brain
EOF
mkfifo "$T/fifo"
exec 3<> "$T/fifo"
server_input=$T/fifo
serve --script "$out/script" --stdin
OPENAI_API_KEY=a-key-that-nobody-prints
secret "$OPENAI_API_KEY"       # what it keeps is looked through at its end
key=$OPENAI_API_KEY
OPENAI_BASE_URL=https://localhost:$https/v1 SSL_CERT_FILE=$ca
export OPENAI_API_KEY OPENAI_BASE_URL SSL_CERT_FILE
# run PROGRAM ARGUMENT...: sets $text, $errors and $status
run() {
    program=$1
    shift
    timeout 30 "$out/$program" "$@" > "$out/out" 2> "$out/errors"
    status=$?
    text=$(cat "$out/out") errors=$(cat "$out/errors")
    cat "$out/out" "$out/errors" >> "$out/all"
}
good() { equal "$1: status" "$status" 0; equal "$1: errors" "$errors" ""; }

# ---- what they say
# Tokens as the mock server counts them (3 for a message and 1 for 4 bytes of it; one for each piece of the answer), at USD
# 0.10 and 0.50 per million. tools: 18 + 38 in; 24 for two calls and 14 out.
sky='Hello from the mock server. There is no model in here, but I have read your 2 messages, and the last one was: "Why is the sky blue?"
[gpt-6-luna: 17 tokens in, 28 out, $0.000016]'
for form in bundled plain; do
    run chat.$form
    good "chat.$form"
    equal "chat.$form" "$text" "$sky"

    run stream.$form "Why is the sky blue?"
    good "stream.$form"
    equal "stream.$form" "$text" 'Hello from the mock server. There is no model in here, but I have read your 1 message, and the last one was: "Why is the sky blue?"
[gpt-6-luna: 8 tokens in, 28 out, $0.000015]'

    run tools.$form
    good "tools.$form"
    equal "tools.$form" "$(sed '$d' "$out/out")" '-> read_temperature {"room":"kitchen"}
-> set_heating {"celsius":21}
<- read_temperature {"room":"kitchen","celsius":18}
<- set_heating {"ok":true}
The tools have answered. read_temperature says: {"room":"kitchen","celsius":18}. set_heating says: {"ok":true}.'
    equal "tools.$form: end" "$(tail -n 1 "$out/out")" '[2 requests, 94 tokens, $0.000025]'

    run pull.$form "echo: one two three"
    good "pull.$form"
    holds "pull.$form" "$text" "one two three
[3 pieces, "

    printf 'My name is Ada.\nWhat is my name?\n' > "$out/in"
    run conversation.$form < "$out/in"
    good "conversation.$form"
    equal "conversation.$form" "$text" '> Hello from the mock server. There is no model in here, but I have read your 2 messages, and the last one was: "My name is Ada."
> Hello from the mock server. There is no model in here, but I have read your 4 messages, and the last one was: "What is my name?"
>'" "
done

OPENAI_BASE_URL=http://127.0.0.1:$http/v1
run chat.bundled
good "chat over HTTP"
equal "chat over HTTP" "$text" "$sky"
OPENAI_MODEL=gpt-4o-mini
export OPENAI_MODEL
run chat.bundled
holds "OPENAI_MODEL" "$text" '[gpt-4o-mini: 17 tokens in, 28 out, $0.000019]'
OPENAI_BASE_URL=https://localhost:$https/v1

# ---- streaming: the server sends the second piece only after the program has shown the first
for name in stream pull; do
    OPENAI_MODEL=mock:two
    [ $name = stream ] || OPENAI_MODEL=mock:slow
    run_it() { timeout 30 "$out/$name.bundled" > "$out/$name.out" 2> "$out/errors"; }
    if [ $name = pull ]; then
        run_it
        equal "pull: status" $? 0
        equal "pull: text" "$(head -n 1 "$out/pull.out")" ab
        idle=$(sed -n 's/^\[2 pieces, \([0-9]*\) times nothing yet\]$/\1/p' "$out/pull.out")
        if [ "${idle:-0}" -ge 2 ]; then ok; else bad "pull: 300 ms of silence in steps of 20 ms: $idle"; fi
        continue
    fi
    : > "$out/stream.out"
    run_it &
    pid=$!
    n=0
    while [ "$(cat "$out/stream.out")" != first ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    equal "stream: before the second piece is sent" "$(cat "$out/stream.out")" first
    printf x >&3
    wait $pid
    equal "stream: status" $? 0
    # USD 5 and 30 per million
    equal "stream: text" "$(cat "$out/stream.out")" 'first second
[gpt-5.5: 1000 tokens in, 100 out, $0.008000]'
done

# ---- errors: what came is shown, the reason is said, the status is 1
OPENAI_MODEL=mock:cut
run stream.bundled
equal "an answer that breaks off: status" "$status" 1
equal "an answer that breaks off" "$text" "half an ans"
holds "an answer that breaks off" "$errors" LLM_ERR_TRUNCATED
OPENAI_MODEL=mock:stall
: > "$out/stream.out"
"$out/stream.bundled" > "$out/stream.out" 2> "$out/errors" &
pid=$!
n=0
while [ "$(cat "$out/stream.out")" != never ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -INT $pid
wait $pid
equal "Ctrl-C: status" $? 1
equal "Ctrl-C: text" "$(cat "$out/stream.out")" never
holds "Ctrl-C" "$(cat "$out/errors")" LLM_ERR_CANCELLED
OPENAI_MODEL=mock:status-401
for name in chat stream pull tools; do
    run $name.plain
    holds "$name, 401, with a log" "$errors" "$name: LLM_ERR_AUTH: "
    run $name.bundled
    equal "$name, 401: status" "$status" 1
    holds "$name, 401" "$errors" "$name: LLM_ERR_AUTH: "
    holds "$name, 401" "$errors" "Incorrect API key provided"
done
OPENAI_MODEL=mock:talk
printf 'one\ntwo\nthree\n' > "$out/in"
run conversation.bundled < "$out/in"
holds "a turn that fails" "$errors" "not this one"
holds "the turn after it" "$text" 'I have read your 4 messages, and the last one was: "three"'
unset OPENAI_MODEL
for name in $names; do
    (unset OPENAI_API_KEY && "$out/$name.bundled" < /dev/null > "$out/out" 2> "$out/errors")
    equal "$name without a key: status" $? 1
    holds "$name without a key" "$(cat "$out/errors")" "$name: no API key: set config.api_key or OPENAI_API_KEY"
    equal "$name without a key: output" "$(cat "$out/out")" ""
done
SSL_CERT_FILE=data/pki/root-rsa.pem
run chat.bundled
equal "a CA that is not trusted: status" "$status" 1
holds "a CA that is not trusted" "$errors" "chat: LLM_ERR_TLS: "
SSL_CERT_FILE=$ca
HEADER=$header/llm_openai.h timeout 200 make -s -C ../examples live CC="$CC" > "$out/live" 2>&1
equal "live, with the mock server as the service: status" $? 0
holds live "$(cat "$out/live")" "server: $OPENAI_BASE_URL, its certificate checked
"
holds live "$(cat "$out/live")" '[gpt-6-luna: 17 tokens in, '
holds live "$(cat "$out/live")" '[2 requests, 94 tokens, $0.000025]'
cat "$out/live" >> "$out/all"
exec 3>&-
stop "$server"
server=
# eight characters of the key in anything that a program wrote
echo "$key" | awk '{ for (i = 1; i + 7 <= length($0); i++) print substr($0, i, 8) }' > "$out/parts.list"
leaks() { find "$out" -maxdepth 1 -type f ! -name '*.list' ! -name '*.o' ! -perm -u+x -exec grep -alF -f "$out/parts.list" {} +; }
equal "files that hold a part of the key" "$(leaks)" ""
echo "it is ${key#a-key-th}" > "$out/planted"
equal "a planted one" "$(leaks)" "$out/planted"
rm -f "$out/planted"
lines=$(wc -l < "$out/log")
if [ "$lines" -ge 30 ]; then ok; else bad "the log has $lines lines" "$out/log"; fi
for text in "Why is the sky blue" "one two three" "My name is Ada" "temperature" "Hello from the mock"; do
    if grep -qF "$text" "$out/all"; then ok; else bad "nobody said: $text"; fi
    if grep -qF "$text" "$out/log"; then bad "in the log: $text" "$out/log"; else ok; fi
done

# ---- the demo ----------------------------------------------------------------------------------------------------------
unset OPENAI_API_KEY OPENAI_BASE_URL SSL_CERT_FILE MAKEFLAGS MFLAGS MAKELEVEL
begin=$(date +%s)
HEADER=$header/llm_openai.h timeout 250 make -s -C ../examples demo CC="$CC" > "$out/demo" 2>&1
equal "demo: status" $? 0
took=$(($(date +%s) - begin))
if [ $took -lt 60 ]; then ok; else bad "the demo took $took s"; fi
text=$(cat "$out/demo")
holds demo "$text" 'It asks a time server over the network, measures how long the answer took,
and corrects its clock by the difference less half of the way. Between two
questions a quartz crystal counts, and is wrong by about a second a day.
[gpt-6-luna: 19 tokens in, 47 out, $0.000025]'
holds demo "$text" '-> set_heating {"celsius":21}
<- read_temperature {"room":"kitchen","celsius":18}
<- set_heating {"ok":true}
The heating is set to 21 degrees; the kitchen is at 18 now.
[2 requests, 173 tokens, $0.000032]'
url=$(sed -n 's|^server: \(https://localhost:[0-9]*/v1\),.*|\1|p' "$out/demo")
if OPENAI_API_KEY=k OPENAI_BASE_URL=$url timeout 30 "$out/chat.bundled" > "$out/out" 2> "$out/errors"; then
    bad "the demo left its server running"
else
    holds "after the demo" "$(cat "$out/errors")" LLM_ERR_CONNECTION
fi
make -s -C ../examples live > "$out/live" 2>&1
equal "live without a key: status" $? 2
holds "live without a key" "$(cat "$out/live")" "OPENAI_API_KEY is not set"
finish
