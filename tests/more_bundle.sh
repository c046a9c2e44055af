#!/bin/sh
# more_bundle.sh: is the BearSSL inside build/llm_openai.h still BearSSL?
#
# BearSSL's own test programs are compiled into one file with all of BearSSL, as the bundler changes it, and
# must pass at -O2; BUNDLE_LEVELS="-O2 -O3" names more levels (extra_bundle.sh). What is shipped must be a part of
# that same text, function by function. Each of these checks is also given a planted defect that it has to find.
# Needs a C compiler and Debian's base tools.
#
#   usage: [CC=cc] [HDR=folder of llm_openai.h] [BUILD=build folder] sh tests/more_bundle.sh

cd "$(dirname "$0")" || exit 1
. ./suite.sh
cd .. || exit 1
HDR=$(cd "$header" && pwd) || exit 1
BUILD=$(mkdir -p "$build" && cd "$build" && pwd) || exit 1
bearssl=$BUILD/bearssl
bundle=$BUILD/bundle
shipped=$BUILD/llm_openai.h
work=$BUILD/tests/bundle-$(basename "${CC%% *}")
rm -rf "$work"
mkdir -p "$work" || exit 1

# check WORDS COMMAND...: the command must succeed; what it prints is shown if it does not.
check() {
    what=$1
    shift
    if "$@" >"$work/out" 2>&1; then ok; else bad "$what" "$work/out"; fi
}
refuses() { ! "$@"; }

# ---- the tools ---------------------------------------------------------------------------------------------
check "make bundle" make -s -C tools bundle bundle-all CC="$CC" HEADER="$HDR/llm_openai.h" OUT="$BUILD"
[ $failed -eq 0 ] || finish

names_both_hashes() {
    cp -R "$bearssl" "$work/other"
    echo >>"$work/other/src/inner.h"
    if BEARSSL_DIR=$work/other sh tools/fetch_bearssl.sh "$work/target" >"$work/message" 2>&1; then
        return 1
    fi
    cat "$work/message"
    [ ! -e "$work/target" ] && [ "$(grep -cE '(found|expected): +[0-9a-f]{64}$' "$work/message")" -eq 2 ]
}
check "a BEARSSL_DIR with other content is refused, with both hashes" names_both_hashes
from_user() {
    BEARSSL_DIR=$bearssl sh tools/fetch_bearssl.sh "$work/target" && diff -r "$bearssl" "$work/target"
}
check "a BEARSSL_DIR with the right content is taken" from_user

no_markers() {
    grep -v "$1" "$HDR/llm_openai.h" >"$work/unmarked.h"
    if "$bundle" --bearssl "$bearssl" "$work/unmarked.h" "$work/no.h"; then
        return 1
    fi
    [ ! -e "$work/no.h" ]
}
check "a header without a BEGIN marker is refused" no_markers 'BEGIN BEARSSL \*/'
check "a header without an UNDEF marker is refused" no_markers 'BEARSSL UNDEF'

# ---- the shipped file --------------------------------------------------------------------------------------
sed -n '\|/\* BEGIN BEARSSL \*/|,\|/\* END BEARSSL \*/|p' "$shipped" | sed '1d;$d' >"$work/part.h"
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' >"$work/one.c"
printf '#include "bearssl.h"\n%s\n%s\n' "$(cat "$work/one.c")" \
    'int main(void) { return (int)br_sha256_vtable.context_size < 0; }' >"$work/two.c"
{
    for word in MIN MAX EQ NEQ GT GE LT LE NOT MUX CMP MUL MUL31 CCOPY ARSH CTX ENG ROTL CH MAJ F G H GEN; do
        echo "#define $word(...) word taken by the program"
    done
    cat "$work/one.c"
} >"$work/taken.c"

# $CC may hold options
# shellcheck disable=SC2086
compiles() { $CC "$@" -I"$BUILD" -c -o "$work/one.o"; }
# shellcheck disable=SC2086
check "compiles alone, without a warning" compiles $STRICT -O1 -DLLM_OPENAI_IMPLEMENTATION -x c "$shipped"
only_own_symbols() { ! nm -g --defined-only "$work/one.o" | awk '$3 !~ /^llm_/' | grep .; }
check "no external name but llm_..." only_own_symbols
# Without optimisation all of them are there. A name with a dot belongs to one function.
only_own_statics() {
    compiles -std=c99 -w -O0 "$work/one.c" &&
        ! nm --defined-only "$work/one.o" | awk '$3 !~ /^(llmi?_|__get_cpuid|\$)/ && $3 !~ /\./' | grep .
}
check "no static name but llmi_..." only_own_statics
only_own_types() {
    ! sed -n 's/^} *\([A-Za-z_0-9]*\);.*/\1/p
              s/^typedef.*[ *(]\([A-Za-z_0-9]*\)\(\[.*\]\)*;$/\1/p' "$work/part.h" | grep -v '^llmi_' | grep .
}
check "no type name but llmi_..." only_own_types
check "compiles where the program has macros with BearSSL's short names" compiles -std=c99 -w "$work/taken.c"
check "compiles beside the real bearssl.h" compiles -std=gnu99 -w -I"$bearssl/inc" "$work/two.c"
if command -v c++ >/dev/null 2>&1; then
    check "compiles as C++11" \
        c++ -std=c++11 -Wall -Wextra -Werror -x c++ -I"$BUILD" -c -o "$work/cpp.o" "$work/one.c"
fi

macros() { $CC -std=c99 -dM -E -I"$BUILD" "$@" | awk '{ sub(/\(.*/, "", $2); print $2 }' | sort -u; }
no_macro_left() {
    macros "$work/one.c" >"$work/macros" && [ -s "$work/macros" ] &&
        ! grep -Ei '^(llmi_)?br_' "$work/macros" &&
        ! grep -E '^(INNER|CONFIG)_H__$|^T0_|^(MIN|MAX|EQ|NOT|MUL|CCOPY)$' "$work/macros"
}
check "no macro of BearSSL is left" no_macro_left
lacks() { [ -s "$work/part.h" ] && ! grep -nE "$1" "$work/part.h"; }
check "no old name is left" lacks '(^|[^A-Za-z0-9_])(br_|BR_)'
check "nothing turns on unaligned access" lacks 'UNALIGNED'
check "no code for an operating system" \
    lacks 'urandom|windows\.h|wincrypt|pragma comment|fcntl\.h|time\.h|_rdrand|unistd'
check "the licence is inside" grep -q 'Permission is hereby granted' "$work/part.h"

# ---- the shipped text is the tested text -------------------------------------------------------------------
# One line for each function and table: its heading and its text.
bodies() {
    awk '
        on { text = text "\001" $0; if (/^}/) { print text; on = 0 } next }
        /^{/ { on = 1; text = heading "\001" $0; next }
        /^[A-Za-z_].*= *{$/ { on = 1; text = $0; next }
        /^[A-Za-z_].*=.*;$/ { print; next }
        /^[A-Za-z_].*\(/ { heading = $0 }' "$1" | LC_ALL=C sort -u
}
bodies "$BUILD/bearssl_all.h" >"$work/all.bodies"
same_bodies() {
    bodies "$1" >"$work/part.bodies"
    [ "$(wc -l <"$work/part.bodies")" -gt 300 ] &&
        ! LC_ALL=C comm -23 "$work/part.bodies" "$work/all.bodies" | grep .
}
same_lines() { ! diff -d "$BUILD/bearssl_all.h" "$1" | grep '^>'; }
check "every function and table is the tested one" same_bodies "$work/part.h"
check "all other lines too, in the same order" same_lines "$work/part.h"
sed 's/0x428A2F98/0x428A2F99/' "$work/part.h" >"$work/planted_table.h"
sed 's/\(buf\[0\] = (unsigned char)\)x;/\1(x);/' "$work/part.h" >"$work/planted_function.h"
check "a changed table is found" refuses same_bodies "$work/planted_table.h"
check "a changed function is found" refuses same_bodies "$work/planted_function.h"
check "a changed line is found" refuses same_lines "$work/planted_function.h"

# ---- BearSSL's own tests -----------------------------------------------------------------------------------
for program in test_crypto test_x509; do
    check "rename $program.c" \
        "$bundle" --bearssl "$bearssl" --rename "$bearssl/test/$program.c" "$work/$program.c"
done

# own_tests LEVEL FOLDER OPTION... : compiles both programs against FOLDER's bearssl_all.h and runs them
own_tests() {
    $CC -std=gnu99 -w "$1" -I"$2" -o "$work/crypto$1" "$work/test_crypto.c" &&
        $CC -std=gnu99 -w "$1" -I"$2" -o "$work/x509$1" "$work/test_x509.c" &&
        "$work/crypto$1" all && (cd "$bearssl" && "$work/x509$1")
}
for level in ${BUNDLE_LEVELS:--O2}; do
    { own_tests "$level" "$BUILD" >"$work/own$level.log" 2>&1 && : >"$work/own$level.passed"; } &
done
wait
# test_crypto has 57 groups, some of them "UNAVAILABLE" where the processor lacks the instructions.
passes() {
    tail -n 3 "$work/own$1.log"
    [ -f "$work/own$1.passed" ] && [ "$(grep -c '^Test ' "$work/own$1.log")" -ge 57 ]
}
for level in ${BUNDLE_LEVELS:--O2}; do check "BearSSL's own tests pass at $level" passes "$level"; done

# The same test must fail when the code is wrong: with a wrong constant in SHA-256 ...
mkdir -p "$work/wrong" "$work/unaligned"
sed 's/0x428A2F98/0x428A2F99/' "$BUILD/bearssl_all.h" >"$work/wrong/bearssl_all.h"
finds() {
    $1 -std=gnu99 -w -O2 -I"$work/$2" -o "$work/defect" "$work/test_crypto.c" || return 1
    ! "$work/defect" "$3"
}
check "a wrong constant fails the tests" finds "$CC" wrong SHA256

# ... and with BearSSL's own default for x86, which breaks C's aliasing rules once all is in one file. That
# the compiler makes use of it is known of gcc 12; elsewhere it may go well by luck.
"$bundle" --bearssl "$bearssl" --unaligned --all "$work/unaligned/bearssl_all.h"
tried=
for gcc in "$CC" gcc gcc-12; do
    kind=$(printf '__GNUC__ __clang__ __x86_64__\n' | $gcc -E -P - 2>/dev/null | tail -n 1)
    if [ "$kind" = "12 __clang__ 1" ]; then
        check "BR_LE_UNALIGNED=1 at gcc -O2 fails the tests" finds "$gcc" unaligned MD5
        tried=1
        break
    fi
done
if [ -z "$tried" ]; then
    left_out "BR_LE_UNALIGNED=1" "gcc 12 for x86-64"
fi

rm -f "$work"/crypto-* "$work"/x509-* "$work"/*.o "$work/defect"
rm -rf "$work/other" "$work/target"
finish
