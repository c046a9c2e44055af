#!/bin/sh
# more_fuzz.sh: every fuzzer (fuzz/Makefile) replays what the repository holds and runs a few seconds. Before that each
# of them is given a header with a defect that it has to find: a text that is read back as another, a split that
# changes what is read, a read behind the end, the key in an event, the prompt in a log, a deadline that is not kept, an
# answer's text without limit, a block that is not given back, a certificate of the wrong usage (in a chain, and of a
# server), a DNS answer to somebody else, an address that is none, a tool call without a result, a socket left open,
# an anchor whose path length is not kept.
cd "$(dirname "$0")/fuzz" || exit 1
root=$(cd ../.. && pwd)
build=${BUILD:-$root/build}
header=${HDR:-$root}/llm_openai.h
jobs=${JOBS:-$(nproc 2> /dev/null || echo 1)}
seconds=${FUZZ_SECONDS:-4}
unset MAKEFLAGS MFLAGS MAKELEVEL JOBS FUZZ_SECONDS ONLY
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_fuzz.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { (void)p; (void)n; return 0; }' > "$T/x.c"
if ! clang -fsanitize=fuzzer,address,undefined -o "$T/x" "$T/x.c" > /dev/null 2>&1 || ! "$T/x" -runs=1 > /dev/null 2>&1; then
    echo "SKIPPED fuzz: needs clang with libFuzzer"
    exit 77
fi
[ -f "$build/libbearssl.a" ] || { echo "no $build/libbearssl.a: make -C tools libbearssl"; exit 1; }
passed=0 failed=0

# fuzzer @ what its report must hold @ the defect. Most are found by the inputs that the repository holds.
cat > "$T/defects" << 'END'
json@read again@s/esc\[5\] = hex\[c & 15\];/esc[5] = hex[c \& 7];/
json@quoted and read again@/^LLMI_FN size_t llmi_utf8_next/,/^}/s/0x9F/0xBF/
http@h->status <= 599@s/h->status >= 100 \&\& h->status < 600/h->status >= 100/
sse@the same at every split@s/if (s->lf) {/if (s->lf \&\& end - *p == 1) {/
http@heap-buffer-overflow@s/if (end - p > 1 && p\[1\] == '\\n') {/if (p[1] == '\\n') {/
call@FUZZ_KEY@/^LLMI_FN void llmi_wire_copy/,/^}/s/n = llmi_redact(.*;/(void)w;/
call@FUZZ_PROMPT@s/"request sent, %zu bytes", total/"%s", llmi_text_cstr(\&call->text) + call->head_room/
call@r->started@s/call->has_deadline = 1;/call->has_deadline = 0;/
stream@fuzz_mem.live < FUZZ_MEMORY@s/w->reply->kept > LLM_MAX_TEXT)/0)/;/^ *#/!s/mem, LLM_MAX_TEXT)/mem, (size_t)1 << 26)/
pem@fuzz_mem.live == 0@s/llmi_mem_free(s->mem, buf, size);/(void)size;/
x509@r.eku_ok@s/if ((c->exts & LLMI_EXT_EKU) != 0 && !c->eku_ok) llmi_x509_refuse(x, LLMI_WHY_USAGE);//
x509@anchored(@s/if (c->path != 0 \&\& below >= c->path) return LLMI_WHY_PATH;/(void)below;/
https@a.told == 0@s/if ((c->exts & LLMI_EXT_EKU) != 0 && !c->eku_ok) llmi_x509_refuse(x, LLMI_WHY_USAGE);//
dns@fuzz_dns.c:@s/n < 12 || llmi_dns_u16(p) != id)/n < 12)/
url@a == b@s/ || (s\[start\] == '0' \&\& i - start > 1)) return 0;/) return 0;/
tools@open == 0@s/if (l->next < v->tool_call_count) {/if (l->next + (l->next > 0) < v->tool_call_count) {/
dial@open == 1@/^LLMI_FN void llmi_net_won/,/^}/s/llmi_net_drop_all(c, fd);//
END

# the defect of that line: builds the fuzzer with it, and it has to report it
plant() {
    line=$(sed -n "$1p" "$T/defects")
    name=${line%%@*}
    line=${line#*@}
    word=${line%%@*}
    mkdir -p "$T/$1"
    sed "${line#*@}" "$header" > "$T/$1/llm_openai.h"
    if cmp -s "$header" "$T/$1/llm_openai.h"; then
        echo "the defect of $name ($word) cannot be planted: the line that it changes is not there"
        return 1
    fi
    make -s --no-print-directory build ONLY="$name" HDR="$T/$1" OUT="$T/$1/out" EXTRA_CFLAGS=-O0 > "$T/$1/log" 2>&1 || {
        tail -n 5 "$T/$1/log"
        return 1
    }
    make -s --no-print-directory ci ONLY="$name" HDR="$T/$1" OUT="$T/$1/out" CI_SECONDS="$seconds" > "$T/$1/log" 2>&1 && {
        echo "$name does not find a defect that was planted ($word)"
        return 1
    }
    grep -aqF "$word" "$T/$1/out/$name.log" || {
        echo "$name finds something else than the defect that was planted:"
        cut -c1-200 "$T/$1/log" | head -n 10
        return 1
    }
    echo "$name finds its planted defect ($word)"
}

rm -rf "$build/fuzz/new"
make -s --no-print-directory -j"$jobs" build HDR="${header%/*}" || { echo "0 passed, 1 failed"; exit 1; }
running=0
for n in $(seq "$(wc -l < "$T/defects")"); do
    { plant "$n" > "$T/$n.out" 2>&1 && : > "$T/$n.found"; } &
    running=$((running + 1))
    if [ $running -ge "$jobs" ]; then
        wait
        running=0
    fi
done
wait
for n in $(seq "$(wc -l < "$T/defects")"); do
    cat "$T/$n.out"
    if [ -f "$T/$n.found" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
make -s --no-print-directory ci HDR="${header%/*}" CI_SECONDS="$seconds" JOBS="$jobs" > "$T/ci.log" 2>&1
status=$?
before=$passed,$failed
line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$T/ci.log" | tail -n 1)
grep -vE '^[0-9]+ passed, [0-9]+ failed$' "$T/ci.log"
case $line in
    *passed*)
        passed=$((passed + ${line%% *}))
        line=${line#*, }
        failed=$((failed + ${line%% *})) ;;
    *) failed=$((failed + 1)) ;;
esac
# none was run, or it ended badly and does not say which
[ "$before" != "$passed,$failed" ] && { [ $status -eq 0 ] || [ $failed -gt 0 ]; } || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
