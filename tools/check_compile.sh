#!/bin/sh
# check_compile.sh [header]: the ways in which a program may include the header. Declarations alone as strict C99 and
# C++98; mistakes that must be an #error; twice in one file; the implementation as C++; several files in one program.
# Promise 8: as C and as C++ the same declarations; more_abi.sh has byte orders and 32 bits, check_matrix.sh compilers and sizes.
. "$(dirname "$0")/checklib.sh"

CXXS=
for c in ${CXX:-} g++ clang++; do
    if command -v "$c" > /dev/null 2>&1; then CXXS="$CXXS $c"; fi
done
if [ -z "$CXXS" ]; then
    echo "no C++ compiler: those parts are left out"
    [ "${LLM_CI:-0}" != 1 ] || bad "no C++ compiler"
fi
STRICT="-Wall -Wextra -Werror"

# good NAME COMPILER FLAGS FILE / error NAME FLAGS FILE: must compile; must stop at an #error of ours
good() {
    # shellcheck disable=SC2086
    if $2 $3 -I"$INC" -I"$BEARSSL_INC" -fsyntax-only "$4" 2> "$T/err"; then ok; else bad "$1" "$T/err"; fi
}
error() {
    # shellcheck disable=SC2086
    if $CC -std=gnu99 -w $2 -I"$INC" -I"$BEARSSL_INC" -fsyntax-only "$3" 2> "$T/err"; then
        bad "$1: compiles"
    elif grep -q '#error.*llm_openai\.h: ' "$T/err" || grep -q 'error: "\{0,1\}llm_openai\.h: ' "$T/err"; then
        ok
    else
        bad "$1: fails, but not with an #error of the header" "$T/err"
    fi
}

cat > "$T/decl.c" <<'X'
#include "llm_openai.h"
#include "llm_openai.h"
int user(void);
int user(void) { return llm_is(LLM_ERR_QUOTA, LLM_ERR_RATE_LIMIT) + (int)sizeof(llm_response) + LLM_VERSION_MAJOR; }
X
cat > "$T/twice.c" <<'X'
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include "llm_openai.h"
#undef LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
X
printf '#include "llm_openai.h"\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/later.c"
printf '#include <stdio.h>\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/after.c"
printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/impl.c"
printf '#define LLM_OPENAI_STATIC\n#include "llm_openai.h"\n' > "$T/static_alone.c"
printf '#define LLM_OPENAI_STATIC\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' > "$T/static.c"

# ---- declarations --------------------------------------------------------------------------------------------------
good "declarations, C99" "$CC" "-std=c99 -pedantic-errors $STRICT" "$T/decl.c"
good "declarations, C17" "$CC" "-std=c17 -pedantic-errors $STRICT -Wconversion -Wshadow -Wundef" "$T/decl.c"
for c in $CXXS; do
    good "declarations, C++98, $c" "$c -x c++" "-std=c++98 -pedantic-errors $STRICT -Wno-long-long" "$T/decl.c"
    good "declarations, C++20, $c" "$c -x c++" "-std=c++20 -pedantic-errors $STRICT" "$T/decl.c"
done

# ---- includes --------------------------------------------------------------------------------------------------------
good "implementation twice in one file" "$CC" "-std=c99 $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/twice.c"
good "declarations, then the implementation, gnu99" "$CC" "-std=gnu99 $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/later.c"
good "after another header, gnu99" "$CC" "-std=gnu99 $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/after.c"
good "after another header, c99 with the feature macro" "$CC" \
    "-std=c99 -D_DEFAULT_SOURCE $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/after.c"
# -std=c99 hides what the sockets need once a libc header is in: a clear sentence, not a page of errors
for f in after later; do
    if $CC -std=c99 -w -DLLM_NO_TLS -I"$INC" -fsyntax-only "$T/$f.c" 2> "$T/err"; then ok
    elif grep -q 'llm_openai\.h: include it first' "$T/err"; then ok
    else bad "$f.c under -std=c99: neither compiles nor says what to do" "$T/err"; fi
done
good "NDEBUG" "$CC" "-std=c99 -O2 -DNDEBUG $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/impl.c"
error "LLM_OPENAI_STATIC without LLM_OPENAI_IMPLEMENTATION" "" "$T/static_alone.c"

# ---- hook groups: whole or not at all --------------------------------------------------------------------------------
hooks() { printf '%s\n' "$HOOKS" | grep -vE "^#define ($1)[( ]"; printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n'; }
hooks LLM_NONE > "$T/hooks.c"
good "all hooks" "$CC" "-std=c99 $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/hooks.c"
good "all hooks, freestanding" "$CC" "-std=c99 -ffreestanding $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/hooks.c"
for missing in LLM_MALLOC LLM_REALLOC LLM_FREE LLM_NET_CONN LLM_NET_OPEN LLM_NET_SEND LLM_NET_RECV LLM_NET_CLOSE \
    LLM_NOW_MS LLM_UNIX_TIME LLM_SLEEP_MS; do
    hooks "$missing" > "$T/half.c"
    error "a hook group without $missing" "-DLLM_NO_TLS" "$T/half.c"
    printf '%s\n' "$HOOKS" | grep -E "^(#define $missing[( ]|[^#]|#include|#define _)" > "$T/half.c"
    printf '#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' >> "$T/half.c"
    error "a hook group of $missing alone" "-DLLM_NO_TLS" "$T/half.c"
done
for extra in "LLM_NET_FD(c,n)=0" "LLM_NET_WAIT(c,i,n,t)=0" "LLM_NET_INIT(c)=0" "LLM_NET_TLS=1" \
    "LLM_NET_WANTS(c,n)=0" "LLM_NET_TIMER_MS(c,n)=0" "LLM_NET_SERIAL(c,n)=0" "LLM_NET_WHY(c,n)=0"; do
    error "$extra without net hooks" "-DLLM_NO_TLS -D$extra" "$T/impl.c"
done
hooks 'LLM_NOW_MS|LLM_UNIX_TIME|LLM_SLEEP_MS' > "$T/half.c"
error "a freestanding build without a clock" "-ffreestanding -DLLM_NO_TLS" "$T/half.c"
if [ -f "$BEARSSL_INC/bearssl.h" ]; then
    hooks LLM_RANDOM > "$T/half.c"
    error "a freestanding build with TLS and without randomness" "-ffreestanding" "$T/half.c"
fi
# net hooks that speak TLS themselves: OPEN has one argument more, BearSSL is not needed
printf '%s\n' "$HOOKS" | sed 's/const char \*, int, int)/const char *, int, int, int)/
    s/^#define LLM_NET_OPEN.*/#define LLM_NET_OPEN(ctx, conn, host, port, ms, secure) llm_my_open((ctx), (conn), (host), (port), (ms), (secure))/' > "$T/tls.c"
printf '#define LLM_NET_TLS 1\n#define LLM_OPENAI_IMPLEMENTATION\n#include "llm_openai.h"\n' >> "$T/tls.c"
saved=$BEARSSL_INC BEARSSL_INC=$T/none
good "LLM_NET_TLS, without BearSSL's headers" "$CC" "-std=c99 $STRICT -Wno-unused-function" "$T/tls.c"
BEARSSL_INC=$saved

# ---- C++ -------------------------------------------------------------------------------------------------------------
for c in $CXXS; do
    for std in c++11 c++20; do
        good "implementation, $std, $c" "$c -x c++" "-std=$std $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/impl.c"
        good "static implementation, $std, $c" "$c -x c++" "-std=$std $STRICT -Wno-unused-function -DLLM_NO_TLS" "$T/static.c"
    done
    [ ! -f "$BEARSSL_INC/bearssl.h" ] ||
        good "implementation with TLS, c++11, $c" "$c -x c++" "-std=c++11 $STRICT -Wno-unused-function" "$T/impl.c"
done

# ---- several files, one program ----------------------------------------------------------------------------------------
cat > "$T/one.c" <<'X'
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
X
cat > "$T/two.c" <<'X'
#include "llm_openai.h"
int two(void);
int two(void) { return llm_is(LLM_ERR_TLS, LLM_ERR_CONNECTION); }
X
cat > "$T/own.c" <<'X'
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
int own(void);
int own(void) { return llm_is(LLM_ERR_QUOTA, LLM_ERR_RATE_LIMIT); }
X
cat > "$T/three.cpp" <<'X'
#include "llm_openai.h"
#include <string.h>
extern "C" int two(void);
extern "C" int own(void);
int main() {
    return two() == 1 && own() == 1 && strcmp(llm_status_name(LLM_ERR_AUTH), "LLM_ERR_AUTH") == 0 ? 0 : 1;
}
X
sed 's/extern "C" //; s/main()/main(void)/' "$T/three.cpp" > "$T/three.c"
program() {
    for f in one two own; do
        $CC -std=c99 -w -DLLM_NO_TLS -I"$INC" -c -o "$T/$f.o" "$T/$f.c" 2> "$T/err" || { bad "$1: $f.c" "$T/err"; return; }
    done
    # shellcheck disable=SC2086
    if $2 -I"$INC" -o "$T/program" "$3" "$T/one.o" "$T/two.o" "$T/own.o" -lm 2> "$T/err" && "$T/program"; then ok; else
        bad "$1" "$T/err"
    fi
}
program "three C files in one program" "$CC -std=c99 -w" "$T/three.c"
for c in $CXXS; do program "C files and a C++ file in one program, $c" "$c" "$T/three.cpp"; done
finish
