#!/bin/sh
# more_secrets.sh: the key in the memory of a program that uses the library: one copy while a client lives, none after
# llm_client_free(), whatever the compiler makes of the wipes: gcc and clang, with and without optimisation, both forms
# of the header. secrets/search.c looks from outside. Then headers in which a wipe is missing: each must be reported.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
[ "$(uname -s)" = Linux ] && [ -r /proc/self/mem ] || skip "Linux with /proc"
built "$mock" "$build/libbearssl.a" "$build/llm_openai.h"
# build CC FLAGS HEADER-FOLDER PROGRAM
build() {
    libs="$build/libbearssl.a"
    [ "$3" != "$build" ] || libs=
    # shellcheck disable=SC2086
    timeout 200 $1 -std=gnu99 -w $2 -I"$3" -isystem "$build/bearssl/inc" -o "$4" secrets/holder.c $libs > "$T/err" 2>&1
}
if ! $CC -std=gnu99 -O2 -Wall -Wextra -Werror -o "$T/search" secrets/search.c 2> "$T/err"; then
    bad "secrets/search.c" "$T/err"
    finish
fi
version() { $1 --version 2> /dev/null | sed -n '1s/^[^ ]* //p'; }     # cc is gcc under another name
compilers=$CC
for c in gcc clang; do
    if command -v $c > /dev/null 2>&1 && [ "$(version $c)" != "$(version "$CC")" ]; then compilers="$compilers $c"; fi
done
for c in $compilers; do
    for flags in -O0 -O2 "-O2 bundle"; do
        form=$header
        [ "$flags" != "-O2 bundle" ] || { [ "$c" = "$CC" ] || continue; form=$build; }
        if ! build "$c" "${flags%% *}" "$form" "$T/holder"; then
            bad "$c $flags does not build" "$T/err"
            continue
        fi
        timeout 120 "$T/search" "$T/holder" > "$T/out" 2>&1
        add_up "$c $flags" $? "$T/out"
    done
done

# ---- planted defects: NAME, what to change in the header, what must be said
planted() {
    mkdir -p "$T/planted"
    sed "$2" "$header/llm_openai.h" > "$T/planted/llm_openai.h"
    if cmp -s "$header/llm_openai.h" "$T/planted/llm_openai.h"; then
        echo "nothing to change in the header" > "$T/err"
        bad "planted: $1" "$T/err"
        return
    fi
    if ! build "$CC" -O0 "$T/planted" "$T/holder"; then bad "planted: $1 does not build" "$T/err"; return; fi
    timeout 120 "$T/search" "$T/holder" short > "$T/out" 2>&1
    if [ $? -eq 1 ] && grep -q "$3" "$T/out"; then ok; else bad "planted: $1 is not reported" "$T/out"; fi
}
if build "$CC" -O0 "$header" "$T/holder" && timeout 120 "$T/search" "$T/holder" short > "$T/out" 2>&1; then ok; else bad "the short run without a defect" "$T/out"; fi
planted "llmi_wipe() does nothing" 's/^LLMI_FN void llmi_wipe(void \*p, size_t n) {/&\n    if (n != 0) return;/' "^    HTTPS, after 'f': . copies of the key, wanted 0"
free='/^LLMI_FN void llmi_mem_free/,/^}/s/llmi_wipe(.*);//'
planted "a block that is freed is not wiped" "$free" "^    HTTPS, after 'k': 1 copies of the key, wanted 0"
planted "a text that grows leaves its old place as it is" 's/llmi_mem_grow(t->mem, t->p/llmi_mem_realloc(t->mem, t->p/' "^: . copies of the key, wanted 0"
planted "the head that was sent is not wiped" '/^LLMI_FN void llmi_call_wipe_head/,/^}/s/llmi_wipe(.*);//' \
    "^    HTTP, after 'w': 2 copies of the key, wanted 1"
planted "the last 12 bytes of a block are left" \
    '/^LLMI_FN void llmi_mem_free/,/^}/s/llmi_wipe(p, n);/llmi_wipe(p, n < 12 ? 0 : n - 12);/' \
    "^    HTTPS: 0 copies of the key, wanted 0; 0 in base64, wanted 0; 1 pieces"
case $(uname -m) in
    x86_64)
        if ! build "$CC" "-O0 -DKEEP_IN_REGISTER" "$header" "$T/holder"; then bad "planted: a register" "$T/err"
        elif timeout 120 "$T/search" "$T/holder" short > "$T/out" 2>&1; then bad "planted: a register that keeps the key is not reported" "$T/out"
        elif grep -q 'vector registers' "$T/out"; then ok
        else bad "planted: a register that keeps the key: another thing is reported" "$T/out"; fi ;;
    *) echo "no key is planted in a register: that part needs x86-64" ;;
esac
finish
