#!/bin/sh
# more_packages.sh: what tools/package.sh writes for the Arduino IDE and for ESP-IDF. The fields that the Arduino library
# specification (1.5) and the component manager's manual ask for, and that the version is the header's; wrong ones are
# planted. Both are compiled for their class of processor, ESP-IDF's against lwIP's own headers, and both are run on this
# machine with stand-ins for the systems' functions (ports/arduino, ports/esp) against the mock server. None of it shows
# that hardware runs it.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
. ./ports/exchange.sh
built "$build/llm_openai.h" "$build/libbearssl.a" "$mock"
CXX=${CXX:-g++}
need "$CXX"
need arm-none-eabi-g++ gcc-arm-none-eabi
need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
HEADER=$build/llm_openai.h sh ../tools/package.sh "$T" > "$T/said" 2>&1 || bad "package.sh" "$T/said"
if grep -q 'not run on hardware' "$T/said"; then ok; else bad "it does not say that it was not run on hardware"; fi
version=$(sed -n 's/^#define LLM_VERSION_MAJOR \(.*\)/\1/p; s/^#define LLM_VERSION_MINOR \(.*\)/\1/p; s/^#define LLM_VERSION_PATCH \(.*\)/\1/p' \
    "$header/llm_openai.h" | tr '\n' . | sed 's/\.$//')

# ---- metadata
# arduino FOLDER: what is wrong with it
arduino() {
    p=$1/library.properties
    for field in name version author maintainer sentence paragraph category url architectures; do
        [ "$(grep -c "^$field=..*" "$p")" = 1 ] || echo "$field is not there once"
    done
    grep -vE '^(name|version|author|maintainer|sentence|paragraph|category|url|architectures|includes|depends|dot_a_linkage|precompiled|ldflags|license)=' \
        "$p" | sed 's/^/no such field: /'
    sed -n 's/^name=//p' "$p" | grep -qE '^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$' || echo "name has other characters"
    sed -n 's/^name=//p' "$p" | grep -qi arduino && echo "names that begin with Arduino are Arduino's"
    [ "$(sed -n 's/^version=//p' "$p")" = "$version" ] || echo "version is not the header's, $version"
    sed -n 's/^category=//p' "$p" | grep -qxE 'Display|Communication|Signal Input/Output|Sensors|Device Control|Timing|Data Storage|Data Processing|Other' ||
        echo "no such category"
    sed -n 's/^url=//p' "$p" | grep -qE '^https?://[^ ]+$' || echo "url is none"
    for h in $(sed -n 's/^includes=//p' "$p" | tr ',' ' '); do [ -f "$1/src/$h" ] || echo "no src/$h"; done
    for d in "$1"/examples/*/; do [ -f "$d$(basename "$d").ino" ] || echo "$d has no sketch of its name"; done
    [ -f "$1/src/llm_openai.h" ] && [ -f "$1/LICENSE" ] || echo "files are missing"
}
esp() {
    y=$1/idf_component.yml
    [ "$(sed -n 's/^version: "\([0-9]*\.[0-9]*\.[0-9]*\)"$/\1/p' "$y")" = "$version" ] || echo "version is not the header's, $version"
    grep -qE '^description: .{10,}' "$y" || echo "no description"
    grep -qx 'license: MIT' "$y" || echo "no licence by its SPDX name"
    grep -qE '^  idf: ">=[0-9]+\.[0-9]+"$' "$y" || echo "no version of ESP-IDF"
    grep -vE '^(version|description|license|url|dependencies|targets|tags|maintainers|repository|documentation|issues|files|examples):|^  ' "$y" |
        sed 's/^/no such field: /'
    for f in $(sed -n 's/.*SRCS "\([^"]*\)".*/\1/p; s/.*INCLUDE_DIRS "\([^"]*\)".*/\1/p' "$1/CMakeLists.txt"); do
        [ -e "$1/$f" ] || echo "CMakeLists.txt: no $f"
    done
    grep -q '^idf_component_register(SRCS "src/llm_openai.c"' "$1/CMakeLists.txt" || echo "CMakeLists.txt registers no component"
}
a=$T/arduino/LlmOpenai e=$T/esp-idf/llm_openai
arduino "$a" > "$T/x"
if [ -s "$T/x" ]; then bad "the Arduino library" "$T/x"; else ok; fi
esp "$e" > "$T/x"
if [ -s "$T/x" ]; then bad "the component for ESP-IDF" "$T/x"; else ok; fi
planted() {    # planted CHECK FILE SED WORDS
    rm -rf "$T/planted"
    if [ "$1" = arduino ]; then cp -r "$a" "$T/planted"; else cp -r "$e" "$T/planted"; fi
    sed -i "$3" "$T/planted/$2"
    $1 "$T/planted" > "$T/x"
    if grep -q "$4" "$T/x"; then ok; else bad "planted in $2, not found: $3" "$T/x"; fi
}
planted arduino library.properties 's/^version=.*/version=9.9.9/' "version is not"
planted arduino library.properties '/^sentence/d' "sentence is not there"
planted arduino library.properties 's/^category=.*/category=Chat/' "no such category"
planted arduino library.properties 's/^includes=.*/includes=Other.h/' "no src/Other.h"
planted arduino library.properties 's/^url=/site=/' "no such field: site"
planted esp idf_component.yml 's/^version:.*/version: "9.9.9"/' "version is not"
planted esp idf_component.yml 's/^license:.*/license: free/' "no licence"
planted esp CMakeLists.txt 's|src/llm_openai.c|src/other.c|' "no src/other.c"

# ---- compiled for the processors
compiles() {
    what=$1
    shift
    if "$@" > "$T/err" 2>&1 && [ ! -s "$T/err" ]; then ok; else bad "$what" "$T/err"; fi
}
arm="-mthumb -mcpu=cortex-m4 -Os -Wall -Wextra -Iports/arduino -I$a/src -c -o /dev/null"
# shellcheck disable=SC2086
{
    compiles "Arduino: llm_openai.c, Arm" arm-none-eabi-gcc -std=gnu11 $arm "$a/src/llm_openai.c"
    compiles "Arduino: LlmOpenai.cpp, Arm" arm-none-eabi-g++ -std=gnu++11 -fno-exceptions -fno-rtti $arm "$a/src/LlmOpenai.cpp"
    compiles "Arduino: Chat.ino, Arm" arm-none-eabi-g++ -std=gnu++11 -fno-exceptions -fno-rtti $arm -include Arduino.h -x c++ \
        "$a/examples/Chat/Chat.ino"
}
if sh ../tools/fetch_lwip.sh "$build/lwip" > "$T/err" 2>&1; then
    compiles "ESP-IDF: llm_openai.c, RISC-V, lwIP's headers" riscv64-unknown-elf-gcc -std=gnu17 -march=rv32imac -mabi=ilp32 \
        -Os -Wall -Wextra --specs=picolibc.specs -Iports/esp -Iports/esp/rv32 -isystem "$build/lwip/src/include" -I"$e/include" \
        -c -o /dev/null "$e/src/llm_openai.c"
else
    left_out "ESP-IDF's against lwIP's headers" "lwIP's source: $(tail -n 1 "$T/err" | cut -c1-120)"
fi

# ---- run here
serve --http off --https 0
compiles "Arduino, on this machine: the library" "$CC" -std=gnu11 -Wall -Wextra -I"$a/src" -c -o "$T/library.o" "$a/src/llm_openai.c"
compiles "Arduino, on this machine" "$CXX" -std=gnu++11 -Wall -Wextra -Iports/arduino -I"$a/src" -include Arduino.h -o "$T/sketch" \
    -x c++ "$a/examples/Chat/Chat.ino" "$a/src/LlmOpenai.cpp" ports/arduino/host.cpp -x none "$T/library.o"
timeout 60 "$T/sketch" "https://localhost:$https/v1" "$ca" > "$T/out" 2>&1
equal "Arduino: what the sketch prints" "$(cat "$T/out")" 'Hello from the mock server. There is no model in here, but I have read your 1 message, and the last one was: "Why is the sky blue?"'
compiles "ESP-IDF, on this machine" "$CC" -std=gnu17 -Wall -Wextra -DEXCHANGE_PEM -Iports/esp -Iports/esp/host -I"$e/include" \
    -o "$T/esp" "$e/src/llm_openai.c" ports/esp/host/host.c ports/exchange.c
exchange_host=localhost
exchange "ESP-IDF: the program" ec "$T/esp"
export HOST_ADDRESSES
for HOST_ADDRESSES in "127.0.0.2 127.0.0.1" "-127.0.0.3 127.0.0.2 127.0.0.1"; do
    exchange "ESP-IDF: the server's addresses are $HOST_ADDRESSES" ec timeout 20 "$T/esp"
done
HOST_ADDRESSES="127.0.0.1 127.0.0.2"
timeout 60 "$T/esp" "https://localhost:1/v1" "$ca" > "$T/out" 2>&1
if grep -q 'chat: LLM_ERR_CONNECTION: localhost refused' "$T/out"; then ok; else bad "ESP-IDF: nobody listens at any address" "$T/out"; fi
unset HOST_ADDRESSES
timeout 60 "$T/esp" "https://localhost:1/v1" "$ca" > "$T/out" 2>&1
if grep -q 'chat: LLM_ERR_CONNECTION: localhost refused' "$T/out"; then ok; else bad "ESP-IDF: nobody listens" "$T/out"; fi
finish
