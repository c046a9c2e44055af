#!/bin/sh
# test_gates.sh: a gate that finds nothing proves nothing. Defects are planted in a copy of the header (and of a small
# README and source tree), and each gate must report every one of them, by name, and nothing of the sort in the original.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
header=${HDR:-$(dirname "$here")}/llm_openai.h
tools=$(dirname "$here")/tools
CC=${CC:-cc}
export CC
BEARSSL_INC=$(dirname "$here")/build/bearssl/inc
export BEARSSL_INC
GATE_LINES=10000
export GATE_LINES
unset GATES_FULL
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_plant.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
mkdir -p "$T/clean/tests" "$T/clean/tools"
cp "$header" "$T/clean/llm_openai.h" || exit 1
[ ! -f "$(dirname "$here")/README.md" ] || cp "$(dirname "$here")/README.md" "$T/clean/"
cp "$here/t.h" "$T/clean/tests/"
cp "$tools"/check_*.sh "$tools/checklib.sh" "$T/clean/tools/"

# gate NAME: what the gate says about the copy in $T/$1
gate() { GATE_ROOT=$T/$1 HDR=$T/$1 timeout 300 sh "$tools/$2" > "$T/$1.$2.out" 2>&1; }

# planted GATE PATTERN...: the gate must fail on $T/bad, and each pattern (grep -E) must be a finding there that the
# clean copy has not
planted() {
    name=$1
    shift
    clean=
    if [ ! -f "$T/clean.$name.out" ]; then
        gate clean "$name" &
        clean=$!
    fi
    if gate bad "$name"; then
        echo "FAILED $name: passes with the defects planted"
        failed=$((failed + 1))
    fi
    [ -z "$clean" ] || wait "$clean"
    for pattern in "$@"; do
        if ! grep -qE "$pattern" "$T/bad.$name.out"; then
            echo "FAILED $name: did not report /$pattern/"
            failed=$((failed + 1))
        elif grep -qE "$pattern" "$T/clean.$name.out"; then
            echo "FAILED $name: reports /$pattern/ without any planted defect"
            failed=$((failed + 1))
        else
            passed=$((passed + 1))
        fi
    done
    cat "$T/bad.$name.out" >> "$T/reported.$name"
    rm -rf "$T/bad"
    cp -r "$T/clean" "$T/bad"
}
# in_impl TEXT: before the last section; in_decl TEXT: at the end of the declarations; edit PERL
in_impl() {
    TEXT=$1 perl -0777 -pi -e 's{(/\* =+\n   >>end\b)}{$ENV{TEXT}\n$1} or die "no >>end"' "$T/bad/llm_openai.h"
}
in_decl() {
    TEXT=$1 perl -0777 -pi -e '
        s{(\n#ifdef __cplusplus\n\}\n#endif\n#endif /\* LLM_OPENAI_H \*/)}{\n$ENV{TEXT}$1} or die "no end of declarations"
    ' "$T/bad/llm_openai.h"
}
edit() {
    cp "$T/bad/llm_openai.h" "$T/before"
    perl -0777 -pi -e "$1" "$T/bad/llm_openai.h"
    if cmp -s "$T/before" "$T/bad/llm_openai.h"; then
        echo "FAILED to plant: $1"
        failed=$((failed + 1))
    fi
}
cp -r "$T/clean" "$T/bad"

# ---- names, macros, globals --------------------------------------------------------------------------------------------
in_impl 'int planted_external(void); int planted_external(void) { return 0; }
static __attribute__((used)) int planted_static(void) { return 1; }
LLM_API int *llm_planted(void); LLM_API int *llm_planted(void) { static int inner; return &inner; }
static __attribute__((used)) int llmi_planted_global;
LLMI_FN int llmi__planted(void) { return 2; }
#define LLMI_PLANTED 1
#define PLANTED_MACRO 1
#undef LLMI_PLANTED_STALE
int sprintf(char *, const char *, ...);
LLM_API void llm_planted_format(char *p); LLM_API void llm_planted_format(char *p) { sprintf(p, "%s%d", p, 1); }'
in_decl 'typedef int planted_type;
struct planted_tag { int x; };
enum llm_planted { LLM_FINE, PLANTED_CONSTANT };
typedef int (*planted_callback)(void);'
planted check_names.sh '#undef LLMI_PLANTED$' '#undef LLMI_PLANTED_STALE' '^ +T planted_external' '^ +t planted_static' \
    '^ +[bB] .*inner' '^ +[bB] llmi_planted_global' 'llmi__planted' '^ +LLMI_PLANTED$' '^ +PLANTED_MACRO' '^ +sprintf' \
    '^ +planted_type' '^ +planted_tag' '^ +PLANTED_CONSTANT' '^ +planted_callback'

in_decl 'int llm_planted_broken('
planted check_names.sh 'does not compile'

# ---- order of the sections ---------------------------------------------------------------------------------------------
edit 's{(/\* =+\n   >>error\b)}{LLMI_FN void llmi_planted_up(void) { llmi_planted_down(); (void)llm_version(); }\n$1}'
in_impl 'LLMI_FN void llmi_planted_down(void) { }
LLMI_FN void llmi_planted_proto(int x);
LLM_API const char *llm_version(void) { return ""; }
/* see >>planted-nowhere */'
edit 's{^(LLMI_FN int llmi_add_ok\(.*?\{\n)}{$1 . "\n" x 130}me'
planted check_layers.sh 'implicit declaration of function .?llmi_planted_down|undeclared function .?llmi_planted_down' \
    'llm_version.* used but never defined|llm_version.* has internal linkage but is not defined' \
    'planted-nowhere' 'line [0-9]+: llmi_planted_proto' 'llmi_add_ok has 1[0-9][0-9] lines'
in_impl '/* ============================================================================================================
   >>planted-section                                                                                    not in the map
   ============================================================================================================ */'
in_impl '/* ============================================================================================================
   >>util                                                                                                a second time
   ============================================================================================================ */'
planted check_layers.sh '> planted-section' '^ +util$'
edit 's/^   >>/   > >/mg'
planted check_layers.sh 'no sections found'
edit 's/^#ifdef LLM_OPENAI_IMPLEMENTATION$/#if defined(LLM_OPENAI_IMPLEMENTATION)/mg; s/^   >>(?!util|error|end)/   > >/mg'
planted check_layers.sh 'no #ifdef LLM_OPENAI_IMPLEMENTATION'

# ---- options, README rows, version -------------------------------------------------------------------------------------
in_impl '#ifndef LLM_PLANTED_LIMIT
#define LLM_PLANTED_LIMIT 1
#endif
#ifndef LLM_PLANTED_HOOK
#define LLM_PLANTED_HOOK(ctx, n) ((void)(ctx), (void)(n))
#endif'
edit 's{\A}{/*\n   LLM_PLANTED_ROW   a row for nothing\n*/\n}'
printf '| `LLM_MALLOC(ctx, n)` | x |\n| `LLM_PLANTED_ROW2(ctx)` | y |\n' >> "$T/bad/README.md"
planted check_options.sh '^ +LLM_PLANTED_LIMIT' '^ +LLM_PLANTED_HOOK' '^ +LLM_PLANTED_ROW$' '^ +LLM_PLANTED_ROW2' \
    "title line says ''"
edit 's/(LLM_VERSION_STRING ")/${1}9/'
edit 's{^/\* "[0-9.]+" \*/$}{/* "99.0.0" */}m'
planted check_options.sh 'LLM_VERSION_STRING is' '^ +99\.0\.0$'
edit 's/\(ctx\b/(context/g; s/\bdefined\(LLM_NET_/defined(LLMN_/g'
rm -f "$T/bad/README.md"
planted check_options.sh 'no hooks found' 'no README\.md'

# ---- text --------------------------------------------------------------------------------------------------------------
long=$(printf '%0120d' 0)
{
    printf '/* T''ODO later */\n/* not impl''emented */\n\tx\ny \n/* /ro''ot/dir */\n'
    printf 'char k[] = "sk-proj-%s";\n' abcdefghijklmnopqrstuvwxyz0123
    printf 'int %s;\n' "$long"
    printf -- '-----BEGIN RSA PRIV''ATE KEY-----\n/* \001 */\n/* for n''ow */\n/* X''XX */\n/* /wo''rk/dir */\nlast'
} > "$T/bad/tools/planted.c"
mkdir "$T/bad/.git" "$T/bad/stray"
edit 's/WITHOUT WARRANTY OF ANY KIND/with a warranty/'
planted check_text.sh 'planted.c:1: unfinished' 'planted.c:2: unfinished' 'planted.c:3: tab' 'planted.c:4: blank' \
    'planted.c:5: path' 'planted.c:6: looks like a key' 'planted.c:7: 1[0-9][0-9] columns' 'planted.c:8: private key' \
    'planted.c:9: byte 0' 'planted.c:10: unfinished' 'planted.c:11: unfinished' 'planted.c:12: path' \
    'planted.c:13: no end of line' '^ +stray$' 'no licence text'
rm -rf "$T/bad/tests" "$T/bad/tools" "$T/bad/README.md"
planted check_text.sh 'hardly a file found'

# ---- ways to include ---------------------------------------------------------------------------------------------------
edit 's/#error "llm_openai.h: LLM_OPENAI_STATIC needs.*?\n/\n/'
edit 's/#error "llm_openai.h: define all of LLM_MALLOC.*?\n/\n/'
edit 's/#error "llm_openai.h: LLM_NET_(FD|WANTS).*?\n/\n/g'
edit 's/#error "llm_openai.h: this system has no default (clock|source).*?\n/\n/g'
in_decl 'void llm_planted_old(int new);
inline long long llm_planted_inline(void);'
in_impl 'LLMI_FN char *llmi_planted_cast(void *p) { return p; }'
planted check_compile.sh 'LLM_OPENAI_STATIC without LLM_OPENAI_IMPLEMENTATION: compiles' \
    'hook group without LLM_FREE(: compiles|: fails, but not)' 'hook group of LLM_MALLOC alone(: compiles|: fails, but not)' \
    'FAILED declarations, C\+\+98' 'FAILED implementation, c\+\+11' 'without net hooks: compiles' \
    'freestanding build without a clock' 'freestanding build with TLS and without randomness'
in_decl 'int llm_planted_defined = 1;'
planted check_compile.sh 'C files in one program'
edit 's/#ifndef LLM_OPENAI_C /#if 1 /'
planted check_compile.sh 'implementation twice in one file'
edit 's/llm_openai\.h: include it first/sorry/g'
in_decl 'int llm_planted_broken('
planted check_compile.sh 'neither compiles nor says what to do' 'FAILED declarations, C99$'

# ---- warnings ----------------------------------------------------------------------------------------------------------
in_impl 'LLMI_FN int llmi_planted_sign(size_t n) { return n; }'
planted check_matrix.sh ' c99 extern' 'llmi_planted_sign'
in_impl '#ifdef LLM_NO_FILES
LLMI_FN int llmi_planted_switch(int a) { int b; return 1; }
#endif'
planted check_matrix.sh 'llmi_planted_switch'

# ---- nothing that a gate can say goes unproved: each of its sentences stands in one of the reports above -----------------
# Without: what only the machine can cause.
cat > "$T/machine" << 'END'
no C++ compiler
with TLS: no
no $c
END
for gate in "$tools"/check_*.sh; do
    name=$(basename "$gate")
    # the longest part of each message that has no variable in it
    perl -ne '
        next if /^\s*#/;
        while (/\b(?:bad|expect_empty|good|error|program|print) "((?:[^"\\]|\\.)*)"/g) {
            my ($longest, $text) = ("", $1);
            next if $& =~ /^print/ && $text !~ /^\$where: /;
            $text =~ s/\\n//g;
            $text =~ s/\\`/`/g;
            $text =~ s/^\$where: //;
            $text =~ s/\$\([^)]*$//;
            for (split /\$\{?\w+(?:[:+][^}]*)?\}?|\$\([^)]*\)|\$\d/, $text) { $longest = $_ if length > length $longest }
            print "$longest\n" if length $longest > 2;
        }' "$gate" | sort -u > "$T/sentences"
    [ -f "$T/reported.$name" ] || { echo "FAILED $name: no defect is planted for it"; failed=$((failed + 1)); }
    while IFS= read -r sentence; do
        if grep -qF -e "$sentence" "$T/reported.$name" 2> /dev/null; then passed=$((passed + 1)); continue; fi
        while IFS= read -r known; do
            case $sentence in "${known%%\$*}"*) continue 2 ;; esac
        done < "$T/machine"
        echo "FAILED $name: no planted defect makes it say '$sentence'"
        failed=$((failed + 1))
    done < "$T/sentences"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
