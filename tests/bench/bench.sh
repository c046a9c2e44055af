#!/bin/sh
# bench.sh: what one streamed chunk costs: user-space instructions (callgrind) and allocations of this library reading from
# memory, beside libcurl and cJSON reading the same bytes from a loopback socket, one event in each read. Each figure is the
# difference between a stream of 2,000 chunks and one of 1,000, by 1,000, so that start and end do not count.
# It fails when the ratio is above 0.16 or when a chunk allocates. Takes about half a minute.
cd "$(dirname "$0")" || exit 1
. ../suite.sh
MAX_RATIO=0.16
need valgrind
printf '#include <curl/curl.h>\n' | $CC -E -o /dev/null - 2> /dev/null || skip libcurl4-openssl-dev
printf '#include <cjson/cJSON.h>\n' | $CC -E -o /dev/null - 2> /dev/null || skip libcjson-dev

FLAGS="-std=c99 -O2 -g"
# shellcheck disable=SC2086
{
    $CC $FLAGS -I"$header" -o "$T/ours" ours.c &&
    $CC $FLAGS -I"$header" -DBENCH_SOCKET -o "$T/socket" ours.c &&
    $CC $FLAGS -D_GNU_SOURCE -o "$T/curl" curl.c -lcurl -lcjson &&
    $CC $FLAGS -o "$T/server" server.c
} 2> "$T/err" || { bad "bench: does not compile" "$T/err"; finish; }

# a header that allocates for each chunk, and gives it back, is seen (counted without valgrind)
mkdir "$T/planted"
mem="\\&call->client->mem"
sed "/^LLMI_FN llmi_step llmi_step_body(/,/^}/s/^    int over;/&\n    llmi_mem_free($mem, llmi_mem_alloc($mem, 8), 8);/" \
    "$header/llm_openai.h" > "$T/planted/llm_openai.h"
if cmp -s "$header/llm_openai.h" "$T/planted/llm_openai.h"; then bad "the allocation for each chunk cannot be planted"; fi
# shellcheck disable=SC2086
$CC $FLAGS -w -I"$T/planted" -o "$T/planted/ours" ours.c || bad "planted: does not compile"
allocated() { "$1" "$2" discard | sed 's/.* allocations //'; }
more=$(($(allocated "$T/planted/ours" 2000) - $(allocated "$T/planted/ours" 1000)))
if [ "$more" -ge 1000 ]; then ok; else bad "planted: an allocation for each chunk is not seen"; fi
more=$(($(allocated "$T/ours" 2000) - $(allocated "$T/ours" 1000)))
if [ "$more" -eq 0 ]; then ok; else bad "$more allocations in 1,000 chunks, without valgrind"; fi

mkfifo "$T/in" || exit 1
"$T/server" < "$T/in" > "$T/ports" &
server=$!
exec 9> "$T/in"
n=0
while [ ! -s "$T/ports" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
read -r port side < "$T/ports"

# The programs of this library are counted within measured() alone; of curl's start and end cancel out.
# count COMMAND...: runs it under callgrind; instructions in $instructions, what it printed in $said
count() {
    case $1 in */curl) only= ;; *) only="--toggle-collect=measured" ;; esac
    # shellcheck disable=SC2086
    timeout 120 valgrind --tool=callgrind $only --callgrind-out-file=/dev/null "$@" > "$T/said" 2> "$T/grind" ||
        { bad "$*"; tail -n 5 "$T/grind"; }
    instructions=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$T/grind")
    said=$(cat "$T/said")
}
# pair NAME: $1 1000 and $1 2000 with the arguments behind; per chunk in $per_chunk, texts in $said1 $said2
pair() {
    program=$1
    shift
    count "$T/$program" 1000 $(printf '%s\n' "$@" | sed 's/@/1000/')
    i1=$instructions said1=$said
    count "$T/$program" 2000 $(printf '%s\n' "$@" | sed 's/@/2000/')
    i2=$instructions said2=$said
    per_chunk=$(((${i2:-0} - ${i1:-0}) / 1000))
    allocations=$((${said2:+${said2##* }} + 0 - (${said1:+${said1##* }} + 0)))
    echo "$program: $per_chunk instructions a chunk${1:+ ($*)}"
}

pair ours
ours=$per_chunk kept=$allocations sum=${said2% allocations*}
pair ours discard
gone=$allocations
pair socket "http://127.0.0.1:$port/@/v1" "$side"
[ "${said2% allocations*}" = "$sum" ] || bad "over a socket the text is another one"
pair curl "http://127.0.0.1:$port/@/v1/chat/completions" "$side"
theirs=$per_chunk
if [ "${said2% allocations*}" = "$sum" ] && [ "$theirs" -gt 0 ]; then ok; else
    bad "the two clients did not read the same text: '$sum', '${said2% allocations*}'"
fi

ratio=$(awk "BEGIN { printf \"%.4f\", $ours / ($theirs ? $theirs : 1) }")
echo "instructions per streamed chunk: $ours, libcurl and cJSON: $theirs, ratio $ratio (at most $MAX_RATIO)"
echo "allocations for 1,000 chunks more: $gone, and $kept with the text kept (it doubles when it grows)"
if awk "BEGIN { exit !($ours > 0 && $ratio > 0 && $ratio <= $MAX_RATIO) }"; then ok; else bad "the ratio is $ratio"; fi
if [ "$gone" -eq 0 ]; then ok; else bad "$gone allocations in 1,000 chunks"; fi
if [ "$kept" -le 2 ]; then ok; else bad "$kept allocations in 1,000 chunks with the text kept"; fi
exec 9>&-
finish
