#!/bin/sh
# demo.sh demo|live: builds the library and two examples, and shows a streamed answer and a tool loop with two tools, with
# their tokens and their price. demo: against the mock server of this repository, over HTTPS; live: on the real service.
cd "$(dirname "$0")" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
CC=${CC:-cc} MAKE=${MAKE:-make}
build=$(cd .. && pwd)/build
export CC
mkdir -p "$build/examples" || exit 1
log=$build/examples/demo.log
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -f "$build/examples/ready"' EXIT
trap 'exit 1' HUP INT TERM

if [ "$1" = live ] && [ -z "${OPENAI_API_KEY:-}" ]; then
    echo "OPENAI_API_KEY is not set. With a key of the service:"
    echo "    OPENAI_API_KEY=... make -C examples live"
    exit 1
fi

jobs=$(nproc 2> /dev/null || echo 1)
[ "$jobs" -le 8 ] || jobs=8
# step TITLE TARGET...: a line that grows a time when it is done
step() {
    printf '%-58s' "$1"
    shift
    begin=$(date +%s)
    if ! "$MAKE" -s -j"$jobs" "$@" > "$log" 2>&1; then
        echo " failed"
        tail -n 20 "$log" | sed 's/^/    /'
        exit 1
    fi
    printf '%4d s\n' $(($(date +%s) - begin))
}
step "BearSSL 0.6: get its source, check every byte" -C ../tools bearssl
[ "$1" = live ] || step "build/libbearssl.a and build/mock_server" -C ../tools mock
step "build/llm_openai.h: the library, one file" -C ../tools bundle
step "examples/stream.c and examples/tools.c" programs EXAMPLES="stream tools"

if [ "$1" = demo ]; then
    # What a model might say, word by word.
    {
        echo exchange
        for word in It ' asks' ' a' ' time' ' server' ' over' ' the' ' network,' ' measures' ' how' ' long' ' the' ' answer' \
            ' took,\nand' ' corrects' ' its' ' clock' ' by' ' the' ' difference' ' less' ' half' ' of' ' the' ' way.' \
            ' Between' ' two\nquestions' ' a' ' quartz' ' crystal' ' counts,' ' and' ' is' ' wrong' ' by' \
            ' about' ' a' ' second' ' a' ' day.'
        do
            printf 'event {"model":"gpt-6-luna","choices":[{"index":0,"delta":{"content":"%s"}}]}\ndelay 45\n' "$word"
        done
        echo 'event {"model":"gpt-6-luna","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
        echo 'event {"model":"gpt-6-luna","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":47,"total_tokens":66}}'
        # the server's own logic calls both tools
        printf 'done\nexchange\nbrain\nexchange\n'
        for word in The ' heating' ' is' ' set' ' to' ' 21' ' degrees;' ' the' ' kitchen' ' is' ' at' ' 18' ' now.'; do
            printf 'event {"model":"gpt-6-luna","choices":[{"index":0,"delta":{"content":"%s"}}]}\ndelay 45\n' "$word"
        done
        echo 'event {"model":"gpt-6-luna","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
        echo 'event {"model":"gpt-6-luna","choices":[],"usage":{"prompt_tokens":118,"completion_tokens":13,"total_tokens":131}}'
        echo done
    } > "$build/examples/demo.script"
    rm -f "$build/examples/ready"
    "$build/mock_server" --http off --script "$build/examples/demo.script" --pace 45 --lifetime 120 --with-parent \
        --ready-file "$build/examples/ready" > /dev/null &
    server=$!
    n=0
    while [ ! -f "$build/examples/ready" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    port=$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$build/examples/ready")
    SSL_CERT_FILE=$(sed -n 's/.* ca \(.*\)$/\1/p' "$build/examples/ready")
    [ -n "$port" ] || { echo "the mock server did not start"; exit 1; }
    unset OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL
    OPENAI_BASE_URL=https://localhost:$port/v1 OPENAI_API_KEY=no-key-is-needed-here
    export SSL_CERT_FILE OPENAI_BASE_URL OPENAI_API_KEY
fi

printf '\nserver: %s, its certificate checked' "${OPENAI_BASE_URL:-https://api.openai.com/v1}"
[ "$1" = live ] || printf ' (the mock server: nothing is charged)'
printf '\n\n$ stream "In two sentences: how does a computer learn the time?"\n'
"$build/examples/stream" "In two sentences: how does a computer learn the time?" || exit 1
printf '\n$ tools\nSet the heating to 21 degrees. How warm is the kitchen now?\n'
"$build/examples/tools" || exit 1
