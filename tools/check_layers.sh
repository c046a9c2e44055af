#!/bin/sh
# check_layers.sh [header]: the implementation is strictly bottom-up. It is cut off before each section's banner, the open
# #ifs are closed, and what is left must compile with no call of a function that stands further down. The map of tags at
# the top names exactly the sections that there are, in their order.
. "$(dirname "$0")/checklib.sh"

# A banner is a comment whose first line is /* ==== and whose second starts with three blanks and >>tag.
perl -ne '
    if ($prev =~ m{^/\* ={20,}$} && /^   >>([a-z0-9-]+)(?:\s|$)/) { print "$1 ", $. - 1, "\n" }
    $prev = $_;
' "$HEADER" > "$T/tags"
perl -ne '
    if ($prev !~ m{^/\* ={20,}$} && /^\s+>>([a-z0-9-]+)(?:\s|$)/) { print "$1\n" }
    $prev = $_;
' "$HEADER" > "$T/map"
awk '{ print $1 }' "$T/tags" > "$T/names"
sort "$T/names" | uniq -d > "$T/twice"
expect_empty "tags that are used twice" "$T/twice"
if [ "$(wc -l < "$T/names")" -lt 3 ]; then bad "no sections found: a banner is /* ==== and then '   >>tag'"; fi
if diff "$T/map" "$T/names" > "$T/diff"; then ok; else
    bad "the map at the top (<) is not the list of sections (>)" "$T/diff" 60
fi

# every >>tag that a comment points to exists
perl -ne 'while (/>>([a-z][a-z0-9-]*)/g) { print "$1 line $.\n" }' "$HEADER" |
    awk 'NR == FNR { is[$1] = 1; next } !($1 in is)' "$T/names" - > "$T/dangling"
expect_empty "tags that are named and do not exist" "$T/dangling"

# prefix LINE FILE: the first LINE lines, with the open #ifs closed
prefix() {
    head -n "$1" "$HEADER" | perl -ne '
        print;
        $depth++ if /^\s*#\s*if/;
        $depth-- if /^\s*#\s*endif/;
        END { print "\n#endif\n" x $depth; }
    ' > "$2"
}

impl=$(grep -n '^#ifdef LLM_OPENAI_IMPLEMENTATION' "$HEADER" | tail -n 1 | cut -d: -f1)
[ -n "$impl" ] || bad "no #ifdef LLM_OPENAI_IMPLEMENTATION at the start of a line"
printf '#define LLM_OPENAI_STATIC\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/impl.c"
mkdir "$T/cut"
echo "-" > "$T/shown"
# Public functions are declared above all, so that a call of one is no undeclared function: in a static build it is
# "used but never defined" instead. Unused ones are what a prefix is full of.
WARN="-Wall -Wextra -Werror -Wno-unused -Wno-unused-function -Werror=implicit-function-declaration"
cuts() {
    while read -r tag line; do
        [ "$line" -gt "${impl:-0}" ] || continue
        prefix $((line - 1)) "$T/cut/llm_openai.h"
        # shellcheck disable=SC2086
        if $CC -std=c99 $WARN $1 -I"$T/cut" -I"$BEARSSL_INC" -fsyntax-only "$T/impl.c" 2> "$T/err"; then ok; else
            grep -E 'error:' "$T/err" > "$T/short" || cp "$T/err" "$T/short"
            # what an earlier cut has shown already is no news
            sed 's/^[^ ]*: //' "$T/short" > "$T/plain"
            if grep -vxFf "$T/shown" "$T/plain" | grep -qv 'all warnings being treated as errors'; then :; else continue; fi
            cat "$T/plain" >> "$T/shown"
            bad "cut before >>$tag (line $line)${1:+, $1}: what stands above it uses something below" "$T/short"
        fi
    done < "$T/tags"
}
cuts -DLLM_NO_TLS
[ ! -f "$BEARSSL_INC/bearssl.h" ] || cuts ""

# no prototype of a private function: bottom-up needs none
perl -0777 -ne 's{/\*.*?\*/}{ my $c = $&; $c =~ tr/\n//cd; $c }gse;
    while (/^LLMI_FN[^;{}()]*?(\w+)\([^;{}]*?\)\s*;/mg) {
        my ($name, $line) = ($1, 1 + (substr($_, 0, $-[0]) =~ tr/\n//));
        print "line $line: $name\n";
    }' "$HEADER" > "$T/protos"
expect_empty "prototypes of private functions" "$T/protos"

# size of functions: 120 lines at most
perl -ne '
    if (/^(?:LLMI_FN|LLM_API)\b.*\b(llmi?_\w+)\(/) { $name = $1; $start = $. }
    if (/^\}/ && $name) { print "$name has ", $. - $start + 1, " lines\n" if $. - $start + 1 > 120; $name = undef }
' "$HEADER" > "$T/long"
expect_empty "functions of more than 120 lines" "$T/long"
finish
