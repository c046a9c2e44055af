#!/bin/sh
# more_s390x.sh: the unit suites on a big-endian machine whose char is unsigned, cross-compiled and run under qemu. All C
# suites but those that need the mock server or BearSSL's library; those with TLS are built with the bundled header.
# Promise 8: the suites' expected values are the same ones as on a little-endian machine.
cd "$(dirname "$0")" || exit 1
skip() { echo "SKIPPED more_s390x: needs $1"; exit 77; }
cross=s390x-linux-gnu-gcc
command -v $cross > /dev/null 2>&1 || skip $cross
qemu=
for q in qemu-s390x-static qemu-s390x; do
    if command -v $q > /dev/null 2>&1; then qemu=$q; fi
done
[ -n "$qemu" ] || skip "qemu-s390x-static (qemu-user-static)"
echo 'int main(void) { return 0; }' | $cross -static -x c -o /dev/null - 2> /dev/null || skip libc6-dev-s390x-cross
build=${BUILD:-$(cd .. && pwd)/build}
out=$build/tests/s390x
mkdir -p "$out"
passed=0 failed=0
STRICT="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes
-Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough -Werror ${EXTRA_CFLAGS:-}"

build_one() {
    name=$1 flags="$STRICT -DLLM_NO_TLS -I${HDR:-..}"
    rm -f "$out/$name"
    if sed -n 1,3p "$name.c" | grep -q 'needs:.*bundle'; then flags="-std=c99 -Wall -Wextra -Werror -I$build"; fi
    # shellcheck disable=SC2086
    if ! $cross $flags -O1 -static -o "$out/$name" "$name.c" -lm > "$out/$name.err" 2>&1; then
        rm -f "$out/$name"
    fi
}

suites=
for f in test_*.c; do
    needs=$(sed -n '1,3s|^/\* needs: *\(.*[^ ]\) *\*/.*|\1|p' "$f")
    case " $needs " in *" mock "* | *" native "*) continue ;; esac
    case " $needs " in *" bundle "*) ;; *" bearssl "*) continue ;; esac
    if grep -q "\"mock.h\"" "$f"; then continue; fi
    suites="$suites ${f%.c}"
done
# two compilers at a time
set -- $suites
while [ $# -gt 0 ]; do
    build_one "$1" &
    [ $# -lt 2 ] || { build_one "$2" & shift; }
    shift
    wait
done
for name in $suites; do
    if [ ! -x "$out/$name" ]; then
        echo "$name: does not compile"
        grep -E 'error|warning' "$out/$name.err" | head -n 5
        failed=$((failed + 1))
        continue
    fi
    timeout 300 $qemu "$out/$name" > "$out/$name.log" 2>&1
    status=$?
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.log" | tail -n 1)
    if [ -z "$line" ]; then
        echo "$name: status $status, no closing line"
        tail -n 5 "$out/$name.log"
        failed=$((failed + 1))
        continue
    fi
    echo "$name: $line"
    p=${line%% *} f=${line#*, }
    f=${f%% *}
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
    [ "$f" -eq 0 ] || head -n 10 "$out/$name.log" | sed 's/^/    /'
    passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
