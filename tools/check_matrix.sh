#!/bin/sh
# check_matrix.sh [header]: no warning, in no combination of language, linkage and switches. GATES_FULL=1 tries them all
# with every compiler there is (about a minute); else a cut through them with $CC.
. "$(dirname "$0")/checklib.sh"

STRICT="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes \
-Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough -Werror ${EXTRA_CFLAGS:-}"
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/extern.c"
printf '#define LLM_OPENAI_STATIC\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/static.c"
printf '%s\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' "$HOOKS" > "$T/hooks.c"
stub=$(dirname "$here")/tests/freestanding/include
has_br=
[ ! -f "$BEARSSL_INC/bearssl.h" ] || has_br=1

# one line each: name | command
: > "$T/jobs"
job() { printf '%s|%s\n' "$1" "$2" >> "$T/jobs"; }
base="-I$INC -isystem $BEARSSL_INC"
compilers=$CC
stds="c99 gnu17"
if [ "${GATES_FULL:-0}" = 1 ]; then
    stds="c99 c11 c17 gnu99 gnu17"
    for c in gcc clang; do
        if command -v $c > /dev/null 2>&1; then
            case " $compilers " in *" $c "*) ;; *) compilers="$compilers $c" ;; esac
        elif [ "${LLM_CI:-0}" = 1 ]; then
            bad "no $c"
        fi
    done
    # cc is one of the two
    case "$compilers" in "cc "*) compilers=${compilers#cc } ;; esac
fi
for c in $compilers; do
    for std in $stds; do
        for link in extern static; do
            if [ "${GATES_FULL:-0}" != 1 ] && [ "$std" != c99 ] && [ $link = static ]; then continue; fi
            line="$c -std=$std $STRICT $base -fsyntax-only $T/$link.c"
            [ -z "$has_br" ] || job "$c $std $link with TLS" "$line"
            job "$c $std $link" "$line -DLLM_NO_TLS"
            job "$c $std $link all off" "$line $ALL_OFF"
            if [ "${GATES_FULL:-0}" != 1 ] && [ "$std" != c99 ]; then continue; fi
            for s in $SWITCHES; do
                if [ "$s" = LLM_NO_TLS ]; then continue; fi
                job "$c $std $link $s" "$line -DLLM_NO_TLS -D$s"
                [ -z "$has_br" ] || [ $link = static ] || job "$c $std $link $s with TLS" "$line -D$s"
            done
        done
    done
    # the optimiser sees more
    optimise="-O2 -Os -O3"
    if [ "${GATES_FULL:-0}" != 1 ]; then optimise=-O2; fi
    for o in $optimise; do job "$c c99 $o" "$c -std=c99 $o $STRICT $base -DLLM_NO_TLS -c -o /dev/null $T/extern.c"; done
    [ -z "$has_br" ] || [ "${GATES_FULL:-0}" != 1 ] || job "$c c99 -O2 with TLS" "$c -std=c99 -O2 $STRICT $base -c -o /dev/null $T/extern.c"
    job "$c c99 hooks" "$c -std=c99 $STRICT $base -DLLM_NO_TLS -fsyntax-only $T/hooks.c"
    job "$c freestanding" "$c -std=c99 -ffreestanding $STRICT $base -isystem $stub -DLLM_NO_TLS -fsyntax-only $T/hooks.c"
    job "$c freestanding, all off" "$c -std=c99 -O1 -ffreestanding $STRICT $base -isystem $stub $ALL_OFF -c -o /dev/null $T/hooks.c"
    job "$c char is unsigned" "$c -std=c99 -O1 -funsigned-char $STRICT $base -DLLM_NO_TLS -fsyntax-only $T/extern.c"
    if echo 'int x;' | $c -m32 -ffreestanding -x c -c -o /dev/null - 2> /dev/null; then
        job "$c 32 bits" "$c -m32 -std=c99 -ffreestanding $STRICT $base -isystem $stub -DLLM_NO_TLS -fsyntax-only $T/hooks.c"
    fi
done

mkdir "$T/out"
cat > "$T/run" <<'X'
n=$1 name=${2%%|*} line=${2#*|}
$line > "$3/$n.err" 2>&1 && rm "$3/$n.err" || echo "$name" > "$3/$n.name"
X
nl -ba -w1 -s'
' "$T/jobs" | tr '\n' '\0' | xargs -0 -n 2 -P "$(nproc 2> /dev/null || echo 1)" sh -c 'sh "$0" "$2" "$3" "$1"' "$T/run" "$T/out"
: > "$T/shown"
again=0
for f in "$T"/out/*.name; do
    [ -f "$f" ] || continue
    # the same error in another combination is counted, not shown
    first=$(grep -m 1 -E 'error:' "${f%.name}.err" | sed 's/^[^ ]*: //')
    if [ -n "$first" ] && grep -qxF -e "$first" "$T/shown"; then
        failed=$((failed + 1)) again=$((again + 1))
        continue
    fi
    printf '%s\n' "$first" >> "$T/shown"
    bad "$(cat "$f")" "${f%.name}.err" 6
done
[ $again -eq 0 ] || echo "the same in $again combinations more"
total=$(wc -l < "$T/jobs")
passed=$((total - failed))
finish
