#!/bin/sh
# more_tls.sh: the TLS section against another implementation, openssl s_server: versions, ciphers, groups, keys,
# small buffers, resumption, a large transfer, and the ways a connection can end.
cd "$(dirname "$0")" || exit 1
root=$(cd .. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}
CC=${CC:-cc}
command -v openssl >/dev/null 2>&1 || { echo "SKIPPED more_tls: needs openssl"; exit 77; }
[ -f "$build/libbearssl.a" ] || { echo "$build/libbearssl.a is missing: make -C tools libbearssl"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_tls.XXXXXX") || exit 1
server=
stop() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; server=; }
}
trap 'stop; rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0

$CC -std=c99 -O2 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/client" tls/client.c "$build/libbearssl.a" ||
    exit 1
head -c 300000 /dev/urandom > "$T/medium"
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
    (cd "$T" && exec openssl s_server -accept 127.0.0.1:0 -cert "$pem" -key "$pem" $more "${mode:--HTTP}" "$@" \
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
    serve $chain && expect "TLS 1.2 and 1.3, $chain" "ok * clean full *" localhost $ca /small
done
serve by521 && expect "root on P-521" "ok * clean *" localhost data/tls/roots.pem /small
serve critical-eku && expect "critical extendedKeyUsage" "ok * clean *" localhost $ca /small
serve inter-eku &&
    expect "critical extendedKeyUsage of the intermediate" "ok * clean *" localhost data/tls/root.pem /small

# all six suites, all four groups
for s in ECDHE-ECDSA-AES128-GCM-SHA256:c02b ECDHE-ECDSA-AES256-GCM-SHA384:c02c ECDHE-ECDSA-CHACHA20-POLY1305:cca9; do
    serve ec -tls1_2 -cipher "${s%:*}" && expect "$s" "ok 3* * clean full ${s#*:}" localhost $ca /medium
done
for s in ECDHE-RSA-AES128-GCM-SHA256:c02f ECDHE-RSA-AES256-GCM-SHA384:c030 ECDHE-RSA-CHACHA20-POLY1305:cca8; do
    serve rsa -tls1_2 -cipher "${s%:*}" && expect "$s" "ok 3* * clean full ${s#*:}" localhost $ca /medium
done
for g in X25519 P-256 P-384 P-521; do
    serve ec -tls1_2 -groups $g && expect "group $g" "ok * clean full *" localhost $ca /small
done
serve ec -tls1_2 -groups ffdhe2048 && expect "no common group" "failed *TLS 1.3*" localhost $ca /small

# what this build cannot do
serve ec -tls1_3 &&
    expect "TLS 1.3 only" "failed *the server may require TLS 1.3; this build speaks TLS 1.2*" localhost $ca /small
serve rsa -tls1 -cipher 'ALL@SECLEVEL=0' && expect "TLS 1.0 only" "failed *TLS 1.2*" localhost $ca /small
serve rsa -tls1_1 -cipher 'ALL@SECLEVEL=0' && expect "TLS 1.1 only" "failed *TLS 1.2*" localhost $ca /small
serve rsa -tls1_2 -cipher AES128-GCM-SHA256 &&
    expect "RSA key exchange only" "failed *nothing in common*" localhost $ca /small
serve ec -tls1_2 -Verify 1 && expect "a client certificate is asked for" "failed *" localhost $ca /small
serve rsa -tls1_2 -sigalgs rsa_pss_rsae_sha256 &&
    expect "RSA-PSS only" "failed *nothing in common*" localhost $ca /small

# names and trust
serve ec -tls1_2 -tlsextdebug
expect "address" "ok * clean full *" 127.0.0.1 $ca /small
if grep -q 'server name' "$T/server.log"; then failed=$((failed + 1)); echo "FAILED an address was sent as SNI"
else passed=$((passed + 1)); fi
expect "IPv6 address" "ok * clean full *" ::1 $ca /small
expect "name" "ok * clean full *" localhost. $ca /small
if grep -q 'server name' "$T/server.log"; then passed=$((passed + 1))
else failed=$((failed + 1)); echo "FAILED no SNI was sent"; fi
expect "wrong name" "failed *not for example.test*" example.test $ca /small
expect "unknown CA" "failed *not signed by a CA that you trust*" localhost data/pki/root-rsa.pem /small

# volume, record sizes, resumption
serve ec -tls1_2
expect "30 MB" "ok 3000[0-9][0-9][0-9][0-9] * clean full *" localhost $ca /big
expect "837 bytes of input buffer" "ok 3* * clean full *" localhost $ca /medium 837
expect "4421 bytes of input buffer" "ok 3* * clean full *" localhost $ca /medium 4421
serve ec -tls1_2 -no_ticket
expect "resumption" "ok * clean resumed *" localhost $ca /small 0 3
serve ec -tls1_2 -no_ticket -no_cache
expect "a server that keeps no session" "ok * clean full *" localhost $ca /small 0 3

# endings: the server is stopped while it waits, with the client's connection open
mode=-rev
serve ec -tls1_2
timeout 20 "$T/client" "$port" localhost $ca /never > "$T/out" 2>&1 &
client=$!
sleep 1
stop
wait $client
case $(tail -n 1 "$T/out") in
    "ok "*" cut "*) passed=$((passed + 1)) ;;
    *) failed=$((failed + 1)); echo "FAILED a server that dies: $(tail -n 1 "$T/out")" ;;
esac

bundle=/etc/ssl/certs/ca-certificates.crt
if [ -f $bundle ]; then
    want=$(grep -c 'BEGIN CERT' $bundle)
    got=$("$T/client" index $bundle)
    case $got in
        "$want anchors"*) passed=$((passed + 1)); echo "system bundle: $got" ;;
        *) failed=$((failed + 1)); echo "FAILED system bundle has $want certificates: $got" ;;
    esac
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
