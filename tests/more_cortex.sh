#!/bin/sh
# more_cortex.sh: examples/firmware.c on a Cortex-M3 (QEMU's mps2-an385) whose UART is the pipe to the mock server: a chat,
# a streamed chat and a tool loop over one TLS connection, with records of 16 KiB and with records of 512 bytes, against RSA
# and EC keys. What the image takes is measured on the runs and held to limits, in bytes:
limit_flash=90000          # code and constants; all of the example, with TLS, streaming and tools
limit_ram=40000            # static memory, block and stack at its deepest
limit_ram_small=24000      # the same where the server honours max_fragment_length
# Figures are printed as "figure NAME VALUE".
cd "$(dirname "$0")" || exit 1
. ./suite.sh
need qemu-system-arm
echo '#include <string.h>' | arm-none-eabi-gcc --specs=nano.specs -E - > /dev/null 2>&1 ||
    skip "gcc-arm-none-eabi and libnewlib-arm-none-eabi"
built "$build/llm_openai.h" "$mock"
says() { if grep -qF -- "$2" "$T/out"; then ok; else bad "$1: does not say '$2'" "$T/out"; fi; }

# image NAME MAKE-VARIABLE...: the firmware as the example builds it, at $T/m3/NAME.elf
image() {
    name=$1
    shift
    if make -s -C ../examples cortex-m3 BUILD="$build" M3="$T/m3" "$@" > "$T/err" 2>&1 &&
        ! grep -q 'warning:' "$T/err"; then ok; else bad "$name: does not build without a warning" "$T/err"; fi
    mv "$T/m3/firmware.elf" "$T/m3/$name.elf"
}

# run NAME CERT: the image against a server with that identity; $T/out, $T/mock.log, $status
run() {
    serve --http off --https 0 --cert "$2" --verbose
    timeout 60 qemu-system-arm -M mps2-an385 -kernel "$T/m3/$1.elf" -display none -monitor none \
        -semihosting-config enable=on,target=native -serial stdio -serial "tcp:127.0.0.1:$https" \
        < /dev/null > "$T/out" 2>&1
    status=$?
    stop "$server"
    server=
}

said() { sed -n "s/^$1 \([0-9]*\)\$/\1/p" "$T/out"; }
flash_of() { arm-none-eabi-size "$1" | awk 'NR == 2 { print $1 + $2 }'; }
# what of a heap or of printf is in an image
heap_of() {
    arm-none-eabi-nm "$1" | awk '{ print $NF }' |
        grep -xE '_?(malloc|free|calloc|realloc|sbrk|v?s?n?i?printf|v?f?i?printf|puts|strtod|qsort|exit)(_r)?|_sbrk_r|_dtoa_r|_malloc_r'
}

# good NAME CERT: all three exchanges, over one connection
good() {
    run "$1" "$2"
    equal "$1, $2: status" "$status" 0
    says "$1, $2" "an answer in one piece"
    says "$1, $2" "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"
    says "$1, $2" "read_sensor says: {\"room\":\"hall\",\"celsius\":21}."
    equal "$1, $2: requests of each connection" "$(grep -o 'mock_server: [0-9]* POST' "$T/mock.log" | sort | uniq -c | xargs)" \
        "4 mock_server: 1 POST"
    s=$(said stack)
    [ "${s:-0}" -le "$stack" ] || stack=$s
    b=$(said block)
    [ "${b:-0}" -le "$block" ] || block=$b
    static=$(said static)
}

# measured NAME PREFIX LIMIT
measured() {
    flash=$(flash_of "$T/m3/$1.elf")
    ram=$((static + stack))
    echo "figure $2.flash $flash"
    echo "figure $2.static $((static - size))"
    echo "figure $2.block $size"
    echo "figure $2.block_peak $block"
    echo "figure $2.stack $stack"
    echo "figure $2.ram $ram"
    at_most "$1: bytes of flash" "$flash" $limit_flash
    at_most "$1: bytes of RAM" "$ram" "$3"
    # static memory is what the linker says, and the stack was used
    equal "$1: static memory" "$static" "$(arm-none-eabi-size "$T/m3/$1.elf" | awk 'NR == 2 { print $2 + $3 }')"
    at_least "$1: bytes of stack" "$stack" 2000
    at_most "$1: peak in the block" "$block" "$size"
    if heap_of "$T/m3/$1.elf" > "$T/x"; then bad "$1: has what needs a heap or prints" "$T/x"; else ok; fi
}

# ---- records of 16 KiB
stack=0 block=0 size=29000
image full FIRMWARE="-DFIRMWARE_BLOCK=$size"
good full ec
good full rsa
good full p384
measured full m3 $limit_ram
flash_full=$flash ram_full=$ram

# ---- records of 512 bytes
stack=0 block=0 size=16700
image small FIRMWARE="-DFIRMWARE_RECORD=837 -DFIRMWARE_BLOCK=$size"
good small rsa
good small p384
measured small m3_small $limit_ram_small

# ---- what must fail does
# too_much WHAT VALUE LIMIT: at_most must find it
too_much() { if (at_most "$@"; [ "$failed" -gt 0 ]) > /dev/null; then ok; else bad "$1: too much was let through"; fi; }
too_much "flash" "$flash_full" $((flash_full - 1))
too_much "RAM" "$ram_full" $((ram_full - 1))
printf 'void *malloc(unsigned); void *f(void);\nvoid *f(void) { return malloc(1); }\n' > "$T/heap.c"
arm-none-eabi-gcc -c -o "$T/heap.o" "$T/heap.c"
equal "a planted malloc" "$(heap_of "$T/heap.o")" malloc
run full expired
equal "an expired certificate: status" "$status" 1
says "an expired certificate" "chat failed: LLM_ERR_TLS LLM_ERR_TLS 54"
image untrusted FIRMWARE="-DFIRMWARE_BLOCK=$size" ANCHORS="$PWD/data/pki/root-rsa.pem"
run untrusted ec
equal "another CA and too small a block: status" "$status" 1
says "too small a block" "chat failed: LLM_ERR_MEMORY"
image untrusted ANCHORS="$PWD/data/pki/root-rsa.pem"
run untrusted ec
equal "another CA: status" "$status" 1
says "another CA" "chat failed: LLM_ERR_TLS LLM_ERR_TLS 62"

finish
