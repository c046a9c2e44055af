#!/bin/sh
# more_compilers.sh: the compilers beside the two that run every suite. tcc: the unit suites (the slow ones are in
# extra_compilers.sh). g++ and clang++: the declarations as C++98 to C++20, the whole implementation, BearSSL inside, as
# C++11 to C++20. Files of C and C++, static and not, in one program, beside a BearSSL of the program's own. Each
# program speaks to the mock server over HTTPS: ports/exchange.c.
#
#   usage: sh tests/more_compilers.sh [--slow]       --slow: the slow unit suites with tcc, and nothing else
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"
SLOW="test_faults test_faults_tls test_faults_tunnel test_inputs test_json test_live_mock test_netfaults test_proxy test_tls
test_tls_cases test_wire test_x509"
need tcc
need g++
need clang
need clang++
warnings="-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Werror -pedantic-errors"

# ---- tcc: the unit suites -----------------------------------------------------------------------------------------------
# Of libtcc1 and glibc, static linking is beyond tcc: dynamic.
suites() {    # suites SLOW?: builds them, runs them, adds up
    mkdir -p "$T/tcc"
    make -s -C ../tools libbearssl CC=tcc OUT="$T/lib" BEARSSL="$build/bearssl" > "$T/err" 2>&1 ||
        { bad "tcc: BearSSL" "$T/err"; return; }
    programs=
    for f in test_*.c; do
        s=${f%.c}
        case " $(echo $SLOW) " in *" $s "*) [ "$1" = slow ] || continue ;; *) [ "$1" = quick ] || continue ;; esac
        if sed -n 1,3p "$f" | grep -q 'needs:.*bearssl'; then
            set -- "$1" -I"$build/bearssl/inc" -- "$T/lib/libbearssl.a"
        else
            set -- "$1" -DLLM_NO_TLS -- -lm
        fi
        tcc -std=c99 -DT_SLOW=5 "$2" -I"$header" -o "$T/tcc/$s" "$f" "$4" -lm > "$T/err" 2>&1 || bad "tcc: $f" "$T/err"
        programs="$programs $T/tcc/$s"
    done
    # shellcheck disable=SC2086
    sh run.sh "$T/tcc" $programs > "$T/out" 2>&1
    add_up "tcc: a suite" $? "$T/out"
    grep -v 'skipped$' "$T/out" | sed 's/^test_/tcc test_/; $d'
}
if [ "${1:-}" = --slow ]; then
    suites slow
    finish
fi
suites quick

# ---- every compiler: one file, one exchange ------------------------------------------------------------------------------
exchange_host=localhost
# whole NAME COMPILER OPTION...: builds the program of one file; two of them at a time
jobs=
whole() {
    job=$1
    shift
    jobs="$jobs $job"
    "$@" -I"$build" -o "$T/$job" > "$T/$job.err" 2>&1 &
    case $running in '') running=$! ;; *) wait "$running"; running=$! ;; esac
}
running=
# no -Wundef in C++: g++ 12 does not hear the pragma that turns it off for BearSSL's part
whole tcc-c99 tcc -std=c99 -Wall -Werror -DEXCHANGE_IMPLEMENTATION ports/exchange.c
whole gcc-c99 gcc -std=c99 -Wundef $warnings -DEXCHANGE_IMPLEMENTATION ports/exchange.c
whole clang-c99 clang -std=c99 -Wundef $warnings -DEXCHANGE_IMPLEMENTATION ports/exchange.c
whole gcc-c17 gcc -std=c17 $warnings -DEXCHANGE_STATIC ports/exchange.c
for c in g++ clang++; do
    for std in 11 17 20; do
        form=EXCHANGE_IMPLEMENTATION
        [ $std != 17 ] || form=EXCHANGE_STATIC
        whole $c-c++$std $c -std=c++$std $warnings -D$form -x c++ ports/exchange.c
    done
done
wait $running
for j in $jobs; do
    if [ -x "$T/$j" ]; then
        if [ -s "$T/$j.err" ]; then bad "$j: warnings" "$T/$j.err"; else ok; fi
        exchange "$j" ec "$T/$j"
    else
        bad "$j does not build" "$T/$j.err"
    fi
done

# ---- declarations ---------------------------------------------------------------------------------------------------------
cat > "$T/declarations.cpp" << 'X'
#include "llm_openai.h"
#include "llm_openai.h"
static llm_number number = {1, 0.5};
int user(void);
int user(void) { return llm_is(LLM_ERR_QUOTA, LLM_ERR_RATE_LIMIT) + number.set + static_cast<int>(sizeof(llm_response)); }
X
for std in 98 11 17 20; do
    for c in g++ clang++; do
        for folder in "$build" "$header"; do
            for f in ports/exchange.c "$T/declarations.cpp"; do
                cast=-Wold-style-cast
                [ $f != ports/exchange.c ] || cast=
                # shellcheck disable=SC2086
                if $c -std=c++$std $warnings -Wundef -Wwrite-strings -Wcast-qual $cast -I"$folder" -fsyntax-only -x c++ "$f" \
                    > "$T/err" 2>&1; then ok; else bad "declarations, C++$std, $c, $folder, $f" "$T/err" 4; fi
            done
        done
    done
done

# ---- one program of many files --------------------------------------------------------------------------------------------
# The library in a file of its own, a C file and a C++ file that use it, two files with static libraries of their own, and a
# BearSSL that the program brings along.
cat > "$T/main.cpp" << 'X'
#include "bearssl.h"
#include <stdio.h>
#include <string.h>
#define F(name) extern "C" int name(const char *, const char *);
F(from_c) F(from_cpp) F(static_c) F(static_cpp)
int main(int, char **argv) {
    br_sha256_context hash;
    unsigned char out[32];
    int failed = 0;
    br_sha256_init(&hash);
    br_sha256_update(&hash, "abc", 3);
    failed |= from_c(argv[1], argv[2]);
    failed |= static_c(argv[1], argv[2]);
    br_sha256_out(&hash, out);
    failed |= static_cpp(argv[1], argv[2]);
    failed |= from_cpp(argv[1], argv[2]);
    if (memcmp(out, "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23", 16) != 0) failed = 1;
    printf("sha256 %s\n", failed ? "is wrong" : "is right");
    return failed;
}
X
part() {    # part NAME COMPILER OPTION... FILE
    object=$1
    shift
    "$@" -w -I"$build" -c -o "$T/$object.o" 2> "$T/err" || bad "$object.o" "$T/err"
}
many() {    # many C-COMPILER C++-COMPILER
    printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/llm.c"
    part llm "$1" -std=c99 "$T/llm.c" &
    part static_c "$1" -std=c99 -DEXCHANGE=static_c -DEXCHANGE_STATIC ports/exchange.c
    part static_cpp "$2" -std=c++11 -DEXCHANGE=static_cpp -DEXCHANGE_STATIC -x c++ ports/exchange.c
    part from_c "$1" -std=c99 -DEXCHANGE=from_c ports/exchange.c
    part from_cpp "$2" -std=c++11 -DEXCHANGE=from_cpp -x c++ ports/exchange.c
    part main "$2" -std=c++11 -I"$build/bearssl/inc" "$T/main.cpp"
    wait $!
    runtime=
    [ "$1" != tcc ] || runtime=$(tcc -print-search-dirs | sed -n '/^libtcc1:/,$ s/^ *\(.*libtcc1.a\)$/\1/p')
    set -- "$1" "$2" "$T/main.o" "$T/from_c.o" "$T/from_cpp.o" "$T/static_c.o" "$T/static_cpp.o" "$T/llm.o"
    for whole_archive in -Wl,--whole-archive ""; do
        # shellcheck disable=SC2086
        if ! $2 -o "$T/many" "$3" "$4" "$5" "$6" "$7" "$8" $runtime $whole_archive "$build/libbearssl.a" \
            ${whole_archive:+-Wl,--no-whole-archive} 2> "$T/err"; then
            bad "one program of many files, $1 and $2" "$T/err"
            continue
        fi
        exchange "many files, $1 and $2" ec "$T/many"
    done
}
for n in 1 2 3 4; do
    cat ports/exchange.log >> "$T/many.log"
    cat ports/exchange.script >> "$T/many.script"
done
echo "sha256 is right" >> "$T/many.log"
exchange_log=$T/many.log exchange_script=$T/many.script
many gcc clang++
many tcc g++
# what would collide: no name of the bundle stands in the library
nm -g --defined-only "$T/llm.o" "$T/static_c.o" "$T/static_cpp.o" | awk 'NF == 3 { print $3 }' | sort -u > "$T/ours"
nm -g --defined-only "$build/libbearssl.a" 2> /dev/null | awk 'NF == 3 { print $3 }' | sort -u > "$T/theirs"
comm -12 "$T/ours" "$T/theirs" > "$T/both"
if [ -s "$T/theirs" ] && [ -s "$T/ours" ] && [ ! -s "$T/both" ]; then ok; else bad "names in both" "$T/both"; fi
finish
