#!/bin/sh
# package.sh [OUT]: writes the library as others' build systems want it, from the bundled header: OUT/arduino/LlmOpenai (a
# library of the Arduino IDE) and OUT/esp-idf/llm_openai (a component of ESP-IDF). OUT is build. `make -C tools packages`.
#
# What is written was compiled and checked here (tests/more_packages.sh); it was not run on hardware.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build}
header=${HEADER:-$out/llm_openai.h}
[ -f "$header" ] || { echo "package.sh: no $header: make -C tools bundle" >&2; exit 1; }
version=$(sed -n 's/^#define LLM_VERSION_STRING "\(.*\)"$/\1/p' "$header")
[ -n "$version" ] || { echo "package.sh: $header has no version" >&2; exit 1; }

# Arduino wants an address for people to visit: give yours before you publish it
url=${URL:-https://example.org/llm_openai.h}

# ---- what both hold
implementation() {
    echo "/* The library itself: one file of the program holds it. */"
    cat "tools/package/$1"
    printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n'
}

# ---- Arduino: library specification 1.5
a=$out/arduino/LlmOpenai
rm -rf "$a"
mkdir -p "$a/src" "$a/examples/Chat"
cp "$header" "$a/src/llm_openai.h"
cp LICENSE "$a/LICENSE"
cp tools/package/arduino.md "$a/README.md"
cp tools/package/Chat.ino "$a/examples/Chat/Chat.ino"
cp tools/package/LlmOpenai.h tools/package/LlmOpenai.cpp "$a/src/"
implementation arduino_hooks.h > "$a/src/llm_openai.c"
cat > "$a/library.properties" << END
name=LlmOpenai
version=$version
author=llm_openai.h authors
maintainer=llm_openai.h authors
sentence=Client for OpenAI-compatible chat APIs: chat, streaming, tool calls, over TLS that it brings along.
paragraph=One C99 file with HTTP, server-sent events, JSON and TLS 1.2. It speaks through any Arduino Client without TLS of its own, such as EthernetClient or WiFiClient. Compiled for Arm and RISC-V; not run on hardware.
category=Communication
url=$url
architectures=*
includes=LlmOpenai.h
END

# ---- ESP-IDF: component manager
e=$out/esp-idf/llm_openai
rm -rf "$e"
mkdir -p "$e/include" "$e/src"
cp "$header" "$e/include/llm_openai.h"
cp LICENSE "$e/LICENSE"
cp tools/package/esp-idf.md "$e/README.md"
implementation esp_hooks.h > "$e/src/llm_openai.c"
cat > "$e/idf_component.yml" << END
version: "$version"
description: Client for OpenAI-compatible chat APIs in one C99 file, with its own HTTP, JSON and TLS 1.2. Not run on hardware.
license: MIT
dependencies:
  idf: ">=5.0"
END
cat > "$e/CMakeLists.txt" << 'END'
idf_component_register(SRCS "src/llm_openai.c"
                       INCLUDE_DIRS "include"
                       PRIV_REQUIRES esp_hw_support esp_timer lwip)
END
echo "$a and $e: version $version, not run on hardware"
