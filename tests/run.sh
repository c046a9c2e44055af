#!/bin/sh
# run.sh OUT SUITE...: runs programs and scripts from this folder, $JOBS at a time (1), prints a line for each when it is
# over and one total. A suite says "N passed, N failed" last; one that says nothing, that nothing was checked, that takes
# longer than $T_TIMEOUT seconds (300) or that was not built has failed. Exit status 77 is a skip: the suite has printed
# "SKIPPED name: needs X"; with LLM_CI=1 that is a failure too. The output of each suite is in OUT/log. A suite writes the
# keys that it uses to $T_KEYS_FILE (t_canary.h does it for the C suites): eight characters of one in its output are a
# failure.

cd "$(dirname "$0")" || exit 1

# ---- one suite: its line goes to NAME.line, "passed failed skipped" to NAME.count
now() { date +%s%N; }

one() {
    log=$1 suite=$2
    name=$(basename "$suite")
    out=$log/$name.log
    T_KEYS_FILE=$log/$name.keys
    export T_KEYS_FILE
    rm -f "$T_KEYS_FILE"
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
        f=0
        if [ "${LLM_CI:-0}" = 1 ]; then f=1; fi
        echo "0 $f 1" > "$log/$name.count"
        return
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
    if [ -s "$T_KEYS_FILE" ]; then
        awk '{ for (i = 1; i + 7 <= length($0); i++) print substr($0, i, 8) }' "$T_KEYS_FILE" | sort -u > "$T_KEYS_FILE.parts"
        if LC_ALL=C grep -aqF -f "$T_KEYS_FILE.parts" "$out"; then why="has printed a part of a key${why:+, $why}"; fi
    fi
    if [ -n "$why" ] && [ "$f" -eq 0 ]; then f=1; fi
    printf '%-26s %6d passed, %d failed  %8s%s\n' "$name" "$p" "$f" "$took" "${why:+  $name $why}"
    if [ "$f" -ne 0 ]; then
        # the first findings tell most, and the end says how it came out
        if [ "$(wc -l < "$out")" -le 40 ]; then cat "$out"; else
            head -n 25 "$out"
            echo "... ($out)"
            tail -n 10 "$out"
        fi | cut -c1-240 | sed 's/^/    | /'
    fi
    echo "$p $f 0" > "$log/$name.count"
}

if [ "${1:-}" = --one ]; then
    name=$(basename "$3")
    one "$2" "$3" > "$2/$name.line"
    cat "$2/$name.line"         # in one piece: others print at the same time
    rm -f "$2/$name.line"
    exit 0
fi

# ---- all of them
log=$1/log
shift
mkdir -p "$log" || exit 1

# what is set for the user's own programs must not reach the tests
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY MAKEFLAGS MFLAGS MAKELEVEL ONLY
: "${ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1}"
: "${UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1}"
export ASAN_OPTIONS UBSAN_OPTIONS

for suite in "$@"; do rm -f "$log/$(basename "$suite").count"; done
[ $# -eq 0 ] || printf '%s\n' "$@" | xargs -P "${JOBS:-1}" -n 1 sh run.sh --one "$log"

passed=0 failed=0 skipped=0 bad=
for suite in "$@"; do
    name=$(basename "$suite")
    p=0 f=1 s=0
    # a suite of which nothing is known has failed
    [ ! -f "$log/$name.count" ] || read -r p f s < "$log/$name.count"
    [ "$f" -eq 0 ] || bad="$bad $name"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

[ $((passed + failed)) -gt 0 ] || { [ $skipped -gt 0 ] && [ "${LLM_CI:-0}" != 1 ]; } || failed=1
[ -z "$bad" ] || echo "failed:$bad"
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
