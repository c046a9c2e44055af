#!/bin/sh
# more_musl.sh: one header, one static binary. The program of ports/exchange.c is linked with musl and with glibc, as a static
# program and as a static one that loads anywhere (static-PIE), without any warning of the linker. Each has no interpreter,
# needs no library, and gets its three exchanges right over HTTPS in a chroot that holds nothing but the program: no /dev,
# no /etc, no /proc; the trust anchors are compiled in.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
built "$build/llm_openai.h" "$mock"
need musl-gcc musl-tools
need readelf binutils
[ "$(uname -m)" = x86_64 ] || skip x86-64
[ "$(id -u)" = 0 ] || skip "root, for chroot"
perl ../tools/anchors/anchors.pl --pem --out "$T/anchors.h" data/pki/roots.pem > "$T/err" 2>&1 || bad "anchors.pl" "$T/err"
mkdir "$T/jail"
exchange_ca=

# wrong FILE: what the file needs that a chroot does not have
wrong() {
    readelf -lW "$1" > "$T/segments" || echo "cannot be read"
    if grep -q INTERP "$T/segments"; then echo "INTERP"; fi
    if readelf -dW "$1" 2> /dev/null | grep -q NEEDED; then echo "NEEDED"; fi
    if grep -q 'GNU_STACK.*RWE' "$T/segments"; then echo "executable stack"; fi
    if ! grep -q GNU_STACK "$T/segments"; then echo "no word about the stack"; fi
}

# this must be found: a dynamic program, an executable stack, and what `musl-gcc -static-pie` really makes
echo 'int main(void) { return 0; }' > "$T/empty.c"
$CC -o "$T/planted" "$T/empty.c" && equal "planted: a dynamic program" "$(wrong "$T/planted" | xargs)" "INTERP NEEDED"
$CC -static -z execstack -o "$T/planted" "$T/empty.c" 2> /dev/null
equal "planted: an executable stack" "$(wrong "$T/planted" | xargs)" "executable stack"
musl-gcc -static-pie -o "$T/planted" "$T/empty.c" && equal "planted: musl-gcc -static-pie" "$(wrong "$T/planted" | sed 1q)" INTERP

# try NAME ELF-TYPE LINKER...
try() {
    name=$1 type=$2
    shift 2
    if ! "$@" -Wl,--gc-sections -Wl,--fatal-warnings -s -o "$T/exchange" 2> "$T/err"; then
        bad "$name: does not link without a warning" "$T/err"
        return
    fi
    equal "$name: needs" "$(wrong "$T/exchange" | xargs)" ""
    equal "$name: type" "$(readelf -hW "$T/exchange" | awk '$1 == "Type:" { print $2 }')" "$type"
    echo "$name: $(wc -c < "$T/exchange") bytes, stripped; text $(size "$T/exchange" | awk 'NR == 2 { print $1 }')"
    echo "figure $id.file $(wc -c < "$T/exchange")"
    echo "figure $id.text $(size "$T/exchange" | awk 'NR == 2 { print $1 }')"
    cp "$T/exchange" "$T/jail/exchange"
    for cert in ec rsa; do exchange "$name" $cert chroot "$T/jail" /exchange; done
    refuses "$name, a CA nobody knows" unknown-ca chroot "$T/jail" /exchange
}

flags="-std=c99 -Wall -Wextra -Werror -Os -fPIE -ffunction-sections -fdata-sections -include $T/anchors.h -DEXCHANGE_IMPLEMENTATION -I$build
-c ports/exchange.c"
# shellcheck disable=SC2086
{
    musl-gcc $flags -o "$T/musl.o" > "$T/musl.err" 2>&1 &
    $CC $flags -o "$T/glibc.o" > "$T/glibc.err" 2>&1
    wait $!
}
for libc in musl glibc; do [ -f "$T/$libc.o" ] || bad "$libc: does not compile" "$T/$libc.err"; done
lib=/usr/lib/x86_64-linux-musl
id=musl try "musl, static" EXEC musl-gcc "$T/musl.o" -static -no-pie
# its wrapper has no static-PIE: the start files are named by hand
id=musl_pie try "musl, static-PIE" DYN musl-gcc -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text "$lib/rcrt1.o" \
    "$lib/crti.o" "$T/musl.o" "$lib/crtn.o"
id=glibc try "glibc, static" EXEC "$CC" "$T/glibc.o" -static -no-pie
id=glibc_pie try "glibc, static-PIE" DYN "$CC" "$T/glibc.o" -static-pie
finish
