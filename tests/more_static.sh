#!/bin/sh
# more_static.sh [all]: gcc -fanalyzer, clang-tidy and cppcheck read the implementation. Any finding that is not in the
# list below is a failure, and so is a line of the list that no finding needs any more (all). A defect is planted behind
# the header, and each tool has to report it: otherwise it has not looked. Each tool reads the build with TLS, which has
# all of the code; "all" (extra_static.sh) reads the one without TLS too. The seconds are of processor time.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
header=$header/llm_openai.h
tidy=$(command -v clang-tidy-14 || command -v clang-tidy) || skip clang-tidy
need cppcheck
echo 'int x;' | gcc -fanalyzer -x c -c -o /dev/null - > /dev/null 2>&1 || skip "gcc 10 or later"
built "$build/bearssl/inc/bearssl.h"
used_before=0
: > "$T/needed"

# seconds of processor time since the last call
used() {
    times > "$T/times"
    total=$(sed -n '2s/[ms]/ /gp' "$T/times" | awk '{ printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }')
    echo $((total - used_before)) > "$T/used"
    used_before=$total
}

# What was looked at and is right as it is: check @ a part of the source line @ why.
# Of clang-tidy's checks these are left out whole: easily-swappable-parameters (an opinion on every function with two
# numbers) and with it readability-*, performance-*, llvm-*, which are about taste. Of cppcheck's: variableScope
# (variables stand at the head of a function here), clarifyCalculation and redundantContinue (taste).
cat > "$T/justified" <<'END'
clang-analyzer-core.UndefinedBinaryOperatorResult@&type) && type == LLM_JSON_OBJECT@else not OK
bugprone-reserved-identifier@#define _POSIX_C_SOURCE@what libc asks for
bugprone-reserved-identifier@#define _DEFAULT_SOURCE@what libc asks for
bugprone-macro-parentheses@#define LLM_STATUS_ENUM(@an enumerator takes none
bugprone-branch-clone@LLM_STATUS_MAP(@one table makes all cases, each with its parent
bugprone-not-null-terminated-result@memcpy(esc, "\\u00", 4);@bytes with a length, not a string
bugprone-narrowing-conversions@llmi_text_putc(t, i < 0 || i >= n ? '0' : digits[i]);@both are chars
bugprone-implicit-widening-of-multiplication-result@months + 3 * month@at most 36
bugprone-implicit-widening-of-multiplication-result@(r[0] * 256 + r[1])@at most 65535, and 4 * 65536
misc-redundant-expression@!LLMI_HAS_TLS && !LLMI_NET_SECURE@two options that are both 0 in this build
bugprone-narrowing-conversions@i + b > p->plain_n ? '=' : set[@both are chars
bugprone-misplaced-widening-cast@(long long)(e->retry_after_ms / 1000@int64_t already
concurrency-mt-unsafe@LLM_GETENV(@getenv: safe unless another thread calls setenv, and a hook
knownConditionTrueFalse@if (c == '.') return next[step][2];@c is unsigned: below '0', c - '0' is huge
knownConditionTrueFalse@c - '0' < 10 || c == '-'@the same
knownConditionTrueFalse@if (n - i >= 3 && memcmp(s + i, "://", 3) == 0) {@i < n: the loop above can end before n
duplicateCondition@if (got > 0) return LLMI_STEP_AGAIN;@two lines that read better apart
ctunullpointer@char buf[sizeof e->message];@sizeof does not read
unassignedVariable@size_t i;@its loop is gone without TLS
END

# The analysers do not follow a variadic function and would not know that llmi_fail(e, s, ...) returns s. The macro, in
# the place of the blank line behind that function, tells them; line numbers stay.
awk '/^LLMI_FN llm_status llmi_fail\(/ { on = 1 }
    on && /^$/ { print "#define llmi_fail(e, s, ...) (llmi_fail((e), (s), __VA_ARGS__), (s))"; on = 0; done = 1; next }
    { print }
    END { exit !done }' "$header" > "$T/llm_openai.h" || { echo "no llmi_fail in $header"; exit 1; }
planted='int llmi_planted(int n) { const int *p = 0; if (n > 3) p = &n; return *p; }'
echo "int llmi_planted(int n); $planted" >> "$T/llm_openai.h"
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/all.c"

# judge NAME STATUS PLANTED: the tool's output is $T/out, one finding a line: FILE:LINE:[COLUMN:] KIND: TEXT [CHECK]
judge() {
    sort -u "$T/out" | grep -E '^[^ ]*:[0-9]+:.*(warning|error|style|portability|performance): ' > "$T/findings"
    seen=0 bad=0 known=0
    while IFS= read -r finding; do
        check=${finding##*[[]}
        check=${check%%]*}
        at=${finding#*:}
        at=${at%%:*}
        file=${finding%%:*}
        line=$(sed -n "${at}p" "$file" 2> /dev/null)
        case $line in *llmi_planted*) seen=1; continue ;; esac
        ok=0
        while IFS=@ read -r id text why; do
            case ",$check," in
                *",$id,"*) case $line in *"$text"*) ok=1; printf '%s\n' "$id@$text@$why" >> "$T/needed"; break ;; esac ;;
            esac
        done < "$T/justified"
        if [ $ok = 1 ]; then known=$((known + 1)); else
            bad=$((bad + 1))
            echo "FAILED $1: llm_openai.h:${finding#*:}"
            echo "    $line"
        fi
    done < "$T/findings"
    if [ "$2" -ne 0 ] && [ $bad -eq 0 ]; then
        bad=1
        echo "FAILED $1: status $2"
        head -n 10 "$T/out" | sed 's/^/    /'
    fi
    if [ "$3" = planted ]; then
        if [ $seen = 1 ]; then passed=$((passed + 1)); else
            bad=$((bad + 1))
            echo "FAILED $1: misses the planted defect"
        fi
    fi
    failed=$((failed + bad))
    [ $bad -ne 0 ] || passed=$((passed + 1))
    used
    echo "$1: $known findings that the list explains, $bad others, $(cat "$T/used") s"
}

# gcc: on its level 1, where it follows more functions than on 2
builds=with
[ "${1:-}" != all ] || builds="with without"
for tls in $builds; do
    if [ $tls = with ]; then tls=; else tls=-DLLM_NO_TLS; fi
    timeout 580 gcc -std=c99 -O1 -Wall -Wextra -fanalyzer -fdiagnostics-plain-output -fanalyzer-verbosity=0 $tls \
        -DLLM_OPENAI_IMPLEMENTATION -isystem "$build/bearssl/inc" -x c -c -o /dev/null "$T/llm_openai.h" > "$T/out" 2>&1
    judge "gcc -fanalyzer${tls:+ }$tls" $? planted
done

# clang-tidy: the header has to be the main file, or the analyser leaves out what stands in it. It sees all of the code
# in the build with TLS; the bound on its states is a third of the time and has cost no finding.
plain='bugprone-*,cert-*,misc-*,concurrency-*,portability-*,-bugprone-easily-swappable-parameters'
tidy() {
    timeout 580 "$tidy" --quiet --checks="-*,$1" "$T/llm_openai.h" -- -x c -std=c99 $2 -DLLM_OPENAI_IMPLEMENTATION \
        -isystem "$build/bearssl/inc" -Xclang -analyzer-config -Xclang max-nodes=60000 > "$T/out" 2>&1
}
tidy "clang-analyzer-*,$plain" ""
judge clang-tidy $? planted
if [ "${1:-}" = all ]; then
    tidy "$plain" -DLLM_NO_TLS
    judge "clang-tidy -DLLM_NO_TLS" $? ""
fi

# cppcheck: without the system's headers, so with what they and the compiler define on Linux
for tls in $builds; do
    if [ $tls = with ]; then tls=; else tls=-DLLM_NO_TLS; fi
    timeout 580 cppcheck -q --std=c99 --language=c --platform=unix64 --library=posix --library=gnu --max-configs=1 \
        --enable=warning,style,portability --suppress=missingIncludeSystem --suppress=variableScope \
        --suppress=clarifyCalculation --suppress=redundantContinue \
        --template='{file}:{line}: {severity}: {message} [{id}]' \
        -D__linux__=1 -D__unix__=1 -D__x86_64__=1 -D__GNUC__=12 -D__GNUC_MINOR__=2 -D__STDC_HOSTED__=1 \
        -D__STDC_VERSION__=199901L -D__SIZEOF_POINTER__=8 -DMSG_NOSIGNAL=0x4000 -DMSG_DONTWAIT=0x40 \
        -DCLOCK_MONOTONIC=1 $tls -I"$T" -I"$build/bearssl/inc" "$T/all.c" > "$T/out" 2>&1
    judge "cppcheck${tls:+ }$tls" $? planted
done

if [ "${1:-}" = all ]; then
    grep -vxFf "$T/needed" "$T/justified" > "$T/gone"
    while IFS= read -r line; do
        failed=$((failed + 1))
        echo "FAILED: no finding needs this line any more: $line"
    done < "$T/gone"
    passed=$((passed + 1))
fi
finish
