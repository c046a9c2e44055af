#!/bin/sh
# more_windows.sh: Windows on x86-64, cross-compiled and run under Wine without a display. ports/exchange.c, which needs no hook
# and loads no other DLLs than those named below, holds its three exchanges over HTTPS, trusting a file, then the system's
# certificate store; the default hooks are tried one by one (ports/windows/net.c); unit suites run that need no POSIX.
#
#   SUITES=all sh more_windows.sh     also the suites that take long, and those that need BearSSL's library
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
built "$build/llm_openai.h" "$mock"
gcc=x86_64-w64-mingw32-gcc
need $gcc gcc-mingw-w64-x86-64-win32
wine=$(command -v wine64 || ls /usr/lib/wine/wine64 2> /dev/null) || skip wine64
wineserver=$(command -v wineserver || ls /usr/lib/wine/wineserver 2> /dev/null)
need openssl
unset DISPLAY WAYLAND_DISPLAY
WINEPREFIX=$T/prefix WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
trap '"$wineserver" -k 2> /dev/null; clean_up' EXIT
STRICT="$STRICT ${EXTRA_CFLAGS:-}"
libs="-lws2_32 -liphlpapi -lbcrypt -lcrypt32"
dlls="CRYPT32.dll IPHLPAPI.DLL KERNEL32.dll WS2_32.dll bcrypt.dll msvcrt.dll"

suites="test_json test_sse test_url test_error test_tools test_pricing test_conversation test_http"
tls_suites=
if [ "${SUITES:-}" = all ]; then
    suites="$suites test_util test_wire test_call test_call_edges test_call_limits test_pricing_off test_proxy_off test_inputs"
    tls_suites="test_x509 test_trust test_tls"
fi

# ---- building, beside it the prefix, which takes Wine seconds to make
"$wine" wineboot.exe -i > /dev/null 2>&1 &
boot=$!
export gcc STRICT libs header build T
if [ -n "$tls_suites" ]; then
    mkdir "$T/bearssl"
    find "$build/bearssl/src" -name '*.c' | xargs -P 2 -n 1 sh -c \
        '$gcc -std=c99 -w -O1 -I"$build/bearssl/inc" -I"$build/bearssl/src" -c -o "$T/bearssl/$(basename "$0" .c).o" "$0"'
    x86_64-w64-mingw32-ar rcs "$T/libbearssl.a" "$T"/bearssl/*.o
fi
printf '%s\n' exchange exchange_names addroot marks net $suites $tls_suites | xargs -P 2 -n 1 sh -c '
    case $0 in
        exchange) set -- -Os -ffunction-sections -fdata-sections -Wl,--gc-sections -DEXCHANGE_IMPLEMENTATION -I"$build" ports/exchange.c ;;
        exchange_names) set -- -O0 -DLLM_USE_GETADDRINFO -DEXCHANGE_IMPLEMENTATION -I"$build" ports/exchange.c ;;
        addroot) set -- -O0 ports/windows/addroot.c ;;
        marks) set -- -O0 -w -I"$build" ports/windows/marks.c ;;
        net) set -- -O0 -w -I"$header" ports/windows/net.c ;;
        *) if sed -n 1,3p "$0.c" | grep -q "needs:.*bearssl"; then
               set -- -w -O1 -Iports/windows -I"$header" -isystem "$build/bearssl/inc" "$0.c" "$T/libbearssl.a"
           else
               set -- -w -O1 -DLLM_NO_TLS -Iports/windows -I"$header" "$0.c"
           fi ;;
    esac
    $gcc $STRICT -o "$T/$0.exe" "$@" $libs > "$T/$0.err" 2>&1 || rm -f "$T/$0.exe"'
for p in exchange exchange_names addroot marks net $suites $tls_suites; do
    [ -x "$T/$p.exe" ] || bad "$p: does not compile" "$T/$p.err"
done
wait $boot

# ---- the DLLs; one more must be found
dlls_of() { x86_64-w64-mingw32-objdump -p "$1" | sed -n 's/.*DLL Name: //p' | LC_ALL=C sort | xargs; }
printf '#include <windows.h>\nint main(void) { return MessageBeep(0); }\n' > "$T/planted.c"
$gcc -o "$T/planted.exe" "$T/planted.c" && equal "planted: a DLL more" "$(dlls_of "$T/planted.exe")" "KERNEL32.dll USER32.dll msvcrt.dll"
equal "DLLs" "$(dlls_of "$T/exchange.exe")" "$dlls"
x86_64-w64-mingw32-strip "$T/exchange.exe"
echo "figure windows.file $(wc -c < "$T/exchange.exe")"
echo "figure windows.text $(x86_64-w64-mingw32-size "$T/exchange.exe" | awk 'NR == 2 { print $1 }')"

# ---- the three exchanges
for cert in ec rsa; do exchange "a file of CAs" $cert "$wine" "$T/exchange.exe"; done
refuses "a file of CAs, another CA" unknown-ca "$wine" "$T/exchange.exe"
exchange_host=localhost
exchange "names by getaddrinfo" ec "$wine" "$T/exchange_names.exe"
exchange_host=127.0.0.1
exchange_ca=data/pki/none.pem
refuses "a file that is not there" ec "$wine" "$T/exchange.exe"
exchange_ca=
refuses "the store, before" ec "$wine" "$T/exchange.exe"
# add CERT [OID], to $store
store=ROOT
add() {
    openssl x509 -in "data/pki/$1.pem" -outform der -out "$T/$1.der"
    "$wine" "$T/addroot.exe" $store "$T/$1.der" $2 > "$T/out" 2>&1 || bad "the store: $1 is not taken" "$T/out"
}
add root-rsa 1.3.6.1.5.5.7.3.3
refuses "the store, a CA for programs" rsa "$wine" "$T/exchange.exe"
add root-ec 1.3.6.1.5.5.7.3.1
exchange "the store, a CA for servers" ec "$wine" "$T/exchange.exe"
add self-signed ""
exchange "the store, no word on what it is for" self-signed "$wine" "$T/exchange.exe"
refuses "the store, another CA" unknown-ca "$wine" "$T/exchange.exe"
store=Disallowed
add root-ec
refuses "the store, a CA that is disallowed" ec "$wine" "$T/exchange.exe"
exchange "the store, beside one that is disallowed" self-signed "$wine" "$T/exchange.exe"

# ---- hooks and suites
# take NAME COMMAND...: adds up a program's closing line
take() {
    what=$1
    shift
    timeout 250 "$@" > "$T/out" 2>&1
    status=$?
    tr -d '\r' < "$T/out" > "$T/log"
    add_up "$what" $status "$T/log"
    echo "$what: $good"
}
nameserver=$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)
take "marks of distrust in the store" "$wine" "$T/marks.exe"
take "hooks" sh -c 'cd "$0" && "$@"' "$T" "$wine" ./net.exe "${nameserver:-127.0.0.1}"
for p in $suites $tls_suites; do [ ! -x "$T/$p.exe" ] || take "$p" "$wine" "$T/$p.exe"; done
finish
