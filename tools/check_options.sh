#!/bin/sh
# check_options.sh [header]: every macro that a user may define stands in the options table of the header's guide, each
# hook has its row in the README's table, neither table names one that does not exist, and the version is the same
# everywhere.
. "$(dirname "$0")/checklib.sh"

# The macros that the code asks for, without the guards and what the header defines for itself alone.
perl -0777 -ne '
    s{/\*.*?\*/}{}gs;
    for (split /\n/) {
        next unless /^\s*#\s*(?:if|elif|ifdef|ifndef)\b/ .. !/\\$/;
        while (/\b(LLM_[A-Z0-9_]+)\b/g) { $o{$1} = 1 }
    }
    delete @o{qw(LLM_OPENAI_H LLM_OPENAI_C)};
    print "$_\n" for sort keys %o;
' "$HEADER" > "$T/options"
# hooks: those whose default has the context as its first parameter, and the words of the net group
perl -ne 'print "$1\n" if /^\s*#\s*define\s+(LLM_\w+)\(ctx\b/' "$HEADER" > "$T/h"
grep -oE '\bdefined\(LLM_NET_[A-Z]+\)' "$HEADER" | sed 's/defined(//; s/)//' >> "$T/h"
sort -u "$T/h" > "$T/hooks"

# the guide: all that stands above the first declaration
perl -0777 -ne 'print m{/\* ={20,}\n   >>api-types} ? substr($_, 0, $-[0]) : $_' "$HEADER" > "$T/guide"
# a row starts with the name; it may hold several: LLM_MALLOC(ctx, n), LLM_REALLOC(ctx, p, old, n)
perl -ne 'next unless /^\s*LLM_[A-Z]/; while (/\b(LLM_[A-Z0-9_]+)\b/g) { print "$1\n" }' "$T/guide" |
    sort -u > "$T/rows"

comm -23 "$T/options" "$T/rows" > "$T/x"
expect_empty "options that the table in the header's guide lacks (a row starts with the name)" "$T/x"
# what the tables may name: all that occurs in the code
perl -0777 -ne 's{/\*.*?\*/}{}gs; print "$1\n" while /\b(LLM_[A-Z0-9_]+)\b/g' "$HEADER" | sort -u > "$T/named"
comm -23 "$T/rows" "$T/named" > "$T/x"
expect_empty "rows of the guide for macros that the code does not have" "$T/x"
[ -s "$T/hooks" ] || bad "no hooks found"

readme=$ROOT/README.md
if [ ! -f "$readme" ]; then
    bad "no README.md"
else
    perl -ne 'next unless /^\|\s*((?:`LLM_[^|]*)+)\|/; my $cell = $1; print "$1\n" while $cell =~ /\b(LLM_[A-Z0-9_]+)\b/g' \
        "$readme" | sort -u > "$T/readme"
    comm -23 "$T/hooks" "$T/readme" > "$T/x"
    expect_empty "hooks without a row in README.md (| \`LLM_X(...)\` | ...)" "$T/x"
    comm -23 "$T/readme" "$T/named" > "$T/x"
    expect_empty "rows of README.md for macros that the header does not have" "$T/x"
fi

# ---- version ---------------------------------------------------------------------------------------------------------
number() { sed -n "s/^#define LLM_VERSION_$1 \([0-9]*\)\$/\1/p" "$HEADER"; }
want="$(number MAJOR).$(number MINOR).$(number PATCH)"
title=$(sed -n '1s/^.* - v\([0-9.]*\) - .*/\1/p' "$HEADER")
string=$(sed -n 's/^#define LLM_VERSION_STRING "\(.*\)"$/\1/p' "$HEADER")
if [ "$title" = "$want" ]; then ok; else bad "the title line says '$title', LLM_VERSION_MAJOR.MINOR.PATCH $want"; fi
if [ "$string" = "$want" ]; then ok; else bad "LLM_VERSION_STRING is '$string', the numbers say $want"; fi
sed -n 's|^/\* "\([0-9]*\.[0-9]*\.[0-9]*\)" \*/$|\1|p' "$HEADER" | grep -v "^$want\$" > "$T/x"
expect_empty "another version in a comment" "$T/x"
finish
