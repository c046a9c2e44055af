#!/bin/sh
# test_docs.sh: the C code that people copy from the documents compiles: every ```c block of README.md, and every example
# in the comments of the header (lines indented alike, from one that starts with #include or
# #define on). A block that includes the header is a file; with a main() it is linked too. Any other is
# tried as declarations, and as statements of a function that has a client, a request and a response.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
header=$header/llm_openai.h
readme=${README:-../README.md}
out=$build/tests/docs
rm -rf "$out"
mkdir -p "$out" || exit 1

[ -f "$readme" ] || bad "no README.md"
[ ! -f "$readme" ] || OUT=$out perl -ne '
    if (/^```c\b/) { $n++; open F, ">", "$ENV{OUT}/readme-$n.c" or die; print F "#line ", $. + 1, " \"README.md\"\n"; $in = 1 }
    elsif (/^```/) { $in = 0 }
    elsif ($in) { print F $_ }
' "$readme"
OUT=$out perl -ne '
    $comment = 1 if m{/\*};
    if ($in && /\S/ && !/^$indent/) { $in = 0 }
    if (!$in && $comment && /^( {5,})#\s*(?:define|include)\b/) {
        $indent = $1; $n++; $in = 1;
        open F, ">", "$ENV{OUT}/header-$n.c" or die;
        print F "#line $. \"llm_openai.h\"\n";
    }
    if ($in) { my $l = $_; $l =~ s/^$indent//; $l =~ s{\*/.*}{}; print F $l }
    if (m{\*/}) { $comment = 0; $in = 0 }
' "$header"

# the library for the blocks that only use it; the bundled form, as that is what most people drop in
lib=
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$out/lib.c"
if $CC -std=c99 -w -I"$build" -c -o "$out/lib.o" "$out/lib.c" 2> "$out/err"; then lib=$out/lib.o; else
    bad "the bundled header does not compile" "$out/err"
fi

FLAGS="-std=c99 -Wall -Wextra -Werror -Wno-unused-function"
compile() {
    # shellcheck disable=SC2086
    $CC $FLAGS $3 -I"$build" -c -o "$out/block.o" "$1" 2> "$2"
}
block() {
    file=$1 name=$(basename "$1" .c)
    if grep -q '#include "llm_openai.h"' "$file"; then
        if ! compile "$file" "$out/err" ""; then bad "$name" "$out/err"; return; fi
        # the plain header says the same
        if ! $CC $FLAGS -I"$(dirname "$header")" -isystem "$build/bearssl/inc" -fsyntax-only "$file" 2> "$out/err"; then
            bad "$name, with the header that is not bundled" "$out/err"
            return
        fi
        if grep -q 'main *(' "$file"; then
            objects=$out/block.o
            grep -q '#define LLM_OPENAI_IMPLEMENTATION' "$file" || objects="$objects $lib"
            # shellcheck disable=SC2086
            if ! $CC -o "$out/$name" $objects 2> "$out/err"; then bad "$name does not link" "$out/err"; return; fi
        fi
        ok
        return
    fi
    head='#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "llm_openai.h"'
    { printf '%s\n' "$head"; cat "$file"; } > "$out/decl.c"
    {
        printf '%s\n%s\n' "$head" 'int block(llm_client *client, llm_request request, llm_config config);
int block(llm_client *client, llm_request request, llm_config config) {
    llm_response response; llm_error error; llm_call *call = 0; llm_event event; llm_usage usage; llm_price price;
    (void)client; (void)request; (void)config; (void)response; (void)error; (void)call; (void)event; (void)usage;
    (void)price;
    {'
        cat "$file"
        printf '    }\n    return 0;\n}\n'
    } > "$out/statements.c"
    if compile "$out/decl.c" "$out/err1" "-Wno-unused" ||
        compile "$out/statements.c" "$out/err2" "-Wno-unused -Wno-shadow"; then
        ok
    else
        bad "$name, as declarations" "$out/err1"
        echo "    and as statements:"
        head -n 12 "$out/err2" | sed 's/^/    /'
    fi
}
for kind in readme header; do
    found=0
    for f in "$out/$kind"-*.c; do
        [ -f "$f" ] || continue
        found=$((found + 1))
        block "$f"
    done
    echo "$kind: $found blocks"
    [ "$found" -gt 0 ] || bad "no code block found in the $kind"
done
finish
