#!/bin/sh
# readme_tables.sh [--check]: measures what README.md's tables of size and memory say and writes it there, between the
# comments that name each table. --check writes nothing and fails where a figure is off by more than 2 %. Needs musl-gcc,
# what `make -C tools bundle mock` makes, and x86-64. `make -C tools tables`, `make -C tools tables-check`.
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
readme=${README:-README.md}
T=$(mktemp -d) || exit 1
server=
# shellcheck disable=SC2317
clean_up() {
    exec 4>&-
    [ -z "$server" ] || { kill "$server"; wait "$server"; } 2> /dev/null
    rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
stop() { echo "readme_tables.sh: $*" >&2; exit 2; }
command -v musl-gcc > /dev/null 2>&1 || stop "musl-gcc is missing (Debian: musl-tools)"
for f in "$build/llm_openai.h" "$build/mock_server"; do [ -e "$f" ] || stop "no $f: make -C tools bundle mock"; done

# bytes as kB with one decimal
kb() { awk -v n="$1" 'BEGIN { printf "%.1f", n / 1000 }'; }

# ---- size -------------------------------------------------------------------------------------------------------------
# the rows of the switches in the header's guide; without sockets the example has nothing to speak through
all_off=$(sed -n '/^   Switches:/,/^   Limits:/ s/^   \(LLM_NO_[A-Z]*\|LLM_TLS_SMALL\) .*/-D\1/p' llm_openai.h | grep -v LLM_NO_SOCKETS | tr '\n' ' ')
[ -n "$all_off" ] || stop "no switches in the guide of llm_openai.h"
measure() {    # measure FLAGS: $file, $text
    # shellcheck disable=SC2086
    musl-gcc -std=c99 -Os -ffunction-sections -fdata-sections -static -s -Wl,--gc-sections -I"$build" $1 \
        examples/stream.c examples/llm_openai.c -o "$T/stream" || stop "stream.c does not build with '$1'"
    file=$(wc -c < "$T/stream")
    text=$(size "$T/stream" | awk 'NR == 2 { print $1 }')
}
{
    # shellcheck disable=SC2016
    printf '| `$D` | file, kB | text (code and constants), kB | saves, kB |\n|---|---|---|---|\n'
    measure ""
    base=$text
    printf '| nothing | %s | %s |  |\n' "$(kb "$file")" "$(kb "$text")"
    for d in $all_off; do
        measure "$d"
        # shellcheck disable=SC2016
        printf '| `%s` | %s | %s | %s |\n' "$d" "$(kb "$file")" "$(kb "$text")" "$(kb $((base - text)))"
    done
    measure "$all_off"
    printf '| all of these | %s | %s | %s |\n' "$(kb "$file")" "$(kb "$text")" "$(kb $((base - text)))"
    measure -DLLM_USE_GETADDRINFO
    # shellcheck disable=SC2016
    printf '| `-DLLM_USE_GETADDRINFO` | %s | %s | %s |\n' "$(kb "$file")" "$(kb "$text")" "$(kb $((base - text)))"
} > "$T/size" || exit

# ---- memory: the program that stands in the README ---------------------------------------------------------------------
awk '/^## Memory/ { on = 1 } on && /^```$/ { exit } on && copy { print } on && /^```c$/ { copy = 1 }' "$readme" > "$T/memory.c"
${CC:-cc} -I"$build" "$T/memory.c" examples/llm_openai.c -o "$T/memory" || stop "the README's memory.c does not build"
mkfifo "$T/in"
exec 4<> "$T/in"
: > "$T/server"
"$build/mock_server" --stdin < "$T/in" > "$T/server" 2>&1 &
server=$!
n=0
while [ ! -s "$T/server" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
https=$(sed -n 's/.* https 127.0.0.1:\([0-9]*\) .*/\1/p' "$T/server")
http=$(sed -n 's/.* http 127.0.0.1:\([0-9]*\) .*/\1/p' "$T/server")
roots=tests/data/pki/roots.pem
cat /etc/ssl/certs/ca-certificates.crt "$PWD/$roots" > "$T/both.pem" 2> /dev/null || stop "no system CA certificates (Debian: ca-certificates)"
system=$(grep -c 'BEGIN CERTIFICATE' /etc/ssl/certs/ca-certificates.crt)
row() {    # row WHAT COMMAND URL CA-FILE ARGUMENT
    said=$(OPENAI_API_KEY=none SSL_CERT_FILE=$4 OPENAI_BASE_URL=$3 timeout 60 "$T/memory" $5) || stop "memory.c: $said"
    set -- "$1" "$2" "$(echo "$said" | sed -n 's/^needed \([0-9]*\), peak \([0-9]*\)$/\1 \2/p')"
    [ -n "$3" ] || stop "memory.c said: $said"
    printf '| %s | %s | %s | %s |\n' "$1" "$2" "$(kb "${3#* }")" "$(kb "${3% *}")"
}
# shellcheck disable=SC2016
{
    printf '| what | command | peak, kB | `llm_memory_needed()`, kB |\n|---|---|---|---|\n'
    row "TLS, full record buffers" '`./memory`' "https://localhost:$https/v1" $roots ""
    row "the same, among Debian's $system CA certificates" "SSL_CERT_FILE = both files in one" "https://localhost:$https/v1" "$T/both.pem" ""
    row "TLS, 4 KiB records" '`./memory 4421`' "https://localhost:$https/v1" $roots 4421
    row "TLS, 512-byte records" '`./memory 837`' "https://localhost:$https/v1" $roots 837
    row "no TLS" 'OPENAI_BASE_URL=http://127.0.0.1:PORT/v1' "http://127.0.0.1:$http/v1" $roots ""
} > "$T/mem" || exit

# ---- into the README ---------------------------------------------------------------------------------------------------
for t in size mem; do
    grep -q "^<!-- table: $t -->\$" "$readme" || stop "$readme has no line '<!-- table: $t -->'"
done
awk -v dir="$T" '
    /^<!-- table: [a-z]* -->$/ { print; name = $3; while ((getline line < (dir "/" name)) > 0) print line; skip = 1; next }
    skip && /^\|/ { next }
    { skip = 0; print }' "$readme" > "$T/README"
if [ "${1:-}" = --check ]; then
    # the same words, and figures that are near: compilers of one distribution differ by a few bytes
    awk 'NR == FNR { a[NR] = $0; n = NR; next }
        { m = FNR; k = split(a[FNR], x, /[ |]+/); if (k != split($0, y, /[ |]+/)) { bad = 1; print FNR ": " $0; next }
          for (i = 1; i <= k; i++) if (x[i] != y[i] && !(x[i] ~ /^-?[0-9.]+$/ && y[i] ~ /^-?[0-9.]+$/ && (x[i] - y[i]) ^ 2 <= (0.02 * y[i]) ^ 2 + 0.25)) {
              bad = 1; print FNR ": " x[i] " is now " y[i] } }
        END { exit bad || n != m }' "$readme" "$T/README" || { echo "1 failed: make -C tools tables"; exit 1; }
    echo "README.md says what was measured"
else
    cat "$T/README" > "$readme"
    cat "$T/size" "$T/mem"
fi
