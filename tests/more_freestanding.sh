#!/bin/sh
# more_freestanding.sh: the protocol core without a C library. freestanding/main.c is linked with the string.c of
# examples/nolibc and nothing else (-nostdlib), and reads one answer from memory at every two-way split into the golden log.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
case $(uname -sm) in
    "Linux x86_64" | "Linux aarch64") ;;
    *) skip "Linux on x86-64 or aarch64" ;;
esac

for name in answer:stream.http golden:stream.log; do
    perl -0777 -e '
        my ($name, $file) = split /:/, $ARGV[0];
        open F, "<:raw", "data/freestanding/$file" or die "$file: $!";
        my @b = unpack "C*", <F>;
        print "static const char ${name}[] =\n";
        while (my @l = splice @b, 0, 32) { print "    \"", map({ sprintf "\\%03o", $_ } @l), "\"\n" }
        print "    ;\nstatic const size_t ${name}_len = sizeof $name - 1;\n";
    ' $name >> "$T/data.h" || exit 1
done
perl data/freestanding/make.pl | cmp -s - data/freestanding/stream.http || bad "stream.http is not what make.pl makes"

FLAGS="-std=c99 -ffreestanding -fno-stack-protector -fno-pie -Wall -Wextra -Werror -I$T -I$header -isystem freestanding/include"
. ./ports/five.sh

# what is not there is seen, by its name; what compilers bring is not
for w in memchr strchr abort __divmoddi9 __stack_chk_fail __divmoddi4; do
    echo "void $w(void); void planted(void); void planted(void) { $w(); }" > "$T/planted.c"
    # shellcheck disable=SC2086
    $CC -ffreestanding -fno-builtin -fno-stack-protector -c -o "$T/planted.o" "$T/planted.c" 2> "$T/err" || bad "planted: $w" "$T/err"
    beyond_five "$T/planted.o" > "$T/wrong"
    wanted=$w
    [ $w != __divmoddi4 ] || wanted=
    if [ "$(cat "$T/wrong")" = "$wanted" ]; then ok; else bad "planted: $w" "$T/wrong"; fi
done

compilers=$CC
if command -v clang > /dev/null 2>&1; then compilers="$CC clang"; fi
for c in $(printf '%s\n' $compilers | sort -u); do
    for o in -O0 -Os -O2; do
        # shellcheck disable=SC2086
        if ! $c $FLAGS $o -c -o "$T/main.o" freestanding/main.c 2> "$T/err" ||
            ! $c $FLAGS $o -fno-builtin -c -o "$T/string.o" ../examples/nolibc/string.c 2> "$T/err"; then
            bad "$c $o: does not compile" "$T/err"
            continue
        fi
        only_five "$c $o" "$T/main.o"
        if ! $c -nostdlib -static -no-pie -o "$T/program" "$T/main.o" "$T/string.o" 2> "$T/err"; then
            bad "$c $o: does not link" "$T/err"
            continue
        fi
        timeout 200 "$T/program" > "$T/out"
        status=$?
        tail -n 2 "$T/out" | tr '\n' ' '
        echo "text $(size "$T/program" | awk 'NR == 2 { print $1 }') bytes, string functions and the test included"
        good=$(sed -n 's/^\([0-9]*\) splits good, 0 bad$/\1/p' "$T/out")
        if [ $status -eq 0 ] && [ "${good:-0}" -gt 1000 ]; then passed=$((passed + good)); else
            bad "$c $o: status $status" "$T/out"
        fi
    done
done

# what a 32-bit target would need: compiled only
if echo 'int x;' | $CC -m32 -ffreestanding -x c -c -o /dev/null - 2> /dev/null; then
    # shellcheck disable=SC2086
    if $CC -m32 $FLAGS -fno-pic -Os -c -o "$T/main32.o" freestanding/main.c 2> "$T/err"; then
        only_five "32 bits, -Os" "$T/main32.o"
    else
        bad "32 bits: does not compile" "$T/err"
    fi
fi
finish
