#!/bin/sh
# more_tls.sh: TLS against other implementations, openssl s_server, gnutls-serv and python's ssl: every certificate case of
# data/tls/cases.txt with the verdict of `openssl verify` beside ours, every server setting of data/tls/servers.txt, SNI, a
# large transfer, the system's own CA certificates.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
for tool in openssl gnutls-serv python3; do need $tool; done
built "$build/libbearssl.a"

mkdir "$T/new" && cp data/tls/cases_keys.pem "$T/new/" || exit 1
python3 data/tls/make_cases.py "$T/new" > /dev/null &
made=$!
for program in client chat; do
    $CC -std=c99 -O1 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/$program" tls/$program.c "$build/libbearssl.a" ||
        exit 1
done
head -c 30000000 /dev/zero > "$T/big"
printf 'small answer' > "$T/small"

# s_server CHAIN OPTION...: starts it in $T, sets $port
s_server() {
    stop $server
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
    bad "s_server does not start" "$T/server.log"
    return 1
}

# expect WHAT PATTERN CLIENT-ARGUMENT...: the client's last line must match
expect() {
    what=$1 pattern=$2
    shift 2
    got=$(timeout 60 "$T/client" "$port" "$@" 2>&1 | tail -n 1)
    case $got in
        $pattern) ok ;;
        *) bad "$what"; echo "    is:     $got"; echo "    wanted: $pattern" ;;
    esac
}

ca=data/pki/roots.pem
for chain in ec rsa p384; do
    s_server $chain -tls1_2 && expect "TLS 1.2, $chain" "ok 1[0-9]* * clean full *" localhost $ca /small
done
s_server by521 && expect "root on P-521" "ok * clean *" localhost data/tls/roots.pem /small
s_server critical-eku && expect "critical extendedKeyUsage" "ok * clean *" localhost $ca /small
s_server inter-eku &&
    expect "critical extendedKeyUsage of the intermediate" "ok * clean *" localhost data/tls/root.pem /small

# an address is not sent as SNI, a name is
s_server ec -tls1_2 -tlsextdebug
expect "address" "ok * clean full *" 127.0.0.1 $ca /small
if grep -q 'server name' "$T/server.log"; then bad "an address was sent as SNI"; else ok; fi
expect "IPv6 address" "ok * clean full *" ::1 $ca /small
expect "name" "ok * clean full *" localhost. $ca /small
if grep -q 'server name' "$T/server.log"; then ok; else bad "no SNI was sent"; fi

# volume
s_server ec -tls1_2
expect "30 MB" "ok 3000[0-9][0-9][0-9][0-9] * clean full *" localhost $ca /big

bundle=/etc/ssl/certs/ca-certificates.crt
if [ -f $bundle ]; then
    want=$(grep -c 'BEGIN CERT' $bundle)
    got=$("$T/client" index $bundle)
    case $got in
        "$want anchors"*) ok; echo "system bundle: $got" ;;
        *) bad "system bundle has $want certificates: $got" ;;
    esac
fi

# the tables: certificates (also made anew by their script: table, script and what is committed must agree) and servers
run() {
    "$@" > "$T/out" 2>&1
    status=$?
    cat "$T/out"
    add_up "$3" $status "$T/out"
}
wait $made || bad "make_cases.py"
run timeout 300 python3 tls/cases.py "$T/client" "$T/new"
run timeout 300 python3 tls/servers.py "$T/client" "$T/chat"

finish
