#!/bin/sh
# more_abi.sh: other processors, cross-compiled and run under qemu-user: both byte orders, 32 and 64 bits, char signed
# and unsigned. On each the unit suites, whose expected values and event logs are the same everywhere (promise 8), and
# ports/exchange.c, static, with its three exchanges over HTTPS; with a date of the year 2100 too, as time_t has 32 bits on
# some.
#
#   ABIS="mips armhf" sh more_abi.sh          these processors alone, with their usual suites
#   ABIS=mips SUITES=all sh more_abi.sh       with every suite that can run there; extra_abi.sh: on all processors
#   ABIS=mips SUITES="test_json" sh more_abi.sh
#
# SUITES=all also builds BearSSL's library, for the suites that need it. Left out: what needs the mock server; on mips the
# suites of sockets, as qemu 7.2 gives there the host's number of an error by SO_ERROR (111 for a refused connection, which
# is 146); under qemu the faults in TLS, for their run time: i686 runs them. Without SUITES a minute's worth.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
built "$build/llm_openai.h" "$mock"
ABIS=${ABIS:-s390x mips armhf}
STRICT="$STRICT ${EXTRA_CFLAGS:-}"

# of ABI: sets $cross, $qemu, $word (bytes of a pointer, byte order, sign of char)
of() {
    case $1 in
        s390x) cross=s390x-linux-gnu- qemu=qemu-s390x-static word="8 big unsigned" ;;
        mips) cross=mips-linux-gnu- qemu=qemu-mips-static word="4 big signed" ;;
        armhf) cross=arm-linux-gnueabihf- qemu=qemu-arm-static word="4 little unsigned" ;;
        aarch64) cross=aarch64-linux-gnu- qemu=qemu-aarch64-static word="8 little unsigned" ;;
        i686) cross=i686-linux-gnu- qemu="qemu-i386-static" word="4 little signed" ;;
        *) echo "there is no processor '$1' here"; exit 1 ;;
    esac
    # what this kernel runs by itself needs no emulator
    if [ "$1" = i686 ] && [ "$(uname -m)" = x86_64 ]; then qemu=env; fi
}

# without PATTERN: takes suites off the lists
without() {
    plain=$(echo "$plain" | tr ' ' '\n' | grep -vE "$1")
    tls=$(echo "$tls" | tr ' ' '\n' | grep -vE "$1")
}

# suites_of ABI: which ones when SUITES is not set
suites_of() {
    case $1 in
        s390x) without '^test_(faults.*|call_edges|call_limits|inputs|no_net|pricing_off|proxy_off)$' ;;
        mips) plain="test_util test_url test_call_limits test_pricing test_sse" ;;
        *) plain="test_util test_sse" ;;
    esac
    tls=
}

# the suites: plain ones, and those with TLS
all_plain= all_tls=
for f in test_*.c; do
    needs=$(sed -n '1,3s|^/\* needs: *\(.*[^ ]\) *\*/.*|\1|p' "$f")
    case " $needs " in *" mock "* | *" native "*) continue ;; esac
    if grep -q "\"mock.h\"" "$f"; then continue; fi
    case " $needs " in *" bearssl "*) all_tls="$all_tls ${f%.c}" ;; *) all_plain="$all_plain ${f%.c}" ;; esac
done

two_at_a_time() { xargs -P 2 -n 1 sh -c "$1"; }

build_all() {
    export cross out STRICT header build
    rm -f "$out"/test_* "$out/exchange"
    if [ -n "$tls" ]; then
        mkdir -p "$out/bearssl"
        find "$build/bearssl/src" -name '*.c' | two_at_a_time 'o=$out/bearssl/$(basename "$0" .c).o
            [ -f "$o" ] || ${cross}gcc -std=c99 -w -O1 -I"$build/bearssl/inc" -I"$build/bearssl/src" -c -o "$o" "$0"'
        rm -f "$out/libbearssl.a"
        ${cross}ar rcs "$out/libbearssl.a" "$out"/bearssl/*.o
    fi
    printf '%s\n' exchange $plain $tls | two_at_a_time '
        case $0 in
            exchange) set -- -std=c99 -Wall -Wextra -Werror -DEXCHANGE_IMPLEMENTATION -DEXCHANGE_DATE -I"$build" -Os ports/exchange.c ;;
            *) if sed -n 1,3p "$0.c" | grep -q "needs:.*bearssl"; then
                   set -- $STRICT -I"$header" -isystem "$build/bearssl/inc" -O1 "$0.c" "$out/libbearssl.a"
               else
                   set -- $STRICT -DLLM_NO_TLS -I"$header" -O1 "$0.c"
               fi ;;
        esac
        ${cross}gcc -static -o "$out/$0" "$@" -lm > "$out/$0.err" 2>&1 || rm -f "$out/$0"'
}

# the lines of one suite, as it has ended
suite() {
    if [ ! -x "$out/$1" ]; then
        grep -E 'error|warning|undefined' "$out/$1.err" > "$T/err"
        bad "$abi: $1 does not compile" "$T/err" 5
        return
    fi
    status=$(sed -n '$s/^status //p' "$out/$1.log")
    add_up "$abi: $1" "${status:-1}" "$out/$1.log"
    sum=$((sum + good))
}

# the processor is what it is taken for: else two of them could be the same
cat > "$T/word.c" <<'END'
#include <stdio.h>
int main(void) {
    unsigned one = 1;
    printf("%d %s %s\n", (int)sizeof(void *), *(char *)&one ? "little" : "big", (char)-1 < 0 ? "signed" : "unsigned");
    return 0;
}
END

for abi in $ABIS; do
    of "$abi"
    need "${cross}gcc"
    need "$qemu" qemu-user-static
    "${cross}gcc" -static -o "$T/word" "$T/word.c" 2> /dev/null || skip "the C library of $abi, static"
    equal "$abi: what it is" "$($qemu "$T/word")" "$word"
    out=$build/tests/$abi
    mkdir -p "$out"
    plain=$all_plain tls=$all_tls
    if [ -z "${SUITES:-}" ]; then suites_of "$abi"; elif [ "$SUITES" != all ]; then plain=$SUITES tls=; fi
    if [ "$abi" = mips ]; then without '^test_net(_getaddrinfo)?$'; fi
    if [ "$qemu" != env ]; then without '^test_faults_(tls|tunnel)$'; fi
    build_all
    export qemu
    printf '%s\n' $plain $tls | two_at_a_time '[ -x "$out/$0" ] || exit 0
        timeout 600 $qemu "$out/$0" > "$out/$0.log" 2>&1; echo "status $?" >> "$out/$0.log"'
    sum=0
    for name in $plain $tls; do suite "$name"; done
    echo "$abi: $(echo $plain $tls | wc -w) suites, $sum passed"
    if [ ! -x "$out/exchange" ]; then
        bad "$abi: exchange.c does not compile" "$out/exchange.err"
        continue
    fi
    "${cross}strip" -o "$T/exchange" "$out/exchange"
    echo "figure $abi.file $(wc -c < "$T/exchange")"
    echo "figure $abi.text $("${cross}size" "$T/exchange" | awk 'NR == 2 { print $1 }')"
    for cert in ec rsa; do exchange "$abi" $cert $qemu "$T/exchange"; done
    EXCHANGE_DATE=4102444800
    export EXCHANGE_DATE
    exchange "$abi, in 2100" ec $qemu "$T/exchange"
    # the certificates end with the year 2120
    EXCHANGE_DATE=5000000000
    refuses "$abi, in 2128" ec $qemu "$T/exchange"
    unset EXCHANGE_DATE
done
finish
