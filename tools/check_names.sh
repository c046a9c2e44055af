#!/bin/sh
# check_names.sh [header]: what leaves the header. Symbols: external ones start with llm_, static ones with llmi_ or llm_;
# nothing is writable (no mutable globals). Macros: after an include only LLM_ ones are left, the private LLMI_ ones are
# gone. Types, tags and constants are prefixed. No reserved identifier. No function of the C library that small ones lack.
#
#   check_names.sh --undefs [header]     prints the #undef lines that the end of the implementation lacks
if [ "${1:-}" = --undefs ]; then
    only_undefs=1
    shift
fi
. "$(dirname "$0")/checklib.sh"

# ---- private macros: every one that is defined anywhere is undefined somewhere ----------------------------------
perl -ne '
    $d{$1} //= $. if /^\s*#\s*define\s+(LLMI_\w+)/;
    $u{$1} = 1 if /^\s*#\s*undef\s+(LLMI_\w+)/;
    END { print "#undef $_\n" for grep { !$u{$_} } sort { $d{$a} <=> $d{$b} } keys %d; }
' "$HEADER" > "$T/undefs"
if [ -n "${only_undefs:-}" ]; then
    cat "$T/undefs"
    exit 0
fi
expect_empty "private macros that are never undefined (check_names.sh --undefs prints the lines)" "$T/undefs"

perl -ne '
    $d{$1} = 1 if /^\s*#\s*define\s+(LLMI_\w+)/;
    push @u, [$1, $.] if /^\s*#\s*undef\s+(LLMI_\w+)/;
    END { $d{$_->[0]} or print "line $_->[1]: #undef $_->[0], which is defined nowhere\n" for @u; }
' "$HEADER" > "$T/stale"
expect_empty "#undef lines for macros that do not exist" "$T/stale"

# ---- reserved identifiers, anywhere in the code ------------------------------------------------------------------
perl -0777 -ne '
    s{/\*.*?\*/}{ my $c = $&; $c =~ tr/\n//cd; $c }gse;
    s/"(?:\\.|[^"\\\n])*"/""/g;
    my $n = 0;
    for (split /\n/) {
        $n++;
        while (/\b(_[A-Z]\w*|\w*__\w*)\b/g) {
            my $id = $1;
            next if $id =~ /^__\w+__$/ || $id =~ /^__(unix|linux|APPLE|attribute|builtin_\w+|cplusplus|m128i|has_\w+)$/;
            next if $id =~ /^_(WIN32|WIN64|M_\w+|MSC_VER|MSC_FULL_VER|POSIX_C_SOURCE|GNU_SOURCE|DEFAULT_SOURCE|DARWIN_C_SOURCE|BSD_SOURCE|Static_assert)$/;
            next if /#\s*(el)?if/ || /\bdefined\b/;
            print "line $n: $id\n";
        }
    }
' "$HEADER" > "$T/reserved"
expect_empty "reserved identifiers" "$T/reserved"

# ---- per configuration --------------------------------------------------------------------------------------------
# look NAME FLAGS FILE: compiles FILE (which includes the header) and looks at symbols and macros
look() {
    name=$1 flags=$2 src=$3
    # shellcheck disable=SC2086
    if ! $CC -std=c99 ${optimise:--O0} -w -fno-pic -fno-pie $flags -I"$INC" -I"$BEARSSL_INC" -c -o "$T/x.o" "$src" 2> "$T/err"; then
        bad "$name: does not compile" "$T/err"
        return
    fi
    nm "$T/x.o" > "$T/nm"
    # gcc names a static inside a function NAME.NUMBER, clang FUNCTION.NAME: those are local
    awk 'NF == 3 && $2 ~ /^[A-Z]$/ && $2 != "U" && $3 !~ /^llm_/ { print $2, $3 }' "$T/nm" > "$T/external"
    expect_empty "$name: external symbols without llm_" "$T/external"
    # inline functions of other headers (BearSSL's, the compiler's cpuid.h) are not ours
    awk 'NF == 3 && $2 ~ /^[a-z]$/ && $2 != "w" && $3 !~ /^(llmi?_|br_|__get_cpuid)/ && $3 !~ /\./ { print $2, $3 }' \
        "$T/nm" > "$T/static"
    expect_empty "$name: static symbols without llmi_" "$T/static"
    awk 'NF == 3 && $2 ~ /^[dDbBCsSgGuV]$/ { print $2, $3 }' "$T/nm" > "$T/global"
    expect_empty "$name: writable data" "$T/global"
    awk 'NF == 2 && $1 == "U" && $2 ~ /^_*(isoc99_)?(v?[sf]?n?printf|v?asprintf|v?[sf]?scanf|strto[a-z]+|ato[ilf]+|qsort|bsearch|_?setjmp|longjmp|alloca|strtok|rand|srand|abort|exit|fopen|fread|signal|gethostbyname|strerror|localtime|gmtime|setlocale)(_chk)?$/ { print $2 }' \
        "$T/nm" > "$T/libc"
    expect_empty "$name: functions of the C library that are not to be used" "$T/libc"

    # what the header itself defines and leaves defined
    # shellcheck disable=SC2086
    $CC -std=c99 -w $flags -I"$INC" -I"$BEARSSL_INC" -dD -E -o "$T/dd" "$src" 2> "$T/err"
    FILE=llm_openai.h perl -ne '
        if (/^# \d+ "(.*?)"/) { $in = $1 =~ m{(^|/)\Q$ENV{FILE}\E$}; next }
        $d{$1} = 1 if $in && /^#define (\w+)/;
        delete $d{$1} if /^#undef (\w+)/;
        END { for (sort keys %d) { print "$_\n" unless /^LLM_[A-Z0-9_]+$/ || /^_(POSIX_C|DEFAULT|GNU)_SOURCE$/; } }
    ' "$T/dd" > "$T/macros"
    expect_empty "$name: macros that stay defined and are not LLM_" "$T/macros"

    # types, tags, constants: preprocessed text of the header, walked at the outermost level
    # shellcheck disable=SC2086
    $CC -std=c99 -w $flags -I"$INC" -I"$BEARSSL_INC" -E -o "$T/pp" "$src" 2> "$T/err"
    FILE=llm_openai.h perl -e '
        my ($in, $text) = (0, "");
        while (<>) {
            if (/^# \d+ "(.*?)"/) { $in = $1 =~ m{(^|/)\Q$ENV{FILE}\E$}; next }
            $text .= $_ if $in && !/^#/;
        }
        $text =~ s/"(?:\\.|[^"\\\n])*"/""/g;
        $text =~ s/\x27(?:\\.|[^\x27\\\n])+\x27/0/g;
        $text =~ s/__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)//g;
        my (%seen, @stack, $prev, $typedef, $last, $paren);
        my $see = sub { $seen{$_[0]} = 1 };
        $paren = 0;
        my @tok = $text =~ /[A-Za-z_]\w*|\d\w*|./gs;
        @tok = grep { /\S/ } @tok;
        for (my $i = 0; $i < @tok; $i++) {
            my $t = $tok[$i];
            my $depth = @stack;
            if ($t eq "{") {
                my $kind = "block";
                for my $back (1, 2) {
                    last if $i < $back;
                    $kind = $tok[$i - $back] if $tok[$i - $back] =~ /^(enum|struct|union)$/;
                }
                $see->($tok[$i - 1]) if $i > 1 && $tok[$i - 2] =~ /^(enum|struct|union)$/ && $depth == 0;
                push @stack, $kind;
            } elsif ($t eq "}") {
                pop @stack;
            } elsif ($t eq "(") { $paren++;
            } elsif ($t eq ")") { $paren--;
            } elsif ($depth == 0 && $t eq "typedef") { $typedef = 1;
            } elsif ($depth == 0 && $t eq ";") {
                $see->($tok[$i - 1]) if $typedef && $tok[$i - 1] =~ /^[A-Za-z_]/;
                $typedef = 0;
            } elsif ($depth == 0 && $typedef && $t eq "*" && $tok[$i - 1] eq "(" && $tok[$i + 2] eq ")") {
                $see->($tok[$i + 1]);
            } elsif ($depth == 1 && $stack[0] eq "enum" && $paren == 0 && $t =~ /^[A-Za-z_]/ && $tok[$i - 1] =~ /^[{,]$/) {
                $see->($t);
            }
        }
        for (sort keys %seen) { print "$_\n" unless /^llmi?_[a-z0-9_]+$/ || /^LLMI?_[A-Z0-9_]+$/; }
        print STDERR scalar(keys %seen), " names\n";
    ' "$T/pp" > "$T/types" 2> "$T/count"
    grep -qE '^[0-9]{2,} names' "$T/count" || echo "the list of names is empty: is the file called llm_openai.h?" >> "$T/types"
    expect_empty "$name: types, tags and constants without a prefix" "$T/types"
}

printf '#include "llm_openai.h"\n' > "$T/decl.c"
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/impl.c"
printf '#define LLM_OPENAI_STATIC\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/static.c"
printf '%s\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' "$HOOKS" |
    sed 's/my_conn/llm_my_conn/g' > "$T/hooks.c"

look "declarations" "" "$T/decl.c"
look "without TLS" "-DLLM_NO_TLS" "$T/impl.c"
look "static" "-DLLM_NO_TLS" "$T/static.c"
look "all switched off" "$ALL_OFF" "$T/impl.c"
look "own hooks, freestanding" "$ALL_OFF -ffreestanding" "$T/hooks.c"
look "own hooks, no sockets" "-DLLM_NO_TLS -DLLM_NO_SOCKETS" "$T/hooks.c"
if [ -f "$BEARSSL_INC/bearssl.h" ]; then look "with TLS" "" "$T/impl.c"; else bad "with TLS: no $BEARSSL_INC"; fi
if [ "${GATES_FULL:-0}" = 1 ]; then
    for s in $SWITCHES; do look "$s" "-D$s -DLLM_NO_TLS" "$T/impl.c"; done
fi
# the bundled form of this header, when it has been made
bundle=$ROOT/build/llm_openai.h
if [ "$INC" = "$ROOT" ] && [ -f "$bundle" ]; then
    INC=$ROOT/build
    # BearSSL has a table of pointers that lacks a const; the optimiser sees that nothing writes it
    optimise=-O1
    look "bundled" "" "$T/impl.c"
    look "bundled, static" "" "$T/static.c"
fi
finish
