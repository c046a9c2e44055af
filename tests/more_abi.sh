#!/bin/sh
# more_abi.sh: other processors, cross-compiled and run under qemu-user: both byte orders, 32 and 64 bits, char signed
# and unsigned. On each the unit suites, whose expected values and event logs are the same everywhere (promise 8), and
# ports/three.c, static, with its three exchanges over HTTPS; with a date of the year 2100 too, as time_t has 32 bits on
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
NAME=more_abi
. ports/lib.sh
header=${HDR:-..}
ABIS=${ABIS:-s390x mips armhf}
STRICT="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes
-Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough -Werror ${EXTRA_CFLAGS:-}"

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
    rm -f "$out"/test_* "$out/three"
    if [ -n "$tls" ]; then
        mkdir -p "$out/bearssl"
        find "$build/bearssl/src" -name '*.c' | two_at_a_time 'o=$out/bearssl/$(basename "$0" .c).o
            [ -f "$o" ] || ${cross}gcc -std=c99 -w -O1 -I"$build/bearssl/inc" -I"$build/bearssl/src" -c -o "$o" "$0"'
        rm -f "$out/libbearssl.a"
        ${cross}ar rcs "$out/libbearssl.a" "$out"/bearssl/*.o
    fi
    printf '%s\n' three $plain $tls | two_at_a_time '
        case $0 in
            three) set -- -std=c99 -Wall -Wextra -Werror -DTHREE_DATE -I"$build" -Os ports/three.c ;;
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
        grep -E 'error|warning|undefined' "$out/$1.err" | head -n 5 > "$T/err"
        bad "$abi: $1 does not compile" "$T/err"
        return
    fi
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$out/$1.log" | tail -n 1)
    status=$(sed -n '$s/^status //p' "$out/$1.log")
    if [ -z "$line" ]; then
        tail -n 5 "$out/$1.log" > "$T/err"
        bad "$abi: $1: status $status, no closing line" "$T/err"
        return
    fi
    p=${line%% *} f=${line#*, }
    f=${f%% *}
    [ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
    [ "$f" -eq 0 ] || { echo "FAILED $abi: $1"; head -n 10 "$out/$1.log" | sed 's/^/    /'; }
    passed=$((passed + p)) failed=$((failed + f))
    sum=$((sum + p))
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
    command -v "${cross}gcc" > /dev/null 2>&1 || skip "${cross}gcc"
    command -v "$qemu" > /dev/null 2>&1 || skip "$qemu (qemu-user-static)"
    "${cross}gcc" -static -o "$T/word" "$T/word.c" 2> /dev/null || skip "the C library of $abi, static"
    check "$abi: what it is" "$($qemu "$T/word")" "$word"
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
    if [ ! -x "$out/three" ]; then
        bad "$abi: three.c does not compile" "$out/three.err"
        continue
    fi
    "${cross}strip" -o "$T/three" "$out/three"
    echo "figure $abi.file $(wc -c < "$T/three")"
    echo "figure $abi.text $("${cross}size" "$T/three" | awk 'NR == 2 { print $1 }')"
    pem=data/pki/roots.pem
    for cert in ec rsa; do three_args=$pem three "$abi" $cert $qemu "$T/three"; done
    THREE_DATE=4102444800
    export THREE_DATE
    three_args=$pem three "$abi, in 2100" ec $qemu "$T/three"
    # the certificates end with the year 2120
    THREE_DATE=5000000000
    three_args=$pem refuses "$abi, in 2128" ec $qemu "$T/three"
    unset THREE_DATE
done
result
