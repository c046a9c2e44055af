#!/bin/sh
# run.sh [planted]: the header against judges that know nothing of it: node (TextDecoder, JSON.parse, llhttp) and python3
# (its decoder, json, float). `make -C tools judge`.
#   UTF-8  every byte string of up to 3 bytes and sequences of 4 at every boundary: what the JSON reader takes, what the
#          JSON writer makes of the rest (one U+FFFD for each maximal ill-formed part)
#   JSON   about a million texts: verdict, strings, numbers to the bit; numbers written: read back to the bit, shortest
#   HTTP   tests/data/http/responses.txt against llhttp
# Then headers with one boundary moved: each must be reported. Output goes to build/judge. 77: node or python3 is missing.
cd "$(dirname "$0")" || exit 1
root=$(cd ../.. && pwd)
HDR=${HDR:-$root}
CC=${CC:-cc}
out=${BUILD:-$root/build}/judge
command -v python3 > /dev/null 2>&1 || { echo "SKIPPED judge: needs python3"; exit 77; }
# toWellFormed() and isUtf8() came with version 20
NODE=node
node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2> /dev/null ||
    NODE=$(sh "$root/tests/npm/get_node.sh" 2> /dev/null) || { echo "SKIPPED judge: needs node 20, or npm to get it"; exit 77; }
rm -rf "$out"
mkdir -p "$out" || exit 1
T=$out
jobs=
trap 'kill $jobs 2> /dev/null' HUP INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    [ ! -s "${2:-/dev/null}" ] || head -n 12 "$2" | cut -c1-220 | sed 's/^/    /'
}
# build HEADER-FOLDER PROGRAM [FLAG [OPTIMISATION]]
build() { $CC -std=gnu99 "${4:--O2}" -w ${3:+"$3"} -I"$1" -o "$2" ours.c 2> "$T/err" || { bad "ours.c does not build" "$T/err"; return 1; }; }
build "$HDR" "$T/ours" || { echo "$passed passed, $failed failed"; exit 1; }

# judged NAME PROGRAM COMMAND...: the answers of the program go to the judge; what both said is in NAME.out
judged() {
    what=$1 program=$2 args=$3
    shift 3
    # shellcheck disable=SC2086
    { "$program" $args < "$T/${input:-none}" || echo "ours ended with status $?" > "$T/$what.died"; } 2> "$T/$what.err" |
        "$@" > "$T/$what.out" 2>&1
    status=$?
    [ ! -s "$T/$what.died" ] || status=1
    echo $status > "$T/$what.status"
    [ $status -ne 0 ] || tail -n 1 "$T/$what.out"
}
verdict() {
    for name in "$@"; do
        if [ "$(cat "$T/$name.status" 2> /dev/null)" = 0 ]; then ok; else
            cat "$T/$name.err" "$T/$name.out" > "$T/x" 2> /dev/null
            bad "$name" "$T/x"
        fi
    done
}
: > "$T/none"
python3 texts.py json > "$T/json"
python3 texts.py print > "$T/doubles"

if [ "${1:-}" != planted ]; then
    (
        judged utf8-node-1 "$T/ours" "utf8 0 127" "$NODE" judge.mjs utf8 0 127
        judged utf8-long-node "$T/ours" utf8-long "$NODE" judge.mjs utf8-long
        input=json
        judged json-node "$T/ours" json "$NODE" judge.mjs json "$T/json"
    ) & jobs=$!
    (
        judged utf8-node-2 "$T/ours" "utf8 128 255" "$NODE" judge.mjs utf8 128 255
        judged utf8-long-python "$T/ours" utf8-long python3 judge.py utf8-long
    ) & jobs="$jobs $!"
    # the decoder of python knows the same rule: the lead bytes, where the rule is
    judged utf8-python "$T/ours" "utf8 192 247" python3 judge.py utf8 192 247
    input=json judged json-python "$T/ours" json python3 judge.py json "$T/json"
    input=doubles judged print-python "$T/ours" print python3 judge.py print "$T/doubles"
    wait
    jobs=
    verdict utf8-node-1 utf8-node-2 utf8-long-node utf8-long-python utf8-python json-node json-python print-python
    grep -h '^  known difference' "$T/json-node.out" "$T/json-python.out"
    "$NODE" http.mjs "$root/tests/data/http/responses.txt" http_differences.txt > "$T/http.out" 2>&1
    case $? in
        0) ok; tail -n 1 "$T/http.out" ;;
        77) tail -n 1 "$T/http.out"; [ "${LLM_CI:-0}" != 1 ] || bad "http: another llhttp" ;;
        *) bad http "$T/http.out" ;;
    esac
fi

# ---- planted defects: NAME, sed, what the program is asked, judge. The judge must report it.
python3 texts.py json strings > "$T/strings"
python3 texts.py json deep > "$T/deep"
python3 texts.py json numbers > "$T/numbers"
planted() {
    name=$1 change=$2 args=$3
    shift 3
    mkdir -p "$T/planted"
    sed "$change" "$HDR/llm_openai.h" > "$T/planted/llm_openai.h"
    flag=-DNDEBUG
    case $change in
        '') flag=-DLLM_MAX_JSON_DEPTH=65 ;;
        *) ! cmp -s "$HDR/llm_openai.h" "$T/planted/llm_openai.h" || { bad "planted: $name: nothing to change in the header"; return; } ;;
    esac
    build "$T/planted" "$T/defect" $flag -O0 || return
    judged planted "$T/defect" "$args" "$@" > /dev/null
    if [ "$(cat "$T/planted.status")" = 1 ] && grep -q '^DIFFERENT' "$T/planted.out"; then ok
    else bad "planted: $name is not reported" "$T/planted.out"; fi
    rm -f "$T/planted.died"
}
planted "surrogates as UTF-8" 's/if (p\[0\] == 0xED) hi = 0x9F;/if (p[0] == 0xED) hi = 0xA0;/' "utf8 237 237" "$NODE" judge.mjs utf8 237 237
planted "U+110000" 's/if (p\[0\] == 0xF4) hi = 0x8F;/if (p[0] == 0xF4) hi = 0x90;/' utf8-long python3 judge.py utf8-long
planted "an overlong form" 's/if (p\[0\] == 0xE0) lo = 0xA0;/if (p[0] == 0xE0) lo = 0x9F;/' "utf8 224 224" python3 judge.py utf8 224 224
planted "U+FFFD for each byte" '/LLMI_FN size_t llmi_utf8_next/,/^}/s/\*bad = i;/*bad = 1;/' "utf8 225 225" "$NODE" judge.mjs utf8 225 225
planted "one U+FFFD too few at the end" 's/len = bad != 0 ? bad : (size_t)(end - s);/len = bad != 0 ? bad : (size_t)(end - s) - 1 + (end - s == 1);/' \
    "utf8 240 240" "$NODE" judge.mjs utf8 240 240
input='strings'
planted "US (0x1F) in a string" '/^LLMI_FN .*llmi_plain_end(/,/^}/s/\*p >= 0x20/*p >= 0x1F/' json "$NODE" judge.mjs json "$T/strings" part
planted "a pair of surrogates read wrongly" 's/u = 0x10000 + (((uint32_t)j->high/u = 0x10001 + (((uint32_t)j->high/' json python3 judge.py json "$T/strings" part
input='deep'
planted "one level more" '' json python3 judge.py json "$T/deep" part
input='numbers'
planted "a number read without its last digits" 's/^LLMI_FN int llmi_json_double(const char \*s, size_t n, double \*out) {/&\n    if (n > 20 \&\& s[0] == 0x31 \&\& s[1] == 0x2E) n = 20;/' \
    json python3 judge.py json "$T/numbers" part
input='doubles'
planted "the last digit written is not the nearest" 's/high = above > 0 ||/high = above < 0 ||/' print python3 judge.py print "$T/doubles"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
