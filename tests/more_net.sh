#!/bin/sh
# more_net.sh [PART]: the library in a real process against the servers and proxies that stand between it and an API:
# nginx, haproxy, stunnel, openssl s_server, gnutls-serv; tinyproxy, squid and servers that are no proxy; and, on
# Linux, networks that are broken. Each outcome has a status and a time within which it must come; the key must stand
# in no output, no log and no CONNECT. A tool that is missing skips its part. PART is one of them: nginx haproxy stunnel
# odd tinyproxy squid no_proxy namespaces.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
chaos=$CHAOS_PROXY
PATH=$PATH:/usr/sbin:/sbin
built "$mock" "$chaos" "$build/libbearssl.a"
chmod 755 "$T"
spaces='' skipped=0
# shellcheck disable=SC2317
no_spaces() { clean_up; for n in $spaces; do ip netns del "$n" 2> /dev/null; done; }
trap no_spaces EXIT
pki=$PWD/data/pki

if [ -n "${NET_CLIENT:-}" ]; then # of this script, when it calls itself
    cp "$NET_CLIENT" "$T/client" || exit 1
else
    $CC -std=c99 -O1 -g -Wall -Wextra -Werror -I"$header" -isystem "$build/bearssl/inc" -o "$T/client" \
        netfaults/client.c "$build/libbearssl.a" -lm || exit 1
fi
client=$T/client # for calls
tool=$T/client   # for everything else

OPENAI_API_KEY=sk-canary-0123456789abcdefABCDEF
secret "$OPENAI_API_KEY"
OPENAI_MODEL=gpt-4o
SSL_CERT_FILE=$pki/roots.pem
CLIENT_LOG=$T/library.log
export OPENAI_API_KEY OPENAI_MODEL SSL_CERT_FILE CLIENT_LOG OPENAI_BASE_URL

skip() {
    left_out "$@"
    skipped=$((skipped + 1))
}
has() { command -v "$1" > /dev/null 2>&1; }

# run NAME COMMAND...: in the background, its output in $T/NAME.out; $last is its pid
run() {
    run_name=$1
    shift
    "$@" > "$T/$run_name.out" 2>&1 < /dev/null &
    last=$!
    pids="$pids $last"
}
# line NAME: the first line that it prints
line() {
    i=0
    while [ $i -lt 100 ] && ! [ -s "$T/$1.out" ]; do
        sleep 0.05
        i=$((i + 1))
    done
    head -n 1 "$T/$1.out"
}
port() { "$tool" port; }
up() { "$tool" wait "$1" 8000 || { bad "$2 does not listen"; tail -n 3 "$T/$2.out"; return 1; }; }

# verdict LINE LEAST MOST PATTERN: empty if all is well, else what is not
verdict() {
    ms=${1#* ms=}
    ms=${ms%% *}
    # shellcheck disable=SC2254  # a pattern
    case $1 in
        *"$OPENAI_API_KEY"* | *s3cret*) echo "the key or a password is in it" ;;
        LLM_OK\ *) case $1 in $4) ;; *) echo "not $4" ;; esac ;;
        LLM_ERR_INTERNAL* | LLM_ERR_USAGE* | *"message=[]") echo "no such error, or no message" ;;
        LLM_ERR*) case $1 in $4) ;; *) echo "not $4" ;; esac ;;
        *) echo "it hangs, or is no answer" ;;
    esac
    case $ms in
        *[!0-9]* | "") echo "no time" ;;
        *) [ "$ms" -ge "$2" ] || echo "before $2 ms"; [ "$ms" -le "$3" ] || echo "after $3 ms" ;;
    esac
}

# expect WHAT LEAST MOST PATTERN CLIENT-ARGUMENT...: the line must match, and the call take LEAST to MOST milliseconds
expect() {
    what=$1 least=$2 most=$3 pattern=$4
    shift 4
    got=$(timeout 25 "$client" "$@" 2>&1 | tail -n 1)
    "$tool" reset "$control" || bad "reset"
    why=$(verdict "$got" "$least" "$most" "$pattern")
    if [ -z "$why" ]; then ok; else
        bad "$what: $why"
        echo "    is:     $got" | cut -c1-400
        echo "    wanted: $pattern"
    fi
}

script() { "$tool" script "$control" || bad "script"; }

# is_secret_safe FILE...: the canary stands in none of them
safe() {
    what=$1
    shift
    if grep -qa -e "$OPENAI_API_KEY" -e 's3cret' "$@" 2> /dev/null; then bad "the key or a password is in $what"; \
        else ok; fi
}

# ---- the mock server, behind everything ----------------------------------------------------------------------------
run mock "$mock" --lifetime 300
ready=$(line mock)
http=${ready#* http 127.0.0.1:}
http=${http%% *}
https=${ready#* https 127.0.0.1:}
https=${https%% *}
control=${ready#* control 127.0.0.1:}
control=${control%% *}
run named "$mock" --lifetime 300 --cert wildcard
ready=$(line named)
named_https=${ready#* https 127.0.0.1:}
named_https=${named_https%% *}
named_http=${ready#* http 127.0.0.1:}
named_http=${named_http%% *}
run dead "$chaos" --closed 0 --lifetime 300 # holds a port at which nobody listens
dead=$(line dead)
dead=${dead##*:}

# ---- what says that something is wrong must be able to say so ------------------------------------------------------
self_test() {
    good='LLM_ERR_TIMEOUT http=0 attempts=1 ms=400 text=[] message=[too late]'
    [ -z "$(verdict "$good" 300 500 'LLM_ERR_TIMEOUT *')" ] && ok || bad "self test: a good line"
    for w in "401 500|LLM_ERR_TIMEOUT *" "0 399|LLM_ERR_TIMEOUT *" "0 500|LLM_OK *" "0 500|*[[]text*"; do
        # shellcheck disable=SC2046,SC2086
        set -- ${w%%|*}
        [ -n "$(verdict "$good" "$1" "$2" "${w#*|}")" ] && ok || bad "self test: $w"
    done
    for l in "LLM_ERR_TIMEOUT http=0 attempts=1 ms=400 text=[] message=[$OPENAI_API_KEY]" \
        "LLM_ERR_TIMEOUT http=0 attempts=1 ms=400 text=[] message=[]" "" \
        "LLM_ERR_INTERNAL http=0 attempts=1 ms=400 text=[] message=[x]"; do
        [ -n "$(verdict "$l" 0 500 '*')" ] && ok || bad "self test: '$l'"
    done
    echo "$OPENAI_API_KEY" > "$T/planted"
    before=$failed
    safe planted "$T/planted" > /dev/null
    [ $failed -gt $before ] && { failed=$before; ok; } || bad "self test: a key in a log is not found"
    rm "$T/planted"
    # a whole row: a server that is silent, a deadline far away, an outcome wanted soon
    run hole "$chaos" 'hole' --lifetime 60
    hole=$(line hole)
    hole=${hole##*:}
    OPENAI_BASE_URL=http://127.0.0.1:$hole/v1
    before=$failed
    expect "planted" 0 600 "LLM_ERR_TIMEOUT *" chat x idle=1200 > /dev/null
    [ $failed -gt $before ] && { failed=$before; ok; } || bad "self test: a deadline that is missed is not found"
    OPENAI_BASE_URL=http://127.0.0.1:$http/v1
    expect "no server between" 0 5000 "LLM_OK http=0 attempts=1 * text=[[]fine] *" chat "echo: fine"
}

# ---- nginx ---------------------------------------------------------------------------------------------------------
part_nginx() {
    has nginx || { skip nginx nginx; return; }
    p=$(port)
    mkdir "$T/nginx"
    locations=
    for way in on off; do
        locations="$locations
        location /$way/ { proxy_pass http://127.0.0.1:$http/; proxy_buffering $way; }"
    done
    cat > "$T/nginx/conf" << CONF
daemon off; master_process off; pid $T/nginx/pid; error_log $T/nginx/error.log info;
events { worker_connections 64; }
http {
    log_format one '\$connection \$status \$request';
    access_log $T/nginx/access.log one;
    client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c;
    uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
    client_max_body_size 1m;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_connect_timeout 2s;
    server {
        listen 127.0.0.1:$p ssl; ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate $pki/ec.pem; ssl_certificate_key $pki/ec.pem;
        $locations
        location /old/ { proxy_http_version 1.0; proxy_pass http://127.0.0.1:$http/; }
        location /dead/ { proxy_pass http://127.0.0.1:$dead/; }
        location /slow/ { proxy_read_timeout 300ms; proxy_pass http://127.0.0.1:$http/; }
        location /once/ { keepalive_timeout 0; proxy_pass http://127.0.0.1:$http/; }
        location /moved/ { return 301 https://elsewhere.test/v1; }
        location /denied/ { return 403; }
        location /page/ { default_type text/html; return 200 '<html><body>Welcome to nginx!</body></html>'; }
    }
}
CONF
    run nginx nginx -c "$T/nginx/conf"
    nginx=$last
    up "$p" nginx || return
    base=https://127.0.0.1:$p
    for way in on off; do
        OPENAI_BASE_URL=$base/$way/v1
        expect "nginx, buffering $way" 0 5000 "LLM_OK * text=[[]fine] *" chat "echo: fine"
        expect "nginx, buffering $way, stream" 0 5000 "LLM_OK * text=[[]1 2 3 *300] *" stream "count to 300"
        expect "nginx, buffering $way, tools" 0 5000 "LLM_OK * text=[[]*sunny*] *" tools "what is it like in Oslo?"
        expect "nginx, buffering $way, 5 on one connection" 0 5000 "LLM_OK * text=[[]fine] *" chat "echo: fine" count=5
        n=$(tail -n 5 "$T/nginx/access.log" | cut -d ' ' -f 1 | sort -u | wc -l)
        if [ "$n" -eq 1 ]; then ok; else bad "nginx: 5 calls on $n connections"; fi
        # the server behind it ends in the middle
        printf 'exchange\n chunk Hello\n chunk more\n delay 50\n cut\n' | script
        expect "nginx, buffering $way, the server dies" 0 5000 \
            "LLM_ERR_TRUNCATED http=200 attempts=1 * text=[[]Hellomore] *" stream x retries=2
        printf 'exchange\n chunk Hello\n delay 50\n reset\n' | script
        expect "nginx, buffering $way, the server resets" 0 5000 \
            "LLM_ERR_TRUNCATED http=200 attempts=1 * text=[[]Hello*] *" stream x retries=2
        printf 'exchange\n chunk Hello\n finish\n delay 50\n cut\n' | script
        expect "nginx, buffering $way, it dies behind finish_reason" 0 5000 "LLM_OK * text=[[]Hello] *" stream x
        printf 'exchange\n cut 700\n body {"choices":[{"message":{"content":"whole"}}],"pad":"%0400d"}\n' 0 | script
        expect "nginx, buffering $way, a body is cut" 0 5000 "LLM_ERR_TRUNCATED http=200 *" chat x
        printf 'exchange\n cut 40\n body x\nexchange\n brain\n' | script
        expect "nginx, buffering $way, the head is cut: 502, then well" 350 5000 \
            "LLM_OK * attempts=2 * text=[[]fine] *" chat "echo: fine" retries=1
        printf 'exchange\n stall 0\n body x\n' | script
        expect "nginx, buffering $way, silence" 400 3000 "LLM_ERR_TIMEOUT http=0 *idle_timeout_ms*" chat x idle=400
    done
    # nginx hands a stream on as it comes when it does not buffer: text before the deadline
    OPENAI_BASE_URL=$base/off/v1
    printf 'exchange\n chunk Hello\n stall\n' | script
    expect "nginx, silence in a stream" 400 3000 "LLM_ERR_TIMEOUT http=200 * text=[[]Hello] *idle_timeout_ms*" \
        stream x idle=400
    OPENAI_BASE_URL=$base/old/v1
    expect "nginx, HTTP/1.0 behind it" 0 5000 "LLM_OK * text=[[]1 2 3] *" stream "count to 3"
    OPENAI_BASE_URL=$base/dead/v1
    expect "nginx: 502" 0 3000 "LLM_ERR_SERVER http=502 attempts=1 *502 Bad Gateway*" chat x
    expect "nginx: 502, retries" 370 4000 "LLM_ERR_SERVER http=502 attempts=2 *" stream x retries=1
    OPENAI_BASE_URL=$base/slow/v1
    printf 'exchange\n stall 0\n body x\n' | script
    expect "nginx: 504" 250 3000 "LLM_ERR_SERVER http=504 attempts=1 *504 Gateway Time-out*" chat x
    printf 'exchange\n chunk Hello\n stall\n' | script
    expect "nginx: its time-out in a stream" 250 3000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello*] *" stream x
    OPENAI_BASE_URL=$base/once/v1
    expect "nginx: Connection: close" 0 5000 "LLM_OK * text=[[]fine] *" stream "echo: fine" count=3
    OPENAI_BASE_URL=$base/moved/v1
    expect "nginx: 301" 0 3000 "LLM_ERR_API http=301 *redirects to https://elsewhere.test*" chat x
    OPENAI_BASE_URL=$base/denied/v1
    expect "nginx: 403" 0 3000 "LLM_ERR_PERMISSION http=403 *403 Forbidden*" chat x
    OPENAI_BASE_URL=$base/page/v1
    expect "nginx: a page with 200" 0 3000 "LLM_ERR_PROTOCOL http=200 *no JSON*" chat x
    expect "nginx: a page with 200, stream" 0 3000 "LLM_ERR_PROTOCOL http=200 *no JSON*" stream x
    OPENAI_BASE_URL=$base/on/v1
    expect "nginx: 413" 0 5000 "LLM_ERR_API http=413 *413 Request Entity Too Large*" chat @3000000
    # it is killed while an answer runs
    OPENAI_BASE_URL=$base/off/v1
    printf 'exchange\n chunk Hello\n stall\n' | script
    (sleep 0.5; kill -9 "$nginx") &
    pids="$pids $!"
    expect "nginx is killed" 300 4000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello] *" stream x retries=2
    expect "nginx is gone" 0 2000 "LLM_ERR_CONNECTION http=0 attempts=1 *refused*" chat x
    wait "$nginx" 2> /dev/null
    safe "nginx's logs" "$T"/nginx/*.log
}

# ---- haproxy -------------------------------------------------------------------------------------------------------
part_haproxy() {
    has haproxy || { skip haproxy haproxy; return; }
    p=$(port)
    mkdir "$T/haproxy"
    cat > "$T/haproxy/conf" << CONF
global
    maxconn 100
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 400ms
    timeout tarpit 300ms
    timeout queue 300ms
    retries 0
frontend all
    bind 127.0.0.1:$p ssl crt $pki/rsa.pem
    http-request deny deny_status 429 if { path_beg /limited/ }
    http-request tarpit if { path_beg /tarpit/ }
    http-request silent-drop if { path_beg /drop/ }
    use_backend dead if { path_beg /dead/ }
    use_backend none if { path_beg /none/ }
    default_backend live
backend live
    server mock 127.0.0.1:$http
backend dead
    server dead 127.0.0.1:$dead
backend none
CONF
    run haproxy haproxy -db -f "$T/haproxy/conf"
    up "$p" haproxy || return
    base=https://127.0.0.1:$p
    OPENAI_BASE_URL=$base/v1
    expect "haproxy" 0 5000 "LLM_OK * text=[[]fine] *" chat "echo: fine" count=3
    expect "haproxy, stream" 0 5000 "LLM_OK * text=[[]1 2 3 *300] *" stream "count to 300"
    expect "haproxy, tools" 0 5000 "LLM_OK * text=[[]*sunny*] *" tools "what is it like in Oslo?"
    printf 'exchange\n stall 0\n body x\n' | script
    expect "haproxy: 504" 350 3000 "LLM_ERR_SERVER http=504 attempts=1 *504 Gateway Time-out*" chat x
    printf 'exchange\n chunk Hello\n stall\n' | script
    expect "haproxy: its time-out in a stream" 350 3000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello] *" stream x \
        retries=2
    printf 'exchange\n chunk Hello\n delay 50\n cut\n' | script
    expect "haproxy, the server dies" 0 3000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello] *" stream x retries=2
    printf 'exchange\n cut 40\n body x\n' | script
    expect "haproxy, the head is cut: 502" 0 3000 "LLM_ERR_SERVER http=502 *502 Bad Gateway*" chat x
    OPENAI_BASE_URL=$base/dead/v1
    expect "haproxy: 503" 0 4000 "LLM_ERR_SERVER http=503 attempts=1 *503 Service Unavailable*" chat x
    OPENAI_BASE_URL=$base/none/v1
    expect "haproxy: no server, retries" 370 5000 "LLM_ERR_SERVER http=503 attempts=2 *" chat x retries=1
    OPENAI_BASE_URL=$base/limited/v1
    expect "haproxy: 429" 0 3000 "LLM_ERR_RATE_LIMIT http=429 *429 Too Many Requests*" chat x
    OPENAI_BASE_URL=$base/tarpit/v1
    expect "haproxy: tarpit" 250 3000 "LLM_ERR_SERVER http=500 *" chat x
    OPENAI_BASE_URL=$base/drop/v1
    expect "haproxy: dropped without a word" 900 3000 \
        "LLM_ERR_TIMEOUT http=0 attempts=1 *idle_timeout_ms*" chat x idle=1000
}

# ---- stunnel: where TLS ends, the end of a body is close_notify or it is a cut -------------------------------------
part_stunnel() {
    stunnel=stunnel4
    has $stunnel || stunnel=stunnel
    has $stunnel || { skip stunnel stunnel4; return; }
    p=$(port)
    cat > "$T/stunnel.conf" << CONF
foreground = yes
pid =
syslog = no
[mock]
accept = 127.0.0.1:$p
connect = 127.0.0.1:$http
cert = $pki/ec.pem
key = $pki/ec.pem
TIMEOUTclose = 1
CONF
    run stunnel $stunnel "$T/stunnel.conf"
    stunnel_pid=$last
    up "$p" stunnel || return
    OPENAI_BASE_URL=https://localhost:$p/v1
    expect "stunnel" 0 5000 "LLM_OK * text=[[]fine] *" chat "echo: fine" count=3
    expect "stunnel, stream" 0 5000 "LLM_OK * text=[[]1 2 3 *300] *" stream "count to 300"
    all='{"choices":[{"message":{"content":"all"},"finish_reason":"stop"}]}'
    printf 'exchange\n framing close\n body %s\n' "$all" | script
    expect "stunnel: close_notify ends the body" 0 5000 "LLM_OK * text=[[]all] *" chat x
    # stunnel says close_notify for a server that was reset: half an answer is then seen by its JSON alone
    printf 'exchange\n framing close\n body %s\n delay 100\n reset\n' "${all%???}" | script
    expect "stunnel: the server resets within the body" 0 5000 "LLM_ERR_PROTOCOL http=200 *breaks off*" chat x
    printf 'exchange\n framing close\n body %s\n delay 900\n' "$all" | script
    (sleep 0.5; kill -9 "$stunnel_pid") &
    pids="$pids $!"
    expect "stunnel is killed: no close_notify" 300 5000 "LLM_ERR_TRUNCATED http=200 * text=[[]all] *" chat x
    wait "$stunnel_pid" 2> /dev/null
}

# ---- servers that are no API ---------------------------------------------------------------------------------------
part_odd() {
    if has openssl; then
        p=$(port)
        awk '/BEGIN CERT/ { n++ } n > 1' "$pki/ec.pem" > "$T/chain.pem"
        run rev openssl s_server -accept "127.0.0.1:$p" -cert "$pki/ec.pem" -key "$pki/ec.pem" \
            -cert_chain "$T/chain.pem" -rev
        if up "$p" rev; then
            OPENAI_BASE_URL=https://127.0.0.1:$p/v1
            expect "s_server -rev: HTTP backwards" 0 5000 "LLM_ERR_PROTOCOL http=0 *" chat x idle=3000
        fi
    else
        skip s_server openssl
    fi
    if has gnutls-serv; then
        p=$(port)
        run gnutls gnutls-serv --echo -p "$p" --x509certfile "$pki/ec.pem" --x509keyfile "$pki/ec.pem" -q
        if up "$p" gnutls; then
            OPENAI_BASE_URL=https://127.0.0.1:$p/v1
            expect "gnutls-serv --echo: the request comes back" 0 5000 "LLM_ERR_PROTOCOL http=0 *" chat x idle=3000
        fi
    else
        skip gnutls-serv gnutls-bin
    fi
    OPENAI_BASE_URL=https://127.0.0.1:$http/v1
    expect "https:// to an HTTP port" 800 3000 "LLM_ERR_TIMEOUT http=0 *connect_timeout_ms*" chat x connect=800
    OPENAI_BASE_URL=http://127.0.0.1:$https/v1
    expect "http:// to an HTTPS port" 0 2900 "LLM_ERR_CONNECTION http=0 *" chat x idle=3000
}

# ---- HTTP proxies --------------------------------------------------------------------------------------------------

# tunnel_safe NAME: what the chaos proxy with --record $T/NAME saw in front of a proxy: CONNECT, and nothing of the key
tunnel_safe() {
    if grep -qa '^CONNECT 127\.0\.0\.1:[0-9]* HTTP/1\.1' "$T/$1".*.request; then ok; else bad \
        "$1: no CONNECT was seen"; fi
    if grep -qai -e "$OPENAI_API_KEY" -e '^Authorization:' -e '^OpenAI-' "$T/$1".*.request; then
        bad "$1: the CONNECT carries what is for the server"
    else ok; fi
}

# in_front NAME PORT [RULE...]: a chaos proxy, its port in $front
in_front() {
    front_name=$1
    to=$2
    shift 2
    run "$front_name" "$chaos" --to "127.0.0.1:$to" --lifetime 120 --record "$T/$front_name" "$@"
    front=$(line "$front_name")
    front=${front##*:}
}

# what every proxy must do: $1 its name, $2 its port, $3 what it says to a wrong password
through() {
    name=$1 pp=$2 says=$3 says_plain=$4
    good=http://user:s3cret@127.0.0.1:$pp
    OPENAI_BASE_URL=https://127.0.0.1:$https/v1
    expect "$name: a tunnel" 0 6000 "LLM_OK http=0 attempts=1 * text=[[]fine] *" chat "echo: fine" "proxy=$good"
    expect "$name: a tunnel, stream" 0 6000 "LLM_OK * text=[[]1 2 3 *300] *" stream "count to 300" "proxy=$good"
    expect "$name: a tunnel, tools" 0 6000 "LLM_OK * text=[[]*sunny*] *" tools "what is it like in Oslo?" "proxy=$good"
    expect "$name: a wrong password" 0 6000 "LLM_ERR_CONNECTION http=0 attempts=1 *$says*" chat x \
        "proxy=http://user:wrong@127.0.0.1:$pp" retries=2
    expect "$name: no password" 0 6000 "LLM_ERR_CONNECTION http=0 attempts=1 *HTTP 40*" chat x \
        "proxy=http://127.0.0.1:$pp" \
        retries=2
    printf 'exchange\n chunk Hello\n cut\n' | script
    expect "$name: the server dies behind it" 0 6000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello] *" stream x \
        "proxy=$good"
    printf 'exchange\n chunk Hello\n stall\n' | script
    expect "$name: silence behind it" 400 4000 "LLM_ERR_TIMEOUT http=200 * text=[[]Hello] *idle_timeout_ms*" stream x \
        "proxy=$good" idle=400
    OPENAI_BASE_URL=https://127.0.0.1:$http/v1
    expect "$name: a port that it denies" 0 6000 "LLM_ERR_CONNECTION http=0 attempts=1 *HTTP 403*" chat x "proxy=$good"
    OPENAI_BASE_URL=https://127.0.0.1:$dead/v1
    expect "$name: nobody listens behind it" 0 6000 "LLM_ERR_CONNECTION http=0 attempts=1 *HTTP 50*" chat x \
        "proxy=$good"
    # http://: the proxy is loopback, so that the key may go there
    OPENAI_BASE_URL=http://127.0.0.1:$http/v1
    expect "$name: plain HTTP" 0 6000 "LLM_OK * text=[[]fine] *" chat "echo: fine" "proxy=$good" count=2
    expect "$name: plain HTTP, stream" 0 6000 "LLM_OK * text=[[]1 2 3] *" stream "count to 3" "proxy=$good"
    expect "$name: plain HTTP, wrong password" 0 6000 "$says_plain" chat x \
        "proxy=http://user:wrong@127.0.0.1:$pp"
    printf 'exchange\n chunk Hello\n delay 50\n reset\n' | script
    expect "$name: plain HTTP, the server resets" 0 6000 "LLM_ERR_TRUNCATED http=200 * text=[[]Hello] *" stream x \
        "proxy=$good"
    # the way to the proxy breaks
    OPENAI_BASE_URL=https://127.0.0.1:$https/v1
    in_front "$name-seen" "$pp"
    expect "$name: seen from outside" 0 6000 "LLM_OK * text=[[]fine] *" chat "echo: fine" \
        "proxy=http://user:s3cret@127.0.0.1:$front"
    tunnel_safe "$name-seen"
    in_front "$name-dies" "$pp" 'cut 0'
    expect "$name: it dies instead of an answer" 0 4000 "LLM_ERR_CONNECTION http=0 attempts=1 *" chat x \
        "proxy=http://user:s3cret@127.0.0.1:$front"
    in_front "$name-half" "$pp" 'reset 15'
    expect "$name: it dies within its answer" 0 4000 "LLM_ERR_CONNECTION http=0 attempts=1 *" chat x \
        "proxy=http://user:s3cret@127.0.0.1:$front"
    in_front "$name-hangs" "$pp" 'stall 10'
    expect "$name: it hangs within its answer" 400 3000 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*" \
        chat x \
        "proxy=http://user:s3cret@127.0.0.1:$front" connect=400
    in_front "$name-tls" "$pp" 'stall 700'
    expect "$name: silence in the handshake" 400 3000 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*" chat x \
        "proxy=http://user:s3cret@127.0.0.1:$front" connect=400
    in_front "$name-once" "$pp" '#1 reset 15'
    expect "$name: it dies once" 370 6000 "LLM_OK * attempts=2 * text=[[]fine] *" chat "echo: fine" \
        "proxy=http://user:s3cret@127.0.0.1:$front" retries=1
    in_front "$name-slow" "$pp" 'slice 7' 'delay 1' 'request slice 7' 'request delay 1'
    expect "$name: in pieces of 7" 0 8000 "LLM_OK * text=[[]fine] *" chat "echo: fine" \
        "proxy=http://user:s3cret@127.0.0.1:$front"
}

part_tinyproxy() {
    has tinyproxy || { skip tinyproxy tinyproxy; return; }
    p=$(port)
    cat > "$T/tinyproxy.conf" << CONF
Port $p
Listen 127.0.0.1
Timeout 10
LogLevel Info
MaxClients 50
Allow 127.0.0.1
BasicAuth user s3cret
ConnectPort $https
ConnectPort $dead
CONF
    run tinyproxy tinyproxy -d -c "$T/tinyproxy.conf"
    up "$p" tinyproxy || return
    # where the request is the proxy's to read, its 401 cannot be told from the server's: RFC 9110 has 407 for it
    through tinyproxy "$p" "HTTP 401*" "LLM_ERR_AUTH http=401 attempts=1 *401 Unauthorized*"
}

part_squid() {
    has squid || { skip squid squid; return; }
    auth=
    for a in /usr/lib/squid /usr/lib64/squid; do [ ! -x $a/basic_ncsa_auth ] || auth=$a/basic_ncsa_auth; done
    [ -n "$auth" ] || { skip squid "squid's basic_ncsa_auth"; return; }
    p=$(port)
    mkdir "$T/squid"
    chmod 777 "$T/squid" # as root it becomes another user
    echo "user:$(openssl passwd -apr1 s3cret)" > "$T/squid/users"
    echo "127.0.0.1 api.mock.test other.mock.test" > "$T/squid/hosts"
    cat > "$T/squid/conf" << CONF
http_port 127.0.0.1:$p
pid_filename $T/squid/pid
cache_log $T/squid/cache.log
access_log stdio:$T/squid/access.log
coredump_dir $T/squid
hosts_file $T/squid/hosts
cache deny all
shutdown_lifetime 1 seconds
pinger_enable off
auth_param basic program $auth $T/squid/users
auth_param basic children 1
acl known proxy_auth REQUIRED
acl tunnels port $https $named_https $dead
acl CONNECT method CONNECT
http_access deny CONNECT !tunnels
http_access allow known
http_access deny all
CONF
    run squid squid -N -f "$T/squid/conf"
    squid=$last
    up "$p" squid || return
    through squid "$p" "HTTP 407*does not accept*" "LLM_ERR_CONNECTION http=0 attempts=1 *HTTP 407*does not accept*"
    # the environment of a real process; names that the proxy alone can resolve
    OPENAI_BASE_URL=https://api.mock.test:$named_https/v1
    proxy=http://user:s3cret@127.0.0.1:$p
    nowhere=http://127.0.0.1:$dead
    env_expect() { # env_expect WHAT PATTERN VARIABLE=VALUE...: with nothing else set
        what=$1 pattern=$2
        shift 2
        got=$(env "$@" timeout 25 "$client" chat "echo: fine" connect=3000 allow=1 2>&1 | tail -n 1)
        why=$(verdict "$got" 0 6000 "$pattern")
        if [ -z "$why" ]; then ok; else
            bad "environment, $what: $why"
            echo "    is:     $got" | cut -c1-400
        fi
    }
    well="LLM_OK * text=[[]fine] *" none="LLM_ERR_CONNECTION * *no address for api.mock.test*"
    env_expect "none" "$none"
    env_expect "HTTPS_PROXY" "$well" "HTTPS_PROXY=$proxy"
    env_expect "https_proxy" "$well" "https_proxy=$proxy"
    env_expect "https_proxy is the first" "$well" "https_proxy=$proxy" "HTTPS_PROXY=$nowhere"
    env_expect "ALL_PROXY" "$well" "ALL_PROXY=$proxy"
    env_expect "HTTP_PROXY is not for https" "$none" "HTTP_PROXY=$proxy"
    env_expect "NO_PROXY, the name" "$none" "HTTPS_PROXY=$proxy" "NO_PROXY=api.mock.test"
    env_expect "NO_PROXY, its domain" "$none" "HTTPS_PROXY=$proxy" "NO_PROXY=x.test, .mock.test"
    env_expect "NO_PROXY, everything" "$none" "HTTPS_PROXY=$proxy" "NO_PROXY=*"
    env_expect "NO_PROXY, another name" "$well" "HTTPS_PROXY=$proxy" "NO_PROXY=i.mock.test,mock.tes"
    env_expect "no password" "LLM_ERR_CONNECTION http=0 *HTTP 407*user and password*HTTPS_PROXY*" \
        "HTTPS_PROXY=http://127.0.0.1:$p"
    env_expect "a proxy that is not there" "LLM_ERR_CONNECTION http=0 *refused*" "HTTPS_PROXY=$nowhere"
    OPENAI_BASE_URL=http://api.mock.test:$named_http/v1
    env_expect "HTTP_PROXY" "$well" "HTTP_PROXY=$proxy"
    env_expect "http_proxy" "$well" "http_proxy=$proxy"
    env_expect "HTTPS_PROXY is not for http" "$none" "HTTPS_PROXY=$proxy"
    env_expect "HTTP_PROXY in a CGI program" "$none" "HTTP_PROXY=$proxy" "REQUEST_METHOD=POST"
    env_expect "HTTP_PROXY, no password" "LLM_ERR_CONNECTION http=0 *HTTP 407*" "HTTP_PROXY=http://127.0.0.1:$p"
    safe "squid's logs" "$T"/squid/*.log
    grep -q 'CONNECT 127.0.0.1' "$T/squid/access.log" && ok || bad "squid's log says nothing"
    stop "$squid"
}

# Proxies that are none.
part_no_proxy() {
    OPENAI_BASE_URL=https://127.0.0.1:$https/v1
    canned_server() { # canned_server NAME MODE ANSWER: its port in $front
        printf '%b' "$3" > "$T/answer"
        "$tool" canned "$2" < "$T/answer" > "$T/$1.out" 2>&1 &
        pids="$pids $!"
        front=$(line "$1")
    }
    page='Content-Type: text/html\r\nContent-Length: 21\r\n\r\n<html>Welcome!</html>'
    for way in close hold; do
        canned_server "page-$way" $way "HTTP/1.1 200 OK\r\n$page"
        expect "no proxy: a page with 200, $way" 0 790 \
            "LLM_ERR_TLS http=0 attempts=1 *that is not TLS: it speaks no TLS at all*" chat x \
            "proxy=http://127.0.0.1:$front" connect=800
        canned_server "portal-$way" $way "HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n$page"
        expect "no proxy: a captive portal, $way" 0 3000 "LLM_ERR_CONNECTION http=0 attempts=1 *HTTP 302*" chat x \
            "proxy=http://127.0.0.1:$front" connect=2000
        canned_server "garbage-$way" $way 'SSH-2.0-OpenSSH_9.2\r\n'
        expect "no proxy: another protocol, $way" 0 3000 \
            "LLM_ERR_CONNECTION http=0 attempts=1 *did not answer as an HTTP proxy*" \
            chat x "proxy=http://127.0.0.1:$front" connect=2000
        canned_server "busy-$way" $way 'HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n'
        expect "no proxy: 503, $way" 0 3000 "LLM_ERR_CONNECTION http=0 attempts=2 *HTTP 503*" chat x \
            "proxy=http://127.0.0.1:$front" \
            retries=1
        canned_server "empty-$way" $way ''
        least=0 want="LLM_ERR_CONNECTION http=0 *closed the connection before it answered*"
        [ $way = close ] || { least=400 want="LLM_ERR_TIMEOUT http=0 *connect_timeout_ms*"; }
        expect "no proxy: nothing, $way" $least 3000 "$want" chat x "proxy=http://127.0.0.1:$front" connect=400
    done
    in_front refuses "$dead" refuse
    expect "no proxy: reset" 0 3000 "LLM_ERR_CONNECTION http=0 attempts=1 *" chat x "proxy=http://127.0.0.1:$front"
    in_front hangs "$dead" hole
    expect "no proxy: it hangs" 400 3000 "LLM_ERR_TIMEOUT http=0 *connect_timeout_ms*" chat x \
        "proxy=http://127.0.0.1:$front" connect=400
    expect "no proxy: it hangs, total" 400 3000 "LLM_ERR_TIMEOUT http=0 *timeout_ms*" chat x \
        "proxy=http://127.0.0.1:$front" total=400
    expect "no proxy: refused" 0 3000 "LLM_ERR_CONNECTION http=0 *refused*" chat x "proxy=http://127.0.0.1:$dead"
    expect "no proxy: the API itself" 0 3000 "LLM_ERR_CONNECTION http=0 *" chat x "proxy=http://127.0.0.1:$http" \
        idle=2000
}

# ---- broken networks -----------------------------------------------------------------------------------------------
# Two namespaces with a cable between them: the caller at 10.77.0.1 and fd77::1, the server at 10.77.0.2 and fd77::2.
# 10.77.0.9 and fd77::9 are neighbours of the caller that answer nothing, for their hardware address is nobody's.
# A third one has nothing but ::1. Packets are not lost or late here (that would take tc netem, which few kernels of
# test machines have): lines that are slow or break are the chaos proxy's part.

silent_route() { ip -n "$here" neigh replace "$1" lladdr 02:00:00:00:00:99 dev "$cable" nud permanent; }

# The same with LLM_USE_GETADDRINFO, whose files are those of the system, and its port 53.
look_up_by_system() {
    $CC -std=c99 -O1 -g -Wall -Wextra -Werror -DLLM_USE_GETADDRINFO -I"$header" -isystem "$build/bearssl/inc" \
        -o "$T/client_gai" netfaults/client.c "$build/libbearssl.a" -lm || { bad "LLM_USE_GETADDRINFO"; return; }
    echo 'hosts: files dns' > "$T/nsswitch"
    cat > "$T/client_system" << END
#!/bin/sh
exec ip netns exec $here sh -c 'mount --bind $T/resolv /etc/resolv.conf && mount --bind $T/hosts /etc/hosts &&
    mount --bind $T/nsswitch /etc/nsswitch.conf && exec "\$@"' sh $T/client_gai "\$@"
END
    chmod 755 "$T/client_system"
    was=$client
    client=$T/client_system
    run system_answer "$T/in_there" "$T/client" dns answer 10.77.0.2 0 53
    line system_answer > /dev/null
    servers 10.77.0.2
    expect "getaddrinfo: a name server" 0 2500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    servers 10.77.0.9 10.77.0.2
    echo 'options timeout:1 attempts:1' >> "$T/resolv"
    expect "getaddrinfo: the first name server is dead" 900 6000 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    printf 'fd77::9 api.test\n10.77.0.2 api.test\n' > "$T/hosts"
    expect "getaddrinfo: IPv6 hangs, IPv4 is well" 200 2500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    : > "$T/hosts"
    stop "$last"
    run system_none "$T/in_there" "$T/client" dns none 10.77.0.2 0 53
    line system_none > /dev/null
    servers 10.77.0.2
    expect "getaddrinfo: no such name" 0 2500 \
        "LLM_ERR_CONNECTION http=0 *no address for api.test*there is no such host*" chat x $a
    stop "$last"
    servers 10.77.0.9
    echo 'options timeout:1 attempts:1' >> "$T/resolv"
    # it cannot be interrupted: the deadline is missed, and what it says in the end is what counts
    expect "getaddrinfo: no name server answers" 900 6000 \
        "LLM_ERR_CONNECTION http=0 attempts=1 *no address for api.test*no name server gave an answer*" chat x $a connect=300
    : > "$T/resolv"
    expect "getaddrinfo: an empty resolv.conf" 0 6000 "LLM_ERR_CONNECTION http=0 *no address for api.test*" chat x $a
    client=$was
}

part_namespaces() {
    [ "$(uname -s)" = Linux ] || { skip namespaces Linux; return; }
    has ip || { skip namespaces iproute2; return; }
    if [ "$(id -u)" != 0 ]; then # a namespace in which we are root, if the system gives us one
        prepare='mount -t tmpfs none /run && ip link set lo up'
        unshare -Urmn sh -c "$prepare" 2> /dev/null || { skip namespaces "root, or user namespaces"; return; }
        NET_CLIENT=$T/client unshare -Urmn sh -c "$prepare && exec sh more_net.sh namespaces" > "$T/inner" 2>&1
        counts=$(tail -n 1 "$T/inner")
        case $counts in
            [0-9]*" passed, "[0-9]*" failed")
                passed=$((passed + ${counts%% *}))
                counts=${counts#*, }
                failed=$((failed + ${counts%% *})) ;;
            *) bad "namespaces: no closing line" ;;
        esac
        sed '$d' "$T/inner"
        return
    fi
    here=llm_a_$$ there=llm_b_$$ only6=llm_c_$$ cable=lla$$ end=llb$$
    ip netns add "$here" 2> "$T/netns" || { skip namespaces "network namespaces: $(cat "$T/netns")"; return; }
    spaces="$here $there $only6"
    {
        ip netns add "$there" && ip netns add "$only6" &&
            ip link add "$cable" netns "$here" type veth peer name "$end" netns "$there" &&
            ip -n "$here" addr add 10.77.0.1/24 dev "$cable" && ip -n "$there" addr add 10.77.0.2/24 dev "$end" &&
            ip -n "$here" addr add fd77::1/64 dev "$cable" nodad && ip -n "$there" addr add fd77::2/64 dev "$end" \
                nodad &&
            ip -n "$here" link set lo up && ip -n "$there" link set lo up && ip -n "$only6" link set lo up &&
            ip -n "$here" link set "$cable" up && ip -n "$there" link set "$end" up &&
            ip -n "$only6" addr del 127.0.0.1/8 dev lo && silent_route 10.77.0.9 && silent_route fd77::9
    } || { bad "namespaces cannot be set up"; return; }
    for n in here there only6; do
        eval "ns=\$$n"
        printf '#!/bin/sh\nexec ip netns exec %s "$@"\n' "$ns" > "$T/in_$n"
        printf '#!/bin/sh\nexec ip netns exec %s %s "$@"\n' "$ns" "$T/client" > "$T/client_$n"
    done
    chmod 755 "$T"/in_* "$T"/client_*
    was_client=$client was_tool=$tool was_control=$control
    client=$T/client_here tool=$T/client_there
    run far "$T/in_there" "$mock" --lifetime 120
    ready=$(line far)
    far=${ready#* http 127.0.0.1:}
    far=${far%% *}
    control=${ready#* control 127.0.0.1:}
    control=${control%% *}
    run door "$T/in_there" "$chaos" --listen 10.77.0.2:0 --to "127.0.0.1:$far" --lifetime 120
    door=$(line door)
    door=${door##*:}
    a="allow=1" # http:// to another host

    OPENAI_BASE_URL=http://10.77.0.2:$door/v1
    expect "cable" 0 3000 "LLM_OK * text=[[]1 2 3] *" stream "count to 3" $a
    # addresses that nothing comes back from
    OPENAI_BASE_URL=http://10.77.0.9:$door/v1
    expect "no answer to SYN" 500 2500 "LLM_ERR_TIMEOUT http=0 attempts=1 *connect_timeout_ms*" chat x $a connect=500
    expect "no answer to SYN, retries" 1370 5000 "LLM_ERR_TIMEOUT http=0 attempts=2 *connect_timeout_ms*" chat x $a \
        connect=500 retries=1
    expect "no answer to SYN, total" 700 2500 "LLM_ERR_TIMEOUT http=0 attempts=1 *timeout_ms*" chat x $a total=700
    OPENAI_BASE_URL=http://10.77.0.8:$door/v1
    expect "nobody has the address, the deadline is first" 500 2500 "LLM_ERR_TIMEOUT http=0 *" chat x $a connect=500
    expect "nobody has the address" 0 8000 "LLM_ERR_CONNECTION http=0 attempts=1 *no route to this host*" chat x $a \
        connect=9000
    # routes that say no at once
    for r in unreachable:3 prohibit:4 blackhole:5; do
        ip -n "$here" route add "${r%:*}" "10.77.${r#*:}.0/24"
        OPENAI_BASE_URL=http://10.77.${r#*:}.1:$door/v1
        expect "route: ${r%:*}" 0 1500 "LLM_ERR_CONNECTION http=0 attempts=1 *cannot connect*" chat x $a
    done
    OPENAI_BASE_URL=http://192.0.2.1:$door/v1
    expect "no route" 0 1500 "LLM_ERR_CONNECTION http=0 attempts=1 *no route to this network*" chat x $a
    OPENAI_BASE_URL=http://10.77.0.2:$dead/v1
    expect "refused" 0 1500 "LLM_ERR_CONNECTION http=0 attempts=1 *refused*" chat x $a

    # the cable is pulled in the middle of a stream; and put back
    OPENAI_BASE_URL=http://10.77.0.2:$door/v1
    for side in "$there $end" "$here $cable"; do
        # shellcheck disable=SC2086
        set -- $side
        printf 'exchange\n chunk Hello\n delay 800\n chunk more\n finish\n done\n' | script
        (sleep 0.4; ip -n "$1" link set "$2" down) &
        pids="$pids $!"
        expect "the cable is pulled" 900 4000 \
            "LLM_ERR_TIMEOUT http=200 attempts=1 * text=[[]Hello] *idle_timeout_ms*" stream x $a \
            idle=900 retries=2
        ip -n "$1" link set "$2" up
        silent_route 10.77.0.9
        expect "it is put back" 0 8000 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    done
    printf 'exchange\n chunk Hello\n delay 800\n chunk more\n finish\n done\n' | script
    (sleep 0.4; ip -n "$there" link set "$end" down; sleep 0.8; ip -n "$there" link set "$end" up) &
    pids="$pids $!"
    expect "it is out for a moment" 800 9000 "LLM_OK http=0 attempts=1 * text=[[]Hellomore] *" stream x $a idle=8000
    run stuck "$T/in_there" "$chaos" --listen 10.77.0.2:0 --to "127.0.0.1:$far" --lifetime 60 'request stall 100000'
    stuck=$(line stuck)
    stuck=${stuck##*:}
    OPENAI_BASE_URL=http://10.77.0.2:$stuck/v1
    ( # when the connection is there: pulled before, it would be another error
        i=0
        while [ $i -lt 200 ] && ! "$T/in_there" ss -Htn state established "sport = :$stuck" | grep -q .; do
            sleep 0.05
            i=$((i + 1))
        done
        sleep 0.2
        ip -n "$there" link set "$end" down
    ) &
    pids="$pids $!"
    expect "it is pulled while the request goes out" 900 5000 "LLM_ERR_TIMEOUT http=0 attempts=1 *idle_timeout_ms*" \
        chat @24000000 $a idle=900
    wait $!
    if ip -n "$there" link show "$end" | grep -q 'state DOWN'; then ok; else bad "it was not pulled"; fi
    ip -n "$there" link set "$end" up
    ip -n "$there" addr replace fd77::2/64 dev "$end" nodad
    ip -n "$here" addr replace fd77::1/64 dev "$cable" nodad
    silent_route 10.77.0.9
    silent_route fd77::9

    # two families, one of them broken
    OPENAI_BASE_URL=http://api.test:$door/v1
    CLIENT_HOSTS=$T/hosts CLIENT_RESOLV=$T/resolv CLIENT_DNS_PORT=53
    export CLIENT_HOSTS CLIENT_RESOLV CLIENT_DNS_PORT
    : > "$T/resolv"
    printf 'fd77::9 api.test\n10.77.0.2 api.test\n' > "$T/hosts"
    expect "IPv6 hangs, IPv4 is well" 200 2500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    printf 'fd77::2 api.test\n10.77.0.2 api.test\n' > "$T/hosts"
    expect "IPv6 is refused, IPv4 is well" 0 1500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    printf '2001:db8::1 api.test\n10.77.0.2 api.test\n' > "$T/hosts"
    expect "IPv6 has no route, IPv4 is well" 0 1500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    printf 'fd77::9 api.test\n10.77.0.9 api.test\n10.77.0.2 api.test\n' > "$T/hosts"
    expect "two addresses hang, the third is well" 450 3000 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    printf 'fd77::9 api.test\n10.77.0.9 api.test\n' > "$T/hosts"
    expect "both hang" 800 3000 "LLM_ERR_TIMEOUT http=0 *connect_timeout_ms*" chat x $a connect=800
    printf '10.77.3.1 api.test\n2001:db8::1 api.test\n' > "$T/hosts"
    expect "no way to either" 0 1500 "LLM_ERR_CONNECTION http=0 *cannot connect*" chat x $a

    # name servers: 10.77.0.2 is one, 10.77.0.9 never answers, at 10.77.0.1 nobody listens
    : > "$T/hosts"
    for d in "well answer 0" "late answer 500" "later answer 2300" "never never 0"; do
        # shellcheck disable=SC2086
        set -- $d
        run "dns_$1" "$T/in_there" "$T/client" dns "$2" 10.77.0.2 "$3"
        eval "dns_$1=$(line "dns_$1")"
    done
    servers() {
        : > "$T/resolv"
        for n in "$@"; do echo "nameserver $n" >> "$T/resolv"; done
    }
    servers 10.77.0.2
    # shellcheck disable=SC2154  # set by eval
    CLIENT_DNS_PORT=$dns_well
    expect "a name server" 0 2500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    servers 10.77.0.9 10.77.0.2
    expect "the first name server is dead" 1500 6000 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    servers 10.77.0.1 10.77.0.2
    expect "the first name server refuses" 0 1500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    servers 10.77.3.1 192.0.2.1 10.77.0.2
    expect "no way to the first two name servers" 0 1500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    servers 10.77.0.1
    expect "the only name server refuses" 0 4000 "LLM_ERR_CONNECTION http=0 *no address for api.test*" chat x $a
    servers 10.77.0.9
    expect "no name server answers, the deadline" 700 2500 "LLM_ERR_TIMEOUT http=0 *name server*" chat x $a connect=700
    expect "no name server answers, total" 700 2500 "LLM_ERR_TIMEOUT http=0 *timeout_ms*" chat x $a total=700
    echo 'options timeout:1 attempts:1' >> "$T/resolv"
    expect "no name server answers, its own limit" 900 4000 \
        "LLM_ERR_CONNECTION http=0 *no address for api.test*name server*" chat x $a
    servers 10.77.0.2
    # shellcheck disable=SC2154
    CLIENT_DNS_PORT=$dns_late
    expect "a name server that is late" 500 4000 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    # shellcheck disable=SC2154
    CLIENT_DNS_PORT=$dns_later
    expect "a name server that is later than the second try" 2300 9500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
    # shellcheck disable=SC2154
    CLIENT_DNS_PORT=$dns_never
    expect "a name server that is silent" 700 2500 "LLM_ERR_TIMEOUT http=0 *name server*" chat x $a connect=700
    # shellcheck disable=SC2154
    run dns6 "$T/in_there" "$T/client" dns answer fd77::9
    CLIENT_DNS_PORT=$(line dns6)
    expect "an address that hangs, from a name server" 700 2500 "LLM_ERR_TIMEOUT http=0 *" chat x $a connect=700

    run dns_none "$T/in_there" "$T/client" dns none 10.77.0.2
    CLIENT_DNS_PORT=$(line dns_none)
    expect "no such name" 0 1500 "LLM_ERR_CONNECTION http=0 *no address for api.test*there is no such host*" chat x $a

    # IPv6 is well and IPv4 hangs; IPv6 is well only at its second address
    if has haproxy; then
        cat > "$T/six.conf" << CONF
defaults
    mode tcp
    timeout connect 1s
    timeout client 10s
    timeout server 10s
listen six
    bind [fd77::2]:$door
    server mock 127.0.0.1:$far
CONF
        run six_door "$T/in_there" haproxy -db -f "$T/six.conf"
        six_door=$last
        i=0
        while [ $i -lt 100 ] && ! "$T/in_there" ss -Hltn6 | grep -q ":$door "; do sleep 0.05; i=$((i + 1)); done
        printf '10.77.0.9 api.test\nfd77::2 api.test\n' > "$T/hosts"
        expect "IPv4 hangs, IPv6 is well" 0 1500 "LLM_OK * text=[[]fine] *" chat "echo: fine" $a
        printf 'fd77::9 api.test\n10.77.0.9 api.test\nfd77::2 api.test\n' > "$T/hosts"
        expect "one of each family hangs, the second of IPv6 is well" 450 3000 "LLM_OK * text=[[]fine] *" \
            chat "echo: fine" $a
        stop "$six_door"
    else
        skip "IPv6 beside IPv4" haproxy
    fi
    : > "$T/hosts"
    look_up_by_system

    # nothing but ::1
    client=$T/client_only6 tool=$T/client_only6
    run six "$T/in_only6" "$mock" --ipv6 --lifetime 60
    ready=$(line six)
    six=${ready#* http "[::1]":}
    six=${six%% *}
    control=0
    OPENAI_BASE_URL="http://[::1]:$six/v1"
    printf '::1 api.test\n' > "$T/hosts"
    expect6() {
        what=$1
        shift
        got=$(timeout 25 "$client" "$@" 2>&1 | tail -n 1)
        why=$(verdict "$got" 0 1500 "LLM_OK * text=[[]fine] *")
        if [ -z "$why" ]; then ok; else bad "IPv6 only, $what: $why"; echo "    is:     $got"; fi
    }
    expect6 "by its address" chat "echo: fine"
    OPENAI_BASE_URL=http://localhost:$six/v1
    expect6 "localhost" chat "echo: fine"
    OPENAI_BASE_URL=http://api.test:$six/v1
    expect6 "by name" chat "echo: fine" $a
    printf '10.77.0.2 api.test\n::1 api.test\n127.0.0.1 api.test\n' > "$T/hosts"
    expect6 "with IPv4 addresses beside it" chat "echo: fine" $a
    client=$was_client tool=$was_tool control=$was_control
    unset CLIENT_HOSTS CLIENT_RESOLV CLIENT_DNS_PORT
}

part=${1:-all}
self_test
for f in nginx haproxy stunnel odd tinyproxy squid no_proxy namespaces; do
    case $part in all | $f) began=$(date +%s) ;; *) continue ;; esac
    part_$f
    echo "$f: $(($(date +%s) - began)) s"
done

safe "the library's log" "$T/library.log"
rm -f "$T/rev.out" "$T/gnutls.out" # they were the server that the key was for, and say what they get
safe "what the programs printed" "$T"/*.out
[ -s "$T/library.log" ] && ok || bad "the library's log is empty"
[ $skipped -eq 0 ] || echo "$skipped parts skipped"
finish
