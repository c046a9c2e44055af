#!/bin/sh
# more_eva.sh [NAME...]: frama-c's EVA over the readers of JSON, HTTP and server-sent events with any bytes in any pieces
# (eva/*.c). EVA reports each place where it cannot show that nothing undefined happens: reading or writing out of bounds,
# an index, a shift, a signed overflow, memory that is not initialised. Each report has to stand in eva/alarms.txt with
# the reason why it cannot happen and what tests it; a line there that is no longer reported is a failure too. First a
# defect is planted in each of the three layers, and must be reported by something that the list does not have.
# EVA_LIST=1 prints the reports as lines for the list. Needs frama-c 25 (frama-c-base), about two minutes.
cd "$(dirname "$0")" || exit 1
root=$(cd .. && pwd)
header=${HDR:-$root}/llm_openai.h
skip() { echo "SKIPPED eva: needs $1"; exit 77; }
command -v frama-c > /dev/null 2>&1 || skip "frama-c (frama-c-base)"
case $(frama-c -version) in 25.*) ;; *) skip "frama-c 25, whose reports the list has" ;; esac
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_eva.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
used_before=0

used() {
    times > "$T/times"
    total=$(sed -n '2s/[ms]/ /gp' "$T/times" | awk '{ printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }')
    used=$((total - used_before))
    used_before=$total
}

# copy FOLDER HEADER: the header as it is, and in FOLDER/cut with other names for what eva/eva.h or a driver replaces
copy() {
    mkdir -p "$1/cut" "$1/own"
    cp "$2" "$1/own/llm_openai.h" || exit 1
    sed -e 's/^\(LLMI_FN .*\)\b\(llmi_plain_end\|llmi_json_run\|llmi_http_below\)(const char \*p, const char \*end/\1\2_own(const char *p, const char *end/' \
        -e 's/^\(LLMI_FN .*\)\b\(llmi_json_in_number\|llmi_json_in_word\)(llmi_json/\1\2_own(llmi_json/' \
        -e 's/^\(LLMI_FN .*\)\bllmi_http_take(llmi_http/\1llmi_http_take_own(llmi_http/' "$2" > "$1/cut/llm_openai.h"
    if [ "$(diff "$2" "$1/cut/llm_openai.h" | grep -c '^>')" -ne 6 ]; then
        echo "FAILED: a function that eva/ replaces is not there, or is written otherwise"
        failed=$((failed + 1))
    fi
}

# look FOLDER NAME [FLAGS...]: $T/alarms is what EVA says about eva/NAME.c: NAME @ function @ kind @ what @
look() {
    folder=$1 name=$2
    shift 2
    which=own
    if grep -q '^#define CUT' "eva/$name.c"; then which=cut; fi
    case $name in
        json) set -- -eva-precision 1 -eva-use-spec llmi_utf8_next,llmi_json_keep,llmi_json_part "$@" ;;
        json_leaf) set -- -eva-precision 0 -eva-slevel 500 -eva-split-return full "$@" ;;
        http_leaf) set -- -eva-precision 0 -eva-slevel 100 -eva-split-return full "$@" ;;
        *) set -- -eva-precision 1 "$@" ;;
    esac
    rm -f "$T/csv"
    # shellcheck disable=SC2086
    timeout "${EVA_TIMEOUT:-1500}" frama-c -machdep gcc_x86_64 "-cpp-extra-args=-I$folder/$which -Ieva $defines" "eva/$name.c" -eva \
        -eva-no-show-progress "$@" -then -report -report-csv "$T/csv" > "$T/out" 2>&1
    status=$?
    if [ $status -ne 0 ] || [ ! -s "$T/csv" ] || ! grep -q 'done for function main' "$T/out"; then
        echo "FAILED $name: frama-c ends with status $status"
        tail -n 5 "$T/out" | sed 's/^/    /'
        failed=$((failed + 1))
        return 1
    fi
    # directory, file, line, function, kind, status, property; what the C library's own contracts say stands twice
    awk -F '\t' -v name="$name" 'NR > 1 && $6 !~ /^(Valid|Considered valid|Dead|Unreachable)/ && $2 !~ /^string\.h$/ {
        print name " @ " $4 " @ " $5 " @ " $7 " @" }' "$T/csv" | sort -u > "$T/alarms"
}
grep '^[^#]' eva/alarms.txt > "$T/list"
sed 's/ @ [^@]*$/ @/' "$T/list" | sort -u > "$T/listed"
defines=

# ---- a defect in each layer -------------------------------------------------------------------------------------------
# planted NAME FUNCTION PERL [DEFINES]: one reads or writes one too many in FUNCTION
planted() {
    perl -0777 -pe "$3" "$header" > "$T/bad.h"
    if cmp -s "$header" "$T/bad.h"; then
        echo "FAILED to plant: $3"
        failed=$((failed + 1))
        return
    fi
    copy "$T/bad" "$T/bad.h"
    defines=${4:-}
    if look "$T/bad" "$1"; then
        if grep -vxFf "$T/listed" "$T/alarms" | grep -q " @ $2 @ "; then
            passed=$((passed + 1))
        else
            echo "FAILED $1: does not report what is planted in $2"
            failed=$((failed + 1))
        fi
    fi
    defines=
    used
    echo "planted in $2: $used s"
}
if [ $# -eq 0 ] && [ -z "${EVA_LIST:-}" ]; then
    planted json_leaf llmi_plain_end 's/(llmi_plain_end\(.*?end - p)\) >= sizeof\(long\)/$1) + 1 >= sizeof(long)/s' \
        -DONLY=1
    planted http llmi_http_read_head 's/(case LLMI_HTTP_REASON:\n[^\n]*below[^\n]*\n)[^\n]*if \(p == end\) break;/$1/'
    planted sse llmi_sse_read_name 's/s->name_len < sizeof s->name - 1/s->name_len < sizeof s->name/'
fi

# ---- the header -------------------------------------------------------------------------------------------------------
copy "$T/is" "$header"
for name in ${*:-json_leaf json http_leaf http sse}; do
    if [ "$name" = json_leaf ]; then
        # one after the other: together they are more than EVA keeps apart
        : > "$T/all"
        for k in 0 1 2 3 4 5; do
            defines=-DONLY=$k
            look "$T/is" "$name" || continue 2
            cat "$T/alarms" >> "$T/all"
        done
        defines=
        sort -u "$T/all" > "$T/alarms"
    else
        look "$T/is" "$name" || continue
    fi
    if [ -n "${EVA_LIST:-}" ]; then
        cat "$T/alarms"
        continue
    fi
    grep "^$name @" "$T/listed" > "$T/these"
    grep -vxFf "$T/these" "$T/alarms" > "$T/new"
    grep -vxFf "$T/alarms" "$T/these" > "$T/gone"
    while IFS= read -r line; do
        printf 'FAILED, not in eva/alarms.txt: %s\n' "$line"
        failed=$((failed + 1))
    done < "$T/new"
    while IFS= read -r line; do
        printf 'FAILED, in eva/alarms.txt and not reported any more: %s\n' "$line"
        failed=$((failed + 1))
    done < "$T/gone"
    if [ ! -s "$T/new" ] && [ ! -s "$T/gone" ]; then passed=$((passed + 1)); fi
    used
    echo "$name: $(wc -l < "$T/alarms") reports, each explained in eva/alarms.txt unless named above; $used s"
done
if grep -vE '^[a-z_]+ @ [a-z_0-9]+ @ [^@]+ @ [^@]+ @ .{8,}$' "$T/list"; then
    echo "FAILED: a line of eva/alarms.txt without a reason"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
