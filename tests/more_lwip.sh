#!/bin/sh
# more_lwip.sh: examples/lwip, the firmware on a Cortex-M3 with a network chip and lwIP's raw API, on QEMU against the mock
# server: names by lwIP's own resolver from a scripted name server, chat, stream and tool loop over a kept TLS connection,
# one for each request, one that goes stale, servers that reset, refuse, are silent or are nobody's. Many calls, some given
# up, must leave all of lwIP's memory free; a stream that is not read must not stop others (ports/lwip_soak.c). What the image
# takes is told as figures and has limits.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"
need qemu-system-arm
echo '#include <string.h>' | arm-none-eabi-gcc --specs=nano.specs -E - > /dev/null 2>&1 ||
    skip "gcc-arm-none-eabi and libnewlib-arm-none-eabi"
need perl
sh ../tools/fetch_lwip.sh "$build/lwip" > "$T/err" 2>&1 ||
    skip "lwIP's source: $(tail -n 1 "$T/err" | cut -c1-120)"

perl ports/dns.pl "$T/dns" "$T/questions" &
pids=$!
n=0
while [ ! -f "$T/dns" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
dns=$(cat "$T/dns")

# firmware URL [MAKE-VARIABLE...]
firmware() {
    url=$1
    shift
    if make -s -C ../examples lwip BUILD="$build" LW="$T/lw" DEFINES="-DDNS_SERVER_PORT=$dns" \
        FIRMWARE="-DFIRMWARE_URL='\"$url\"' $*" > "$T/err" 2>&1 && ! grep -q 'warning:' "$T/err"; then ok; else
        bad "firmware for $url: does not build without a warning" "$T/err"
        finish
    fi
}
# run [QEMU-OPTION...]: $status, $T/out, $T/questions
run() {
    : > "$T/questions"
    timeout 60 qemu-system-arm -M mps2-an385 -kernel "${elf:-$T/lw/firmware.elf}" -display none -monitor none \
        -semihosting-config enable=on,target=native -serial stdio -nic user,model=lan9118 "$@" < /dev/null > "$T/out" 2>&1
    status=$?
}
said() { sed -n "s/^$1 \([0-9]*\)\$/\1/p" "$T/out"; }
# control METHOD PATH [BODY]: of the mock server; prints the answer's body
control() {
    perl -MIO::Socket::INET -e 'my ($port, $method, $path, $body) = @ARGV; $body //= "";
        my $s = IO::Socket::INET->new("127.0.0.1:$port") or exit 1;
        print $s "$method /__mock/$path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ", length $body, "\r\n\r\n$body";
        local $/; my $a = <$s>; $a =~ s/.*?\r\n\r\n//s; print $a; exit $a =~ /error/' "$control" "$@"
}
counters() { control GET stats | sed 's/.*"connections":\([0-9]*\),.*"requests":\([0-9]*\),.*/\1 connections, \2 requests/'; }
three='an answer in one piece
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
The tools have answered. read_sensor says: {"room":"hall","celsius":21}.'
# good WHAT SCRIPT COUNTERS: all three exchanges
good() {
    control POST reset > /dev/null
    [ -z "$2" ] || control POST script "$2" > "$T/err" || bad "$1: script" "$T/err"
    run
    equal "$1: status" $status 0
    equal "$1" "$(sed -n 1,3p "$T/out")" "$three"
    equal "$1: what the server saw" "$(counters)" "$3"
}

# ---- it works, and what it takes
stack=0 block=0
for cert in rsa ec; do
    serve --http off --https 0 --cert $cert
    firmware "https://localhost:$https/v1"
    good "$cert" "" "1 connections, 4 requests"
    equal "$cert: questions for names" "$(cat "$T/questions")" "localhost 1"
    [ "$(said stack)" -le "$stack" ] || stack=$(said stack)
    [ "$(said block)" -le "$block" ] || block=$(said block)
done
static=$(said static)
flash=$(arm-none-eabi-size "$T/lw/firmware.elf" | awk 'NR == 2 { print $1 + $2 }')
ram=$((static + stack))
arm-none-eabi-nm "$T/lw/firmware.elf" | awk '{ print $NF }' | grep -xE '_?(malloc|free|realloc|sbrk|printf|rand)(_r)?' > "$T/x"
if [ -s "$T/x" ]; then bad "a heap, printf() or rand() is linked" "$T/x"; else ok; fi
{
    echo "figure lwip.flash $flash"
    echo "figure lwip.block $block"
    echo "figure lwip.stack $stack"
    echo "figure lwip.ram $ram"
}
at_most flash "$flash" 113000
at_most "RAM in all" "$ram" 56000

# ---- connections that do not last
good "the server closes after each answer" "exchange
  times always
  header Connection: close
  brain" "4 connections, 4 requests"
good "the kept connection is gone" "exchange
  brain
exchange
  reset 0
exchange
  times always
  brain" "2 connections, 5 requests"
control POST reset > /dev/null
control POST script "exchange
  brain
exchange
  brain
  reset 600" > /dev/null
run
equal "a reset within the stream: status" $status 1
equal "a reset within the stream" "$(head -n 1 "$T/out"; grep -o 'stream failed: LLM_[A-Z_]*' "$T/out")" "an answer in one piece
stream failed: LLM_ERR_TRUNCATED"
equal "a reset within the stream: what the server saw" "$(counters)" "1 connections, 2 requests"

# ---- many calls, then all memory is free
# soak HOOKS.o: builds the program with it and runs it
soak_flags="-std=c99 -mthumb -mcpu=cortex-m3 -Os -ffunction-sections -fdata-sections -Wall -Wextra -I../examples/lwip
    -I$build/lwip/src/include -I$build -I$T/lw"
soak() {
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $soak_flags "-DFIRMWARE_URL=\"https://localhost:$https/v1\"" -nostartfiles --specs=nano.specs \
        -Wl,--gc-sections -T ../examples/cortex-m3/link.ld -Wl,--defsym=ram_size=128K -o "$T/soak.elf" ports/lwip_soak.c \
        ../examples/bare.c ../examples/cortex-m3/board.c ../examples/cortex-m3/startup.c "$T/lw/llm_openai.o" "$1" "$T/lw/lwip.o" \
        > "$T/err" 2>&1 || bad "lwip_soak.c" "$T/err"
    elf=$T/soak.elf
    run
    elf=
}
soak_script=$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    printf 'exchange\n  brain\nexchange\n  brain\n  reset %s\n' $((i * 131))
done)
soak_script="$soak_script
exchange slow
  repeat 14
  delay 60
  chunk {i}
  end-repeat
  finish stop
  done
exchange lossy
  times always
  brain
exchange
  times always
  brain"
control POST reset > /dev/null
control POST script "$soak_script" > /dev/null
soak "$T/lw/lwip_hooks.o"
equal "many calls: status" $status 0
equal "many calls" "$(cat "$T/out")" "soaked"
# the same with a defect in the hooks is found
# planted SED WORDS
planted() {
    sed "$1" ../examples/lwip/lwip_hooks.c > "$T/planted.c"
    if cmp -s "$T/planted.c" ../examples/lwip/lwip_hooks.c; then bad "cannot plant $1"; fi
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $soak_flags -w -c -o "$T/planted.o" "$T/planted.c" || bad "planted: $1"
    control POST reset > /dev/null
    control POST script "$soak_script" > /dev/null
    soak "$T/planted.o"
    if grep -q "$2" "$T/out"; then ok; else bad "planted $1: not found" "$T/out"; fi
}
planted 's/^    pbuf_free(p);/    static int n;\n    if (++n != 100) pbuf_free(p);/' 'FAILED pbufs are not given back'
planted 's/^    pbuf_free(p);/    if (kept == NULL) kept = p; else pbuf_cat(kept, p);/
    s/^static err_t on_connected/static struct pbuf *kept;\n&/
    /^long lwip_hook_recv/,/^}/ s/^    n = c->rx_len/    if (kept != NULL) pbuf_free(kept);\n    kept = NULL;\n&/' \
    'FAILED another call beside a stream that is not read'
planted 's/^    memcpy((char \*)data + to_wrap.*/    n = to_wrap;/' 'FAILED RECV over the ring'
planted 's/((struct lookup \*)c->lookup)->owner = NULL/(void)0/' 'FAILED a late answer of the name server'
planted 's/if (tcp_close(c->pcb) != ERR_OK) tcp_abort(c->pcb);//' 'FAILED'

# ---- servers that are not there. What QEMU runs while nothing happens costs no time: -icount with sleep=off.
# away WHAT URL STATUS-NAME QEMU-OPTION...
away() {
    what=$1
    firmware "$2"
    wanted=$3
    shift 3
    run "$@"
    equal "$what: status" $status 1
    equal "$what" "$(grep -o '^[a-z]* failed: LLM_[A-Z_]*' "$T/out")" "chat failed: $wanted"
}
fast="-icount shift=5,sleep=off"
away "a name that is none" "https://gone.test/v1" LLM_ERR_CONNECTION
equal "a name that is none: questions" "$(sort -u "$T/questions")" "gone.test 1"
# shellcheck disable=SC2086
away "a name server that is silent" "https://silent.test/v1" LLM_ERR_CONNECTION $fast
if [ "$(grep -c silent.test "$T/questions")" -ge 2 ]; then ok; else bad "it is asked once only" "$T/questions"; fi
# shellcheck disable=SC2086
away "an address that is nobody's" "https://10.0.2.77/v1" LLM_ERR_TIMEOUT $fast
closed=$https
serve --http off --https 0 --cert self-signed
away "a server that is not trusted" "https://localhost:$https/v1" LLM_ERR_TLS
away "a port where nobody listens" "https://localhost:$closed/v1" LLM_ERR_CONNECTION
finish
