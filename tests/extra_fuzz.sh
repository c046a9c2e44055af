#!/bin/sh
# extra_fuzz.sh: replays the inputs of every fuzzer and runs each for a few seconds; fuzz/Makefile says more.
cd "$(dirname "$0")/fuzz" || exit 1
build=${BUILD:-$(cd ../.. && pwd)/build}
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_fuzz.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { (void)p; (void)n; return 0; }' > "$T/x.c"
if ! clang -fsanitize=fuzzer,address,undefined -o "$T/x" "$T/x.c" > /dev/null 2>&1 || ! "$T/x" -runs=1 > /dev/null 2>&1; then
    echo "SKIPPED fuzz: needs clang with libFuzzer"
    exit 77
fi
[ -f "$build/libbearssl.a" ] || { echo "no $build/libbearssl.a: make -C tools libbearssl"; exit 1; }
make -s --no-print-directory build || { echo "0 passed, 1 failed"; exit 1; }
exec make -s --no-print-directory ci CI_SECONDS="${FUZZ_SECONDS:-5}"
