# hooks.sh - the second half of more_switches.sh: hooks, one group after the other and all together. $T/guide has a line
# "hooks LLM_X(ctx, ...)" or "optional LLM_X(ctx, ...)" for each hook of the guide.
group_of() {
    case $1 in
        LLM_MALLOC | LLM_REALLOC | LLM_FREE) echo HOOK_MEMORY ;;
        LLM_NOW_MS | LLM_UNIX_TIME | LLM_SLEEP_MS) echo HOOK_CLOCK ;;
        LLM_RANDOM) echo HOOK_RANDOM ;;
        LLM_GETENV) echo HOOK_ENV ;;
        LLM_FILE_READ) echo HOOK_FILE ;;
        LLM_LOG) echo HOOK_LOG ;;
        LLM_NET_CONN | LLM_NET_OPEN | LLM_NET_SEND | LLM_NET_RECV | LLM_NET_CLOSE) echo HOOK_NET ;;
        LLM_NET_FD | LLM_NET_SERIAL | LLM_NET_WANTS | LLM_NET_TIMER_MS | LLM_NET_WHY | LLM_NET_WAIT | LLM_NET_INIT)
            echo HOOK_OPTIONAL ;;
        LLM_NET_TLS) echo HOOK_TLS ;;
    esac
}
grep -E '^(hooks|optional) ' "$T/guide" | sed 's/^[a-z]* //' | sort -u > "$T/hooks"
known=0
while IFS= read -r hook; do
    word=${hook%%(*}
    group=$(group_of "$word")
    if [ -z "$group" ]; then bad "$word: ports/hooks.c does not know this hook"; continue; fi
    known=$((known + 1))
    echo "#ifdef $group"
    case $hook in
        LLM_NET_CONN) echo "#define LLM_NET_CONN LLM_NET_CONN_OF_THE_HOOKS" ;;
        LLM_NET_TLS) echo "#define LLM_NET_TLS 1" ;;
        LLM_NET_OPEN*)
            echo "#ifdef HOOK_TLS"
            echo "#define ${hook%)}, secure) my_LLM_NET_OPEN_TLS${hook#LLM_NET_OPEN}" | sed 's/)$/, secure)/'
            echo "#else"
            echo "#define $hook my_$hook"
            echo "#endif" ;;
        *) echo "#define $hook my_$hook" ;;
    esac
    echo "#endif"
done < "$T/hooks" > "$T/hooks_doc.h"
known=$(grep -c '^#ifdef HOOK_' "$T/hooks_doc.h")
if [ -n "$(group_of LLM_PLANTED)" ]; then bad "a planted hook is not found"; else ok; fi
if [ "$known" -ge 23 ]; then ok; else bad "only $known hooks in the guide"; fi

hook_build() {    # hook_build WORD OPTIONS; one group's functions are used, the others' are not
    # shellcheck disable=SC2086
    $CC $STRICT -Wno-unused $base -I"$T" $2 -o "$T/$1" ports/hooks.c "$build/libbearssl.a" > "$T/$1.err" 2>&1
}
built=
hooks() {    # hooks URL GROUP...: is queued
    to=$1 options= word=hooks
    shift
    for g in "$@"; do options="$options -D$g" word=$word-${g#HOOK_}; done
    queue hook_build "$word" "$options"
    built="$built $word,$to"
}
for g in HOOK_MEMORY HOOK_CLOCK HOOK_RANDOM HOOK_ENV HOOK_FILE HOOK_LOG HOOK_NET; do
    hooks "https://localhost:$https/v1" $g
done
hooks "https://localhost:$https/v1" HOOK_NET HOOK_OPTIONAL
hooks "https://localhost:$http/v1" HOOK_NET HOOK_TLS
hooks "https://localhost:$https/v1" HOOK_MEMORY HOOK_CLOCK HOOK_RANDOM HOOK_ENV HOOK_FILE HOOK_LOG HOOK_NET HOOK_OPTIONAL
hooks "https://localhost:$http/v1" HOOK_MEMORY HOOK_CLOCK HOOK_RANDOM HOOK_ENV HOOK_FILE HOOK_LOG HOOK_NET HOOK_OPTIONAL HOOK_TLS
wait $running
for b in $built; do ran "${b%%,*}" "$T/${b%%,*}" "${b#*,}" "$ca"; done
