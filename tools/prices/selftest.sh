#!/bin/sh
# selftest.sh: does prices.pl notice? Plants one fault at a time in copies of the data and of a header, and
# looks for its refusal; writes a table into an empty header and checks it. Needs what prices.pl needs.
#
#   usage: tools/prices/selftest.sh [HEADER]      (default: llm_openai.h of this repository)

set -u
here=$(cd "$(dirname "$0")" && pwd)
header=${1:-$here/../../llm_openai.h}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

good() {
    passed=$((passed + 1))
}

bad() {
    echo "selftest.sh: FAILED $1" >&2
    cat "$dir/out" >&2
    failed=$((failed + 1))
}

# run STATUS WORDS NAME ARGUMENTS: prices.pl must end with that status and say that.
run() {
    status=$1 words=$2 name=$3
    shift 3
    perl "$here/prices.pl" "$@" > "$dir/out" 2>&1
    got=$?
    if [ $got -eq "$status" ] && grep -q -F -e "$words" "$dir/out"; then
        good
    else
        bad "$name (status $got)"
    fi
}

# fault WORDS PERL: the data with that change (of its first match) must be refused with those words.
fault() {
    perl -0777 -pe "$2" "$here/prices.json" > "$dir/data.json"
    if cmp -s "$here/prices.json" "$dir/data.json"; then
        echo "the change changes nothing" > "$dir/out"
        bad "$2"
        return
    fi
    run 2 "$1" "$2" --check --data "$dir/data.json" "$header"
}

run 0 "what the data gives" "the header as it is" --check "$header"

# ---- the header
printf 'a\n/* BEGIN GENERATED: prices */\nold\n/* END GENERATED: prices */\nz\n' > "$dir/h"
run 1 "the table is not what" "an old table" --check "$dir/h"
run 0 "wrote" "writing" "$dir/h"
run 0 "what the data gives" "what was written" --check "$dir/h"
if [ "$(sed -n 1p "$dir/h")$(tail -n 1 "$dir/h")" = az ]; then good; else bad "the lines around the table"; fi
sed 's/{   2500000,  1250000,/{   2500000,  1250001,/' "$dir/h" > "$dir/h2"
run 1 ":" "one digit of one rate" --check "$dir/h2"
grep -q 'gpt-4o \*/' "$dir/out" && good || bad "the line that differs is shown"
sed 's/"o3-pro\\0"/"o3-pr0\\0"/' "$dir/h" > "$dir/h2"
run 1 "the table is not what" "one letter of one id" --check "$dir/h2"
sed 's/^#define LLMI_PRICE_DATE .*/#define LLMI_PRICE_DATE "2020-01-01"/' "$dir/h" > "$dir/h2"
run 1 "the table is not what" "the date" --check "$dir/h2"
grep -v END "$dir/h" > "$dir/h2"
run 2 "has no" "no end marker" "$dir/h2"
cat "$dir/h" "$dir/h" > "$dir/h2"
run 2 "twice" "two tables" "$dir/h2"
run 2 "cannot read" "no such header" "$dir/none"

# ---- the data
fault "is not half"                    's/"batch_input": 1\.25,/"batch_input": 1.26,/'
fault "cached input costs more"        's/"cached_input": 1\.25,/"cached_input": 12.6,/'
fault "is no price"                    's/"input": 2\.5,/"input": -2.5,/'
fault "is no price"                    's/"input": 2\.5,/"input": 2.5000001,/'
fault "is no price"                    's/"input": 2\.5,/"input": "2.5 USD",/'
fault "was expected"                   's/"input": 2\.5,/"input": 25e-1,/'
fault "was expected"                   's/"input": 2\.5,/"input": null,/'
fault "cached_input is 0"              's/"cached_input": 1\.25,/"cached_input": 0,/'
fault "unknown key"                    's/"cached_input": 1\.25,/"cache_input": 1.25,/'
fault "no output"                      's/, "output": 10,/,/'
fault "comes twice"                    's/"cached_input": 1\.25,/"input": 1.25,/'
fault "is there twice"                 's/"model": "gpt-4o-mini"/"model": "GPT-4o"/'
fault "is there twice"                 's/\["gpt-5.6"\]/["gpt-5.5"]/'
fault "can never be found"             's/"model": "gpt-4o-mini"/"model": "gpt-4o:mini"/'
fault "can never be found"             's/"model": "gpt-4o-mini"/"model": "openai\/gpt-4o-mini"/'
fault "can never be found"             's/"model": "ft:gpt-4.1-2025-04-14"/"model": "ft:gpt-4.1:x"/'
fault "can never be found"             's/"model": "gemini-2.5-pro"/"model": "models\/gemini-2.5-pro"/'
fault "bad id"                         's/"model": "gpt-4o-mini"/"model": "gpt 4o-mini"/'
fault "is not the id and a date"       's/"gpt-4o-2024-08-06", "/"gpt-4o-0806", "/'
fault "is a row too"                   's/"gpt-4o-2024-08-06", "/"gpt-4o-2024-05-13", "/'
fault "as_of is no date"               's/"as_of": "2026-11-10"/"as_of": "2026-13-10"/'
fault "as_of is after made"            's/"as_of": "2026-11-10"/"as_of": "2099-11-10"/'
fault "no sources"                     's/"sources": \[[^\]]*\]/"sources": []/'
fault "needs one threshold"            's/"threshold_input_tokens_gt": 272000, //'
fault "long_context is cheaper"        's/(_gt": 272000, "input": )16/${1}6/'
fault "one context length only"        's/"cache_write": 20, //'
fault "wrong side"                     's/("priority": \{ "input": )16/${1}6/'
fault "a cache write is cheaper"       's/"cache_write": 10 *,/"cache_write": 1,/'
fault "has no host"                    's/  "groq": \[[^\n]*\n//'
fault "have no rows"                   's/  "groq":/  "acme": ["acme.example"],\n  "groq":/'
fault "bad or repeated host"           's/"api.groq.com"/"api.x.ai"/'
fault "do not stand together"          's/("provider": )"mistral"(, "model": "devstral)/$1"groq"$2/'
fault "no JSON"                        's/\}\s*\z/\n/'
fault "more follows"                   's/\z/{}/'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
