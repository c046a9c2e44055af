#!/bin/sh
# more_tls_other.sh: another TLS library in the place of BearSSL, by the net hooks of examples/tls_openssl.c and
# examples/tls_mbedtls.c: the examples chat, stream, tools and the event loops run unchanged; long answers, tiny records,
# broken lines, servers and addresses that are silent; certificates of others, of another name, expired are refused at once; OpenSSL's
# reaches a server that speaks TLS 1.3 only, with which BearSSL and Mbed TLS 2.28 fail by a clear word. And no TLS at all,
# LLM_NO_TLS, behind stunnel.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
PATH=$PATH:/usr/sbin:/sbin
built "$mock" "$build/libbearssl.a"
chmod 755 "$T"
pki=$PWD/data/pki
OPENAI_API_KEY=k-canary-of-other-tls OPENAI_MODEL=any
secret "$OPENAI_API_KEY"
SSL_CERT_FILE=$pki/roots.pem
export OPENAI_API_KEY OPENAI_MODEL OPENAI_BASE_URL SSL_CERT_FILE

# run NAME COMMAND...: in the background
run() {
    name=$1
    shift
    "$@" > "$T/$name.out" 2>&1 < /dev/null &
    pids="$pids $!"
}
serve

# compile ARGUMENT...: in the background; compiled: waits for all of them. Two at a time.
jobs=0
compile() {
    jobs=$((jobs + 1))
    { $CC "$@" 2> "$T/err.$jobs" || echo "$CC $*" > "$T/failed.$jobs"; } &
    building="${building:-} $!"
    [ $((jobs % 2)) -ne 0 ] || compiled
}
compiled() {
    # shellcheck disable=SC2086  # a list; without one, wait would wait for the servers
    [ -z "${building:-}" ] || wait $building
    building=
    for f in "$T"/err.*; do
        [ -f "$f" ] || continue
        if [ -f "$T/failed.${f##*.}" ]; then bad "$(cat "$T/failed.${f##*.}")" "$f"; else ok; fi
        rm -f "$f"
    done
}

# The three examples; their output must be as with BearSSL, whose tests are in test_examples.sh
three() {
    kind=$1 what=$2
    timeout 30 "$T/$kind/chat" > "$T/out" 2>&1
    equal "$what, chat" "$(cat "$T/out")" 'Hello from the mock server. There is no model in here, but I have read your 2 messages, and the last one was: "Why is the sky blue?"
[any: 17 tokens in, 28 out]'
    timeout 30 "$T/$kind/stream" "echo: one two three" > "$T/out" 2>&1
    equal "$what, stream" "$(head -n 1 "$T/out")" 'one two three'
    timeout 30 "$T/$kind/tools" > "$T/out" 2>&1
    equal "$what, tools" "$(sed '$d' "$T/out")" '-> read_temperature {"room":"kitchen"}
-> set_heating {"celsius":21}
<- read_temperature {"room":"kitchen","celsius":18}
<- set_heating {"ok":true}
The tools have answered. read_temperature says: {"room":"kitchen","celsius":18}. set_heating says: {"ok":true}.'
}

# expect WHAT MOST PATTERN ARGUMENT...: of client.c: its line must match, within MOST milliseconds
expect() {
    what=$1 most=$2 pattern=$3
    shift 3
    got=$(timeout 25 "$T/$kind/client" "$@" 2>&1 | tail -n 1)
    "$T/plain/client" reset "$control" || bad "reset"
    ms=${got#* ms=}
    ms=${ms%% *}
    # shellcheck disable=SC2254  # a pattern
    case $got in
        *"$OPENAI_API_KEY"*) bad "$kind, $what: the key is in it" ;;
        $pattern) if [ "$ms" -le "$most" ]; then ok; else bad "$kind, $what: after $ms ms"; fi ;;
        *)
            bad "$kind, $what"
            printf '    is:     %.300s\n    wanted: %s\n' "$got" "$pattern" ;;
    esac
}
script() { "$T/plain/client" script "$control" || bad script; }
config() { "$T/plain/client" config "$control" "$1" || bad "config $1"; }

# ---- what is built -----------------------------------------------------------------------------------------------
# shellcheck disable=SC2086  # lists of flags
{
    mkdir "$T/plain" "$T/bear" "$T/none"
    compile -std=c99 -O0 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/plain/client" netfaults/client.c "$build/libbearssl.a" -lm
    compile -std=c99 -O0 -w -I"$header" -DLLM_NO_TLS -c -o "$T/none/lib.o" ../examples/llm_openai.c
    compile -std=c99 -O0 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/bear/chat" ../examples/chat.c ../examples/llm_openai.c \
        "$build/libbearssl.a"
    for e in chat stream tools; do compile -std=c99 -I"$header" -o "$T/none/$e" ../examples/$e.c "$T/none/lib.o"; done
    compiled
    [ $failed -eq 0 ] || finish
}
kinds=
for kind in openssl mbedtls; do
    case $kind in
        openssl) include=openssl/ssl.h package=libssl-dev libs="-lssl -lcrypto" ;;
        mbedtls) include=mbedtls/ssl.h package=libmbedtls-dev libs="-lmbedtls -lmbedx509 -lmbedcrypto" ;;
    esac
    echo "#include <$include>" | $CC -E -x c - > /dev/null 2>&1 || { left_out $kind $package; continue; }
    mkdir "$T/$kind"
    # clang warns of a cast in a macro of OpenSSL's
    # shellcheck disable=SC2086  # lists of flags
    compile $STRICT -Wno-cast-qual -O0 -I"$header" -c -o "$T/$kind/lib.o" ../examples/tls_$kind.c
    # the program of more_net.sh with these hooks
    # shellcheck disable=SC2086
    compile -std=c99 -O0 -w -D_GNU_SOURCE -DLLM_OPENAI_STATIC -I"$header" -include "../examples/tls_$kind.c" \
        -o "$T/$kind/client" netfaults/client.c $libs -lm
    # and once with hooks that trust anybody; and OpenSSL's once with hooks that do not compare addresses
    sed 's/SSL_VERIFY_PEER/SSL_VERIFY_NONE/; s/SSL_VERIFY_REQUIRED/SSL_VERIFY_NONE/' ../examples/tls_$kind.c > "$T/$kind/blind.c"
    sed "s/X509_VERIFY_PARAM_set1_ip_asc(.*, host))/host[0] >= '0' \&\& host[0] <= '9')/" ../examples/tls_$kind.c > "$T/$kind/lax.c"
    for e in blind lax; do
        cmp -s "$T/$kind/$e.c" ../examples/tls_$kind.c && continue
        # shellcheck disable=SC2086
        compile -std=c99 -O0 -w -D_GNU_SOURCE -DLLM_OPENAI_STATIC -I"$header" -I../examples -include "$T/$kind/$e.c" \
            -o "$T/$kind/$e" netfaults/client.c $libs -lm
    done
    # shellcheck disable=SC2086
    compile $STRICT -Wno-cast-qual -g -fsanitize=address -I"$header" -o "$T/$kind/first" ../examples/tls_$kind.c tls/first_client.c $libs
    compiled
    for e in chat stream tools poll epoll; do
        [ $e != epoll ] || [ "$(uname -s)" = Linux ] || continue
        # shellcheck disable=SC2086
        compile $STRICT -O0 -I"$header" -o "$T/$kind/$e" ../examples/$e.c "$T/$kind/lib.o" $libs
    done
    compiled
    [ -x "$T/$kind/client" ] && [ -x "$T/$kind/tools" ] || continue
    kinds="$kinds $kind"
done
# a server that speaks TLS 1.3 and nothing else
if command -v nginx > /dev/null 2>&1; then
    only13=$("$T/plain/client" port)
    cat > "$T/nginx.conf" << CONF
daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.log info;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $T/a; proxy_temp_path $T/b; fastcgi_temp_path $T/c; uwsgi_temp_path $T/d;
    scgi_temp_path $T/e; proxy_http_version 1.1; proxy_set_header Connection "";
    server {
        listen 127.0.0.1:$only13 ssl; ssl_protocols TLSv1.3; ssl_certificate $pki/ec.pem; ssl_certificate_key $pki/ec.pem;
        location / { proxy_pass http://127.0.0.1:$http; proxy_buffering off; }
    }
}
CONF
    run nginx nginx -c "$T/nginx.conf"
    "$T/plain/client" wait "$only13" 8000 || { bad "nginx does not listen" "$T/nginx.log"; only13=; }
else
    left_out "TLS 1.3" nginx
    only13=
fi

# ---- both ----------------------------------------------------------------------------------------------------------
for kind in $kinds; do
    began=$(date +%s)
    OPENAI_BASE_URL=https://localhost:$https/v1
    three $kind $kind
    for OPENAI_BASE_URL in https://localhost:$https/v1 http://127.0.0.1:$http/v1; do
        expect "three on one connection" 5000 "LLM_OK * text=[[]fine] *" chat "echo: fine" count=3
        expect "a long answer" 8000 "LLM_OK * text=[[]1 2 3 *3000] *" chat "count to 3000"
        expect "a long stream" 8000 "LLM_OK * text=[[]1 2 3 *3000] *" stream "count to 3000"
        expect "a long request" 15000 "LLM_OK *" chat @3000000
        config "record-max 7"
        expect "tiny records" 8000 "LLM_OK * text=[[]1 2 3 *100] *" stream "count to 100"
        printf 'exchange\n chunk Hello\n delay 50\n cut\n' | script
        expect "it breaks off" 3000 "LLM_ERR_TRUNCATED http=200 attempts=1 * text=[[]Hello] *" stream x retries=2
        printf 'exchange\n chunk Hello\n delay 50\n reset\n' | script
        expect "it is reset" 3000 "LLM_ERR_TRUNCATED http=200 attempts=1 * text=[[]Hello] *" stream x retries=2
        printf 'exchange\n chunk Hello\n stall\n' | script
        expect "silence in a stream" 3000 "LLM_ERR_TIMEOUT http=200 * text=[[]Hello] *idle_timeout_ms*" stream x idle=400
        printf 'exchange\n stall 0\n body x\n' | script
        expect "silence" 3000 "LLM_ERR_TIMEOUT http=0 *idle_timeout_ms*" chat x idle=400
        printf 'exchange\n framing close\n event {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n cut\n' | script
        # over TLS an end without close_notify is no end
        case $OPENAI_BASE_URL in https*) want="LLM_ERR_TRUNCATED" ;; *) want="LLM_OK" ;; esac
        expect "it ends without a word" 3000 "$want http=* text=[[]Hi] *" stream x
    done
    OPENAI_BASE_URL=https://localhost:$https/v1
    config "on-accept stall 1"
    expect "silence in the handshake" 3000 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*" chat x connect=400
    config "on-accept fin 1"
    expect "an end in the handshake, then well" 4000 "LLM_OK http=0 attempts=2 * text=[[]fine] *" chat "echo: fine" retries=1
    config "tls-alert 40"
    expect "an alert" 3000 "LLM_ERR_TLS http=0 attempts=1 *no trusted connection to localhost*" chat x retries=2
    OPENAI_BASE_URL=https://localhost:1/v1
    expect "nobody there" 3000 "LLM_ERR_CONNECTION http=0 attempts=1 *refused*" chat x
    # by address: OpenSSL compares it, Mbed TLS 2.28 cannot
    OPENAI_BASE_URL=https://127.0.0.1:$https/v1
    case $kind in
        openssl) expect "by address" 3000 "LLM_OK *" chat x ;;
        *) expect "by address" 3000 "LLM_ERR_TLS http=0 attempts=1 *" chat x retries=2 ;;
    esac
    # of another name and another address; of another name
    for cert in wrong-name wildcard; do
        config "cert $cert"
        expect "by address, certificate: $cert" 3000 "LLM_ERR_TLS http=0 attempts=1 *" chat x retries=2
        if [ $kind = openssl ]; then
            config "cert $cert"
            got=$(timeout 25 "$T/$kind/lax" chat "echo: fine" 2>&1)
            case $got in LLM_OK*) ok ;; *) bad "planted: hooks that do not compare addresses are refused too: $got" ;; esac
        fi
    done
    config "cert ec"

    # the first client fails, and the second; the third is as if there had been none before
    OPENAI_BASE_URL=https://localhost:$https/v1
    timeout 20 "$T/$kind/first" "$pki/roots.pem" > "$T/out" 2> "$T/err"
    equal "$kind, the first client fails" "$? $(tr '\n' ' ' < "$T/out")" "0 LLM_ERR_CONNECTION LLM_ERR_CONNECTION fine "
    equal "$kind, why it fails" "$(grep -c "^tls_$kind: .*/nowhere/roots.pem" "$T/err") $(wc -l < "$T/err")" "2 2"

    # who is not trusted: at once, one attempt, and no request comes
    OPENAI_BASE_URL=https://localhost:$https/v1
    for cert in wrong-name self-signed unknown-ca expired not-yet no-intermediate client-auth intermediate-not-ca; do
        config "cert $cert"
        expect "certificate: $cert" 3000 "LLM_ERR_TLS http=0 attempts=1 *no trusted connection to localhost port $https: ?*" \
            chat x retries=2
    done
    config "cert expired"
    got=$(timeout 25 "$T/$kind/blind" chat "echo: fine" 2>&1)
    case $got in LLM_OK*) ok ;; *) bad "$kind, planted: hooks that trust anybody are refused too: $got" ;; esac
    for cert in rsa p384 with-root; do
        config "cert $cert"
        expect "certificate: $cert" 3000 "LLM_OK * text=[[]fine] *" chat "echo: fine"
    done
    SSL_CERT_FILE=$pki/root-rsa.pem
    expect "another CA is trusted" 3000 "LLM_ERR_TLS http=0 attempts=1 *" chat x retries=2
    SSL_CERT_FILE=$pki/roots.pem

    # event loops over it
    OPENAI_MODEL=any
    n=0
    while [ $n -lt 20 ]; do n=$((n + 1)); echo "echo: one $n"; done | timeout 30 "$T/$kind/poll" > "$T/out" 2>&1
    equal "$kind, poll" "$(grep -c '^\([0-9]*\): one \1$' "$T/out") $(grep -c '20 asked, 0 failed' "$T/out")" "20 1"
    if [ -x "$T/$kind/epoll" ]; then
        printf 'exchange slow\n times always\n role\n delay 100\n chunk a\n delay 100\n chunk b\n finish\n done\n' | script
        OPENAI_MODEL=mock:slow timeout 60 "$T/$kind/epoll" 100 > "$T/out" 2> "$T/err"
        equal "$kind, epoll" "$(grep -c ': ab$' "$T/out") $(grep -c '100 of 100 good, 0 retries' "$T/out")" "100 1"
        n=$(sed -n 's/.*, \([0-9]*\) wake-ups.*/\1/p' "$T/out")
        # a connection, two writes of the handshake, five of the answer
        if [ "${n:-9999}" -le 1010 ]; then ok; else bad "$kind, epoll: $n wake-ups" "$T/out"; fi
        # no call of the hooks waits: see more_loops_trace.sh
        if strace -f -o /dev/null true 2> /dev/null; then
            OPENAI_MODEL=mock:slow timeout 60 strace -f -v -s 4 -o "$T/trace" "$T/$kind/epoll" 10 > "$T/out" 2> "$T/err"
            if awk -v loop=epoll_wait -f loops/trace.awk "$T/trace" > "$T/err"; then ok; else bad "$kind, trace" "$T/err"; fi
            equal "$kind, trace" "$(grep -c '10 of 10 good' "$T/out")" 1
        fi
    fi
    [ -z "$only13" ] || {
        OPENAI_BASE_URL=https://localhost:$only13/v1
        if [ $kind = openssl ]; then
            three openssl "openssl, TLS 1.3 only"
            expect "TLS 1.3 only, a long stream" 8000 "LLM_OK * text=[[]1 2 3 *3000] *" stream "count to 3000"
        else
            expect "TLS 1.3 only" 3000 "LLM_ERR_TLS http=0 attempts=1 *" chat x retries=2
        fi
    }
    echo "$kind: $(($(date +%s) - began)) s"
done

# ---- addresses that do not answer ----------------------------------------------------------------------------------
# In a network of its own, where 2001:db8::9 and ::a are neighbours whose hardware address is nobody's.
cat > "$T/network" << 'END'
ip link set lo up && ip link add left type veth peer name right && ip addr add 2001:db8::1/64 dev left nodad &&
    ip link set left up && ip link set right up &&
    for a in 9 a; do ip neigh replace 2001:db8::$a lladdr 02:00:00:00:00:99 dev left nud permanent || exit; done &&
    mount --bind "$T/hosts" /etc/hosts || exit
"$mock" --ready-file "$T/inner" --with-parent --lifetime 60 > /dev/null 2>&1 < /dev/null &
n=0
while [ ! -f "$T/inner" ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
OPENAI_BASE_URL=https://localhost:$(sed -n 's/.* https 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$T/inner")/v1
printf '2001:db8::9 localhost\n127.0.0.1 localhost\n' > "$T/hosts"
timeout 20 "$T/$kind/client" chat "echo: fine" connect=4000
timeout 20 "$T/$kind/epoll" 3 "echo: fine" | LC_ALL=C sort
(sleep 0.4; ip link set lo up) &
ip link set lo down
timeout 20 "$T/$kind/client" chat "echo: fine" connect=4000
printf '2001:db8::9 localhost\n2001:db8::a localhost\n' > "$T/hosts"
timeout 20 "$T/$kind/client" chat "echo: fine" connect=900
printf '2001:db8::9 localhost\n' > "$T/hosts"
timeout 20 "$T/$kind/client" chat "echo: fine" connect=900
END
# within WHAT LINE FROM TO PATTERN: a line of client.c, after FROM to TO milliseconds
within() {
    got=$(sed -n "$2p" "$T/out")
    ms=${got#* ms=}
    ms=${ms%% *}
    # shellcheck disable=SC2254  # a pattern
    case $got in $5) at_least "$1: ms" "$ms" "$3"; at_most "$1: ms" "$ms" "$4" ;; *) bad "$1: $got" "$T/out" ;; esac
}
spaces=
if [ -n "$kinds" ] && command -v ip > /dev/null 2>&1; then
    for spaces in "unshare -nm" "unshare -Urnm" ''; do $spaces true 2> /dev/null && break; done
fi
kind=${kinds# } kind=${kind%% *}
: > "$T/hosts"
if [ -z "$spaces" ]; then
    left_out "addresses that do not answer" "network namespaces, iproute2"
else
    T=$T kind=$kind mock=$mock timeout 60 $spaces sh "$T/network" > "$T/out" 2> "$T/err"
    within "IPv6 is silent, IPv4 is well" 1 240 2500 "LLM_OK http=0 attempts=1 * text=[[]fine] *"
    equal "IPv6 is silent, an event loop" "$(sed -n 2,4p "$T/out")" "1: fine 1
2: fine 2
3: fine 3"
    # 250 ms, 500 ms: for these the loop wakes up, and each time that something comes
    n=$(sed -n '5s/.*good, 0 retries, \([0-9]*\) wake-ups.*/\1/p' "$T/out")
    at_most "IPv6 is silent, wake-ups" "$n" 20
    within "IPv4 comes in the second round" 6 740 2500 "LLM_OK http=0 attempts=1 * text=[[]fine] *"
    within "two are silent" 7 890 2500 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*"
    within "the only one is silent" 8 890 2500 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*"
fi

# ---- BearSSL against TLS 1.3 only ----------------------------------------------------------------------------------
if [ -n "$only13" ]; then
    OPENAI_BASE_URL=https://localhost:$only13/v1
    timeout 10 "$T/bear/chat" > "$T/out" 2>&1
    equal "BearSSL, TLS 1.3 only: status" $? 1
    if grep -q 'LLM_ERR_TLS.*TLS 1\.[23]' "$T/out"; then ok; else bad "BearSSL, TLS 1.3 only: no clear word" "$T/out"; fi
    head -n 1 "$T/out"
fi

# ---- no TLS, for a pipe that is secured already --------------------------------------------------------------------
OPENAI_BASE_URL=https://localhost:$https/v1
timeout 10 "$T/none/chat" > "$T/out" 2>&1
if grep -q 'this build has no TLS (LLM_NO_TLS)' "$T/out"; then ok; else bad "LLM_NO_TLS with https://" "$T/out"; fi
if nm "$T/none/chat" | grep -q ' br_'; then bad "LLM_NO_TLS: BearSSL is in it"; else ok; fi
stunnel=$(command -v stunnel4 || command -v stunnel)
if [ -n "$stunnel" ]; then
    front=$("$T/plain/client" port)
    cat > "$T/stunnel.conf" << CONF
foreground = yes
pid =
[api]
client = yes
accept = 127.0.0.1:$front
connect = 127.0.0.1:$https
CAfile = $pki/roots.pem
verifyChain = yes
checkHost = localhost
CONF
    run stunnel "$stunnel" "$T/stunnel.conf"
    "$T/plain/client" wait "$front" 8000 || bad "stunnel does not listen" "$T/stunnel.out"
    OPENAI_BASE_URL=http://127.0.0.1:$front/v1
    "$T/plain/client" reset "$control"
    three none "LLM_NO_TLS behind stunnel"
    equal "LLM_NO_TLS behind stunnel: all of it came over TLS" "$("$T/plain/client" stat "$control" http_connections)" 0
else
    left_out "LLM_NO_TLS" stunnel4
fi
finish
