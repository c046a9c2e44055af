#!/bin/sh
# more_riscv32.sh: examples/riscv32, the firmware on a bare RV32IMAC core with picolibc, run by QEMU with its UART as byte
# pipe to the mock server: a chat, a streamed chat and a tool loop over one TLS connection. No heap is linked. What the
# image needs is told as figures of the run that passed, and has limits.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"
need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
[ -d /usr/lib/picolibc/riscv64-unknown-elf ] || skip picolibc-riscv64-unknown-elf
need qemu-system-riscv32 qemu-system-misc
elf=$T/rv/firmware.elf

# firmware DEFINES: builds it
firmware() {
    rm -f "$elf"
    make -s -C ../examples riscv32 BUILD="$build" RV="$T/rv" FIRMWARE="$1" > "$T/err" 2>&1
    if [ -f "$elf" ]; then ok; else bad "firmware, $1: does not build" "$T/err"; finish; fi
    if grep -i 'warning' "$T/err" > "$T/x"; then bad "firmware, $1: warnings" "$T/x"; else ok; fi
}
# run CERT: on a fresh server; $T/out is what it printed, $status how it ended
run() {
    serve --http off --https 0 --cert "$1"
    timeout 120 qemu-system-riscv32 -M virt -bios none -kernel "$elf" -display none -monitor none \
        -chardev stdio,id=console -semihosting-config enable=on,target=native,chardev=console \
        -serial "tcp:127.0.0.1:$https" < /dev/null > "$T/out" 2> "$T/err"
    status=$?
}
said() { sed -n "s/^$1 \([0-9]*\)\$/\1/p" "$T/out"; }
wanted='an answer in one piece
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
The tools have answered. read_sensor says: {"room":"hall","celsius":21}.'

# blocks as small as they may be: what the runs need at most (the figure), and what lies unused between its parts
for record in 0 837; do
    if [ $record = 0 ]; then size=29500; else size=17000; fi
    firmware "-DFIRMWARE_RECORD=$record -DFIRMWARE_BLOCK=$size"
    for cert in ec rsa; do
        run $cert
        equal "records $record, $cert: status" $status 0
        equal "records $record, $cert" "$(sed -n '1,3p' "$T/out")" "$wanted"
        [ $status -eq 0 ] || bad "what it said" "$T/err"
    done
    eval "ram_$record=$(($(said static) + $(said stack)))"
    if [ $record = 0 ]; then
        block=$(said block)
        flash=$(riscv64-unknown-elf-size "$elf" | awk 'NR == 2 { print $1 + $2 }')
        stack=$(said stack)
        riscv64-unknown-elf-nm "$elf" | grep -wE 'malloc|_malloc_r|free|sbrk|_sbrk|printf|vfprintf' > "$T/x"
        if [ -s "$T/x" ]; then bad "a heap or printf() is linked" "$T/x"; else ok; fi
    fi
done
# a certificate that is not trusted: the program says so and ends
serve --http off --https 0 --cert self-signed
run self-signed
equal "a server that is not trusted: status" $status 1
if grep -q 'LLM_ERR_TLS' "$T/out"; then ok; else bad "a server that is not trusted" "$T/out"; fi

# static memory, the block in it, and the stack
# shellcheck disable=SC2154
{
    echo "figure rv32.flash $flash"
    echo "figure rv32.block $block"
    echo "figure rv32.stack $stack"
    echo "figure rv32.ram $ram_0"
    echo "figure rv32.ram_small $ram_837"
}
at_most "flash" "$flash" 105000
at_most "stack" "$stack" 6000
at_most "RAM in all, records of 16 KiB" "$ram_0" 36000
at_most "RAM in all, records of 512 bytes" "$ram_837" 23500
finish
