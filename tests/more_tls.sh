#!/bin/sh
# more_tls.sh: TLS against other implementations, openssl s_server, gnutls-serv and python's ssl: every certificate case of
# data/tls/cases.txt with the verdict of `openssl verify` beside ours, every server setting of data/tls/servers.txt, SNI, a
# large transfer, the system's own CA certificates.
cd "$(dirname "$0")" || exit 1
root=$(cd .. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}
CC=${CC:-cc}
for tool in openssl gnutls-serv python3; do
    command -v $tool >/dev/null 2>&1 || { echo "SKIPPED more_tls: needs $tool"; exit 77; }
done
[ -f "$build/libbearssl.a" ] || { echo "$build/libbearssl.a is missing: make -C tools libbearssl"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_tls.XXXXXX") || exit 1
server=
stop() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; server=; }
}
trap 'stop; rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0

mkdir "$T/new" && cp data/tls/cases_keys.pem "$T/new/" || exit 1
python3 data/tls/make_cases.py "$T/new" > /dev/null &
made=$!
for program in client chat; do
    $CC -std=c99 -O1 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/$program" tls/$program.c "$build/libbearssl.a" ||
        exit 1
done
head -c 30000000 /dev/zero > "$T/big"
printf 'small answer' > "$T/small"

# serve CHAIN OPTION...: starts s_server in $T, sets $port
serve() {
    stop
    pem=$PWD/data/pki/$1.pem
    [ -f "$pem" ] || pem=$PWD/data/tls/$1.pem
    awk '/BEGIN CERT/ { n++ } n > 1' "$pem" > "$T/chain.pem"
    shift
    rm -f "$T/server.log"
    more=
    [ ! -s "$T/chain.pem" ] || more="-cert_chain $T/chain.pem"
    (cd "$T" && exec openssl s_server -accept 127.0.0.1:0 -cert "$pem" -key "$pem" $more -HTTP "$@" \
        > server.log 2>&1 < /dev/null) &
    server=$!
    port=
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        port=$(sed -n 's/^ACCEPT .*:\([0-9][0-9]*\)$/\1/p' "$T/server.log" 2>/dev/null | head -n 1)
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    echo "s_server did not start: $(tail -n 2 "$T/server.log")"
    return 1
}

# expect WHAT PATTERN CLIENT-ARGUMENT...: the client's last line must match
expect() {
    what=$1 pattern=$2
    shift 2
    got=$(timeout 60 "$T/client" "$port" "$@" 2>&1 | tail -n 1)
    case $got in
        $pattern) passed=$((passed + 1)) ;;
        *) failed=$((failed + 1)); echo "FAILED $what"; echo "    is:     $got"; echo "    wanted: $pattern" ;;
    esac
}

ca=data/pki/roots.pem
for chain in ec rsa p384; do
    serve $chain -tls1_2 && expect "TLS 1.2, $chain" "ok 1[0-9]* * clean full *" localhost $ca /small
done
serve by521 && expect "root on P-521" "ok * clean *" localhost data/tls/roots.pem /small
serve critical-eku && expect "critical extendedKeyUsage" "ok * clean *" localhost $ca /small
serve inter-eku &&
    expect "critical extendedKeyUsage of the intermediate" "ok * clean *" localhost data/tls/root.pem /small

# an address is not sent as SNI, a name is
serve ec -tls1_2 -tlsextdebug
expect "address" "ok * clean full *" 127.0.0.1 $ca /small
if grep -q 'server name' "$T/server.log"; then failed=$((failed + 1)); echo "FAILED an address was sent as SNI"
else passed=$((passed + 1)); fi
expect "IPv6 address" "ok * clean full *" ::1 $ca /small
expect "name" "ok * clean full *" localhost. $ca /small
if grep -q 'server name' "$T/server.log"; then passed=$((passed + 1))
else failed=$((failed + 1)); echo "FAILED no SNI was sent"; fi

# volume
serve ec -tls1_2
expect "30 MB" "ok 3000[0-9][0-9][0-9][0-9] * clean full *" localhost $ca /big
stop

bundle=/etc/ssl/certs/ca-certificates.crt
if [ -f $bundle ]; then
    want=$(grep -c 'BEGIN CERT' $bundle)
    got=$("$T/client" index $bundle)
    case $got in
        "$want anchors"*) passed=$((passed + 1)); echo "system bundle: $got" ;;
        *) failed=$((failed + 1)); echo "FAILED system bundle has $want certificates: $got" ;;
    esac
fi

# the tables: certificates (also made anew by their script: table, script and what is committed must agree) and servers
run() {
    "$@" > "$T/out" 2>&1
    status=$?
    cat "$T/out"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$T/out" | tail -n 1)
    line=${line:-0 passed, 1 failed}
    passed=$((passed + ${line%% *}))
    line=${line#*, }
    failed=$((failed + ${line%% *}))
    [ $status -eq 0 ] || [ "${line%% *}" -gt 0 ] || failed=$((failed + 1))
}
wait $made || { echo "FAILED make_cases.py"; failed=$((failed + 1)); }
run timeout 300 python3 tls/cases.py "$T/client" "$T/new"
run timeout 300 python3 tls/servers.py "$T/client" "$T/chat"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
