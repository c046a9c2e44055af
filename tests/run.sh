#!/bin/sh
# run.sh OUT SUITE...: runs programs and scripts one after the other from this folder, prints a line for each and one
# total. A suite says "N passed, N failed" last; one that says nothing, that nothing was checked, that takes longer than
# $T_TIMEOUT seconds (300) or that was not built has failed. Exit status 77 is a skip: the suite has printed
# "SKIPPED name: needs X"; with LLM_CI=1 that is a failure too. The output of each suite is in OUT/log.

cd "$(dirname "$0")" || exit 1
log=$1/log
shift
mkdir -p "$log" || exit 1

# what is set for the user's own programs must not reach the tests
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY MAKEFLAGS MFLAGS MAKELEVEL
: "${ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1}"
: "${UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1}"
export ASAN_OPTIONS UBSAN_OPTIONS

now() { date +%s%N; }
passed=0 failed=0 skipped=0 bad=

for suite in "$@"; do
    name=$(basename "$suite")
    out=$log/$name.log
    start=$(now)
    if [ ! -f "$suite" ]; then
        echo "was not built" > "$out"
        status=126
    else
        case $suite in
            *.sh) set -- sh "$suite" ;;
            *) set -- "$suite" ;;
        esac
        timeout -k 10 "${T_TIMEOUT:-300}" "$@" > "$out" 2>&1 < /dev/null
        status=$?
    fi
    took=$(( ($(now) - start) / 100000000 ))
    took="$((took / 10)).$((took % 10)) s"
    if [ $status -eq 77 ]; then
        grep '^SKIPPED ' "$out" || echo "SKIPPED $name: no reason given"
        skipped=$((skipped + 1))
        if [ "${LLM_CI:-0}" = 1 ]; then
            failed=$((failed + 1)) bad="$bad $name"
        fi
        continue
    fi
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -n 1)
    p=0 f=0 why=
    if [ -n "$line" ]; then
        p=${line%% *}
        f=${line#*, }
        f=${f%% *}
    fi
    case $status in
        124 | 137) why="took longer than ${T_TIMEOUT:-300} s" ;;
        126) why="was not built" ;;
        *)
            if [ -z "$line" ]; then why="ended with status $status and no closing line"
            elif [ "$p" -eq 0 ] && [ "$f" -eq 0 ]; then why="checked nothing"
            elif [ $status -ne 0 ] && [ "$f" -eq 0 ]; then why="ended with status $status"
            elif [ $status -eq 0 ] && [ "$f" -ne 0 ]; then why="has failures, and status 0"
            fi ;;
    esac
    if [ -n "$why" ] && [ "$f" -eq 0 ]; then f=1; fi
    printf '%-26s %6d passed, %d failed  %8s%s\n' "$name" "$p" "$f" "$took" "${why:+  $name $why}"
    if [ "$f" -ne 0 ]; then
        bad="$bad $name"
        # the first findings tell most, and the end says how it came out
        if [ "$(wc -l < "$out")" -le 40 ]; then cat "$out"; else
            head -n 25 "$out"
            echo "... ($out)"
            tail -n 10 "$out"
        fi | cut -c1-240 | sed 's/^/    | /'
    fi
    passed=$((passed + p)) failed=$((failed + f))
done

[ $((passed + failed)) -gt 0 ] || { [ $skipped -gt 0 ] && [ "${LLM_CI:-0}" != 1 ]; } || failed=1
[ -z "$bad" ] || echo "failed:$bad"
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
