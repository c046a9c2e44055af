#!/bin/sh
# readme_tables.sh [--check] [TABLE...]: measures what README.md's tables say (size, mem, targets) and writes it there, behind
# the comments that name each table. --check writes nothing and fails where a figure is off by more than 2 %. The table of
# targets is taken from the lines "figure NAME VALUE" in the logs of the suites that ran the programs; with no such line, or
# one from before the header was changed, the suite is run. Needs musl-gcc, what `make -C tools bundle mock` makes, and x86-64. `make -C tools tables`, `make -C tools tables-check`.
cd "$(dirname "$0")/.." || exit 1
check=0
[ "${1:-}" != --check ] || { check=1; shift; }
tables=$(echo "${*:-size mem targets}" | tr , ' ')
wanted() { case " $tables " in *" $1 "*) return 0 ;; esac; return 1; }
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

# ---- targets: what suites said of the programs that they ran ---------------------------------------------------------------
# figures SUITE: its lines, from its last run or a new one
figures() {
    [ ! -f "$T/$1.figures" ] || return 0
    newest=$(ls -t "$build"/tests/*/log/"$1.sh.log" 2> /dev/null | head -n 1)
    if [ -z "$newest" ] || ! grep -aq '^figure ' "$newest" ||
        [ -z "$(find "$newest" -newer "$build/llm_openai.h")" ]; then
        make -s -C tests check-more ONLY="$1.sh" > "$T/run" 2>&1 || { tail -n 5 "$T/run"; stop "$1 fails"; }
        newest=$(ls -t "$build"/tests/*/log/"$1.sh.log" | head -n 1)
    fi
    grep -a '^figure ' "$newest" > "$T/$1.figures" || stop "$1 says no figure"
}
value() { awk -v n="$1" '$2 == n { v = $3 } END { print v }' "$T/$2.figures"; }
# target TEXT SUITE CODE RAM STACK: the names of the figures, - for none
target() {
    figures "$2"
    line="| $1"
    for name in "$3" "$4" "$5"; do
        if [ "$name" = - ]; then line="$line | "; else
            v=$(value "$name" "$2")
            [ -n "$v" ] || stop "$2 says no figure $name"
            line="$line | $(kb "$v")"
        fi
    done
    # shellcheck disable=SC2016
    printf '%s | `ONLY=%s.sh` |\n' "$line" "$2"
}
if wanted targets; then
    printf '| target | code and constants, kB | RAM in all, kB | of it stack, kB | suite |\n|---|---|---|---|---|\n'
    target "Cortex-M3, UART, 16 KiB records" more_cortex m3.flash m3.ram m3.stack
    target "the same, 512-byte records" more_cortex m3_small.flash m3_small.ram m3_small.stack
    target "Cortex-M3, lwIP and LAN9118, 16 KiB records" more_lwip lwip.flash lwip.ram lwip.stack
    target "RV32IMAC, UART, 16 KiB records" more_riscv32 rv32.flash rv32.ram rv32.stack
    target "x86-64 Linux without a C library" more_nolibc nolibc.text nolibc.static_ram -
    target "x86-64 Linux, musl, static" more_musl musl.text - -
    target "x86-64 Linux, glibc, static" more_musl glibc.text - -
    target "Windows x64, system DLLs only" more_windows windows.text - -
    for abi in s390x mips armhf; do target "$abi Linux, glibc, static" more_abi $abi.text - -; done
fi > "$T/targets"

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
wanted size && {
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
} > "$T/size"

# ---- memory: the program that stands in the README ---------------------------------------------------------------------
measure_memory() {
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
} > "$T/mem"
}
! wanted mem || measure_memory

# ---- into the README ---------------------------------------------------------------------------------------------------
for t in $tables; do
    grep -q "^<!-- table: $t -->\$" "$readme" || stop "$readme has no line '<!-- table: $t -->'"
done
awk -v dir="$T" '
    /^<!-- table: [a-z]* -->$/ {
        print; name = $3; skip = 0
        while ((getline line < (dir "/" name)) > 0) { print line; skip = 1 }
        next
    }
    skip && /^\|/ { next }
    { skip = 0; print }' "$readme" > "$T/README"
if [ $check -eq 1 ]; then
    # the same words, and figures that are near: compilers of one distribution differ by a few bytes
    awk 'NR == FNR { a[NR] = $0; n = NR; next }
        { m = FNR; k = split(a[FNR], x, /[ |]+/); if (k != split($0, y, /[ |]+/)) { bad = 1; print FNR ": " $0; next }
          for (i = 1; i <= k; i++) if (x[i] != y[i] && !(x[i] ~ /^-?[0-9.]+$/ && y[i] ~ /^-?[0-9.]+$/ && (x[i] - y[i]) ^ 2 <= (0.02 * y[i]) ^ 2 + 0.25)) {
              bad = 1; print FNR ": " x[i] " is now " y[i] } }
        END { exit bad || n != m }' "$readme" "$T/README" || { echo "1 failed: make -C tools tables"; exit 1; }
    echo "README.md says what was measured"
else
    cat "$T/README" > "$readme"
    for t in $tables; do cat "$T/$t"; done
fi
